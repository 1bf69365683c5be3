package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// medicationServer serves MedicationService.
type medicationServer struct {
	plansv1.UnimplementedMedicationServiceServer
	app *app.App
}

func (s medicationServer) AddMedication(ctx context.Context, r *plansv1.AddMedicationRequest) (*plansv1.AddMedicationResponse, error) {
	start, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	v, err := s.app.AddMedication(ctx, app.NewMedication{
		PatientID: r.GetPatientId(), Fingerprint: requestid.Fingerprint(r),
		Body: store.MedicationBody{
			Drug: r.GetDrug(), DoseMg: r.GetDoseMg(), Directions: r.GetDirections(), Prescriber: r.GetPrescriber(), Start: start,
			Daily: r.GetTakenDaily(), Note: r.GetNote(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.AddMedicationResponse{Medication: encodeMedication(v)}, nil
}

func (s medicationServer) ListMedications(ctx context.Context, r *plansv1.ListMedicationsRequest) (*plansv1.ListMedicationsResponse, error) {
	list, err := s.app.ListMedications(ctx, r.GetPatientId(), r.GetIncludeStopped())
	if err != nil {
		return nil, err
	}
	out := &plansv1.ListMedicationsResponse{
		Medications: each(list.Medications, encodeMedication), Issues: encodeMedicineIssues(list.Issues, list.View),
		NsaidDays: int32(list.NSAID.Days), RulesVersion: list.RulesVersion,
	}
	if list.NSAID.Days > 0 {
		out.NsaidSince = list.NSAID.First.String()
	}
	return out, nil
}

func (s medicationServer) StopMedication(ctx context.Context, r *plansv1.StopMedicationRequest) (*plansv1.StopMedicationResponse, error) {
	on, err := date("stop_date", r.GetStopDate())
	if err != nil {
		return nil, err
	}
	v, err := s.app.StopMedication(ctx, app.Stop{
		MedicationRef: app.MedicationRef{
			PatientID: r.GetPatientId(), MedicationID: r.GetMedicationId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r),
		},
		Date: on, InError: r.GetEnteredInError(), Reason: r.GetReason(),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.StopMedicationResponse{Medication: encodeMedication(v)}, nil
}

func (s medicationServer) AcknowledgeMedication(
	ctx context.Context, r *plansv1.AcknowledgeMedicationRequest,
) (*plansv1.AcknowledgeMedicationResponse, error) {
	v, err := s.app.AcknowledgeMedication(ctx, app.Acknowledge{
		MedicationRef: app.MedicationRef{
			PatientID: r.GetPatientId(), MedicationID: r.GetMedicationId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r),
		},
		RuleIDs: r.GetRuleIds(), Reason: r.GetReason(), Prescriber: r.GetPrescriber(),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.AcknowledgeMedicationResponse{Medication: encodeMedication(v)}, nil
}

func (s medicationServer) RecordDose(ctx context.Context, r *plansv1.RecordDoseRequest) (*plansv1.RecordDoseResponse, error) {
	on, err := date("local_date", r.GetLocalDate())
	if err != nil {
		return nil, err
	}
	food := ""
	if r.WithFood != nil {
		food = map[bool]string{true: "YES", false: "NO"}[r.GetWithFood()]
	}
	v, err := s.app.RecordDose(ctx, app.NewDose{
		PatientID: r.GetPatientId(), MedicationID: r.GetMedicationId(), Drug: r.GetDrug(), Mg: r.GetDoseMg(),
		At: instant(r.GetTakenTime()), Date: on, WithFood: food, Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordDoseResponse{Dose: encodeDose(v)}, nil
}

func (s medicationServer) ListDoses(ctx context.Context, r *plansv1.ListDosesRequest) (*plansv1.ListDosesResponse, error) {
	list, next, err := s.app.ListDoses(ctx, r.GetPatientId(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListDosesResponse{Doses: each(list, encodeDose), NextPageToken: next}, nil
}

func (s medicationServer) VoidDose(ctx context.Context, r *plansv1.VoidDoseRequest) (*plansv1.VoidDoseResponse, error) {
	v, err := s.app.VoidDose(ctx, r.GetPatientId(), r.GetDoseId(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.VoidDoseResponse{Dose: encodeDose(v)}, nil
}

func (s medicationServer) ListMedicineRules(ctx context.Context, _ *plansv1.ListMedicineRulesRequest) (*plansv1.ListMedicineRulesResponse, error) {
	all, err := s.app.ListMedicineRules(ctx)
	if err != nil {
		return nil, err
	}
	return &plansv1.ListMedicineRulesResponse{
		Version: all.Version, Rules: each(all.Rules, encodeMedicineRule), Products: each(all.Products, encodeProduct),
	}, nil
}

func (s medicationServer) SetMedicineRuleMode(ctx context.Context, r *plansv1.SetMedicineRuleModeRequest) (*plansv1.SetMedicineRuleModeResponse, error) {
	rule, err := s.app.SetMedicineRuleMode(ctx, r.GetRuleId(), medication.Mode(r.GetMode()), r.GetReason(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.SetMedicineRuleModeResponse{Rule: encodeMedicineRule(rule)}, nil
}

func (s medicationServer) SetMedicineProduct(ctx context.Context, r *plansv1.SetMedicineProductRequest) (*plansv1.SetMedicineProductResponse, error) {
	p := r.GetProduct()
	made, err := s.app.SetMedicineProduct(ctx, medication.Drug{
		Drug: p.GetDrug(), Classes: p.GetClasses(),
		Label: &medication.Label{
			MaxSingleMg: p.GetMaxSingleMg(), MaxDayMg: p.GetMaxDayMg(), MaxDays: int(p.GetMaxDays()),
			MinIntervalHours: int(p.GetMinIntervalHours()), Source: p.GetSource(),
		},
	}, r.GetReason(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.SetMedicineProductResponse{Product: encodeProduct(made)}, nil
}

func day(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func encodeMedication(v app.MedicationView) *plansv1.Medication {
	b := v.Body
	m := &plansv1.Medication{
		MedicationId: v.ID, PatientId: v.PatientID, Drug: b.Drug, Classes: v.Medicine.Classes, DoseMg: b.DoseMg, Directions: b.Directions,
		Prescriber: b.Prescriber, PrescriberRequested: v.PrescriberRequested, State: v.State, Blocked: v.Blocked(),
		StartDate: day(b.Start), StopDate: day(b.Stop), TakenDaily: b.Daily, SaidByPatient: b.SaidByPatient, Note: b.Note,
		Issues: encodeMedicineIssues(v.Issues, v.View), Etag: etag(v.Version), CreateTime: stamp(v.CreatedAt),
		Acknowledgements: each(v.Acks, func(a store.Acknowledgement) *plansv1.MedicineAcknowledgement {
			return &plansv1.MedicineAcknowledgement{
				RuleId: a.RuleID, About: a.About, Reason: a.Reason, AcknowledgedBy: a.By, AcknowledgeTime: stamp(a.At),
			}
		}),
	}
	if v.Medicine.Known() {
		m.RecognisedDrug = v.Medicine.Name
	}
	return m
}

// encodeMedicineIssues says what the rules say in the reader's words.
func encodeMedicineIssues(list []medication.Issue, view app.View) []*plansv1.MedicineIssue {
	return each(list, func(i medication.Issue) *plansv1.MedicineIssue {
		out := &plansv1.MedicineIssue{
			RuleId: i.RuleID, Mode: string(i.Mode), Severity: i.Severity, Message: i.Patient, Source: i.Source, Check: i.Check, Code: i.Code,
			MedicationId: i.ItemID, DoseId: i.DoseID, About: i.Codes, Blocking: i.Blocking, Acknowledged: i.Acknowledged,
		}
		if view == app.Clinicians {
			out.Message, out.EvidenceNote, out.RelatedRuleIds = i.Clinician, i.EvidenceNote, i.Related
		}
		return out
	})
}

func encodeDose(v app.DoseView) *plansv1.Dose {
	d := &plansv1.Dose{
		DoseId: v.ID, PatientId: v.PatientID, MedicationId: v.MedicationID, Drug: v.Drug, DoseMg: v.Mg, TakenTime: stamp(v.At),
		LocalDate: day(v.Date), EnteredInError: v.Void, Issues: encodeMedicineIssues(v.Issues, v.View), CreateTime: stamp(v.CreatedAt),
	}
	if v.WithFood != "" {
		with := v.WithFood == "YES"
		d.WithFood = &with
	}
	return d
}

func encodeMedicineRule(r app.MedicineRule) *plansv1.MedicineRule {
	out := &plansv1.MedicineRule{
		RuleId: r.ID, Title: r.Title, Mode: string(r.Mode), ShippedMode: string(r.Shipped), Source: r.Source, EvidenceNote: r.EvidenceNote,
		Changes: each(r.Changes, func(c store.RuleMode) *plansv1.MedicineRuleChange {
			return &plansv1.MedicineRuleChange{Mode: c.Mode, ChangedBy: c.By, ChangeTime: stamp(c.At), Reason: c.Reason}
		}),
	}
	if len(r.Changes) > 0 {
		last := r.Changes[0]
		out.ChangedBy, out.ChangeTime, out.ChangeReason = last.By, stamp(last.At), last.Reason
	}
	return out
}

func encodeProduct(p app.MedicineProduct) *plansv1.MedicineProduct {
	out := &plansv1.MedicineProduct{Drug: p.Drug.Drug, Classes: p.Classes, Source: p.Source, ChangedBy: p.Change.By, ChangeTime: stamp(p.Change.At)}
	if l := p.Label; l != nil {
		out.MaxSingleMg, out.MaxDayMg, out.MaxDays, out.MinIntervalHours = l.MaxSingleMg, l.MaxDayMg, int32(l.MaxDays), int32(l.MinIntervalHours)
	}
	return out
}
