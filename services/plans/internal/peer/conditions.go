package peer

import (
	"context"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// conditions asks intake what the patient or a clinician has said, and directory for the
// date of birth.
func (p Peers) conditions(ctx context.Context, clinicID, patientID string) (medication.Conditions, error) {
	out := medication.Conditions{Answers: map[string][]string{}}
	facts, err := p.Triage.ListClinicalFacts(as(ctx, clinicID), &intakev1.ListClinicalFactsRequest{ClinicId: clinicID, PatientId: patientID})
	if err != nil {
		return out, err
	}
	for _, f := range facts.GetFacts() {
		if f.GetCurrent() {
			out.Answers[f.GetQuestionId()] = answers(f.GetValue())
		}
	}
	who, err := p.Patients.GetPatient(as(ctx, clinicID), &directoryv1.GetPatientRequest{PatientId: patientID})
	if err != nil {
		return out, err
	}
	if born := who.GetPatient().GetBirthDate(); born != "" {
		if out.BirthDate, err = civil.Parse(born); err != nil {
			return out, fault.New(fault.Internal, "BAD_ANSWER", "Directory's answer about a patient cannot be read.").Because(err)
		}
	}
	return out, nil
}

// circumstances asks intake what the newest form says of how the pain came.
func (p Peers) circumstances(ctx context.Context, clinicID, patientID string) (map[string][]string, time.Time, error) {
	resp, err := p.Triage.ListCircumstances(as(ctx, clinicID), &intakev1.ListCircumstancesRequest{ClinicId: clinicID, PatientId: patientID})
	if err != nil {
		return nil, time.Time{}, err
	}
	out := map[string][]string{}
	for _, c := range resp.GetCircumstances() {
		out[c.GetQuestionId()] = c.GetOptions()
	}
	return out, resp.GetSubmitTime().AsTime(), nil
}

// answers gives the options that an answer names: one, several, or a number as text.
func answers(v *structpb.Value) []string {
	switch v := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return []string{v.StringValue}
	case *structpb.Value_NumberValue:
		return []string{strconv.FormatFloat(v.NumberValue, 'f', -1, 64)}
	case *structpb.Value_ListValue:
		var out []string
		for _, one := range v.ListValue.GetValues() {
			out = append(out, one.GetStringValue())
		}
		return out
	}
	return nil
}

// addImplantFact lets intake know of a device, as the clinician who records it: beside those
// that it knows already.
func (p Peers) addImplantFact(ctx context.Context, clinicID, patientID, option string) error {
	facts, err := p.Triage.ListClinicalFacts(as(ctx, clinicID), &intakev1.ListClinicalFactsRequest{ClinicId: clinicID, PatientId: patientID})
	if err != nil {
		return err
	}
	all := []any{option}
	for _, f := range facts.GetFacts() {
		if f.GetQuestionId() != "implant" || !f.GetCurrent() {
			continue
		}
		for _, had := range answers(f.GetValue()) {
			if had == option {
				return nil
			}
			all = append(all, had)
		}
	}
	value, err := structpb.NewValue(all)
	if err != nil {
		return err
	}
	_, err = p.Triage.RecordClinicalFact(ctx, &intakev1.RecordClinicalFactRequest{
		PatientId: patientID, QuestionId: "implant", Value: value, SaidBy: "DOCUMENT",
	})
	return err
}

// firedRules asks intake which rules fired on a form.
func (p Peers) firedRules(ctx context.Context, clinicID, intakeID string) ([]string, error) {
	resp, err := p.Triage.ListFiredRules(as(ctx, clinicID), &intakev1.ListFiredRulesRequest{ClinicId: clinicID, IntakeId: intakeID})
	return resp.GetRuleIds(), err
}
