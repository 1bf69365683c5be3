// Package medication has the rules about medicines: what must not be taken together, for
// how many days in a row, with which illness, and in which dose.
//
// What the rules say is data (rules.json): each has its source, a mode that a clinic may
// change, and a note on what published evidence says where that differs. This package finds
// where a rule applies. It looks at no clock and no database, and refuses nothing: an issue
// says whether it blocks.
package medication

import (
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// State is where a medicine of a patient's list stands.
type State string

// The states of a medicine. Reported is what the patient takes by their own account, Active
// what a clinician has put on the list, Blocked what a rule keeps out of force until a
// clinician acknowledges it.
const (
	Reported State = "REPORTED"
	Active   State = "ACTIVE"
	Blocked  State = "BLOCKED"
	Stopped  State = "STOPPED"
	InError  State = "ENTERED_IN_ERROR"
)

// Taken reports whether the patient takes a medicine of this state now.
func (s State) Taken() bool { return s == Reported || s == Active }

// Listed reports whether a medicine of this state is on the list: taken, or to be taken.
func (s State) Listed() bool { return s.Taken() || s == Blocked }

// Item is one medicine of a patient's list.
type Item struct {
	ID    string
	Drug  string // as it was written
	Mg    float64
	State State
	// Prescriber is who prescribed it; empty when nobody has said.
	Prescriber string
	// Daily: taken on every day from Start to Stop, whether or not doses are logged.
	Daily bool
	Start civil.Date // zero when not known
	Stop  civil.Date // last day; zero while it is taken
	Acks  []Ack
}

// Ack is a clinician's acknowledgement of what a rule says about a medicine.
type Ack struct {
	RuleID string
	Codes  []string
}

// Dose is one time that a medicine was taken.
type Dose struct {
	ID     string
	Drug   string // as it was written
	Mg     float64
	At     time.Time
	Date   civil.Date // of At, at the clinic
	Food   Food
	ItemID string // may be empty
}

// Food says whether a dose was taken with food.
type Food int

// With food, without, or not said.
const (
	FoodNotSaid Food = iota
	WithFood
	EmptyStomach
)

// Conditions are what is known about the patient that bears on medicines.
type Conditions struct {
	// Answers are the chosen options by question of the intake form.
	Answers map[string][]string
	// BirthDate is zero when not known.
	BirthDate civil.Date
}

// has reports whether one of the values was chosen.
func (c Conditions) has(question string, values []string) bool {
	return slices.ContainsFunc(c.Answers[question], func(v string) bool { return slices.Contains(values, v) })
}

// Age gives the age in whole years on a date: by the date of birth, else as it was
// answered; false when neither is known.
func (c Conditions) Age(on civil.Date) (int, bool) {
	if c.BirthDate.IsZero() {
		if answer := c.Answers["age"]; len(answer) == 1 {
			n, err := strconv.Atoi(answer[0])
			return n, err == nil
		}
		return 0, false
	}
	years := on.Year - c.BirthDate.Year
	if on.Month < c.BirthDate.Month || on.Month == c.BirthDate.Month && on.Day < c.BirthDate.Day {
		years--
	}
	return years, true
}

// Case is what the rules look at: a patient's list and doses on a day.
type Case struct {
	Items      []Item
	Doses      []Dose
	Conditions Conditions
	Today      civil.Date
}

// item gives a medicine of the list; false when there is none.
func (c Case) item(id string) (Item, bool) {
	i := slices.IndexFunc(c.Items, func(it Item) bool { return it.ID == id && id != "" })
	if i < 0 {
		return Item{}, false
	}
	return c.Items[i], true
}

// Issue is one rule that applies.
type Issue struct {
	RuleID string
	// Check is which part of the rule it is, for example INTERVAL.
	Check    string
	Code     string
	Mode     Mode
	Severity string
	// Patient and Clinician say it to each.
	Patient, Clinician string
	Source             string
	EvidenceNote       string
	Related            []string // triage rules that ask the same
	ItemID, DoseID     string
	// Codes are what it is about: other medicines, conditions, or the first day of a run.
	Codes []string
	// Blocking: the medicine must not be taken until a clinician has acknowledged it.
	Blocking bool
	// Acknowledged by a clinician: it blocks no more.
	Acknowledged bool
	// Task: a clinician must be told.
	Task bool
}
