package intake_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Only age and chest pain answered; the answer to the saving already carries the
// finding, the task is there and the gate closed before the patient goes on.
func TestF029EmergencyAnswerActsAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"age": 58, "chest_pain": "yes"})
		r := i.GetTriage()
		if !r.GetProvisional() || r.GetDisposition().GetValue() != "EMERGENCY_NOW" || r.GetAdvice().GetTitle() == "" || i.GetLevel() != "EMERGENCY_NOW" {
			t.Fatalf("%v", i)
		}
		tasks := w.tasks()
		if len(tasks) != 1 || tasks[0].GetLevel() != "EMERGENCY_NOW" || !tasks[0].GetProvisional() || tasks[0].GetTaskId() != i.GetTaskId() {
			t.Fatalf("tasks %v", tasks)
		}
		if !tasks[0].GetDueTime().AsTime().Equal(friday) {
			t.Errorf("due %v", tasks[0].GetDueTime().AsTime())
		}
		g := w.gate(patient)
		if g.GetState() != intakev1.BookingGate_STATE_SCREENED || g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_EMERGENCY_NOW || len(g.GetAllowed()) != 0 || !g.GetProvisional() {
			t.Errorf("gate %v", g)
		}
		// Saving more raises nothing twice.
		w.answer(w.patient(), i, map[string]any{"fever": "no"})
		if d := cmp.Diff([]string{"IntakeStarted", "IntakeTriaged"}, names(w.events())); d != "" {
			t.Error(d)
		}
	})
}

// A finding that the patient takes back is looked at by a clinician before anything else:
// the computed level is what the answers say, the level in force is higher.
func TestWithdrawnFindingIsLookedAt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes"})
		i = w.answer(w.patient(), i, harmless(t)) // chest_pain is no now
		if i.GetLevel() != "EMERGENCY_NOW" || w.gate(patient).GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_EMERGENCY_NOW {
			t.Errorf("changing an answer back opened the gate: %v", i.GetLevel())
		}
		i = w.submit(w.patient(), i)
		if i.GetComputedLevel() != "SELF_CARE" || i.GetTriage().GetDisposition().GetValue() != "SELF_CARE" || i.GetLevel() != "CLINICIAN_REVIEW" {
			t.Errorf("computed %s, in force %s", i.GetComputedLevel(), i.GetLevel())
		}
		if tasks := w.tasks(); len(tasks) != 1 || !tasks[0].GetAnswersWithdrawn() || tasks[0].GetLevel() != "CLINICIAN_REVIEW" {
			t.Errorf("tasks %v", tasks)
		}
	})
}

// A finding that a follow-up explains is not withdrawn.
func TestExplainedFindingIsNotWithdrawn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"trauma": "major", "trauma_days": 2})
		if i.GetLevel() != "EMERGENCY_NOW" {
			t.Fatalf("level %s", i.GetLevel())
		}
		all := harmless(t)
		maps.Copy(all, map[string]any{"trauma": "major", "trauma_days": 2, "trauma_assessed": "yes"})
		i = w.submit(w.patient(), w.answer(w.patient(), i, all))
		if i.GetLevel() != "CLINICIAN_REVIEW" || i.GetComputedLevel() != "CLINICIAN_REVIEW" {
			t.Errorf("level %s, computed %s", i.GetLevel(), i.GetComputedLevel())
		}
		if tasks := w.tasks(); len(tasks) != 1 || tasks[0].GetAnswersWithdrawn() || tasks[0].GetProvisional() {
			t.Errorf("tasks %v", tasks)
		}
	})
}

