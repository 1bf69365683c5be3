package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Amendment corrects a record of the ledger. The record stays readable.
type Amendment struct {
	PatientID   string
	InjectionID string
	Etag        string
	Action      string // MARK_ENTERED_IN_ERROR, RESTORE, LINK_DUPLICATE or UNLINK_DUPLICATE
	DuplicateOf string // for LINK_DUPLICATE
	Reason      string
	Fingerprint []byte // of the request
}

// AmendInjection corrects a record. It fails with PROFESSION_REQUIRED unless a physician
// does it, NOT_FOUND, VERSION_MISMATCH, and AMEND_NOT_POSSIBLE when the record is not in a
// state for the action. A record that counts again is never refused for the limit: what
// overflows becomes an issue.
func (a *App) AmendInjection(ctx context.Context, m Amendment) (InjectionView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return InjectionView{}, err
	}
	if err := physician(p); err != nil {
		return InjectionView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, m.PatientID)
	if err != nil {
		return InjectionView{}, err
	}
	var v InjectionView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "InjectionService.AmendInjection", m.Fingerprint, m.InjectionID, func() error {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return err
			}
			if err := a.amend(ctx, tx, head, m); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "injection.amend", Resource: m.InjectionID, PatientID: head.PatientID, Facts: map[string]string{"action": m.Action},
			})
		})
		if err != nil {
			return err
		}
		v, err = a.viewInjection(tx, clinicID, survivor, m.InjectionID)
		return err
	})
	return v, err
}

func (a *App) amend(ctx context.Context, tx *sqldb.Tx, head store.Head, m Amendment) error {
	e, ok, err := store.EntryByInjection(tx, head.ClinicID, m.InjectionID)
	if err != nil {
		return err
	}
	if !ok || e.PatientID != head.PatientID {
		return fault.NotFoundf("injection")
	}
	if err := etagMatches(m.Etag, e.Version); err != nil {
		return err
	}
	before := injectionRecord(e)
	if err := a.correct(tx, head, &e, m); err != nil {
		return err
	}
	if err := store.UpdateEntry(tx, &e); err != nil {
		return err
	}
	if err := a.amendCheckIns(tx, head, e); err != nil {
		return err
	}
	if err := a.tellRecorded(ctx, tx, head, e); err != nil {
		return err
	}
	// A record that counted and counts on the same day takes nothing that was not taken.
	after := injectionRecord(e)
	if !a.cfg.Policy.Counts(after) || a.cfg.Policy.Counts(before) && before.Span == after.Span {
		return nil
	}
	return a.overflowOf(ctx, tx, head, e)
}

// amendCheckIns asks nobody any more about a record that was struck out or repeats another,
// and plans to ask again when that is taken back.
func (a *App) amendCheckIns(tx *sqldb.Tx, head store.Head, e store.Entry) error {
	if injection.State(e.State).Given() && e.DuplicateOf == "" {
		return a.planCheckIns(tx, head, e)
	}
	return store.CancelCheckIns(tx, head.ClinicID, e.InjectionID)
}

// correct changes the entry as the amendment says.
func (a *App) correct(tx *sqldb.Tx, head store.Head, e *store.Entry, m Amendment) error {
	switch m.Action {
	case "MARK_ENTERED_IN_ERROR":
		if open(*e) || e.State == string(injection.EnteredInError) {
			return notPossible(*e, "There is no record to strike out.")
		}
		if isClaim(*e) { // the session is again what booking says it is
			settle(e, store.MissedPolicy{}, false) // of an injection a missed session never counts
			e.LocalDate = e.BookedDate
			return nil
		}
		// Booking has no say in a row that is no claim: its outcome keeps the state to restore.
		e.Outcome, e.State = e.State, string(injection.EnteredInError)
	case "RESTORE":
		if e.State != string(injection.EnteredInError) {
			return notPossible(*e, "The record is not struck out.")
		}
		e.State, e.Outcome = e.Outcome, ""
	case "LINK_DUPLICATE":
		return link(tx, head, e, m.DuplicateOf)
	case "UNLINK_DUPLICATE":
		if e.DuplicateOf == "" {
			return notPossible(*e, "The record is linked to no other.")
		}
		e.DuplicateOf = ""
	}
	return nil
}

// link makes a record the duplicate of another, which must count by itself: a chain would
// let a session vanish from the count.
func link(tx *sqldb.Tx, head store.Head, e *store.Entry, of string) error {
	original, ok, err := store.EntryByInjection(tx, head.ClinicID, of)
	if err != nil {
		return err
	}
	if !ok || original.PatientID != head.PatientID {
		return fault.Invalid("duplicate_of", "the patient has no such injection")
	}
	all, err := store.Injections(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.DuplicateOf == e.InjectionID {
			return notPossible(*e, "Another record is linked to this one.")
		}
	}
	if original.InjectionID == e.InjectionID || original.DuplicateOf != "" || !injectionState(original).Counts() {
		return fault.Invalid("duplicate_of", "must be another record that counts by itself")
	}
	e.DuplicateOf = of
	return nil
}

func notPossible(e store.Entry, message string) error {
	return fault.New(fault.FailedPrecondition, "AMEND_NOT_POSSIBLE", message).With("injection_id", e.InjectionID).With("state", e.State)
}
