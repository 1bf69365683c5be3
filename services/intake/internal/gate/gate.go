// Package gate decides, purely, what a patient's newest triage allows to be booked
// (clinical reference 4.1 and 4.2 point 6), and by when a clinician must have looked.
// A gate expires by being read after its time; nothing runs when it does.
package gate

import (
	"cmp"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// State says why a gate stands as it does.
type State int

// States of a gate: no result was ever given; one is in force; the last one is too old or
// was voided.
const (
	NotScreened State = iota
	Screened
	Expired
)

// Kind is what a visit is for, in the words of the contract.
type Kind string

// Kinds of visits.
const (
	InitialAssessment   Kind = "INITIAL_ASSESSMENT"
	TelephoneReview     Kind = "TELEPHONE_REVIEW"
	PhysicianAssessment Kind = "PHYSICIAN_ASSESSMENT"
	Treatment           Kind = "TREATMENT"
	Injection           Kind = "INJECTION"
)

// Disciplines and modes that allowances and blocks name, in the words of the contract.
const (
	Physiotherapy       = "PHYSIOTHERAPY"
	Chiropractic        = "CHIROPRACTIC"
	Acupuncture         = "ACUPUNCTURE"
	Massage             = "MASSAGE"
	FacetJointInjection = "FACET_JOINT_INJECTION"
	Online              = "ONLINE"
)

// Allowance is one kind of visit that may be booked.
type Allowance struct {
	Kind        Kind
	Disciplines []string // none: any that is not blocked
	Modes       []string // none: any
	SameDayOnly bool     // only on the civil day of the triage
}

// Own is what the triage of one patient record says. A person whose records were merged
// has several.
type Own struct {
	Level       triage.Level
	Provisional bool
	Voided      bool // by a mini-screen, or by "getting worse"
	IntakeID    string
	Date        civil.Date // civil day of the triage in the clinic's zone
	ExpireTime  time.Time
}

// Block is a discipline with the contraindications against it.
type Block struct {
	Discipline        string
	Contraindications []string
}

// Gate is what may be booked for a patient.
type Gate struct {
	State         State
	Level         triage.Level
	Provisional   bool
	Allowed       []Allowance
	Blocked       []Block
	ReleaseNeeded []Block
	// Modalities are the blocked kinds of care that no appointment is for by itself;
	// ReleaseNeededModalities those that wait for a release.
	Modalities              []triage.Block
	ReleaseNeededModalities []triage.Block
	IntakeID                string
	Date                    civil.Date
	ExpireTime              time.Time
}

// Of decides the gate of a person from the results of the person's records, and from what
// speaks against kinds of care. Of several results in force the highest level counts; one
// that is voided or too old does not. Blocks count whatever the state.
func Of(own []Own, hard, soft []triage.Block, now time.Time) Gate {
	g := Gate{
		Blocked: disciplines(hard), ReleaseNeeded: disciplines(soft), Modalities: others(hard), ReleaseNeededModalities: others(soft),
	}
	for _, o := range own {
		if o.Level == triage.NoLevel {
			continue
		}
		state := Screened
		if o.Voided || !now.Before(o.ExpireTime) {
			state = Expired
		}
		if !stricter(state, o, g) {
			continue
		}
		g.State, g.Level, g.Provisional = state, o.Level, o.Provisional
		g.IntakeID, g.Date, g.ExpireTime = o.IntakeID, o.Date, o.ExpireTime
	}
	if g.State == Screened {
		g.Allowed = allowed(g.Level)
	}
	return g
}

// stricter reports whether a result counts more than the one found so far: one in force
// before one that expired, then the higher level, then the one that lasts longer.
func stricter(state State, o Own, g Gate) bool {
	if g.State == NotScreened {
		return true
	}
	if (state == Screened) != (g.State == Screened) {
		return state == Screened
	}
	return cmp.Or(cmp.Compare(o.Level, g.Level), o.ExpireTime.Compare(g.ExpireTime)) > 0
}

// allowed is the table of clinical reference 4.1, column "online booking".
func allowed(l triage.Level) []Allowance {
	switch l {
	case triage.SelfCare:
		return []Allowance{
			{Kind: InitialAssessment},
			{Kind: Treatment, Disciplines: []string{Physiotherapy}, Modes: []string{Online}},
		}
	case triage.ConservativeCare:
		return []Allowance{
			{Kind: InitialAssessment},
			{Kind: Treatment},
			{Kind: TelephoneReview},
			{Kind: PhysicianAssessment},
			{Kind: Injection},
		}
	case triage.ClinicianReview:
		return []Allowance{{Kind: InitialAssessment}}
	case triage.MedicalReferral:
		return []Allowance{{Kind: PhysicianAssessment}}
	case triage.UrgentSameDay:
		return []Allowance{{Kind: TelephoneReview, SameDayOnly: true}}
	case triage.EmergencyNow, triage.NoLevel:
	}
	return nil
}

// disciplineOf says which discipline gives a kind of care. Kinds that no appointment is
// for, such as ice, have none.
var disciplineOf = map[string]string{
	"MANIPULATION":    Chiropractic,
	"ACUPUNCTURE":     Acupuncture,
	"MASSAGE":         Massage,
	"FACET_INJECTION": FacetJointInjection,
}

func disciplines(blocks []triage.Block) []Block {
	var out []Block
	for _, b := range blocks {
		if d := disciplineOf[b.Modality]; d != "" {
			out = append(out, Block{Discipline: d, Contraindications: b.Contraindications})
		}
	}
	slices.SortFunc(out, func(a, b Block) int { return cmp.Compare(a.Discipline, b.Discipline) })
	return out
}

// others are the blocks of kinds of care that no appointment is for by itself.
func others(blocks []triage.Block) []triage.Block {
	var out []triage.Block
	for _, b := range blocks {
		if disciplineOf[b.Modality] == "" {
			out = append(out, b)
		}
	}
	return out
}

// ValidUntil is when a result given at t stops counting.
func ValidUntil(t time.Time, days int) time.Time { return t.Add(time.Duration(days) * 24 * time.Hour) }

// Due is by when a clinician must have decided a task raised at t. Days end at midnight in
// the clinic's zone; working days are Monday to Friday.
func Due(rule *triage.TaskRule, t time.Time, zone *time.Location) time.Time {
	day := civil.Of(t, zone)
	switch rule.Due {
	case "NOW":
		return t
	case "SAME_DAY":
	case "WORKING_DAYS":
		for left := rule.N; left > 0; {
			day = day.AddDays(1)
			if wd := day.Weekday(); wd != time.Saturday && wd != time.Sunday {
				left--
			}
		}
	default:
		day = day.AddDays(rule.N)
	}
	return day.AddDays(1).At(0, 0, zone)
}
