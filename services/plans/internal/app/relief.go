package app

import (
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Consents gives the texts that patients sign before an injection.
func (a *App) Consents() aftercare.Rules { return a.cfg.Aftercare }

// ReliefView is what an injection did to the pain.
type ReliefView struct {
	PainBefore *int // nil when nobody has recorded it: then nothing can be computed
	Relief     aftercare.Relief
}

// GetRelief computes from pain scores what an injection did, until the next one. It fails
// with NOT_FOUND, and with NOT_GIVEN when nothing was given or only the month is known.
func (a *App) GetRelief(ctx context.Context, patientID, injectionID string) (ReliefView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return ReliefView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	loc, err := a.zone(ctx, clinicID)
	if err != nil {
		return ReliefView{}, err
	}
	var out ReliefView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = a.relief(tx, clinicID, survivor, injectionID, loc)
		return err
	})
	if err != nil {
		return ReliefView{}, err
	}
	return out, a.logRead(ctx, p, "injection.relief", injectionID, survivor)
}

func (a *App) relief(tx *sqldb.Tx, clinicID, patientID, injectionID string, loc *time.Location) (ReliefView, error) {
	all, err := store.Injections(tx, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	i := slices.IndexFunc(all, func(e store.Entry) bool { return e.InjectionID == injectionID })
	if i < 0 {
		return ReliefView{}, fault.NotFoundf("injection")
	}
	e := all[i]
	if !injectionState(e).Given() || !e.Month.IsZero() {
		return ReliefView{}, fault.New(fault.FailedPrecondition, "NOT_GIVEN", "Nothing was given at this session, or its day is not known.").With("state", e.State)
	}
	var next civil.Date
	for _, o := range all[i+1:] {
		if injectionState(o).Given() && o.Kind == injection.FacetJoint && o.DuplicateOf == "" && o.LocalDate.After(e.LocalDate) {
			next = o.LocalDate
			break
		}
	}
	records, err := store.RecordsOf(tx, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	r := records[injectionID]
	if r.PainBefore == nil {
		return ReliefView{}, nil
	}
	entries, err := painEntries(tx, clinicID, patientID, loc)
	if err != nil {
		return ReliefView{}, err
	}
	if r.PainAfter != nil {
		entries = append(entries, aftercare.Entry{Date: e.LocalDate, Pain: *r.PainAfter})
	}
	return ReliefView{PainBefore: r.PainBefore, Relief: a.cfg.Aftercare.ReliefOf(e.LocalDate, next, *r.PainBefore, entries)}, nil
}

// painEntries are a person's pain scores by civil day: the answers to check-ins.
func painEntries(tx *sqldb.Tx, clinicID, patientID string, loc *time.Location) ([]aftercare.Entry, error) {
	all, err := store.CheckInsOf(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var out []aftercare.Entry
	for _, list := range all {
		for _, c := range list {
			if c.State == store.CheckInAnswered && c.Pain != nil {
				out = append(out, aftercare.Entry{Date: civil.Of(c.AnsweredAt, loc), Pain: *c.Pain})
			}
		}
	}
	return out, nil
}
