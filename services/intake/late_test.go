package intake_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// onDuty names who answers for tasks.
func (w *world) onDuty(s *intakev1.TriageSettings) *intakev1.TriageSettings {
	w.t.Helper()
	got, err := w.duty.UpdateTriageSettings(w.as(typev1.Role_ROLE_ADMIN, clinic), &intakev1.UpdateTriageSettingsRequest{Settings: s})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetSettings()
}

// escalate does one round after some time and returns how many tasks went on.
func (w *world) escalate(after time.Duration) int {
	w.t.Helper()
	w.clock.Advance(after)
	n, err := w.svc.EscalateTasks(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// messages lists what waits for people, newest first.
func (w *world) messages() []*intakev1.IntakeMessage {
	w.t.Helper()
	got, err := w.duty.ListIntakeMessages(w.reception(), &intakev1.ListIntakeMessagesRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetMessages()
}

// I4: a task is a named clinician's from the start; when it is late it goes to the next, at
// the end to the clinical safety officer, each told once, and events carry ids only.
func TestLateTasksGoToTheNextOwner(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.onDuty(&intakev1.TriageSettings{OwnerAccountIds: []string{"acc_first", "acc_second"}, SafetyOfficerAccountId: "acc_safety"})
		w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes"})
		task := w.tasks()[0]
		if task.GetOwnerAccountId() != "acc_first" || !task.GetNextEscalateTime().AsTime().Equal(friday.Add(10*time.Minute)) {
			t.Fatalf("%v", task)
		}
		if n := w.escalate(10*time.Minute - time.Microsecond); n != 0 {
			t.Errorf("%d before the time", n)
		}
		for i, owner := range []string{"acc_second", "acc_safety"} {
			wait := 10 * time.Minute
			if i == 0 {
				wait = time.Microsecond
			}
			if n := w.escalate(wait); n != 1 {
				t.Fatalf("%d went on", n)
			}
			task = w.tasks()[0]
			if task.GetOwnerAccountId() != owner || task.GetEscalations() != int32(i+1) || task.GetState() != "OPEN" || !task.GetEscalateTime().AsTime().Equal(w.clock.Now()) {
				t.Errorf("%v", task)
			}
			if n := w.escalate(0); n != 0 {
				t.Error("it went on twice at one time")
			}
		}
		if n := w.escalate(100 * time.Hour); n != 0 || w.tasks()[0].GetOwnerAccountId() != "acc_safety" || w.tasks()[0].GetNextEscalateTime() != nil {
			t.Errorf("after the last of the chain: %d, %v", n, w.tasks()[0])
		}
		var told []string
		for _, m := range w.messages() {
			told = append(told, m.GetKind()+" "+m.GetAccountId()+m.GetPatientId())
		}
		if d := cmp.Diff([]string{"TASK_LATE acc_safety", "TASK_LATE acc_second"}, told); d != "" {
			t.Error(d)
		}
		tail := names(w.events())
		if d := cmp.Diff([]string{"IntakeStarted", "IntakeTriaged", "TriageTaskEscalated", "TriageTaskEscalated"}, tail); d != "" {
			t.Error(d)
		}
	})
}

// Whoever acknowledges has until the deadline; deciding ends it; raising begins it anew.
func TestAcknowledgedTasksWaitForTheirDeadline(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.onDuty(&intakev1.TriageSettings{OwnerAccountIds: []string{"acc_first", "acc_second"}, UrgentMinutes: 30})
		w.triaged(map[string]any{"headache": "severe"})
		task := w.tasks()[0]
		if !task.GetNextEscalateTime().AsTime().Equal(friday.Add(30 * time.Minute)) {
			t.Errorf("%v", task.GetNextEscalateTime().AsTime())
		}
		got, err := w.triage.AcknowledgeTriageTask(w.clinician(), &intakev1.AcknowledgeTriageTaskRequest{TaskId: task.GetTaskId()})
		if err != nil || !got.GetTask().GetNextEscalateTime().AsTime().Equal(got.GetTask().GetDueTime().AsTime()) {
			t.Fatalf("%v, %v", got, err)
		}
		if n := w.escalate(time.Hour); n != 0 {
			t.Errorf("%d went on although acknowledged", n)
		}
		if n := w.escalate(24 * time.Hour); n != 1 || w.tasks()[0].GetOwnerAccountId() != "acc_first" || w.tasks()[0].GetState() != "OPEN" {
			t.Errorf("%d, %v", n, w.tasks()[0])
		}
		_, err = w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: task.GetTaskId(), Level: "CLINICIAN_REVIEW", Reason: "seen"})
		if err != nil {
			t.Fatal(err)
		}
		if n := w.escalate(1000 * time.Hour); n != 0 {
			t.Errorf("%d went on although decided", n)
		}
	})
}

