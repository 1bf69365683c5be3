package gateway_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// intake is a small form: tick boxes, a choice with a follow-up, numbers, a list.
type intake struct {
	intakev1.UnimplementedIntakeServiceServer
	intakev1.UnimplementedQuestionnaireServiceServer
	intakev1.UnimplementedTriageServiceServer
	intakev1.UnimplementedFormServiceServer
	formParts

	mu      sync.Mutex
	intakes map[string]*intakev1.Intake
	gate    *intakev1.BookingGate
	updates int
	tasks   []*intakev1.TriageTask
	// screens are the mini-screens, by request.
	screens []*intakev1.RecordMiniScreenRequest
	// unasked leaves the mini-screen out of the form.
	unasked bool
}

func newIntake() *intake {
	return &intake{
		intakes: map[string]*intakev1.Intake{},
		gate:    &intakev1.BookingGate{PatientId: "pat_1", State: intakev1.BookingGate_STATE_NOT_SCREENED},
		tasks:   []*intakev1.TriageTask{{TaskId: "tsk_1", PatientId: "pat_2", State: "OPEN", Level: "CLINICIAN_REVIEW", Etag: "1"}},
	}
}

func (s *intake) register(r grpc.ServiceRegistrar) {
	intakev1.RegisterIntakeServiceServer(r, s)
	intakev1.RegisterQuestionnaireServiceServer(r, s)
	intakev1.RegisterTriageServiceServer(r, s)
	intakev1.RegisterFormServiceServer(r, s)
}

func option(id, label string) *intakev1.QuestionOption {
	return &intakev1.QuestionOption{Id: id, Label: label}
}

// questions of the form, by page.
func questionnaire() *intakev1.Questionnaire {
	yesNo := []*intakev1.QuestionOption{option("no", "No"), option("yes", "Yes"), option("unsure", "I am not sure")}
	scale := []*intakev1.ScalePoint{{Value: 0, Label: "No pain"}, {Value: 10, Label: "Worst pain"}}
	return &intakev1.Questionnaire{
		QuestionnaireId: "upright-intake", Version: 1, LanguageCode: "en", Title: "Before your first visit", Languages: []string{"en", "ar"},
		MiniScreen: []*intakev1.MiniScreenItem{{Id: "chest_pain", Text: "Chest pain?"}, {Id: "fever", Text: "Fever?"}, {Id: "own", Text: "A question of <b> the clinic's own?"}},
		Pages: []*intakev1.QuestionnairePage{
			{Id: "now", Title: "How you are right now", Layout: "TICKS", QuestionIds: []string{"chest_pain", "breathing"}},
			{Id: "injury", Title: "Injuries", Layout: "LIST", QuestionIds: []string{"trauma", "trauma_days"}},
			{Id: "bad", Title: "How bad it is", Layout: "LIST", QuestionIds: []string{"nrs", "where"}},
			{Id: "hard", Title: "Hard thoughts", Layout: "LIST", QuestionIds: []string{"self_harm"}, HelpTopic: "self_harm"},
		},
		Items: []*intakev1.Question{
			{Id: "chest_pain", Type: "choice", PageId: "now", Required: true, Text: "Chest pain <b>?", Options: yesNo, TickOption: "yes", NoneOption: "no"},
			{Id: "breathing", Type: "choice", PageId: "now", Required: true, Text: "Hard to breathe?", Options: yesNo, TickOption: "yes", NoneOption: "no"},
			{Id: "trauma", Type: "choice", PageId: "injury", Required: true, Text: "Were you hurt?", Options: []*intakev1.QuestionOption{option("none", "No"), option("minor", "A little")}},
			{Id: "trauma_days", Type: "int", PageId: "injury", Text: "How many days ago?", Max: 36500, Unit: "days"},
			{Id: "nrs", Type: "int", PageId: "bad", Required: true, Text: "How bad now?", Max: 10, Unit: "score", ScalePoints: scale},
			{Id: "where", Type: "multi", PageId: "bad", Required: true, Text: "Where?", Options: []*intakev1.QuestionOption{option("neck", "Neck"), option("low_back", "Low back")}},
			{Id: "self_harm", Type: "choice", PageId: "hard", Required: true, Text: "Thoughts?", Options: yesNo},
		},
	}
}

