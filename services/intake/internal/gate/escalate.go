package gate

import (
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
)

// Usual waiting times before a task goes to the next owner: the clinic's rule, without a
// published source. An urgent task must be somebody's within the hour, an emergency at once.
const (
	usualEmergency = 10 * time.Minute
	usualUrgent    = 60 * time.Minute
	usualOther     = 24 * time.Hour
)

// Duty is who answers for tasks, in order, and how long each of them has.
type Duty struct {
	Owners        []string
	SafetyOfficer string        // "" for none
	Emergency     time.Duration // 0 is the usual time
	Urgent        time.Duration // 0 is the usual time
}

// Chain is everybody who answers for a task, in order; the safety officer comes last.
func (d Duty) Chain() []string {
	if d.SafetyOfficer == "" || slices.Contains(d.Owners, d.SafetyOfficer) {
		return d.Owners
	}
	return append(slices.Clone(d.Owners), d.SafetyOfficer)
}

// First owns a new task; "" when nobody answers for any.
func (d Duty) First() string {
	if chain := d.Chain(); len(chain) > 0 {
		return chain[0]
	}
	return ""
}

// Next is who gets a late task after its owner, and whether nobody comes after. After an
// owner who is not of the chain it is the first of it, once; after that the last.
func (d Duty) Next(owner string, escalations int) (next string, last bool) {
	chain := d.Chain()
	if len(chain) == 0 {
		return owner, true
	}
	at := slices.Index(chain, owner) + 1
	if at == 0 && escalations > 0 || at == len(chain) {
		at = len(chain) - 1
	}
	return chain[at], at == len(chain)-1
}

// patience is how long a task of a level may stay without anybody.
func (d Duty) patience(l triage.Level) time.Duration {
	pick := func(set, usual time.Duration) time.Duration {
		if set > 0 {
			return set
		}
		return usual
	}
	switch l {
	case triage.EmergencyNow:
		return pick(d.Emergency, usualEmergency)
	case triage.UrgentSameDay:
		return pick(d.Urgent, usualUrgent)
	case triage.NoLevel, triage.SelfCare, triage.ConservativeCare, triage.ClinicianReview, triage.MedicalReferral:
	}
	return usualOther
}

// Escalates is when a task that somebody was given at a time goes to the next owner: an
// emergency or urgent one soon, unless it is acknowledged; any other at its deadline, and a
// day later each time.
func (d Duty) Escalates(l triage.Level, due, given time.Time) time.Time {
	soon := given.Add(d.patience(l))
	if !due.After(given) {
		return soon
	}
	if l.ShownUnfinished() && soon.Before(due) {
		return soon
	}
	return due
}

// EscalatesAcknowledged is when a task that its owner acknowledged at a time goes on all the
// same, unless it is decided: at its deadline, or when that is over, after the time that an
// urgent task has.
func (d Duty) EscalatesAcknowledged(due, acknowledged time.Time) time.Time {
	if due.After(acknowledged) {
		return due
	}
	return acknowledged.Add(d.patience(triage.UrgentSameDay))
}
