package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// AdverseEvent is what went wrong after an injection, as a clinician reports it (F128).
type AdverseEvent struct {
	PatientID   string
	InjectionID string
	Code        string
	Date        civil.Date
	Note        string
	Fingerprint []byte // of the request
}

// RecordAdverseEvent links what went wrong to its injection and raises an issue. It fails
// with NOT_FOUND, NOT_GIVEN when nothing was given, and INVALID_ARGUMENT for a date before
// the injection or OTHER without a note.
func (a *App) RecordAdverseEvent(ctx context.Context, ev AdverseEvent) (InjectionView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return InjectionView{}, err
	}
	if ev.Code == "OTHER" && ev.Note == "" {
		return InjectionView{}, fault.Invalid("note", "says what happened when the code does not")
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, ev.PatientID)
	if err != nil {
		return InjectionView{}, err
	}
	var v InjectionView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "InjectionService.RecordAdverseEvent", ev.Fingerprint, ev.InjectionID, func() error {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return err
			}
			if err := addAdverseEvent(ctx, tx, head, ev, p.Subject); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "injection.adverse_event", Resource: ev.InjectionID, PatientID: head.PatientID, Facts: map[string]string{"code": ev.Code},
			})
		})
		if err != nil {
			return err
		}
		v, err = a.viewInjection(tx, clinicID, survivor, ev.InjectionID)
		return err
	})
	return v, err
}

func addAdverseEvent(ctx context.Context, tx *sqldb.Tx, head store.Head, ev AdverseEvent, by string) error {
	e, ok, err := store.EntryByInjection(tx, head.ClinicID, ev.InjectionID)
	if err != nil {
		return err
	}
	switch {
	case !ok || e.PatientID != head.PatientID:
		return fault.NotFoundf("injection")
	case !injectionState(e).Given():
		return fault.New(fault.FailedPrecondition, "NOT_GIVEN", "Nothing was given at this session.").With("state", e.State)
	case ev.Date.Before(injectionRecord(e).Span.First):
		return fault.Invalid("local_date", "is before the injection")
	}
	err = store.InsertAdverseEvent(tx, head.ClinicID, store.AdverseEvent{
		ID: ident.New("adv"), InjectionID: ev.InjectionID, Code: ev.Code, LocalDate: ev.Date.String(), Note: ev.Note,
		RecordedBy: by, RecordedAt: tx.Now(),
	})
	if err != nil {
		return err
	}
	_, err = raise(ctx, tx, head, store.Issue{
		Rule: RuleAdverse, Severity: "HIGH", PlanID: e.PlanID, Discipline: e.Discipline, Codes: []string{ev.Code}, InjectionIDs: []string{ev.InjectionID},
	})
	return err
}
