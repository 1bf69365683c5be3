package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TaskCommand names a task that is to be changed.
type TaskCommand struct {
	TaskID      string
	Etag        string // "" changes the task as it stands
	Fingerprint []byte
}

// AcknowledgeTriageTask makes the calling clinician the owner of a task. It fails with
// NOT_FOUND for a task of another clinic; FAILED_PRECONDITION, TASK_CLOSED, when it was
// decided before; ABORTED, VERSION_MISMATCH, when an etag is given and is old.
func (a *App) AcknowledgeTriageTask(ctx context.Context, in TaskCommand) (view TaskView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "AcknowledgeTriageTask", in.Fingerprint, in.TaskID, func() error {
			t, err := lockTask(tx, p.ClinicID, in.TaskID)
			if err != nil {
				return err
			}
			if t.State == Acknowledged && t.Owner == p.Subject {
				return nil
			}
			if err := checkEtag(in.Etag, t.Version); err != nil {
				return err
			}
			if t.State == Decided {
				return fault.New(fault.FailedPrecondition, "TASK_CLOSED", "This task was decided before.").With("task_id", t.TaskID)
			}
			t.State, t.Owner, t.AcknowledgedBy, t.AcknowledgedAt = Acknowledged, p.Subject, p.Subject, tx.Now()
			if err := watch(tx, &t); err != nil {
				return err
			}
			if err := saveTask(tx, t); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "triage_task.acknowledge", Resource: t.TaskID, PatientID: t.PatientID})
		})
		if err != nil {
			return err
		}
		t, err := lockTask(tx, p.ClinicID, in.TaskID)
		view = taskView(t, tx.Now())
		return err
	})
	return view, err
}

// lockTask reads a task that nobody else changes until the transaction ends. It fails with
// NOT_FOUND for a task of another clinic.
func lockTask(tx *sqldb.Tx, clinicID, taskID string) (store.Task, error) {
	t, ok, err := store.LockTask(tx, clinicID, taskID)
	if err == nil && !ok {
		err = fault.NotFoundf("triage task")
	}
	return t, err
}
