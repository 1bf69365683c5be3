package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// taskAggregate is the kind of thing that events of a task happen to.
const taskAggregate = "triage_task"

// lateBatch is the most tasks, or drafts, that one round looks at.
const lateBatch = 100

// dutyOf is who answers for a clinic's tasks.
func dutyOf(tx *sqldb.Tx, clinicID string) (gate.Duty, error) {
	s, err := store.GetSettings(tx, clinicID)
	return gate.Duty{
		Owners: s.Owners, SafetyOfficer: s.SafetyOfficer,
		Emergency: time.Duration(s.EmergencyMinutes) * time.Minute, Urgent: time.Duration(s.UrgentMinutes) * time.Minute,
	}, err
}

// watch sets when a task goes to the next owner, after its state, level or deadline changed.
func watch(tx *sqldb.Tx, t *store.Task) error {
	duty, err := dutyOf(tx, t.ClinicID)
	if err != nil {
		return err
	}
	switch t.State {
	case Open:
		t.EscalateAt = duty.Escalates(levelOf(t.Level), t.DueAt, tx.Now())
	case Acknowledged:
		t.EscalateAt = duty.EscalatesAcknowledged(t.DueAt, tx.Now())
	default:
		t.EscalateAt = time.Time{}
	}
	return nil
}

// EscalateTasks gives every late task to its next owner, and after the last to the clinical
// safety officer; each is told once. It may run in several processes at once: a task goes on
// once. It returns how many went on, and what failed; the others are tried all the same.
func (a *App) EscalateTasks(ctx context.Context) (int, error) {
	var late []store.TaskKey
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		late, err = store.LateTasks(tx, tx.Now(), lateBatch)
		return err
	})
	count := 0
	for _, k := range late {
		if ctx.Err() != nil {
			break
		}
		done := false
		one := a.db.Write(authn.WithService(ctx, Service, k.ClinicID), func(tx *sqldb.Tx) (err error) {
			done, err = escalate(authn.WithService(ctx, Service, k.ClinicID), tx, k)
			return err
		})
		if one != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "a late task did not go to its next owner",
				slog.String("clinic_id", k.ClinicID), slog.String("task_id", k.TaskID), slog.Any("error", one))
			err = errors.Join(err, one)
		}
		if done && one == nil {
			count++
		}
	}
	return count, err
}

// escalate gives one task to its next owner, if it is late still.
func escalate(ctx context.Context, tx *sqldb.Tx, k store.TaskKey) (bool, error) {
	t, ok, err := store.LockTask(tx, k.ClinicID, k.TaskID)
	if err != nil || !ok || t.State == Decided || t.EscalateAt.IsZero() || t.EscalateAt.After(tx.Now()) {
		return false, err
	}
	duty, err := dutyOf(tx, k.ClinicID)
	if err != nil {
		return false, err
	}
	next, last := duty.Next(t.Owner, t.Escalations)
	t.Owner, t.State, t.Escalations, t.EscalatedAt = next, Open, t.Escalations+1, tx.Now()
	t.EscalateAt = time.Time{}
	if !last {
		t.EscalateAt = duty.Escalates(levelOf(t.Level), t.DueAt, tx.Now())
	}
	if err := saveTask(tx, t); err != nil {
		return false, err
	}
	if next != "" {
		_, err := store.AddMessage(tx, store.Message{
			ClinicID: k.ClinicID, MessageID: ident.New("msg"), Kind: MessageLate, About: fmt.Sprintf("%s/%d", t.TaskID, t.Escalations), AccountID: next,
			TaskID: t.TaskID, Language: english, CreatedAt: tx.Now(),
		})
		if err != nil {
			return false, err
		}
	}
	err = eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: taskAggregate, AggregateID: t.TaskID, AggregateVersion: t.Version + 1,
		Message: &intakev1.TriageTaskEscalated{
			ClinicId: k.ClinicID, TaskId: t.TaskID, PatientId: t.PatientID, IntakeId: t.IntakeID, Level: typev1.TriageLevel(t.Level),
			OwnerAccountId: next, Escalations: int32(t.Escalations),
		},
	})
	if err != nil {
		return false, err
	}
	return true, audit.Write(ctx, tx, audit.Entry{
		Action: "triage_task.escalate", Resource: t.TaskID, PatientID: t.PatientID, Facts: map[string]string{"owner": next},
	})
}
