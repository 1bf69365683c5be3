package intake_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Every kind of wrong request names its field and stores nothing.
func TestBadRequestsNameTheField(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.start(w.patient())
	long := strings.Repeat("x", 3000)
	update := func(a map[string]any, etag string) func() error {
		return func() error {
			_, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Answers: values(t, a), Etag: etag})
			return err
		}
	}
	evaluate := func(a map[string]any) func() error {
		return func() error {
			_, err := w.triage.EvaluateTriage(w.reception(), &intakev1.EvaluateTriageRequest{Answers: values(t, a)})
			return err
		}
	}
	record := func(question string, v *structpb.Value, said string) func() error {
		return func() error {
			_, err := w.triage.RecordClinicalFact(w.clinician(), &intakev1.RecordClinicalFactRequest{PatientId: patient, QuestionId: question, Value: v, SaidBy: said})
			return err
		}
	}
	yes := structpb.NewStringValue("yes")
	for name, tc := range map[string]struct {
		do    func() error
		field string
	}{
		"no patient": {func() error {
			_, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{})
			return err
		}, "patient_id"},
		"long patient": {func() error {
			_, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: long})
			return err
		}, "patient_id"},
		"no answers":       {update(nil, "1"), "answers"},
		"no etag":          {update(map[string]any{"nrs": 1}, ""), "etag"},
		"garbled etag":     {update(map[string]any{"nrs": 1}, "abc"), "etag"},
		"unknown question": {update(map[string]any{"shoe_size": 44}, "1"), "answers.shoe_size"},
		"unknown option":   {update(map[string]any{"fever": "warm"}, "1"), "answers.fever"},
		"wrong type":       {update(map[string]any{"nrs": "three"}, "1"), "answers.nrs"},
		"out of range":     {update(map[string]any{"nrs": 11}, "1"), "answers.nrs"},
		"fraction":         {update(map[string]any{"nrs": 1.5}, "1"), "answers.nrs"},
		"an object":        {update(map[string]any{"nrs": map[string]any{"a": 1}}, "1"), "answers.nrs"},
		"list of numbers":  {update(map[string]any{"location": []any{1}}, "1"), "answers.location"},
		"given twice":      {update(map[string]any{"location": []any{"neck", "neck"}}, "1"), "answers.location"},
		"dry, unknown":     {evaluate(map[string]any{"shoe_size": 44}), "answers.shoe_size"},
		"dry, wrong":       {evaluate(map[string]any{"age": true}), "answers.age"},
		"bad view": {func() error {
			_, err := w.intakes.GetIntake(w.patient(), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId(), View: "ALL"})
			return err
		}, "view"},
		"bad level": {func() error {
			_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: "tsk_1", Level: "HIGH", Reason: "x"})
			return err
		}, "level"},
		"no reason": {func() error {
			_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: "tsk_1", Level: "SELF_CARE"})
			return err
		}, "reason"},
		"long reason": {func() error {
			_, err := w.triage.OverrideTriage(w.clinician(), &intakev1.OverrideTriageRequest{IntakeId: "int_1", Level: "SELF_CARE", Reason: long})
			return err
		}, "reason"},
		"bad state": {func() error {
			_, err := w.triage.ListTriageTasks(w.clinician(), &intakev1.ListTriageTasksRequest{State: "NEW"})
			return err
		}, "state"},
		"bad token": {func() error {
			_, err := w.triage.ListTriageTasks(w.clinician(), &intakev1.ListTriageTasksRequest{PageToken: "-3"})
			return err
		}, "page_token"},
		"big page": {func() error {
			_, err := w.intakes.ListIntakes(w.patient(), &intakev1.ListIntakesRequest{PatientId: patient, PageSize: 1000})
			return err
		}, "page_size"},
		"fact without value":  {record("fever", nil, "CLINICIAN"), "value"},
		"fact wrong value":    {record("fever", structpb.NewNumberValue(1), "CLINICIAN"), "value"},
		"fact of an object":   {record("fever", structpb.NewStructValue(&structpb.Struct{}), "CLINICIAN"), "value"},
		"fact of no bearing":  {record("recurrent", yes, "CLINICIAN"), "question_id"},
		"fact of nobody":      {record("fever", yes, "NEIGHBOUR"), "said_by"},
		"mini-screen of none": {func() error { return w.miniScreen(nil) }, "answers"},
		"mini-screen of one":  {func() error { return w.miniScreen(map[string]bool{"fever": true}) }, "answers.chest_pain"},
	} {
		f := refusal(t, tc.do(), fault.InvalidArgument, "INVALID_ARGUMENT")
		if len(f.Fields) != 1 || f.Fields[0].Field != tc.field || f.Fields[0].Description == "" {
			t.Errorf("%s: %+v", name, f.Fields)
		}
	}
	if got := w.get(i.GetIntakeId()); len(got.GetAnswers()) != 0 || got.GetEtag() != "1" {
		t.Errorf("something was stored: %v", got)
	}
	// All that is wrong is named at once, and nothing of a request that is wrong in part is saved.
	f := refusal(t, update(map[string]any{"nrs": 3, "fever": "warm", "shoe_size": 1}, "1")(), fault.InvalidArgument, "INVALID_ARGUMENT")
	if len(f.Fields) != 2 || len(w.get(i.GetIntakeId()).GetAnswers()) != 0 {
		t.Errorf("%+v", f.Fields)
	}
}

func (w *world) miniScreen(answers map[string]bool) error {
	_, err := w.triage.RecordMiniScreen(w.patient(), &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: answers})
	return err
}

