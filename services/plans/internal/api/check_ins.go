package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func (s injectionServer) AnswerInjectionCheckIn(ctx context.Context, r *plansv1.AnswerInjectionCheckInRequest) (*plansv1.AnswerInjectionCheckInResponse, error) {
	v, advice, err := s.app.AnswerCheckIn(ctx, app.CheckInAnswer{
		PatientID: r.GetPatientId(), InjectionID: r.GetInjectionId(), Code: r.GetCode(), Pain: int(r.GetPain()), Course: r.GetCourse(),
		Signs: r.GetSigns(), Note: r.GetNote(), Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.AnswerInjectionCheckInResponse{Advice: advice, Injection: encodeInjection(v)}, nil
}

func (s injectionServer) ListInjectionCheckIns(ctx context.Context, r *plansv1.ListInjectionCheckInsRequest) (*plansv1.ListInjectionCheckInsResponse, error) {
	list, next, err := s.app.ListCheckIns(ctx, r.GetState() == "OVERDUE", app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListInjectionCheckInsResponse{CheckIns: each(list, encodeDueCheckIn), NextPageToken: next}, nil
}

func (s injectionServer) GetInjectionRelief(ctx context.Context, r *plansv1.GetInjectionReliefRequest) (*plansv1.GetInjectionReliefResponse, error) {
	v, err := s.app.GetRelief(ctx, r.GetPatientId(), r.GetInjectionId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetInjectionReliefResponse{
		PainBefore: score(v.PainBefore), ReliefDays: int32(v.Days), FirstReliefDate: v.Start.String(), FirstReliefDay: int32(v.FirstDay),
		LastReliefDate: v.End.String(), Ongoing: v.Ongoing, AnaestheticRelief: v.Anaesthetic, RecordedDays: int32(v.Recorded),
	}, nil
}

func (s injectionServer) ListInjectionConsents(_ context.Context, _ *plansv1.ListInjectionConsentsRequest) (*plansv1.ListInjectionConsentsResponse, error) {
	rules := s.app.Consents()
	return &plansv1.ListInjectionConsentsResponse{
		Consents: each(rules.Consents, encodeConsent),
		Signs: each(rules.Signs, func(g aftercare.Sign) *plansv1.CheckInSign {
			return &plansv1.CheckInSign{Code: g.Code, Text: g.Text, Complication: g.Group, Source: g.Source}
		}),
	}, nil
}

func encodeConsent(c aftercare.Consent) *plansv1.InjectionConsent {
	return &plansv1.InjectionConsent{
		Version: c.Version, Kind: c.Kind, Source: c.Source,
		Complications: each(c.Complications, func(x aftercare.Complication) *plansv1.InjectionComplication {
			return &plansv1.InjectionComplication{Code: x.Code, Text: x.Text}
		}),
	}
}

func encodeDueCheckIn(d app.DueCheckIn) *plansv1.InjectionCheckIn {
	return &plansv1.InjectionCheckIn{
		PatientId: d.CheckIn.PatientID, InjectionId: d.CheckIn.InjectionID, CheckIn: encodeFollowUp(d.CheckIn, d.State),
	}
}

func encodeFollowUp(c store.CheckIn, state string) *plansv1.FollowUp {
	return &plansv1.FollowUp{
		Code: c.Code, DueDate: c.DueDate.String(), State: state, DueTime: stamp(c.DueAt), Pain: score(c.Pain), Course: c.Course,
		Signs: c.Signs, Findings: c.Findings, Advice: c.Advice, AnswerTime: stamp(c.AnsweredAt), Note: c.Note,
	}
}
