package gateway_test

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// care is a small service of measures and medicines, which notes what it is sent.
type care struct {
	plansv1.UnimplementedOutcomeServiceServer
	plansv1.UnimplementedMedicationServiceServer

	mu       sync.Mutex
	outcomes []*plansv1.RecordOutcomeRequest
	voided   []*plansv1.VoidOutcomeRequest
	added    []*plansv1.AddMedicationRequest
	stopped  []*plansv1.StopMedicationRequest
	doses    []*plansv1.RecordDoseRequest
	taken    []*plansv1.VoidDoseRequest
	refuse   error
}

func (s *care) register(r grpc.ServiceRegistrar) {
	plansv1.RegisterOutcomeServiceServer(r, s)
	plansv1.RegisterMedicationServiceServer(r, s)
}

// noted keeps a request, and answers the refusal that a test has asked for.
func noted[T any](s *care, list *[]T, in T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, in)
	return s.refuse
}

func (s *care) ListInstruments(context.Context, *plansv1.ListInstrumentsRequest) (*plansv1.ListInstrumentsResponse, error) {
	phq4 := &plansv1.Instrument{Instrument: "PHQ4", Name: "PHQ-4", MaxScore: 12, Attribution: "PHQ-4: developed by Drs Robert L. Spitzer and colleagues."}
	for _, id := range []string{"phq4_1", "phq4_2", "phq4_3", "phq4_4"} {
		phq4.Items = append(phq4.Items, &plansv1.InstrumentItem{Id: id, Text: id, Max: 3, Labels: []string{"0", "1", "2", "3"}})
	}
	return &plansv1.ListInstrumentsResponse{Instruments: []*plansv1.Instrument{
		{Instrument: "NPRS", Name: "Pain, 0 to 10", Items: []*plansv1.InstrumentItem{{Id: "pain", Text: "How strong was your pain?", Max: 10}}, MaxScore: 10},
		{Instrument: "NAMED_ACTIVITY", Name: "Activities that you name", MaxScore: 10, HigherIsBetter: true},
		phq4,
		{Instrument: "ODI", Name: "Oswestry Disability Index", ScoreEntry: true, MaxScore: 100},
	}}, nil
}

func (s *care) ListDueOutcomes(context.Context, *plansv1.ListDueOutcomesRequest) (*plansv1.ListDueOutcomesResponse, error) {
	return &plansv1.ListDueOutcomesResponse{Due: []*plansv1.DueOutcome{
		{Instrument: "PHQ4", PlanId: "pln_1", DueDate: "2026-11-20", Due: true},
		{Instrument: "PHQ4", PlanId: "pln_2", DueDate: "2026-11-21", Due: true},
		{Instrument: "ODI", PlanId: "pln_1", DueDate: "2026-11-20", Due: true},
		{Instrument: "NPRS", PlanId: "pln_1", DueDate: "2026-12-11"},
	}}, nil
}

func (s *care) ListOutcomes(context.Context, *plansv1.ListOutcomesRequest) (*plansv1.ListOutcomesResponse, error) {
	return &plansv1.ListOutcomesResponse{Outcomes: []*plansv1.Outcome{
		{OutcomeId: "out_2", Instrument: "NPRS", LocalDate: "2026-11-10", Score: 4, Etag: "e2", Change: &plansv1.OutcomeChange{Baseline: 7, BaselineDate: "2026-11-01", Improvement: 3, Verdict: "BETTER"}},
		{OutcomeId: "out_1", Instrument: "NPRS", LocalDate: "2026-11-09", Score: 9, Etag: "e1", EnteredInError: true},
	}}, nil
}

// RecordOutcome finds a score of 9 and more severe.
func (s *care) RecordOutcome(_ context.Context, in *plansv1.RecordOutcomeRequest) (*plansv1.RecordOutcomeResponse, error) {
	o := &plansv1.Outcome{OutcomeId: "out_3", Instrument: in.GetInstrument(), Band: "NONE"}
	for _, n := range in.GetAnswers() {
		o.Score += float64(n)
	}
	if o.GetScore() >= 9 {
		o.Band = "SEVERE"
	}
	return &plansv1.RecordOutcomeResponse{Outcome: o}, noted(s, &s.outcomes, in)
}

func (s *care) VoidOutcome(_ context.Context, in *plansv1.VoidOutcomeRequest) (*plansv1.VoidOutcomeResponse, error) {
	return &plansv1.VoidOutcomeResponse{Outcome: &plansv1.Outcome{OutcomeId: in.GetOutcomeId(), EnteredInError: true}}, noted(s, &s.voided, in)
}

func (s *care) ListMedications(context.Context, *plansv1.ListMedicationsRequest) (*plansv1.ListMedicationsResponse, error) {
	together := &plansv1.MedicineIssue{RuleId: "MED-01", Mode: "enforce", Message: "Your clinic's rule: do not take both.", Blocking: true}
	return &plansv1.ListMedicationsResponse{
		Medications: []*plansv1.Medication{
			{MedicationId: "med_1", Drug: "ibuprofen", DoseMg: 400, State: "REPORTED", SaidByPatient: true, StartDate: "2026-11-20", Etag: "m1", TakenDaily: true},
			{MedicationId: "med_2", Drug: "acetaminophen", State: "BLOCKED", Blocked: true, Etag: "m2", Issues: []*plansv1.MedicineIssue{together}},
		},
		Issues: []*plansv1.MedicineIssue{together, together},
	}, nil
}

func (s *care) ListDoses(context.Context, *plansv1.ListDosesRequest) (*plansv1.ListDosesResponse, error) {
	food := false
	return &plansv1.ListDosesResponse{Doses: []*plansv1.Dose{
		{DoseId: "dos_1", Drug: "ibuprofen", DoseMg: 400, TakenTime: timestamppb.New(noon), LocalDate: "2026-11-24", WithFood: &food, Issues: []*plansv1.MedicineIssue{{Message: "Take it with food."}}},
		{DoseId: "dos_2", Drug: "naproxen", TakenTime: timestamppb.New(noon), LocalDate: "2026-11-24", EnteredInError: true},
	}}, nil
}

func (s *care) AddMedication(_ context.Context, in *plansv1.AddMedicationRequest) (*plansv1.AddMedicationResponse, error) {
	return &plansv1.AddMedicationResponse{Medication: &plansv1.Medication{MedicationId: "med_3"}}, noted(s, &s.added, in)
}

func (s *care) StopMedication(_ context.Context, in *plansv1.StopMedicationRequest) (*plansv1.StopMedicationResponse, error) {
	return &plansv1.StopMedicationResponse{}, noted(s, &s.stopped, in)
}

func (s *care) RecordDose(_ context.Context, in *plansv1.RecordDoseRequest) (*plansv1.RecordDoseResponse, error) {
	return &plansv1.RecordDoseResponse{}, noted(s, &s.doses, in)
}

func (s *care) VoidDose(_ context.Context, in *plansv1.VoidDoseRequest) (*plansv1.VoidDoseResponse, error) {
	return &plansv1.VoidDoseResponse{}, noted(s, &s.taken, in)
}
