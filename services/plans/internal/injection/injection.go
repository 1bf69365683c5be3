// Package injection has the rule that keeps facet-joint injections rare: at most three in
// any six months of one person (clinical reference section 3; F125).
//
// A window starts on a civil date d and ends before the same day of the month six months
// on, clamped to that month's end: [d, d+6 months). The rule holds for every window, not
// only for the one that ends today, so a date before or between others is judged as
// strictly as one after them. What is known only to the month may have happened on any of
// its days, and every one of them must be safe. Nothing here looks at a clock: a record
// counts until an outcome says that it does not.
package injection

import (
	"cmp"
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// State is where an injection session stands.
type State string

// The states of clinical reference 3.1.
const (
	Proposed              State = "PROPOSED"               // a line of a plan; does not count
	Reserved              State = "RESERVED"               // held; counts until its release is recorded
	Booked                State = "BOOKED"                 // counts, also when its date has passed without an outcome
	CheckedIn             State = "CHECKED_IN"             // counts
	InProgress            State = "IN_PROGRESS"            // counts
	Administered          State = "ADMINISTERED"           // counts, on the true date
	PartiallyAdministered State = "PARTIALLY_ADMINISTERED" // any drug given: counts
	Aborted               State = "ABORTED"                // before any drug; does not count
	Cancelled             State = "CANCELLED"              // does not count
	NoShow                State = "NO_SHOW"                // does not count, whatever the policy for sessions
	Released              State = "RELEASED"               // a hold whose release is recorded; does not count
	EnteredInError        State = "ENTERED_IN_ERROR"       // does not count
)

// Counts reports whether a session in this state uses one of the three. A state that is
// not known counts: a mistake may cost a date, never a fourth injection.
func (s State) Counts() bool {
	switch s {
	case Proposed, Aborted, Cancelled, NoShow, Released, EnteredInError:
		return false
	default:
		return true
	}
}

// Open reports whether the session is still to come as far as the state says, so that it
// could be moved or cancelled.
func (s State) Open() bool {
	return s == Reserved || s == Booked
}

// Given reports whether any drug was given: a fact that no booking event changes.
func (s State) Given() bool {
	return s == Administered || s == PartiallyAdministered
}

// Span is the days on which a session took or will take place: one day, or every day of a
// month when no more is known.
type Span struct{ First, Last civil.Date }

// On is the span of one day.
func On(d civil.Date) Span { return Span{d, d} }

// In is the span of a month of which the day is not known.
func In(m civil.Month) Span { return Span{m.First(), m.Last()} }

// Precise reports whether the day is known.
func (s Span) Precise() bool { return s.First == s.Last }

// touches reports whether the session may lie in [from, end).
func (s Span) touches(from, end civil.Date) bool {
	return !s.Last.Before(from) && s.First.Before(end)
}

// Record is one session: several levels or both sides on one day are one record, two
// sessions on a day are two.
type Record struct {
	// ID tells records apart; a refusal names the ids that stand in the way.
	ID string
	// Span is when.
	Span Span
	// State is where it stands.
	State State
	// Kind is what was done, for example FACET_JOINT_INJECTION. The policy says which
	// kinds count.
	Kind string
	// Region matters only to a policy whose scope is the region.
	Region string
	// DuplicateOf is the record that this one repeats, as a person has decided; empty for
	// none. A duplicate does not count.
	DuplicateOf string
}

// counting gives the records that count towards the limit for a candidate of the region,
// sorted by the last day on which each may lie.
func (p Policy) counting(records []Record, region string) []Record {
	out := make([]Record, 0, len(records)+1)
	for _, r := range records {
		if p.Counts(r) && p.sameScope(r.Region, region) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, compareRecords)
	return out
}

func compareRecords(a, b Record) int {
	return cmp.Or(a.Span.Last.Compare(b.Span.Last), a.Span.First.Compare(b.Span.First))
}

// Counts reports whether the record uses one of the three: a kind that the policy counts,
// in a state that counts, and not the duplicate of another.
func (p Policy) Counts(r Record) bool {
	return r.DuplicateOf == "" && r.State.Counts() && slices.Contains(p.CountedKinds, r.Kind)
}

// Counting is how many of the records count, whatever their region.
func (p Policy) Counting(records []Record) int {
	n := 0
	for _, r := range records {
		if p.Counts(r) {
			n++
		}
	}
	return n
}
