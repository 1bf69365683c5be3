package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// injectionServer serves InjectionService.
type injectionServer struct {
	plansv1.UnimplementedInjectionServiceServer
	app *app.App
}

func (s injectionServer) CheckInjection(ctx context.Context, r *plansv1.CheckInjectionRequest) (*plansv1.CheckInjectionResponse, error) {
	d, err := date("date", r.GetDate())
	if err != nil {
		return nil, err
	}
	a, err := s.app.CheckInjection(ctx, app.InjectionQuestion{
		ClinicID: r.GetClinicId(), PatientID: r.GetPatientId(), Date: d, Start: instant(r.GetStartTime()), Zone: r.GetTimeZone(),
		Moving: r.GetMovingInjectionId(),
	})
	if err != nil {
		return nil, err
	}
	v := a.Verdict
	return &plansv1.CheckInjectionResponse{
		Allowed: v.Allowed, NextEligibleDate: v.Next.String(), ViolatingWindows: each(v.Windows, encodeWindow),
		Counting: int32(v.Counting), PolicyVersion: a.PolicyVersion, Date: a.Date.String(),
	}, nil
}

func encodeWindow(w injection.Window) *plansv1.InjectionWindow {
	return &plansv1.InjectionWindow{
		StartDate: w.Start.String(), EndDate: w.End.String(), Count: int32(w.Count), Max: int32(w.Max),
	}
}

func (s injectionServer) RecordInjection(ctx context.Context, r *plansv1.RecordInjectionRequest) (*plansv1.RecordInjectionResponse, error) {
	f, err := fact(r)
	if err != nil {
		return nil, err
	}
	v, err := s.app.RecordInjection(ctx, f)
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordInjectionResponse{Injection: encodeInjection(v)}, nil
}

// fact reads what is known of an injection. INVALID_ARGUMENT names a date that does not
// exist.
func fact(r *plansv1.RecordInjectionRequest) (app.InjectionFact, error) {
	f := app.InjectionFact{
		PatientID: r.GetPatientId(), State: injection.State(r.GetState()), Kind: r.GetKind(), Region: r.GetRegion(), Source: r.GetSource(),
		AppointmentID: r.GetAppointmentId(), Separate: r.GetSeparateSession(), PractitionerID: r.GetPractitionerId(),
		Record: store.Record{
			Side: r.GetSide(), Levels: r.GetLevels(), Guidance: r.GetGuidance(), ConsentVersion: r.GetConsentVersion(), Note: r.GetNote(),
			PainBefore: pain(r.PainBefore), PainAfter: pain(r.PainAfter),
		},
		Fingerprint: requestid.Fingerprint(r),
	}
	var err error
	if f.Date, err = date("local_date", r.GetLocalDate()); err != nil {
		return f, err
	}
	if f.Month, err = month("month", r.GetMonth()); err != nil {
		return f, err
	}
	for _, d := range r.GetDrugs() {
		if _, err := date("drugs.expire_date", d.GetExpireDate()); err != nil {
			return f, err
		}
		f.Record.Drugs = append(f.Record.Drugs, store.Drug{Name: d.GetDrug(), DoseMg: d.GetDoseMg(), Lot: d.GetLot(), ExpireDate: d.GetExpireDate()})
	}
	return f, nil
}

func pain(n *int32) *int {
	if n == nil {
		return nil
	}
	v := int(*n)
	return &v
}

