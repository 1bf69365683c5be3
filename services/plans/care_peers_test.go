package plans_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// births are the dates of birth of the patients that have one.
var births = map[string]string{"pat_minor": "2012-06-01", "pat_old": "1955-06-01"}

// ListClinicalFacts answers what was said of a patient.
func (i *intake) ListClinicalFacts(ctx context.Context, r *intakev1.ListClinicalFactsRequest) (*intakev1.ListClinicalFactsResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if p, _ := authn.From(ctx); p.ClinicID != r.GetClinicId() && r.GetClinicId() != "" {
		return nil, fault.NotFoundf("patient")
	}
	return &intakev1.ListClinicalFactsResponse{Facts: i.facts[r.GetPatientId()]}, nil
}

// ListCircumstances answers what was said on the patient's form.
func (i *intake) ListCircumstances(_ context.Context, r *intakev1.ListCircumstancesRequest) (*intakev1.ListCircumstancesResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if f := i.forms[r.GetPatientId()]; f != nil {
		return f, nil
	}
	return &intakev1.ListCircumstancesResponse{}, nil
}

// handedIn lets intake have a form of the patient, of a time, with one option for each question.
func (i *intake) handedIn(patientID string, at time.Time, said map[string]string) {
	f := &intakev1.ListCircumstancesResponse{IntakeId: "int_" + patientID, SubmitTime: timestamppb.New(at)}
	for question, option := range said {
		f.Circumstances = append(f.Circumstances, &intakev1.Circumstance{QuestionId: question, Options: []string{option}})
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.forms[patientID] = f
}

// say lets intake know an answer: one option, or several.
func (i *intake) say(t testing.TB, patientID, question string, options ...any) {
	t.Helper()
	var v *structpb.Value
	var err error
	if len(options) == 1 && question != "organ" && question != "medicines" && question != "allergies" && question != "implant" {
		v, err = structpb.NewValue(options[0])
	} else {
		v, err = structpb.NewValue(options)
	}
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.facts == nil {
		i.facts = map[string][]*intakev1.ClinicalFact{}
	}
	for _, f := range i.facts[patientID] {
		f.Current = f.GetCurrent() && f.GetQuestionId() != question
	}
	i.facts[patientID] = append(i.facts[patientID], &intakev1.ClinicalFact{PatientId: patientID, QuestionId: question, Value: v, Current: true})
}

// meds is the client of MedicationService.
func (w *world) meds() plansv1.MedicationServiceClient {
	return plansv1.NewMedicationServiceClient(w.served.Conn())
}

func (w *world) admin() context.Context { return w.as(typev1.Role_ROLE_ADMIN) }

// add puts a medicine on the list and must succeed.
func (w *world) add(ctx context.Context, r *plansv1.AddMedicationRequest) *plansv1.Medication {
	w.t.Helper()
	if r.GetPatientId() == "" {
		r.PatientId = patient
	}
	got, err := w.meds().AddMedication(ctx, r)
	if err != nil {
		w.t.Fatalf("AddMedication: %v", err)
	}
	return got.GetMedication()
}

// took records a dose and must succeed.
func (w *world) took(ctx context.Context, r *plansv1.RecordDoseRequest) *plansv1.Dose {
	w.t.Helper()
	if r.GetPatientId() == "" {
		r.PatientId = patient
	}
	got, err := w.meds().RecordDose(ctx, r)
	if err != nil {
		w.t.Fatalf("RecordDose: %v", err)
	}
	return got.GetDose()
}

// said finds what a rule says, by its check; nil when it says nothing.
func said(issues []*plansv1.MedicineIssue, ruleID, check string) *plansv1.MedicineIssue {
	for _, i := range issues {
		if i.GetRuleId() == ruleID && (check == "" || i.GetCheck() == check) {
			return i
		}
	}
	return nil
}

// task finds the open issue of a rule; nil when there is none.
func (w *world) task(patientID, rule string) *plansv1.Issue {
	w.t.Helper()
	for _, i := range w.open(patientID) {
		if i.GetRule() == rule {
			return i
		}
	}
	return nil
}

// RecordClinicalFact keeps what a clinician knows, as the real one does.
func (i *intake) RecordClinicalFact(ctx context.Context, r *intakev1.RecordClinicalFactRequest) (*intakev1.RecordClinicalFactResponse, error) {
	if p, _ := authn.From(ctx); !p.Is(typev1.Role_ROLE_CLINICIAN) || p.ClinicID != clinic {
		return nil, fault.New(fault.PermissionDenied, "ACCESS_DENIED", "not a clinician of the clinic")
	}
	var options []any
	for _, v := range r.GetValue().GetListValue().GetValues() {
		options = append(options, v.GetStringValue())
	}
	i.say(i.t, r.GetPatientId(), r.GetQuestionId(), options...)
	return &intakev1.RecordClinicalFactResponse{}, nil
}

// ListFiredRules answers the rules of a form.
func (i *intake) ListFiredRules(ctx context.Context, r *intakev1.ListFiredRulesRequest) (*intakev1.ListFiredRulesResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	rules, ok := i.fired[r.GetIntakeId()]
	if p, _ := authn.From(ctx); !ok || !p.IsService() || p.ClinicID != r.GetClinicId() {
		return nil, fault.NotFoundf("intake")
	}
	return &intakev1.ListFiredRulesResponse{RuleIds: rules}, nil
}

// triaged tells that a form has a result.
func (i *intake) triaged(t testing.TB, patientID, intakeID string, rules ...string) {
	t.Helper()
	i.mu.Lock()
	if i.fired == nil {
		i.fired = map[string][]string{}
	}
	i.fired[intakeID] = rules
	i.mu.Unlock()
	i.tell(t, &intakev1.IntakeTriaged{ClinicId: clinic, PatientId: patientID, IntakeId: intakeID, GateVersion: 1})
}

// refs is the client of ReferralService.
func (w *world) refs() plansv1.ReferralServiceClient {
	return plansv1.NewReferralServiceClient(w.served.Conn())
}

func (w *world) massage() context.Context {
	return w.clinician(typev1.Profession_PROFESSION_MASSAGE_THERAPIST, masseur)
}

// referrals are a patient's, newest first.
func (w *world) referrals(ctx context.Context, patientID string) []*plansv1.Referral {
	w.t.Helper()
	got, err := w.refs().ListReferrals(ctx, &plansv1.ListReferralsRequest{PatientId: patientID, IncludeEnded: true})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetReferrals()
}

// refer writes a referral and must succeed.
func (w *world) refer(ctx context.Context, r *plansv1.CreateReferralRequest) *plansv1.Referral {
	w.t.Helper()
	if r.GetPatientId() == "" {
		r.PatientId = patient
	}
	got, err := w.refs().CreateReferral(ctx, r)
	if err != nil {
		w.t.Fatalf("CreateReferral: %v", err)
	}
	return got.GetReferral()
}

// tried records that every kind of conservative care but some was tried without effect.
func (w *world) tried(patientID string, but ...string) {
	w.t.Helper()
	for _, m := range []string{"PHYSIOTHERAPY", "CHIROPRACTIC", "MASSAGE", "ACUPUNCTURE", "MEDICATION", "FACET_JOINT_INJECTION"} {
		if slices.Contains(but, m) {
			continue
		}
		if _, err := w.refs().RecordTreatmentTrial(w.physio(), &plansv1.RecordTreatmentTrialRequest{PatientId: patientID, Modality: m, Outcome: "INEFFECTIVE"}); err != nil {
			w.t.Fatal(err)
		}
	}
}