// Many processes at once: a task goes on once.
func TestLateTasksGoOnOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.onDuty(&intakev1.TriageSettings{OwnerAccountIds: []string{"acc_first", "acc_second"}, SafetyOfficerAccountId: "acc_safety"})
		w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes"})
		w.clock.Advance(time.Hour)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { _, _ = w.svc.EscalateTasks(t.Context()) })
		}
		group.Wait()
		if task := w.tasks()[0]; task.GetEscalations() != 1 || task.GetOwnerAccountId() != "acc_second" || len(w.messages()) != 1 {
			t.Errorf("%v, %d messages", task, len(w.messages()))
		}
	})
}

// Without anybody named, a late task still shows that it is late, and nobody is told.
func TestLateTasksOfNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes"})
	if n := w.escalate(time.Hour); n != 1 || w.tasks()[0].GetOwnerAccountId() != "" || w.tasks()[0].GetEscalations() != 1 || len(w.messages()) != 0 {
		t.Errorf("%d, %v, %v", n, w.tasks(), w.messages())
	}
}

func TestTriageSettings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		admin := w.as(typev1.Role_ROLE_ADMIN, clinic)
		for field, s := range map[string]*intakev1.TriageSettings{
			"settings.owner_account_ids[1]":      {OwnerAccountIds: []string{"acc_first", "acc_desk"}},
			"settings.owner_account_ids[0]":      {OwnerAccountIds: []string{"acc_left"}},
			"settings.safety_officer_account_id": {SafetyOfficerAccountId: "acc_nobody"},
			"settings.emergency_minutes":         {EmergencyMinutes: -1},
		} {
			_, err := w.duty.UpdateTriageSettings(admin, &intakev1.UpdateTriageSettingsRequest{Settings: s})
			if f := refusal(t, err, fault.InvalidArgument, "INVALID_ARGUMENT"); len(f.Fields) != 1 || f.Fields[0].Field != field {
				t.Errorf("%s: %+v", field, f.Fields)
			}
		}
		first := w.onDuty(&intakev1.TriageSettings{OwnerAccountIds: []string{"acc_first"}, ChaseAfterHours: 3})
		if first.GetEtag() != "1" || first.GetChaseAfterHours() != 3 {
			t.Errorf("%v", first)
		}
		_, err := w.duty.UpdateTriageSettings(admin, &intakev1.UpdateTriageSettingsRequest{Settings: &intakev1.TriageSettings{}})
		refused(t, err, fault.Aborted, "VERSION_MISMATCH")
		first.OwnerAccountIds = nil
		if second := w.onDuty(first); second.GetEtag() != "2" || len(second.GetOwnerAccountIds()) != 0 {
			t.Errorf("%v", second)
		}
		other, err := w.duty.GetTriageSettings(w.as(typev1.Role_ROLE_ADMIN, clinicB), &intakev1.GetTriageSettingsRequest{})
		if err != nil || other.GetSettings().GetEtag() != "0" {
			t.Errorf("%v, %v", other, err)
		}
	})
}