func (s injectionServer) ListInjections(ctx context.Context, r *plansv1.ListInjectionsRequest) (*plansv1.ListInjectionsResponse, error) {
	list, next, err := s.app.ListInjections(ctx, r.GetPatientId(), r.GetCountingOnly(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListInjectionsResponse{Injections: each(list, encodeInjection), NextPageToken: next}, nil
}

func (s injectionServer) AmendInjection(ctx context.Context, r *plansv1.AmendInjectionRequest) (*plansv1.AmendInjectionResponse, error) {
	v, err := s.app.AmendInjection(ctx, app.Amendment{
		PatientID: r.GetPatientId(), InjectionID: r.GetInjectionId(), Etag: r.GetEtag(), Action: r.GetAction(), DuplicateOf: r.GetDuplicateOf(),
		Reason: r.GetReason(), Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.AmendInjectionResponse{Injection: encodeInjection(v)}, nil
}

func (s injectionServer) RecordAdverseEvent(ctx context.Context, r *plansv1.RecordAdverseEventRequest) (*plansv1.RecordAdverseEventResponse, error) {
	d, err := date("local_date", r.GetLocalDate())
	if err != nil {
		return nil, err
	}
	v, err := s.app.RecordAdverseEvent(ctx, app.AdverseEvent{
		PatientID: r.GetPatientId(), InjectionID: r.GetInjectionId(), Code: r.GetCode(), Date: d, Note: r.GetNote(),
		Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordAdverseEventResponse{Injection: encodeInjection(v)}, nil
}

func (s injectionServer) GetSteroidLedger(ctx context.Context, r *plansv1.GetSteroidLedgerRequest) (*plansv1.GetSteroidLedgerResponse, error) {
	d, err := date("date", r.GetDate())
	if err != nil {
		return nil, err
	}
	l, err := s.app.GetSteroidLedger(ctx, r.GetPatientId(), d)
	if err != nil {
		return nil, err
	}
	out := &plansv1.GetSteroidLedgerResponse{Incomplete: l.Incomplete}
	for _, x := range l.Doses {
		out.Doses = append(out.Doses, &plansv1.SteroidDose{
			InjectionId: x.InjectionID, LocalDate: x.Date.String(), Drug: x.Drug, DoseMg: x.Mg, MethylprednisoloneMg: s.app.SteroidEquivalent(x),
		})
	}
	for _, t := range l.Totals {
		out.Totals = append(out.Totals, &plansv1.SteroidTotal{
			Months: int32(t.Limit.Months), StartDate: t.Start.String(), MethylprednisoloneMg: t.Mg, LimitMg: t.Limit.Mg,
			Above: t.Above(), Source: t.Limit.Source,
		})
	}
	return out, nil
}

func encodeInjection(v app.InjectionView) *plansv1.Injection {
	e := v.Entry
	out := &plansv1.Injection{
		InjectionId: e.InjectionID, PatientId: e.PatientID, State: string(v.State), Kind: e.Kind, Region: e.Region, Source: e.Source,
		AppointmentId: e.AppointmentID, PractitionerId: e.PractitionerID, Counting: v.Counting, RecordMissing: e.RecordMissing,
		Missing: v.Missing, ConsentComplications: v.Complications, DuplicateOf: e.DuplicateOf, OpenIssueIds: v.OpenIssues, Etag: etag(e.Version), CreateTime: stamp(e.CreatedAt),
	}
	if e.OriginPatientID != e.PatientID {
		out.OriginPatientId = e.OriginPatientID
	}
	if e.ID != e.InjectionID {
		out.EntitlementId = e.ID
	}
	if e.Month.IsZero() {
		out.LocalDate = e.LocalDate.String()
	} else {
		out.Month = e.Month.String()
	}
	for _, f := range v.FollowUps {
		out.FollowUps = append(out.FollowUps, encodeFollowUp(f.CheckIn, f.State))
	}
	for _, a := range v.AdverseEvents {
		out.AdverseEvents = append(out.AdverseEvents, &plansv1.AdverseEvent{
			Code: a.Code, LocalDate: a.LocalDate, Note: a.Note, RecordedBy: a.RecordedBy, CreateTime: stamp(a.RecordedAt),
		})
	}
	if r := v.Record; r != nil {
		out.Side, out.Levels, out.Guidance, out.ConsentVersion, out.Note = r.Side, r.Levels, r.Guidance, r.ConsentVersion, r.Note
		out.PainBefore, out.PainAfter = score(r.PainBefore), score(r.PainAfter)
		for _, d := range r.Drugs {
			out.Drugs = append(out.Drugs, &plansv1.InjectedDrug{Drug: d.Name, DoseMg: d.DoseMg, Lot: d.Lot, ExpireDate: d.ExpireDate})
		}
	}
	return out
}

func score(n *int) *int32 {
	if n == nil {
		return nil
	}
	v := int32(*n)
	return &v
}