func TestUnknownPatientsAndForms(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	_, err := w.intakes.CreateIntake(w.reception(), &intakev1.CreateIntakeRequest{PatientId: "pat_nobody"})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	_, err = w.intakes.CreateIntake(w.reception(), &intakev1.CreateIntakeRequest{PatientId: "pat_" + clinicB})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	_, err = w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, QuestionnaireId: "knee"})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	_, err = w.forms.GetQuestionnaire(w.patient(), &intakev1.GetQuestionnaireRequest{QuestionnaireId: "upright-intake", Version: 99})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	_, err = w.triage.EvaluateTriage(w.reception(), &intakev1.EvaluateTriageRequest{QuestionnaireId: "knee"})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	// Directory is asked once about a patient.
	for range 3 {
		w.start(w.patient())
	}
	w.dir.mu.Lock()
	defer w.dir.mu.Unlock()
	if w.dir.asked != 3 { // two that it refused, and the patient once
		t.Errorf("directory was asked %d times", w.dir.asked)
	}
}

// The same request id again changes nothing more; with another body it is refused.
func TestRequestIDs(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		create := &intakev1.CreateIntakeRequest{PatientId: patient, RequestId: "c"}
		first, err := w.intakes.CreateIntake(w.patient(), create)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.intakes.CreateIntake(w.patient(), create)
		if err != nil || again.GetIntake().GetIntakeId() != first.GetIntake().GetIntakeId() {
			t.Fatalf("%v, %v", again, err)
		}
		_, err = w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, QuestionnaireId: "upright-intake", RequestId: "c"})
		refused(t, err, fault.InvalidArgument, "REQUEST_ID_REUSED")

		id := first.GetIntake().GetIntakeId()
		update := &intakev1.UpdateIntakeRequest{IntakeId: id, Answers: values(t, map[string]any{"fever": "yes"}), Etag: "1", RequestId: "u"}
		for range 2 {
			got, err := w.intakes.UpdateIntake(w.patient(), update)
			if err != nil || got.GetIntake().GetEtag() != "2" {
				t.Fatalf("%v, %v", got, err)
			}
		}
		task := w.tasks()[0].GetTaskId()
		decide := &intakev1.DecideTriageTaskRequest{TaskId: task, Level: "MEDICAL_REFERRAL", Reason: "x", RequestId: "d"}
		acknowledge := &intakev1.AcknowledgeTriageTaskRequest{TaskId: task, RequestId: "a"}
		record := &intakev1.RecordClinicalFactRequest{PatientId: patient, QuestionId: "fever", Value: structpb.NewStringValue("no"), SaidBy: "CLINICIAN", RequestId: "f"}
		screen := &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: allNo(), RequestId: "m"}
		screen.Answers["fever"] = true
		var facts, screened string
		for range 2 {
			if _, err := w.triage.AcknowledgeTriageTask(w.clinician(), acknowledge); err != nil {
				t.Fatal(err)
			}
			f, err := w.triage.RecordClinicalFact(w.clinician(), record)
			if err != nil || (facts != "" && f.GetFact().GetFactId() != facts) {
				t.Fatalf("%v, %v", f, err)
			}
			facts = f.GetFact().GetFactId()
			m, err := w.triage.RecordMiniScreen(w.patient(), screen)
			if err != nil || (screened != "" && m.GetTaskId() != screened) {
				t.Fatalf("%v, %v", m, err)
			}
			screened = m.GetTaskId()
		}
		for range 2 {
			if _, err := w.triage.DecideTriageTask(w.clinician(), decide); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(w.events()); n != 5 { // started, triaged, facts, mini-screen, decided
			t.Errorf("%d events: %v", n, names(w.events()))
		}
	})
}

func TestQuestionnaire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	list, err := w.forms.ListQuestionnaires(w.patient(), &intakev1.ListQuestionnairesRequest{LanguageCode: "xx"})
	if err != nil || len(list.GetQuestionnaires()) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	q := list.GetQuestionnaires()[0]
	if q.GetQuestionnaireId() != "upright-intake" || q.GetVersion() != 1 || len(q.GetItems()) != 80 || len(q.GetPages()) != 24 || q.GetLanguageCode() != "en" {
		t.Errorf("%s v%d, %d items, %d pages", q.GetQuestionnaireId(), q.GetVersion(), len(q.GetItems()), len(q.GetPages()))
	}
	byID := map[string]*intakev1.Question{}
	for _, i := range q.GetItems() {
		byID[i.GetId()] = i
	}
	days := byID["trauma_days"]
	if d := cmp.Diff([]any{"!=", "trauma", "none"}, days.GetAskWhen().AsSlice()); d != "" {
		t.Error(d)
	}
	if days.GetAskWhenCel() != `!has(answer.trauma) || answer.trauma != "none"` || days.GetRequired() || days.GetPageId() != "injury_procedure" {
		t.Errorf("%v", days)
	}
	if l := byID["location"]; l.GetType() != "multi" || l.GetNoneLabel() == "" || len(l.GetOptions()) != 7 || l.GetOptions()[0].GetLabel() != "Neck" {
		t.Errorf("%v", l)
	}
	if p := byID["phq4_1"]; p.GetText() != "Feeling nervous, anxious or on edge" || p.GetMax() != 3 || p.GetScalePoints()[3].GetLabel() != "Nearly every day" {
		t.Errorf("%v", p)
	}
	if c := byID["chest_pain"]; c.GetTickOption() != "yes" || c.GetNoneOption() != "no" {
		t.Errorf("%v", c)
	}
	one, err := w.forms.GetQuestionnaire(w.reception(), &intakev1.GetQuestionnaireRequest{QuestionnaireId: q.GetQuestionnaireId(), Version: 1})
	if err != nil || len(one.GetQuestionnaire().GetMiniScreen()) != 6 {
		t.Errorf("%v", err)
	}
}
