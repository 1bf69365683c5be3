package app

import (
	"context"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/steroid"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SteroidLedger is the corticosteroid that a person was injected with, and its totals.
type SteroidLedger struct {
	Doses  []steroid.Dose // newest first
	Totals []steroid.Total
	// Incomplete: something is not recorded, or has no known equivalent.
	Incomplete bool
}

// GetSteroidLedger adds up a person's corticosteroid up to a date; the zero date is today
// at the clinic. It advises and refuses nothing. NOT_FOUND for an unknown patient.
func (a *App) GetSteroidLedger(ctx context.Context, patientID string, date civil.Date) (SteroidLedger, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return SteroidLedger{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return SteroidLedger{}, err
	}
	if date.IsZero() {
		if date, err = a.today(ctx, clinicID); err != nil {
			return SteroidLedger{}, err
		}
	}
	var out SteroidLedger
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = a.steroids(tx, clinicID, survivor, date)
		return err
	})
	if err != nil {
		return SteroidLedger{}, err
	}
	return out, a.logRead(ctx, p, "steroid.read", survivor, survivor)
}

// steroids adds up what was given by any kind of injection. A duplicate and a record that
// was struck out hold nothing.
func (a *App) steroids(tx *sqldb.Tx, clinicID, patientID string, date civil.Date) (SteroidLedger, error) {
	entries, err := store.Injections(tx, clinicID, patientID)
	if err != nil {
		return SteroidLedger{}, err
	}
	records, err := store.RecordsOf(tx, clinicID, patientID)
	if err != nil {
		return SteroidLedger{}, err
	}
	var out SteroidLedger
	for _, e := range slices.Backward(entries) {
		if !injectionState(e).Given() || e.DuplicateOf != "" {
			continue
		}
		drugs := records[e.InjectionID].Drugs
		if len(drugs) == 0 { // given, and nobody has said what
			out.Incomplete = true
		}
		for _, d := range drugs {
			if !a.cfg.Steroids.IsSteroid(d.Name) {
				continue
			}
			dose := steroid.Dose{InjectionID: e.InjectionID, Date: injectionRecord(e).Span.Last, Drug: d.Name, Mg: d.DoseMg}
			if _, known := a.cfg.Steroids.AsReference(d.Name, d.DoseMg); !known {
				out.Incomplete = true
			}
			out.Doses = append(out.Doses, dose)
		}
	}
	out.Totals = a.cfg.Steroids.Totals(out.Doses, date)
	return out, nil
}

// steroidsOf raises the advisory issue of a record that brings a total above its limit.
func (a *App) steroidsOf(ctx context.Context, tx *sqldb.Tx, head store.Head, e store.Entry) error {
	if !injection.State(e.State).Given() {
		return nil
	}
	ledger, err := a.steroids(tx, head.ClinicID, head.PatientID, injectionRecord(e).Span.Last)
	months := ledger.above()
	if err != nil || len(months) == 0 {
		return err
	}
	_, err = raise(ctx, tx, head, store.Issue{
		Rule: RuleSteroid, Severity: "MODERATE", Discipline: injection.FacetJoint, Codes: months, InjectionIDs: []string{e.InjectionID},
	})
	return err
}

// above are the advisory limits that the totals exceed, as codes.
func (l SteroidLedger) above() []string {
	var months []string
	for _, t := range l.Totals {
		if t.Above() {
			months = append(months, "MONTHS_"+strconv.Itoa(t.Limit.Months))
		}
	}
	return months
}

// aboveSteroid are the advisory limits that one of the records exceeds, each by itself, at the
// date of its last injection.
func (a *App) aboveSteroid(tx *sqldb.Tx, clinicID string, patientIDs ...string) ([]string, error) {
	var out []string
	for _, id := range patientIDs {
		newest, ok, err := newestGiven(tx, store.Head{ClinicID: clinicID, PatientID: id})
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		ledger, err := a.steroids(tx, clinicID, id, injectionRecord(newest).Span.Last)
		if err != nil {
			return nil, err
		}
		out = append(out, ledger.above()...)
	}
	return out, nil
}

// SteroidEquivalent gives a dose as the reference drug; 0 when no equivalent is known.
func (a *App) SteroidEquivalent(d steroid.Dose) float64 {
	mg, _ := a.cfg.Steroids.AsReference(d.Drug, d.Mg)
	return mg
}
