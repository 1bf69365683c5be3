package app

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// What a new form begins with when a patient gets worse.
const (
	courseQuestion = "course"
	worsening      = "worsening"
)

// ReportWorsening starts a new form after a patient got worse, with that already answered,
// and voids the result in force unless it is stricter than a clinician's look (seed fact
// F031). It fails with NOT_FOUND for an intake that the caller may not know of, and with
// FAILED_PRECONDITION, NOT_SUBMITTED, for a draft.
func (a *App) ReportWorsening(ctx context.Context, intakeID string, fingerprint []byte) (view IntakeView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	var counted []store.Step
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		counted = nil
		before, who, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		if before.State != Submitted {
			return fault.New(fault.FailedPrecondition, "NOT_SUBMITTED", "This form is not handed in yet: change the answer on it.").
				With("intake_id", intakeID)
		}
		id, _, err := requestid.OnceAs(ctx, tx, "ReportWorsening", fingerprint, ident.New("int"), func() error { return nil })
		if err != nil {
			return err
		}
		i, ok, err := store.GetIntake(tx, p.ClinicID, id)
		if err != nil {
			return err
		}
		if !ok {
			if i, err = a.restart(ctx, tx, p, id, before, who, zone); err != nil {
				return err
			}
			step, err := countStarted(tx, i, "", zone)
			if err != nil {
				return err
			}
			counted = append(counted, step)
		}
		view, err = a.fullView(tx, p, i)
		return err
	})
	if err == nil {
		a.steps.add(ctx, counted...)
	}
	return view, err
}

func (a *App) restart(ctx context.Context, tx *sqldb.Tx, p authn.Principal, id string, before store.Intake, who person, zone *time.Location) (store.Intake, error) {
	set, err := a.forms.Current(p.ClinicID, "")
	if err != nil {
		return before, err
	}
	i, err := startIntake(ctx, tx, p, id, before.PatientID, set, a.forms.openLanguage(p.ClinicID, set, before.Language))
	if err != nil {
		return i, err
	}
	if set.Check(courseQuestion, triage.Choice(worsening)) == nil { // a clinic's own form may not ask
		if err := putAnswer(tx, p, i, courseQuestion, UpdateIntake{Answers: triage.Answers{courseQuestion: triage.Choice(worsening)}}, store.Writer{}, 1); err != nil {
			return i, err
		}
	}
	told := &intakev1.TriageOverridden{ClinicId: p.ClinicID, PatientId: who.rootID}
	err = a.moveGate(ctx, tx, p.ClinicID, who, func(g *store.Gate) {
		void(g, triage.ClinicianReview, tx.Now(), set, zone)
		told.IntakeId, told.Level = g.IntakeID, typev1.TriageLevel(g.Level)
	}, func(version int64) proto.Message {
		told.GateVersion = version
		return told
	})
	if err != nil {
		return i, err
	}
	return i, audit.Write(ctx, tx, audit.Entry{
		Action: "intake.report_worsening", Resource: before.IntakeID, PatientID: before.PatientID, Facts: map[string]string{"intake_id": id},
	})
}
