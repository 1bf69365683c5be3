package app

import (
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// InjectionView is a row of the injection ledger as somebody may see it.
type InjectionView struct {
	Entry    store.Entry
	State    injection.State
	Counting bool
	// Record is what was given; nil when nothing is recorded.
	Record *store.Record
	// OpenIssues are the ids of open issues that name it; clinicians only.
	OpenIssues []string
	// FollowUps are when the patient is asked how it went.
	FollowUps []FollowUp
	// AdverseEvents are what went wrong after it, oldest first.
	AdverseEvents []store.AdverseEvent
}

// FollowUp is a date on which the patient is asked how it went.
type FollowUp struct {
	Code string
	Date civil.Date
}

// viewInjections gives a person's ledger, newest first. Patients see neither notes nor
// issues.
func (a *App) viewInjections(tx *sqldb.Tx, clinicID, patientID string, view View) ([]InjectionView, error) {
	entries, err := store.Injections(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	records, err := store.RecordsOf(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	events, err := store.AdverseEventsOf(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	var open []store.Issue
	if view == Clinicians {
		if open, err = store.OpenIssues(tx, clinicID, patientID); err != nil {
			return nil, err
		}
	}
	var out []InjectionView
	for _, e := range slices.Backward(entries) {
		if e.LocalDate.IsZero() {
			continue // voided before its claim came
		}
		v := InjectionView{
			Entry: e, State: injectionState(e), Counting: a.cfg.Policy.Counts(injectionRecord(e)),
			FollowUps: a.followUps(e), AdverseEvents: events[e.InjectionID],
		}
		if r, ok := records[e.InjectionID]; ok {
			if view != Clinicians {
				r.Note = ""
				for i := range v.AdverseEvents {
					v.AdverseEvents[i].Note = ""
				}
			}
			v.Record = &r
		}
		for _, i := range open {
			if slices.Contains(i.InjectionIDs, e.InjectionID) {
				v.OpenIssues = append(v.OpenIssues, i.ID)
			}
		}
		out = append(out, v)
	}
	return out, nil
}

// followUps are the dates on which the patient is asked how an injection of this clinic
// went.
func (a *App) followUps(e store.Entry) []FollowUp {
	if e.Source != SourceClinic || !injectionState(e).Given() || !e.Month.IsZero() {
		return nil
	}
	var out []FollowUp
	for _, f := range a.cfg.Policy.FollowUps {
		out = append(out, FollowUp{Code: f.Code, Date: e.LocalDate.AddDays(f.Days)})
	}
	return out
}

// viewInjection gives one row of a person's ledger, or NOT_FOUND.
func (a *App) viewInjection(tx *sqldb.Tx, clinicID, patientID, injectionID string) (InjectionView, error) {
	all, err := a.viewInjections(tx, clinicID, patientID, Clinicians)
	if err != nil {
		return InjectionView{}, err
	}
	for _, v := range all {
		if v.Entry.InjectionID == injectionID {
			return v, nil
		}
	}
	return InjectionView{}, fault.NotFoundf("injection")
}