func TestDecisionsAboutTasks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(map[string]any{"nrs": 8, "nrs_worst": 9})
		task := w.tasks()[0]
		// Two working days after Friday: the end of Tuesday, after clocks went forward.
		if want := time.Date(2026, 3, 31, 22, 0, 0, 0, time.UTC); !task.GetDueTime().AsTime().Equal(want) {
			t.Errorf("due %v, want %v", task.GetDueTime().AsTime(), want)
		}
		got, err := w.triage.AcknowledgeTriageTask(w.clinician(), &intakev1.AcknowledgeTriageTaskRequest{TaskId: task.GetTaskId(), Etag: task.GetEtag()})
		if err != nil || got.GetTask().GetState() != "ACKNOWLEDGED" || got.GetTask().GetOwnerAccountId() == "" {
			t.Fatalf("%v, %v", got, err)
		}
		decide := func(level, etag string) *intakev1.DecideTriageTaskRequest {
			return &intakev1.DecideTriageTaskRequest{TaskId: task.GetTaskId(), Level: level, Reason: "spoke to the patient", Etag: etag}
		}
		_, err = w.triage.DecideTriageTask(w.reception(), decide("CONSERVATIVE_CARE", ""))
		refused(t, err, fault.PermissionDenied, "ONLY_RAISE")
		_, err = w.triage.DecideTriageTask(w.reception(), decide("CLINICIAN_REVIEW", ""))
		refused(t, err, fault.PermissionDenied, "ONLY_RAISE")
		_, err = w.triage.DecideTriageTask(w.clinician(), decide("SELF_CARE", task.GetEtag()))
		refused(t, err, fault.Aborted, "VERSION_MISMATCH")

		raised, err := w.triage.DecideTriageTask(w.reception(), decide("URGENT_SAME_DAY", ""))
		if err != nil || raised.GetTask().GetState() != "OPEN" || raised.GetTask().GetReason() != "" {
			t.Fatalf("%v, %v", raised, err)
		}
		if want := time.Date(2026, 3, 27, 23, 0, 0, 0, time.UTC); !raised.GetTask().GetDueTime().AsTime().Equal(want) {
			t.Errorf("due %v, want the end of the day", raised.GetTask().GetDueTime().AsTime())
		}
		if g := w.gate(patient); g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_URGENT_SAME_DAY || g.GetTriageDate() != "2026-03-27" {
			t.Errorf("gate %v", g)
		}
		lowered, err := w.triage.DecideTriageTask(w.clinician(), decide("CONSERVATIVE_CARE", ""))
		if err != nil || lowered.GetTask().GetState() != "DECIDED" || lowered.GetTask().GetLevel() != "CONSERVATIVE_CARE" ||
			lowered.GetTask().GetComputedLevel() != "CLINICIAN_REVIEW" {
			t.Fatalf("%v, %v", lowered, err)
		}
		read, err := w.intakes.GetIntake(w.patient(), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
		if err != nil || read.GetIntake().GetLevel() != "CONSERVATIVE_CARE" || read.GetIntake().GetComputedLevel() != "CLINICIAN_REVIEW" {
			t.Errorf("%v, %v", read, err)
		}
		_, err = w.triage.AcknowledgeTriageTask(w.clinician(), &intakev1.AcknowledgeTriageTaskRequest{TaskId: task.GetTaskId()})
		refused(t, err, fault.FailedPrecondition, "TASK_CLOSED")
		want := []string{"IntakeStarted", "IntakeSubmitted", "IntakeTriaged", "TriageOverridden", "TriageOverridden"}
		if d := cmp.Diff(want, names(w.events())); d != "" {
			t.Error(d)
		}
		full, err := w.triage.GetTriageTask(w.clinician(), &intakev1.GetTriageTaskRequest{TaskId: task.GetTaskId()})
		if err != nil || full.GetTask().GetReason() == "" || full.GetTask().GetOverdue() {
			t.Errorf("%v, %v", full, err)
		}
	})
}

// A decision about a draft stands when the form is handed in, unless the answers then ask
// for more than what was decided on.
func TestDecisionAboutADraftStands(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"fever": "yes"})
		_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{
			TaskId: i.GetTaskId(), Level: "CLINICIAN_REVIEW", Reason: "a cold, spoke to the patient",
		})
		if err != nil {
			t.Fatal(err)
		}
		i = w.get(i.GetIntakeId())
		i = w.answer(w.patient(), i, map[string]any{"stiffness": "no"})
		if i.GetLevel() != "CLINICIAN_REVIEW" || len(w.tasks()) != 0 {
			t.Errorf("an unrelated answer undid the decision: %s, %v", i.GetLevel(), w.tasks())
		}
		all := harmless(t)
		all["fever"] = "yes"
		i = w.answer(w.patient(), i, all)
		more := w.answer(w.patient(), i, map[string]any{"collapse": "yes"})
		if more.GetLevel() != "EMERGENCY_NOW" || len(w.tasks()) != 1 || w.tasks()[0].GetState() != "OPEN" {
			t.Errorf("more than was decided on: %s, %v", more.GetLevel(), w.tasks())
		}
	})
	each(t, func(t *testing.T, w *world) {
		all := harmless(t)
		all["fever"] = "yes"
		i := w.answer(w.patient(), w.start(w.patient()), all)
		_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{
			TaskId: i.GetTaskId(), Level: "CLINICIAN_REVIEW", Reason: "a cold, spoke to the patient",
		})
		if err != nil {
			t.Fatal(err)
		}
		i = w.submit(w.patient(), i)
		if i.GetLevel() != "CLINICIAN_REVIEW" || i.GetComputedLevel() != "URGENT_SAME_DAY" || len(w.tasks()) != 0 {
			t.Errorf("%s, %s, %v", i.GetLevel(), i.GetComputedLevel(), w.tasks())
		}
	})
}

