// Package triage holds the intake form and the rules that read it: pure, without clock,
// storage or network. A form with its rules is one versioned document (content/*.json) in
// the project's own schema. Load checks it and fails naming every place that is wrong;
// Evaluate applies it exactly as section 4.2 of the clinical reference says: every rule is
// evaluated, the highest level wins, unsure is never no, an unfinished form hides no
// emergency, and every reason is returned with the answers behind it.
//
// Conditions are written as small operator lists, for example ["=", "pregnancy", "yes"].
// Each compiles to a guarded CEL expression, type-checked against the questions, in which
// a comparison with a missing answer is false and "!=" with a missing answer is true.
package triage

// Level is how urgent a result is, low to high (clinical reference 4.1).
type Level int

// Levels. NoLevel is "no result".
const (
	NoLevel Level = iota
	SelfCare
	ConservativeCare
	ClinicianReview
	MedicalReferral
	UrgentSameDay
	EmergencyNow
)

var levelCodes = [...]string{
	"", "SELF_CARE", "CONSERVATIVE_CARE", "CLINICIAN_REVIEW", "MEDICAL_REFERRAL", "URGENT_SAME_DAY", "EMERGENCY_NOW",
}

// String returns the code of the level, for example "EMERGENCY_NOW"; "" for no level and
// for a number that is none.
func (l Level) String() string {
	if l < NoLevel || int(l) >= len(levelCodes) {
		return ""
	}
	return levelCodes[l]
}

// ParseLevel returns the level with the code. It reports false for anything else, the
// empty code included.
func ParseLevel(code string) (Level, bool) {
	for l := SelfCare; l <= EmergencyNow; l++ {
		if levelCodes[l] == code {
			return l, true
		}
	}
	return NoLevel, false
}

// ShownUnfinished reports whether a finding of this level is shown while the form is
// unfinished: emergencies and urgent findings are (clinical reference 4.2, point 3).
func (l Level) ShownUnfinished() bool { return l >= UrgentSameDay }