// settle computes progress and result from the answers, as the service would.
func settle(in *intakev1.Intake) {
	in.Pages, in.NextPageId = nil, ""
	for _, p := range questionnaire().GetPages() {
		progress := &intakev1.PageProgress{PageId: p.GetId(), State: "DONE"}
		for _, id := range p.GetQuestionIds() {
			if id == "trauma_days" && in.GetAnswers()["trauma"].GetStringValue() != "minor" {
				continue
			}
			progress.QuestionIds = append(progress.QuestionIds, id)
			if in.GetAnswers()[id] == nil && id != "trauma_days" {
				progress.State = "OPEN"
			}
		}
		if progress.State == "OPEN" && in.GetNextPageId() == "" {
			in.NextPageId = p.GetId()
		}
		in.Pages = append(in.Pages, progress)
	}
	in.Triage = &intakev1.TriageResult{Status: "INCOMPLETE"}
	for _, id := range []string{"chest_pain", "breathing"} {
		if in.GetAnswers()[id].GetStringValue() != "yes" {
			continue
		}
		in.Triage.Provisional, in.Triage.Disposition = true, wrapperspb.String("EMERGENCY_NOW")
		in.Triage.FiredRules = append(in.Triage.FiredRules, &intakev1.FiredRule{
			RuleId: "E-" + id, Level: "EMERGENCY_NOW", Action: "Call now", Why: "why <i>" + id, Source: "clinical reference",
			Because: []*intakev1.GivenAnswer{{QuestionId: id, Value: in.GetAnswers()[id]}},
		})
		in.Triage.Advice = &intakev1.Advice{Title: "Get emergency help now", Text: "Call the emergency number now."}
	}
}

// seen is a form as the caller may see it.
func seen(ctx context.Context, in *intakev1.Intake) *intakev1.Intake {
	in = clone(in)
	if p, _ := authn.From(ctx); p.Is(typev1.Role_ROLE_PATIENT) {
		for _, r := range in.GetTriage().GetFiredRules() {
			r.Why, r.Source, r.Because = "", "", nil
		}
	}
	return in
}

func (s *intake) find(ctx context.Context, id string) (*intakev1.Intake, error) {
	p, _ := authn.From(ctx)
	in, ok := s.intakes[id]
	if !ok || !p.SeesPatient(in.GetPatientId()) {
		return nil, fault.NotFoundf("intake")
	}
	return in, nil
}

func (s *intake) CreateIntake(ctx context.Context, in *intakev1.CreateIntakeRequest) (*intakev1.CreateIntakeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p, _ := authn.From(ctx); !p.SeesPatient(in.GetPatientId()) {
		return nil, fault.NotFoundf("patient")
	}
	made := &intakev1.Intake{
		IntakeId: fmt.Sprintf("int_%d", len(s.intakes)+1), PatientId: in.GetPatientId(), QuestionnaireId: "upright-intake",
		QuestionnaireVersion: 1, State: "DRAFT", Etag: "1", Answers: map[string]*structpb.Value{},
	}
	settle(made)
	s.intakes[made.GetIntakeId()] = made
	return &intakev1.CreateIntakeResponse{Intake: clone(made)}, nil
}

func (s *intake) GetIntake(ctx context.Context, in *intakev1.GetIntakeRequest) (*intakev1.GetIntakeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	return &intakev1.GetIntakeResponse{Intake: seen(ctx, found)}, nil
}

func (s *intake) ListIntakes(_ context.Context, in *intakev1.ListIntakesRequest) (*intakev1.ListIntakesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &intakev1.ListIntakesResponse{}
	for i := len(s.intakes); i > 0; i-- {
		if one := s.intakes[fmt.Sprintf("int_%d", i)]; one.GetPatientId() == in.GetPatientId() {
			out.Intakes = append(out.Intakes, &intakev1.Intake{
				IntakeId: one.GetIntakeId(), PatientId: one.GetPatientId(), State: one.GetState(), Level: one.GetLevel(),
				QuestionnaireId: one.GetQuestionnaireId(), QuestionnaireVersion: one.GetQuestionnaireVersion(),
			})
		}
	}
	return out, nil
}

