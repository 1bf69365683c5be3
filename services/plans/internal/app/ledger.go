package app

import (
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
)

// injectionState is the state of an entry as the injection rule knows it.
func injectionState(e store.Entry) injection.State {
	switch e.State {
	case Held:
		return injection.Reserved
	case Confirmed:
		return injection.Booked
	case Used: // delivered; what was given is not recorded yet
		return injection.Administered
	}
	return injection.State(e.State)
}

// injectionRecord is an entry as the injection rule sees it, under the id that the rest of
// the world knows the injection by.
func injectionRecord(e store.Entry) injection.Record {
	r := injection.Record{
		ID: e.InjectionID, Span: injection.On(e.LocalDate), State: injectionState(e), Kind: e.Kind, Region: e.Region, DuplicateOf: e.DuplicateOf,
	}
	if !e.Month.IsZero() {
		r.Span = injection.In(e.Month)
	}
	return r
}

// injectionRecords are the person's injections among the entries. An outcome that came
// without its claim, such as VOID, has no date and cannot count.
func injectionRecords(entries []store.Entry) []injection.Record {
	var out []injection.Record
	for _, e := range entries {
		if e.Kind != "" && !e.LocalDate.IsZero() {
			out = append(out, injectionRecord(e))
		}
	}
	return out
}

// delivered reports whether the session was given.
func delivered(e store.Entry) bool {
	return e.State == Used || injection.State(e.State).Given()
}

// sessionsOf are the course's sessions among the entries.
func sessionsOf(entries []store.Entry, planID, courseID string) []plan.Session {
	var out []plan.Session
	for _, e := range entries {
		if e.PlanID == planID && e.CourseID == courseID && planID != "" {
			out = append(out, plan.Session{
				ID: e.ID, CourseID: e.CourseID, Date: e.LocalDate, Start: e.Start, Counts: e.Counts, Delivered: delivered(e),
			})
		}
	}
	return out
}

// Counts is what became of a course's sessions.
type Counts struct{ Planned, Booked, Used, Left int }

// countsOf counts a course's sessions.
func countsOf(c plan.Course, sessions []plan.Session, entries []store.Entry) Counts {
	n := Counts{Planned: c.Sessions}
	live := map[string]bool{}
	for _, e := range entries {
		live[e.ID] = e.State == Held || e.State == Confirmed
	}
	for _, s := range sessions {
		switch {
		case !s.Counts:
		case live[s.ID]:
			n.Booked++
		default:
			n.Used++
		}
	}
	n.Left = max(0, n.Planned-n.Booked-n.Used)
	return n
}
