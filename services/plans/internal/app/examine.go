package app

import (
	"context"
	"log/slog"
	"slices"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/note"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListProcedureCodes gives what may be done at the sessions of a kind of care, or of any.
func (a *App) ListProcedureCodes(ctx context.Context, discipline string) ([]note.Procedure, error) {
	_, _, err := caller(ctx, "")
	var out []note.Procedure
	for _, p := range a.cfg.Notes.Procedures {
		if discipline == "" || slices.Contains(p.Disciplines, discipline) {
			out = append(out, p)
		}
	}
	return out, err
}

// ExaminationRules gives what examinations measure, and what they are judged by.
func (a *App) ExaminationRules(ctx context.Context) (note.Rules, error) {
	_, _, err := caller(ctx, "")
	return a.cfg.Notes, err
}

// ExaminationFact is what was measured.
type ExaminationFact struct {
	note.Examination
	PatientID   string
	Date        civil.Date // zero: today
	Note        string
	Fingerprint []byte // of the request
}

// RecordExamination keeps an examination and draws the consequences. It fails with the
// refusals of note.Rules.Examine, with INVALID_ARGUMENT for a date that has not come, and with
// NOT_FOUND for an unknown patient.
func (a *App) RecordExamination(ctx context.Context, f ExaminationFact) (store.Examination, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Examination{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, f.PatientID)
	if err != nil {
		return store.Examination{}, err
	}
	result, err := a.cfg.Notes.Examine(&f.Examination)
	if err != nil {
		return store.Examination{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return store.Examination{}, err
	}
	if f.Date.IsZero() {
		f.Date = today
	}
	if f.Date.After(today) {
		return store.Examination{}, fault.Invalid("local_date", "has not come yet")
	}
	e := store.Examination{
		Examination: f.Examination, ID: ident.New("exm"), OriginPatientID: f.PatientID, Date: f.Date, Findings: result.Findings, Note: f.Note,
		Blocking: result.Blocking, CreatedBy: p.Subject, Version: 1,
	}
	var changed []store.Examination
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		changed = nil
		id, _, err := requestid.Once(ctx, tx, "ExaminationService.RecordExamination", f.Fingerprint, func() (_ string, err error) {
			changed, err = a.keepExamination(ctx, tx, clinicID, survivor, p, e, result)
			return e.ID, err
		})
		if err != nil {
			return err
		}
		e, err = store.ExaminationByID(tx, clinicID, survivor, id)
		return err
	})
	if err == nil {
		a.tellBooking(ctx, clinicID, changed)
	}
	return e, err
}

// keepExamination is the transaction's part. It gives the examinations that forbid something
// from now on, or no more.
func (a *App) keepExamination(
	ctx context.Context, tx *sqldb.Tx, clinicID, survivor string, p authn.Principal, e store.Examination, result note.Result,
) (changed []store.Examination, err error) {
	head, err := store.LockHead(tx, clinicID, survivor)
	if err != nil {
		return nil, err
	}
	e.PatientID, e.CreatedAt = head.PatientID, tx.Now()
	if err := store.InsertExamination(tx, clinicID, e); err != nil {
		return nil, err
	}
	if err := a.followExamination(ctx, tx, head, e); err != nil {
		return nil, err
	}
	if e.Blocking {
		changed = append(changed, e)
	}
	if result.Clears && slices.Contains(a.cfg.Notes.ClearingProfessions, profession(p)) {
		if changed, err = a.clearAll(ctx, tx, head, p.Subject, e.ID); err != nil {
			return nil, err
		}
	}
	return changed, a.tellExamination(ctx, tx, clinicID, e, "examination.record")
}

// tellTimeout bounds how long whoever records an examination waits for booking to hear of it.
const tellTimeout = 2 * time.Second

// tellBooking lets booking know what examinations forbid before whoever has changed it gets
// the answer, so that the very next booking is refused. When booking cannot be reached the
// event reaches it later.
func (a *App) tellBooking(ctx context.Context, clinicID string, changed []store.Examination) {
	ctx, cancel := context.WithTimeout(ctx, tellTimeout)
	defer cancel()
	for _, e := range changed {
		if err := a.asks.KeepCareBlock(ctx, clinicID, e.OriginPatientID, e.ID, e.Version, a.forbidden(e)); err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "booking hears of an examination by its event only",
				slog.String("clinic_id", clinicID), slog.Any("error", err))
			return
		}
	}
}

// forbidden are the kinds of care that an examination forbids as it stands (F108).
func (a *App) forbidden(e store.Examination) []string {
	if !e.Blocking {
		return nil
	}
	return a.cfg.Notes.NeuroBlocks
}

