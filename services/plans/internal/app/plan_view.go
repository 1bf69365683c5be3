package app

import (
	"context"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// PlanView is a plan with what became of its sessions, as somebody may see it.
type PlanView struct {
	Plan plan.Plan
	// Counts are by course id.
	Counts map[string]Counts
	// ReviewDue are the ids of courses that wait for a review.
	ReviewDue []string
	// Thin are the ISO weeks, by course id, that have a session but fewer than the course is
	// meant to have in a week.
	Thin map[string][]string
	// Information is what a patient may read, by course id.
	Information map[string][]plan.Information
	// Missing names what of the order nobody has filled in; clinicians only.
	Missing []string
	// OpenIssues are the ids of open issues of the plan; clinicians and front desk only.
	OpenIssues []string
	// View says how much of it is shown.
	View View
}

// viewPlan loads what belongs to a plan's view, and takes out what the caller may not see:
// the front desk gets states, courses and counts, the patient no notes.
func (a *App) viewPlan(tx *sqldb.Tx, clinicID string, p plan.Plan, view View) (PlanView, error) {
	entries, err := store.EntriesOfPlan(tx, clinicID, p.ID)
	if err != nil {
		return PlanView{}, err
	}
	today, err := todayIn(tx, clinicID)
	if err != nil {
		return PlanView{}, err
	}
	v := PlanView{Plan: p, Counts: map[string]Counts{}, Thin: map[string][]string{}, Information: map[string][]plan.Information{}, View: view}
	if view == Clinicians {
		v.Missing = a.cfg.Catalogue.Missing(p)
	}
	for _, c := range p.Courses {
		sessions := sessionsOf(entries, p.ID, c.ID)
		v.Counts[c.ID] = countsOf(c, sessions, entries)
		v.Thin[c.ID] = plan.ThinWeeks(c, sessions)
		limits, _ := a.cfg.Catalogue.Discipline(c.Discipline)
		v.Information[c.ID] = limits.Information
		due, err := a.reviewDue(tx, clinicID, p, c, sessions, today)
		if err != nil {
			return PlanView{}, err
		}
		if due && p.State != plan.Closed {
			v.ReviewDue = append(v.ReviewDue, c.ID)
		}
	}
	if view != Patients {
		open, err := store.OpenIssues(tx, clinicID, p.PatientID)
		if err != nil {
			return PlanView{}, err
		}
		for _, i := range open {
			if i.PlanID == p.ID {
				v.OpenIssues = append(v.OpenIssues, i.ID)
			}
		}
	}
	v.Plan = redact(v.Plan, view)
	return v, nil
}

// redact takes out of a plan what the view does not show.
func redact(p plan.Plan, view View) plan.Plan {
	if view == Clinicians {
		return p
	}
	p.Note = ""
	p.Reviews = slices.Clone(p.Reviews)
	for i := range p.Reviews {
		p.Reviews[i].Note = ""
	}
	if view != Clinicians {
		p.Courses = slices.Clone(p.Courses)
		for i := range p.Courses {
			p.Courses[i].Procedures = slices.Clone(p.Courses[i].Procedures)
			for j := range p.Courses[i].Procedures { // written for those who weigh evidence
				p.Courses[i].Procedures[j].EvidenceNote = ""
			}
		}
	}
	if view == FrontDesk {
		p.Indication = plan.Indication{}
		p.CauseCodes, p.Goals, p.Decision, p.CloseReason, p.Reviews = nil, nil, plan.Decision{}, "", nil
	}
	return p
}

// seesPlan reports whether the plan exists as far as the caller is concerned: a patient
// sees the own, through any record of theirs, once it is no draft any more.
func seesPlan(tx *sqldb.Tx, p authn.Principal, clinicID string, pl plan.Plan) (bool, error) {
	if viewOf(p) == Patients && pl.State == plan.Draft {
		return false, nil
	}
	return sees(tx, p, clinicID, pl.PatientID)
}

// sees reports whether the caller may know of a person, through any of their records.
func sees(tx *sqldb.Tx, p authn.Principal, clinicID, patientID string) (bool, error) {
	if p.SeesPatient(patientID) {
		return true, nil
	}
	for _, id := range p.PatientIDs {
		survivor, _, err := store.Survivor(tx, clinicID, id)
		if err != nil {
			return false, err
		}
		if survivor == patientID {
			return true, nil
		}
	}
	return false, nil
}

// logRead appends the audit row of a person's look at clinical content, before it is
// answered. Other services' questions are theirs to account for.
func (a *App) logRead(ctx context.Context, p authn.Principal, action, resource, patientID string) error {
	if p.Service != "" {
		return nil
	}
	return audit.Read(ctx, a.db, audit.Entry{Action: action, Resource: resource, PatientID: patientID})
}

// etagMatches fails with VERSION_MISMATCH when an etag is given and is not the version's.
func etagMatches(etag string, version int64) error {
	if etag == "" || etag == strconv.FormatInt(version, 10) {
		return nil
	}
	return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.").
		With("etag", strconv.FormatInt(version, 10))
}
