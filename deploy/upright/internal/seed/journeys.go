package seed

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"

	"google.golang.org/protobuf/types/known/structpb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// usual are the answers of somebody with mild pain and no warning sign; each journey
// changes some of them.
//
//go:embed answers.json
var usual []byte

// deskPain, strain and tingling are three invented stories: treat, treat at home, look today.
var (
	deskPain = map[string]any{
		"trigger": "desk_posture", "aggravators": []any{"sitting_desk"}, "stiffness": "yes", "quality": []any{"dull_ache", "stiff"},
		"nrs": 4, "nrs_worst": 5, "duration": "6to12w", "interference": 4, "self_care_weeks": 4,
	}
	strain = map[string]any{
		"trigger": "heavy_lifting", "onset": "sudden_movement", "nrs": 4, "nrs_worst": 6, "duration": "lt48h", "interference": 3,
	}
	tingling = map[string]any{
		"limb_numbness": "present", "radiation": "one_arm", "location": []any{"between_shoulder_blades", "neck"}, "nrs": 4, "nrs_worst": 6,
		"duration": "2to14d", "trigger": "desk_posture",
	}
	longPain = map[string]any{
		"age": 58, "duration": "gt12w", "conservative_weeks": 8, "conservative_response": "partial", "nrs": 6, "nrs_worst": 7, "interference": 7,
	}
)

// makeJourneys takes a few patients some way through the clinic, so that every screen has
// something on it. The first patient has an account.
func (s *Seeder) makeJourneys(ctx context.Context) error {
	account := &directoryv1.Account{Email: "patient@" + s.Slug + ".clinic", DisplayName: "Patient", Roles: []string{"PATIENT"}, PatientId: s.patients[0]}
	if err := s.makeAccount(ctx, account, "patient"); err != nil {
		return err
	}
	physioCtx, err := s.signIn(ctx, s.accounts[1])
	if err != nil {
		return err
	}
	physicianCtx, err := s.signIn(ctx, s.accounts[2])
	if err != nil {
		return err
	}
	for i, answers := range []map[string]any{deskPain, longPain, tingling, strain} {
		if err := s.intake(physioCtx, s.patients[i], answers); err != nil {
			return fmt.Errorf("intake %d: %w", i, err)
		}
	}
	plan, err := s.plan(physioCtx, s.patients[0], "physiotherapy", "POSTURE")
	if err != nil {
		return err
	}
	if err := s.book(s.patients[0], plan, physio, 2, 2); err != nil {
		return err
	}
	return s.injections(physicianCtx, s.patients[1])
}

// intake fills in and submits the form as a clinician does with a patient beside them.
func (s *Seeder) intake(ctx context.Context, patient string, changed map[string]any) error {
	client := intakev1.NewIntakeServiceClient(s.Person("intake"))
	answers := map[string]any{}
	if err := json.Unmarshal(usual, &answers); err != nil {
		return err
	}
	maps.Copy(answers, changed)
	values := map[string]*structpb.Value{}
	for id, a := range answers {
		v, err := structpb.NewValue(a)
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		values[id] = v
	}
	made, err := client.CreateIntake(ctx, &intakev1.CreateIntakeRequest{PatientId: patient})
	if err != nil {
		return err
	}
	saved, err := client.UpdateIntake(ctx, &intakev1.UpdateIntakeRequest{IntakeId: made.GetIntake().GetIntakeId(), Etag: made.GetIntake().GetEtag(), Answers: values})
	if err != nil {
		return err
	}
	_, err = client.SubmitIntake(ctx, &intakev1.SubmitIntakeRequest{IntakeId: saved.GetIntake().GetIntakeId(), Etag: saved.GetIntake().GetEtag()})
	return err
}

// plan makes and activates a plan from a template.
func (s *Seeder) plan(ctx context.Context, patient, template, cause string) (*plansv1.Plan, error) {
	client := plansv1.NewPlanServiceClient(s.Person("plans"))
	made, err := client.CreatePlan(ctx, &plansv1.CreatePlanRequest{
		PatientId: patient, TemplateId: template, CauseCodes: []string{cause},
		Goals:    []*plansv1.Goal{{Code: "PAIN", Text: "Pain 3 or less at work", Measure: "NPRS", Baseline: 6, Target: 3}},
		Decision: &plansv1.Decision{OptionsShown: []string{"Home exercises", "Treatment at the clinic"}, Chosen: "Treatment at the clinic", DecidedBy: "TOGETHER", StepUpReason: "Eight weeks of physiotherapy elsewhere helped only in part"},
	})
	if err != nil {
		return nil, fmt.Errorf("plan from %s: %w", template, err)
	}
	active, err := client.ActivatePlan(ctx, &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId(), Etag: made.GetPlan().GetEtag()})
	if err != nil {
		return nil, fmt.Errorf("activate plan from %s: %w", template, err)
	}
	return active.GetPlan(), nil
}

// book books n sessions of a plan, one a week, at the first opening of each week from the
// given number of days on.
func (s *Seeder) book(patient string, plan *plansv1.Plan, key typeKey, n, from int) error {
	openings := bookingv1.NewOpeningServiceClient(s.Person("booking"))
	client := bookingv1.NewAppointmentServiceClient(s.Person("booking"))
	for i := range n {
		first := civil.Of(s.Now, s.loc).AddDays(from + 7*i)
		found, err := openings.ListOpenings(s.desk, &bookingv1.ListOpeningsRequest{
			AppointmentTypeId: s.types[key], StartDate: first.String(), EndDate: first.AddDays(6).String(),
			PatientId: patient, PlanId: plan.GetPlanId(), PageSize: 1,
		})
		if err != nil {
			return fmt.Errorf("openings of %s: %w", key, err)
		}
		if len(found.GetOpenings()) == 0 {
			return fmt.Errorf("no opening for %s in the week of %v: %v", key, first, found.GetRefused())
		}
		o := found.GetOpenings()[0]
		_, err = client.CreateAppointment(s.desk, &bookingv1.CreateAppointmentRequest{
			AppointmentTypeId: s.types[key], PatientId: patient, PractitionerId: o.GetPractitionerId(), StartTime: o.GetStartTime(), PlanId: plan.GetPlanId(),
		})
		if err != nil {
			return fmt.Errorf("book %s: %w", key, err)
		}
	}
	return nil
}

// injections gives a patient two injections of the last months, a plan, and one booked.
func (s *Seeder) injections(ctx context.Context, patient string) error {
	client := plansv1.NewInjectionServiceClient(s.Person("plans"))
	for _, monthsAgo := range []int{4, 2} {
		_, err := client.RecordInjection(ctx, &plansv1.RecordInjectionRequest{
			PatientId: patient, LocalDate: civil.Of(s.Now, s.loc).AddMonths(-monthsAgo).String(), State: "ADMINISTERED",
			Region: "THORACIC", Side: "LEFT", Levels: []string{"T5-T6"}, Guidance: "FLUOROSCOPY", Source: "EXTERNAL_DOCUMENTED",
			Drugs: []*plansv1.InjectedDrug{{Drug: "methylprednisolone", DoseMg: 40, Lot: fmt.Sprintf("DEMO-%d", monthsAgo)}},
		})
		if err != nil {
			return fmt.Errorf("record an injection: %w", err)
		}
	}
	plan, err := s.plan(ctx, patient, "facet_joint_injection", "FACET")
	if err != nil {
		return err
	}
	return s.book(patient, plan, injection, 1, 3)
}
