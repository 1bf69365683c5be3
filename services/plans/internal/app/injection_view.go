package app

import (
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
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
	// FollowUps are when the patient is asked how it went, and the answers.
	FollowUps []FollowUp
	// Missing names what of the complete record nobody has entered, by field; clinicians only.
	Missing []string
	// Complications are those that the signed consent names.
	Complications []string
	// AdverseEvents are what went wrong after it, oldest first.
	AdverseEvents []store.AdverseEvent
}

// FollowUp is a time at which the patient is asked how it went.
type FollowUp struct {
	CheckIn store.CheckIn
	// State is SCHEDULED, DUE, OVERDUE, ANSWERED, SKIPPED or CANCELLED.
	State string
}

// adviceOf is what the patient was told after the check-in with the code.
func (v InjectionView) adviceOf(code string) string {
	for _, f := range v.FollowUps {
		if f.CheckIn.Code == code {
			return f.CheckIn.Advice
		}
	}
	return ""
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
	checkIns, err := store.CheckInsOf(tx, clinicID, patientID)
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
			FollowUps: a.followUps(checkIns[e.InjectionID]), AdverseEvents: events[e.InjectionID],
		}
		if r, ok := records[e.InjectionID]; ok {
			a.describe(&v, r, view)
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

// describe adds what was given; only clinicians see notes and what is missing.
func (a *App) describe(v *InjectionView, r store.Record, view View) {
	if consent, known := a.cfg.Aftercare.Consent(r.ConsentVersion); known {
		for _, c := range consent.Complications {
			v.Complications = append(v.Complications, c.Code)
		}
	}
	if view == Clinicians {
		v.Missing = a.missingOf(v.Entry, r, len(v.Complications) > 0)
	} else {
		r.Note = ""
		for i := range v.AdverseEvents {
			v.AdverseEvents[i].Note = ""
		}
	}
	v.Record = &r
}

// missingOf names what of the complete record of an injection of this clinic is not there.
func (a *App) missingOf(e store.Entry, r store.Record, consented bool) []string {
	if e.Source != SourceClinic || !injectionState(e).Given() {
		return nil
	}
	var out []string
	missing := func(field string, is bool) {
		if is {
			out = append(out, field)
		}
	}
	missing("consent_version", r.ConsentVersion == "")
	missing("consent_complications", r.ConsentVersion != "" && !consented)
	missing("pain_before", r.PainBefore == nil)
	missing("pain_after", r.PainAfter == nil)
	missing("drugs.expire_date", slices.ContainsFunc(r.Drugs, func(d store.Drug) bool { return d.ExpireDate == "" }))
	steroid := func(d store.Drug) bool { return a.cfg.Steroids.IsSteroid(d.Name) }
	missing("drugs.anaesthetic", len(slices.DeleteFunc(slices.Clone(r.Drugs), steroid)) == 0) // F122: both
	return out
}

// followUps are an injection's check-ins as they stand now.
func (a *App) followUps(list []store.CheckIn) []FollowUp {
	out := make([]FollowUp, len(list))
	for i, c := range list {
		out[i] = FollowUp{CheckIn: c, State: a.checkInState(c)}
	}
	return out
}

// viewInjection gives one row of a person's ledger as clinicians see it, or NOT_FOUND.
func (a *App) viewInjection(tx *sqldb.Tx, clinicID, patientID, injectionID string) (InjectionView, error) {
	return a.viewInjectionAs(tx, clinicID, patientID, injectionID, Clinicians)
}

// viewInjectionAs gives one row of a person's ledger, or NOT_FOUND.
func (a *App) viewInjectionAs(tx *sqldb.Tx, clinicID, patientID, injectionID string, view View) (InjectionView, error) {
	all, err := a.viewInjections(tx, clinicID, patientID, view)
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
