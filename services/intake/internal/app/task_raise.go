package app

import (
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// work is what a task is to say after a result.
type work struct {
	clinicID    string
	intakeID    string // "" for a mini-screen
	patientID   string
	level       triage.Level
	computed    triage.Level
	provisional bool
	withdrawn   bool
	raisedBy    string
}

// raiseTask raises the task of an intake, or brings the one that is there up to date. A
// level above the one that somebody has looked at opens it again, and its deadline only
// moves forward in urgency. Levels without work (clinical reference 4.1) raise none, but an
// open task stays until a clinician closes it. It returns the task's id, "" for none.
func raiseTask(tx *sqldb.Tx, set *triage.Set, w work, zone *time.Location) (string, error) {
	rule := set.LevelText(w.level).Task
	t, ok, err := taskOf(tx, w)
	if err != nil {
		return "", err
	}
	if !ok {
		if rule == nil {
			return "", nil
		}
		t := store.Task{
			ClinicID: w.clinicID, TaskID: ident.New("tsk"), IntakeID: w.intakeID, PatientID: w.patientID, State: Open,
			Level: int(w.level), ComputedLevel: int(w.computed), Provisional: w.provisional, AnswersWithdrawn: w.withdrawn,
			RaisedBy: w.raisedBy, DueAt: gate.Due(rule, tx.Now(), zone), CreatedAt: tx.Now(), Version: 1,
		}
		return t.TaskID, giveTask(tx, t)
	}
	before := t
	switch {
	case w.level > levelOf(t.Level):
		t.State = Open
		if rule != nil {
			if due := gate.Due(rule, tx.Now(), zone); due.Before(t.DueAt) || before.State == Decided {
				t.DueAt = due
			}
		}
	case w.level < levelOf(t.Level) && rule != nil && t.State != Decided:
		t.DueAt = gate.Due(rule, t.CreatedAt, zone)
	}
	t.Level, t.ComputedLevel = int(w.level), int(w.computed)
	t.Provisional, t.AnswersWithdrawn = w.provisional, t.AnswersWithdrawn || w.withdrawn
	if t == before {
		return t.TaskID, nil
	}
	if t.State != before.State || t.Level != before.Level || !t.DueAt.Equal(before.DueAt) {
		if err := watch(tx, &t); err != nil {
			return "", err
		}
	}
	return t.TaskID, saveTask(tx, t)
}

// giveTask adds a task, which the first who answers for tasks owns.
func giveTask(tx *sqldb.Tx, t store.Task) error {
	duty, err := dutyOf(tx, t.ClinicID)
	if err != nil {
		return err
	}
	t.Owner = duty.First()
	t.EscalateAt = duty.Escalates(levelOf(t.Level), t.DueAt, tx.Now())
	return store.InsertTask(tx, t)
}

func taskOf(tx *sqldb.Tx, w work) (store.Task, bool, error) {
	if w.intakeID == "" {
		return store.Task{}, false, nil
	}
	return store.TaskOfIntake(tx, w.clinicID, w.intakeID)
}

// saveTask stores a changed task, or refuses with ABORTED, VERSION_MISMATCH when somebody
// else changed it since it was read.
func saveTask(tx *sqldb.Tx, t store.Task) error {
	ok, err := store.UpdateTask(tx, t)
	if err == nil && !ok {
		return versionMismatch(t.Version)
	}
	return err
}