// followExamination raises what a clinician must decide about, and flags booked sessions that an
// abnormal examination forbids.
func (a *App) followExamination(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Examination) error {
	if e.Blocking {
		if _, err := raise(ctx, tx, head, store.Issue{Rule: RuleNeuro, Severity: "HIGH", Codes: e.Findings}); err != nil {
			return err
		}
		entries, err := store.EntriesOfPatient(tx, head.ClinicID, head.PatientID)
		if err != nil {
			return err
		}
		return raiseBlocks(ctx, tx, head, a.alsoExamined(plan.Blocks{}, true), toCome(entries, tx))
	}
	severity := map[string]string{note.ScoliosisRecheck: "MODERATE", note.ScoliosisMeasure: "LOW"}
	for _, f := range e.Findings {
		var err error
		switch {
		case f == note.ScoliosisRefer: // which raises an issue of its own
			origin := referral.Referral{Trigger: "EXAMINATION", OriginPatientID: e.OriginPatientID}
			err = a.proposeReferrals(ctx, tx, head, origin, []string{RuleBend})
		case severity[f] != "":
			_, err = raise(ctx, tx, head, store.Issue{Rule: RuleBend, Severity: severity[f], Codes: []string{f}})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// alsoExamined adds to what is known against care what an abnormal examination forbids (F108).
func (a *App) alsoExamined(b plan.Blocks, abnormal bool) plan.Blocks {
	if !abnormal {
		return b
	}
	out := plan.Blocks{Hard: map[string][]string{}}
	for _, care := range a.cfg.Notes.NeuroBlocks {
		out.Hard[care] = []string{note.NeuroAbnormal}
	}
	return b.And(out)
}

func (a *App) tellExamination(ctx context.Context, tx *sqldb.Tx, clinicID string, e store.Examination, action string) error {
	m := &plansv1.ExaminationRecorded{
		ClinicId: clinicID, PatientId: e.PatientID, ExaminationId: e.ID, Kind: e.Kind, Blocking: e.Blocking, OriginPatientId: e.OriginPatientID,
	}
	for _, care := range a.forbidden(e) {
		m.Forbidden = append(m.Forbidden, disciplineEnum(care))
	}
	err := eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "examination", AggregateID: e.ID, AggregateVersion: e.Version, Message: m})
	if err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: e.ID, PatientID: e.PatientID, Facts: map[string]string{"kind": e.Kind}})
}

// clearAll lifts every block of a person for a later examination that was normal, and gives
// the examinations that it has lifted.
func (a *App) clearAll(ctx context.Context, tx *sqldb.Tx, head store.Head, by, later string) ([]store.Examination, error) {
	list, err := store.Examinations(tx, head.ClinicID, head.PatientID, note.Neuro)
	if err != nil {
		return nil, err
	}
	var lifted []store.Examination
	for _, e := range list {
		if !e.Blocking {
			continue
		}
		if err := a.lift(ctx, tx, head, &e, by, "normal in "+later); err != nil {
			return nil, err
		}
		lifted = append(lifted, e)
	}
	return lifted, nil
}

// lift lifts one block, and settles the issue once no other is left.
func (a *App) lift(ctx context.Context, tx *sqldb.Tx, head store.Head, e *store.Examination, by, reason string) error {
	e.ClearedBy, e.ClearedAt, e.ClearReason = by, tx.Now(), reason
	if err := store.ClearExamination(tx, head.ClinicID, e); err != nil {
		return err
	}
	if err := a.tellExamination(ctx, tx, head.ClinicID, *e, "examination.clear"); err != nil {
		return err
	}
	still, err := store.Blocked(tx, head.ClinicID, head.PatientID)
	if err != nil || still {
		return err
	}
	mine := func(i store.Issue) bool {
		return i.Rule == RuleNeuro || i.Rule == RuleBlocked && slices.Equal(i.Codes, []string{note.NeuroAbnormal})
	}
	return settleIssues(ctx, tx, head, by, "NOT_AN_ISSUE", mine)
}

// ClearExamination lifts what an examination forbids. It fails with PROFESSION_REQUIRED,
// NOT_FOUND, NOT_BLOCKING and VERSION_MISMATCH.
func (a *App) ClearExamination(ctx context.Context, patientID, examinationID, etag, reason string, fingerprint []byte) (store.Examination, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Examination{}, err
	}
	if !slices.Contains(a.cfg.Notes.ClearingProfessions, profession(p)) {
		return store.Examination{}, fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "A physician, physiotherapist or chiropractor clears this.")
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return store.Examination{}, err
	}
	var e store.Examination
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "ExaminationService.ClearExamination", fingerprint, examinationID, func() error {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return err
			}
			e, err := store.ExaminationByID(tx, clinicID, head.PatientID, examinationID)
			if err != nil {
				return err
			}
			if err := etagMatches(etag, e.Version); err != nil {
				return err
			}
			if !e.Blocking {
				return fault.New(fault.FailedPrecondition, "NOT_BLOCKING", "The examination forbids nothing.")
			}
			return a.lift(ctx, tx, head, &e, p.Subject, reason)
		})
		if err != nil {
			return err
		}
		e, err = store.ExaminationByID(tx, clinicID, survivor, examinationID)
		return err
	})
	if err == nil {
		a.tellBooking(ctx, clinicID, []store.Examination{e})
	}
	return e, err
}

// ListExaminations gives a patient's examinations, newest first.
func (a *App) ListExaminations(ctx context.Context, patientID, kind string) ([]store.Examination, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var list []store.Examination
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = store.Examinations(tx, clinicID, survivor, kind)
		return err
	})
	if err != nil {
		return nil, err
	}
	return list, a.logRead(ctx, p, "examination.list", survivor, survivor)
}