// Without a task anybody may raise: patients and the front desk only that.
func TestOverrideWithoutATask(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(nil)
		override := func(level string) *intakev1.OverrideTriageRequest {
			return &intakev1.OverrideTriageRequest{IntakeId: i.GetIntakeId(), Level: level, Reason: "it feels wrong"}
		}
		_, err := w.triage.OverrideTriage(w.patient(), override("SELF_CARE"))
		refused(t, err, fault.PermissionDenied, "ONLY_RAISE")
		got, err := w.triage.OverrideTriage(w.patient(), override("CLINICIAN_REVIEW"))
		if err != nil || got.GetLevel() != "CLINICIAN_REVIEW" || got.GetComputedLevel() != "SELF_CARE" || got.GetGateVersion() != 2 || got.GetTaskId() == "" {
			t.Fatalf("%v, %v", got, err)
		}
		if tasks := w.tasks(); len(tasks) != 1 || tasks[0].GetRaisedBy() != "PERSON" || tasks[0].GetState() != "OPEN" {
			t.Errorf("tasks %v", tasks)
		}
		got, err = w.triage.OverrideTriage(w.clinician(), override("CONSERVATIVE_CARE"))
		if err != nil || got.GetLevel() != "CONSERVATIVE_CARE" || len(w.tasks()) != 0 {
			t.Fatalf("%v, %v, %v", got, err, w.tasks())
		}
		w.triaged(nil)
		_, err = w.triage.OverrideTriage(w.clinician(), override("URGENT_SAME_DAY"))
		refused(t, err, fault.FailedPrecondition, "NOT_IN_FORCE")
		draft := w.start(w.patient())
		_, err = w.triage.OverrideTriage(w.clinician(), &intakev1.OverrideTriageRequest{IntakeId: draft.GetIntakeId(), Level: "SELF_CARE", Reason: "x"})
		refused(t, err, fault.FailedPrecondition, "NOT_TRIAGED")
	})
}

func TestTasksAreListedMostUrgentFirst(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.triaged(map[string]any{"nrs": 8, "nrs_worst": 9})
		w.clock.Advance(time.Hour)
		w.triaged(map[string]any{"weight_loss": "yes"})
		w.clock.Advance(time.Hour)
		w.triaged(map[string]any{"chest_pain": "yes"})
		w.clock.Advance(72 * time.Hour)
		var levels []string
		token := ""
		for {
			got, err := w.triage.ListTriageTasks(w.reception(), &intakev1.ListTriageTasksRequest{PageSize: 2, PageToken: token, PatientId: patient})
			if err != nil {
				t.Fatal(err)
			}
			for _, task := range got.GetTasks() {
				levels = append(levels, task.GetLevel())
				if want := task.GetLevel() == "EMERGENCY_NOW"; task.GetOverdue() != want {
					t.Errorf("%s overdue: %v", task.GetLevel(), task.GetOverdue())
				}
			}
			if token = got.GetNextPageToken(); token == "" {
				break
			}
		}
		if d := cmp.Diff([]string{"EMERGENCY_NOW", "MEDICAL_REFERRAL", "CLINICIAN_REVIEW"}, levels); d != "" {
			t.Error(d)
		}
		none, err := w.triage.ListTriageTasks(w.clinician(), &intakev1.ListTriageTasksRequest{State: "DECIDED"})
		if err != nil || len(none.GetTasks()) != 0 {
			t.Errorf("%v, %v", none, err)
		}
	})
}

// get reads an intake as the patient.
func (w *world) get(id string) *intakev1.Intake {
	w.t.Helper()
	got, err := w.intakes.GetIntake(w.patient(), &intakev1.GetIntakeRequest{IntakeId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetIntake()
}