func (s *intake) UpdateIntake(ctx context.Context, in *intakev1.UpdateIntakeRequest) (*intakev1.UpdateIntakeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	if in.GetEtag() != found.GetEtag() {
		return nil, fault.New(fault.Aborted, "VERSION_MISMATCH", "answered differently since")
	}
	s.updates++
	for id, v := range in.GetTyped() {
		if found.Typed == nil {
			found.Typed = map[string]*intakev1.TypedAnswer{}
		}
		found.Typed[id] = v
		delete(found.GetAnswers(), id)
	}
	for id, v := range in.GetAnswers() {
		delete(found.GetTyped(), id)
		if v.GetNumberValue() > 36500 {
			return nil, fault.Invalid("answers["+id+"]", "is out of range")
		}
		found.Answers[id] = v
	}
	version, _ := strconv.Atoi(found.GetEtag())
	found.Etag = strconv.Itoa(version + 1)
	settle(found)
	return &intakev1.UpdateIntakeResponse{Intake: seen(ctx, found)}, nil
}

func (s *intake) SubmitIntake(ctx context.Context, in *intakev1.SubmitIntakeRequest) (*intakev1.SubmitIntakeResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.find(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	if found.GetNextPageId() == "" && found.GetState() == "DRAFT" {
		found.State, found.Level = "SUBMITTED", "CONSERVATIVE_CARE"
		found.Triage.Status = "COMPLETE"
		if found.GetTriage().GetDisposition() == nil {
			found.Triage.Disposition = wrapperspb.String("CONSERVATIVE_CARE")
			found.Triage.Advice = &intakev1.Advice{Title: "Treatment at our clinic suits you", Text: "Book a visit.", HomeMeasures: []string{"LIGHT_MOVEMENT"}, RescreenDate: "2026-12-08"}
		}
		s.gate = &intakev1.BookingGate{
			PatientId: found.GetPatientId(), State: intakev1.BookingGate_STATE_SCREENED, Level: typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE,
			Allowed: []*intakev1.GateAllowance{{Kind: typev1.VisitKind_VISIT_KIND_INITIAL_ASSESSMENT}, {Kind: typev1.VisitKind_VISIT_KIND_TREATMENT}},
		}
	}
	return &intakev1.SubmitIntakeResponse{Intake: seen(ctx, found)}, nil
}

func (s *intake) GetQuestionnaire(_ context.Context, in *intakev1.GetQuestionnaireRequest) (*intakev1.GetQuestionnaireResponse, error) {
	if in.GetQuestionnaireId() != "upright-intake" {
		return nil, fault.NotFoundf("questionnaire")
	}
	return &intakev1.GetQuestionnaireResponse{Questionnaire: questionnaire()}, nil
}

func (s *intake) GetBookingGate(context.Context, *intakev1.GetBookingGateRequest) (*intakev1.GetBookingGateResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &intakev1.GetBookingGateResponse{Gate: clone(s.gate)}, nil
}

func (s *intake) ListTriageTasks(_ context.Context, in *intakev1.ListTriageTasksRequest) (*intakev1.ListTriageTasksResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &intakev1.ListTriageTasksResponse{}
	for _, t := range s.tasks {
		if (in.GetState() == "" || in.GetState() == t.GetState()) && (in.GetPatientId() == "" || in.GetPatientId() == t.GetPatientId()) {
			out.Tasks = append(out.Tasks, clone(t))
		}
	}
	return out, nil
}

func (s *intake) AcknowledgeTriageTask(ctx context.Context, in *intakev1.AcknowledgeTriageTaskRequest) (*intakev1.AcknowledgeTriageTaskResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, _ := authn.From(ctx)
	for _, t := range s.tasks {
		if t.GetTaskId() == in.GetTaskId() {
			t.State, t.OwnerAccountId = "ACKNOWLEDGED", p.Subject
			return &intakev1.AcknowledgeTriageTaskResponse{Task: clone(t)}, nil
		}
	}
	return nil, fault.NotFoundf("task")
}

func (s *intake) ListClinicalFacts(context.Context, *intakev1.ListClinicalFactsRequest) (*intakev1.ListClinicalFactsResponse, error) {
	return &intakev1.ListClinicalFactsResponse{
		Facts:             []*intakev1.ClinicalFact{{QuestionId: "trauma", Value: structpb.NewStringValue("minor"), SaidBy: "PATIENT"}},
		BlockedModalities: []*intakev1.ModalityBlock{{Modality: "MANIPULATION", ContraindicationIds: []string{"X-MANIP-1"}}},
	}, nil
}

func (s *intake) ListQuestionnaires(context.Context, *intakev1.ListQuestionnairesRequest) (*intakev1.ListQuestionnairesResponse, error) {
	q := questionnaire()
	if s.unasked {
		q.MiniScreen = nil
	}
	return &intakev1.ListQuestionnairesResponse{Questionnaires: []*intakev1.Questionnaire{q}}, nil
}
