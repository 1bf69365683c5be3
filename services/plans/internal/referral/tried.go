package referral

// Outcomes of a trial that is computed from the sessions of plans: besides EFFECTIVE and
// INEFFECTIVE, that too few were delivered to say so, or that nobody has measured what they
// changed.
const (
	tooFew     = "TOO_FEW_SESSIONS"
	unmeasured = "NO_OUTCOME"
)

// Effect is what the measures of a plan say about its sessions.
type Effect int

// The effects.
const (
	Unknown   Effect = iota // fewer than two measures, or none for which a change is known to matter
	Unchanged               // no change for the better that matters
	Improved                // a change for the better that matters
)

// Tried is a course of a plan with sessions that were delivered.
type Tried struct {
	Modality  string
	PlanID    string
	Planned   int
	Delivered int
	Effect    Effect
}

// Computed gives what delivered courses, oldest first, say about each kind of conservative
// care of which nobody has recorded what became of it. Care was tried without effect when as
// many sessions were delivered as the stop rule asks for, or a whole course, and the newest
// measured course shows no change for the better that matters. What a clinician has recorded
// stands.
func (s Surgery) Computed(courses []Tried, enough int, recorded []Trial) []Trial {
	known := map[string]bool{}
	for _, t := range recorded {
		known[t.Modality] = true
	}
	var out []Trial
	for _, m := range s.Modalities {
		if t, ok := computed(m, courses, enough); ok && !known[m] {
			out = append(out, t)
		}
	}
	return out
}

// computed is Computed for one kind of care; false when no session of it was delivered.
func computed(modality string, courses []Tried, enough int) (t Trial, ok bool) {
	t = Trial{Modality: modality, Computed: true}
	whole, effect := false, Unknown
	for _, c := range courses {
		if c.Modality != modality {
			continue
		}
		t.Delivered, t.PlanID = t.Delivered+c.Delivered, c.PlanID
		whole = whole || c.Delivered >= c.Planned
		if c.Effect != Unknown {
			effect = c.Effect
		}
	}
	switch {
	case effect == Improved:
		t.Outcome = "EFFECTIVE"
	case t.Delivered < enough && !whole:
		t.Outcome = tooFew
	case effect == Unknown:
		t.Outcome = unmeasured
	default:
		t.Outcome = "INEFFECTIVE"
	}
	return t, t.Delivered > 0
}
