package aftercare

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// How the patient is compared with before the injection.
const (
	Better = "BETTER"
	Same   = "SAME"
	Worse  = "WORSE"
)

// What the patient is told to do, from mild to urgent.
const (
	AsExpected = "AS_EXPECTED" // nothing to do
	Wait       = "WAIT"        // worse or not better yet is normal for now
	AskClinic  = "ASK_CLINIC"  // a clinician looks at it
	SameDay    = "SAME_DAY"    // the injecting team calls today
	Emergency  = "EMERGENCY"   // emergency department now
)

// What a finding is called beside the codes of signs.
const (
	WorseTooLate = "WORSE_AFTER_DAY_3" // rule U18 of triage
	NoRelief     = "NO_RELIEF"
)

// Answer is what a patient says at a check-in.
type Answer struct {
	// Day is how many civil days after the injection, 0 on the day itself.
	Day int
	// Course is Better, Same or Worse than before.
	Course string
	// Signs are the codes of what the patient has noticed.
	Signs []string
}

// Finding is what an answer means.
type Finding struct {
	// Codes are the signs and rules that a clinician must look at; none when all is as
	// expected.
	Codes []string
	// Groups are the complications that the signs point to.
	Groups []string
	// Urgent: today, not when there is time.
	Urgent bool
	// Advice is what the patient is told.
	Advice string
}

// Judge says what an answer means. A sign is never excused by the day; worse pain and no
// relief are, until their days are over. INVALID_ARGUMENT for a sign that is not asked for.
func (r Rules) Judge(a Answer) (Finding, error) {
	f := Finding{Advice: AsExpected}
	for _, code := range a.Signs {
		i := slices.IndexFunc(r.Signs, func(s Sign) bool { return s.Code == code })
		if i < 0 {
			return Finding{}, fault.Invalid("signs", "is none of the signs that are asked for")
		}
		s := r.Signs[i]
		f.Codes, f.Urgent = append(f.Codes, s.Code), true
		if !slices.Contains(f.Groups, s.Group) {
			f.Groups = append(f.Groups, s.Group)
		}
		if f.Advice != Emergency {
			f.Advice = s.Advice
		}
	}
	switch {
	case a.Course == Worse && a.Day > r.WorseNormalUntil.Value:
		f.Codes, f.Urgent = append(f.Codes, WorseTooLate), true
		if f.Advice == AsExpected {
			f.Advice = SameDay
		}
	case a.Course != Better && a.Day > r.NoReliefNormalUntil.Value:
		f.Codes = append(f.Codes, NoRelief)
		if f.Advice == AsExpected {
			f.Advice = AskClinic
		}
	case a.Course != Better && f.Advice == AsExpected:
		f.Advice = Wait
	}
	slices.Sort(f.Codes)
	f.Codes = slices.Compact(f.Codes)
	slices.Sort(f.Groups)
	return f, nil
}
