package app

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// OutcomeAnswer is an answer to an instrument.
type OutcomeAnswer struct {
	PatientID   string
	Instrument  string
	Date        civil.Date // zero: today
	PlanID      string
	Answers     outcome.Answers
	Fingerprint []byte // of the request
}

// OutcomeView is an outcome with how it compares with the first of its plan.
type OutcomeView struct {
	store.Outcome
	Change *outcome.Change // nil for the first, and for one that is in error
}

// RecordOutcome scores an answer and keeps it. It fails with NOT_FOUND for an instrument that
// there is not and for a plan that is not the patient's, with INVALID_ARGUMENT and
// SCORE_ENTRY_ONLY as outcome.Instrument.Score, and with CLINICIAN_REQUIRED when a patient
// enters a score that only clinicians may.
func (a *App) RecordOutcome(ctx context.Context, r OutcomeAnswer) (OutcomeView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return OutcomeView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, r.PatientID)
	if err != nil {
		return OutcomeView{}, err
	}
	i, ok := a.cfg.Outcomes.Instrument(r.Instrument)
	switch {
	case !ok:
		return OutcomeView{}, fault.NotFoundf("instrument")
	case i.Scoring == outcome.ScoreEntry && viewOf(p) != Clinicians:
		return OutcomeView{}, fault.New(fault.PermissionDenied, "CLINICIAN_REQUIRED", "A clinician enters the score of this instrument.").With("instrument", i.ID)
	}
	scored, err := i.Score(r.Answers)
	if err != nil {
		return OutcomeView{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return OutcomeView{}, err
	}
	if r.Date.IsZero() {
		r.Date = today
	}
	if r.Date.After(today) {
		return OutcomeView{}, fault.Invalid("local_date", "has not come yet")
	}
	o := store.Outcome{
		ID: ident.New("out"), OriginPatientID: r.PatientID, Instrument: i.ID, InstrumentVersion: i.Version, Date: r.Date, Result: scored,
		Answers: r.Answers.Items, Activities: r.Answers.Activities, PlanID: r.PlanID, AnsweredBy: "PATIENT", CreatedBy: p.Subject, Version: 1,
	}
	if viewOf(p) == Clinicians {
		o.AnsweredBy = "CLINICIAN"
	}
	return a.keepOutcome(ctx, clinicID, survivor, o, r.Fingerprint)
}

// keepOutcome is the transaction.
func (a *App) keepOutcome(ctx context.Context, clinicID, survivor string, o store.Outcome, fingerprint []byte) (OutcomeView, error) {
	var v OutcomeView
	err := a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.Once(ctx, tx, "OutcomeService.RecordOutcome", fingerprint, func() (string, error) {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return "", err
			}
			if o.PlanID != "" {
				pl, err := store.PlanByID(tx, clinicID, o.PlanID)
				if err != nil {
					return "", err
				}
				if pl.PatientID != head.PatientID {
					return "", fault.NotFoundf("plan")
				}
			}
			o.PatientID, o.CreatedAt = head.PatientID, tx.Now()
			if err := store.InsertOutcome(tx, clinicID, o); err != nil {
				return "", err
			}
			if err := tellOutcome(ctx, tx, clinicID, o); err != nil {
				return "", err
			}
			if o.Instrument == "PHQ4" && o.Band == "SEVERE" { // triage rule R13
				origin := referral.Referral{Trigger: "EXAMINATION", PlanID: o.PlanID, OriginPatientID: o.OriginPatientID}
				if err := a.proposeReferrals(ctx, tx, head, origin, []string{"R13"}); err != nil {
					return "", err
				}
			}
			return o.ID, audit.Write(ctx, tx, audit.Entry{
				Action: "outcome.record", Resource: o.ID, PatientID: head.PatientID, Facts: map[string]string{"instrument": o.Instrument},
			})
		})
		if err != nil {
			return err
		}
		v, err = a.viewOutcome(tx, clinicID, survivor, id)
		return err
	})
	return v, err
}

func tellOutcome(ctx context.Context, tx *sqldb.Tx, clinicID string, o store.Outcome) error {
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "outcome", AggregateID: o.ID, AggregateVersion: o.Version,
		Message: &plansv1.OutcomeRecorded{
			ClinicId: clinicID, PatientId: o.PatientID, OutcomeId: o.ID, Instrument: o.Instrument, LocalDate: o.Date.String(),
		},
	})
}

// VoidOutcome marks an outcome as entered in error, for good: it stays readable with who said
// so and why, and counts no more. NOT_FOUND, VERSION_MISMATCH, ALREADY_IN_ERROR.
func (a *App) VoidOutcome(ctx context.Context, patientID, outcomeID, etag, reason string, fingerprint []byte) (OutcomeView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return OutcomeView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return OutcomeView{}, err
	}
	var v OutcomeView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "OutcomeService.VoidOutcome", fingerprint, outcomeID, func() error {
			o, err := store.OutcomeByID(tx, clinicID, survivor, outcomeID)
			if err != nil {
				return err
			}
			if err := etagMatches(etag, o.Version); err != nil {
				return err
			}
			if o.InError {
				return fault.New(fault.FailedPrecondition, "ALREADY_IN_ERROR", "The outcome was marked as entered in error before.")
			}
			if err := store.VoidOutcome(tx, clinicID, &o, store.Void{By: p.Subject, At: tx.Now(), Reason: reason}); err != nil {
				return err
			}
			if err := tellOutcome(ctx, tx, clinicID, o); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "outcome.void", Resource: o.ID, PatientID: o.PatientID})
		})
		if err != nil {
			return err
		}
		v, err = a.viewOutcome(tx, clinicID, survivor, outcomeID)
		return err
	})
	return v, err
}
