package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TaskView is a task as somebody may see it at a time.
type TaskView struct {
	store.Task
	Overdue bool
}

func taskView(t store.Task, now time.Time) TaskView {
	return TaskView{Task: t, Overdue: t.State != Decided && now.After(t.DueAt)}
}

// ListTriageTasks returns a page of tasks from an offset on, most urgent first, without
// reasons, and the next offset (0 at the end).
func (a *App) ListTriageTasks(ctx context.Context, state, patientID string, offset, size int) (views []TaskView, next int, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return nil, 0, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		root := ""
		if patientID != "" {
			who, err := personOf(tx, p.ClinicID, patientID, false)
			if err != nil {
				return err
			}
			root = who.rootID
		}
		rows, err := store.ListTasks(tx, p.ClinicID, store.TaskFilter{State: state, RootID: root, Offset: offset, Limit: size + 1})
		if err != nil {
			return err
		}
		if len(rows) > size {
			rows, next = rows[:size], offset+size
		}
		for _, t := range rows {
			t.Reason = ""
			views = append(views, taskView(t, tx.Now()))
		}
		return nil
	})
	return views, next, err
}

// GetTriageTask returns a task, for clinicians with the reason of its decision, whose
// reading is recorded. It fails with NOT_FOUND for a task of another clinic.
func (a *App) GetTriageTask(ctx context.Context, taskID string) (view TaskView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		t, ok, err := store.GetTask(tx, p.ClinicID, taskID)
		if err == nil && !ok {
			err = fault.NotFoundf("triage task")
		}
		view = taskView(t, tx.Now())
		return err
	})
	if err != nil {
		return view, err
	}
	if audience(p) != Clinicians || view.Reason == "" {
		view.Reason = ""
		return view, nil
	}
	return view, audit.Read(ctx, a.db, audit.Entry{Action: "triage_task.read", Resource: taskID, PatientID: view.PatientID})
}