// I19, ask 60: who leaves a form is reminded once, after the clinic's time, without a word of
// what was answered; who has an urgent finding is the clinic's to call.
func TestUnfinishedFormsAreChasedOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		chase := func(after time.Duration) int {
			t.Helper()
			w.clock.Advance(after)
			n, err := w.svc.ChaseDrafts(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		left := w.answer(w.patient(), w.start(w.patient()), map[string]any{"cancer": "past"})
		if n := chase(24*time.Hour - time.Microsecond); n != 0 {
			t.Errorf("%d before the time", n)
		}
		if n := chase(time.Microsecond); n != 1 {
			t.Errorf("%d at the time", n)
		}
		if n := chase(100 * time.Hour); n != 0 {
			t.Errorf("%d a second time", n)
		}
		m := w.messages()
		if len(m) != 1 || m[0].GetKind() != "FORM_UNFINISHED" || m[0].GetPatientId() != patient || m[0].GetIntakeId() != left.GetIntakeId() || m[0].GetLanguageCode() != "en" {
			t.Fatalf("%v", m)
		}
		if text := protojson.Format(m[0]); strings.Contains(text, "cancer") || strings.Contains(text, "past") {
			t.Error(text)
		}
		if !m[0].GetLinkExpireTime().AsTime().Equal(w.clock.Now().Add(-100 * time.Hour).Add(7 * 24 * time.Hour)) {
			t.Errorf("the link is good until %v", m[0].GetLinkExpireTime().AsTime())
		}
		got, err := w.duty.ListIntakeMessages(w.as(typev1.Role_ROLE_ADMIN, clinicB), &intakev1.ListIntakeMessagesRequest{})
		if err != nil || len(got.GetMessages()) != 0 {
			t.Errorf("another clinic: %v, %v", got, err)
		}
		w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes"})
		if n := chase(48 * time.Hour); n != 0 {
			t.Errorf("%d with an emergency finding", n)
		}
		s := w.onDuty(&intakev1.TriageSettings{ChaseAfterHours: 2})
		w.start(w.patient())
		newest := w.start(w.patient()) // only the newest form of a patient
		if n := chase(2 * time.Hour); n != 1 || w.messages()[0].GetIntakeId() != newest.GetIntakeId() {
			t.Errorf("%d after the clinic's own time", n)
		}
		s.ChaseOff = true
		w.onDuty(s)
		w.start(w.patient())
		if n := chase(200 * time.Hour); n != 0 {
			t.Errorf("%d although switched off", n)
		}
	})
}

// The reminder carries a link that is made with it, opens the form after the identity check,
// and is nowhere else; it takes the place of a link from before, and a newer one takes its
// place, but nobody is reminded again.
func TestReminderCarriesALink(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"cancer": "past"})
		before := w.link(i.GetIntakeId())
		w.clock.Advance(24 * time.Hour)
		if n, err := w.svc.ChaseDrafts(t.Context()); n != 1 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		waiting := w.waiting()
		if len(waiting) != 1 || waiting[0].GetKind() != "FORM_UNFINISHED" || waiting[0].GetPatientId() != patient {
			t.Fatalf("%v", waiting)
		}
		text := protojson.Format(waiting[0])
		for _, word := range []string{"Rahman", "cancer", "past", "1980"} {
			if strings.Contains(text, word) {
				t.Errorf("the message says %q: %s", word, text)
			}
		}
		secret := strings.TrimPrefix(waiting[0].GetLink(), "/f/")
		_, err := w.open(before, "Rahman", "1980-02-29")
		refused(t, err, fault.Unauthenticated, "RESUME_REFUSED")
		opened, err := w.open(secret, "Rahman", "1980-02-29")
		if err != nil || opened.GetIntakeId() != i.GetIntakeId() {
			t.Fatalf("%v, %v", opened, err)
		}
		if text := protojson.Format(w.messages()[0]); strings.Contains(text, secret) {
			t.Error("staff read the secret of the link")
		}
		w.nowhere(secret, before)

		fresh := w.link(i.GetIntakeId())
		_, err = w.open(secret, "Rahman", "1980-02-29")
		refused(t, err, fault.Unauthenticated, "RESUME_REFUSED")
		if _, err := w.open(fresh, "Rahman", "1980-02-29"); err != nil {
			t.Error(err)
		}
		w.clock.Advance(8 * 24 * time.Hour)
		if n, err := w.svc.ChaseDrafts(t.Context()); n != 0 || err != nil || len(w.waiting()) != 0 {
			t.Errorf("%d, %v, %v", n, err, w.waiting())
		}
	})
}
