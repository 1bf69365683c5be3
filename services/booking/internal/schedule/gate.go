package schedule

import (
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// GateState is why a patient's booking gate stands as it does.
type GateState int

// The states. An unknown state is treated as shut.
const (
	GateUnknown GateState = iota
	NotScreened
	Screened
	Expired
)

// Level is a triage level, from 1, self care, to 6, emergency now (clinical reference 4.1).
type Level int

// The levels that rules here name.
const (
	SelfCare        Level = 1
	ClinicianReview Level = 3
	MedicalReferral Level = 4
)

// Gate is what intake's newest triage of a patient lets be booked. Intake decides; the rules
// here only read it.
type Gate struct {
	Version       int64
	State         GateState
	Level         Level
	Allowed       []Allowance
	Blocked       []Block
	ReleaseNeeded []Block
	// Forbidden are the kinds of care that examinations forbid until they are cleared; intake
	// knows nothing of them, booking adds them.
	Forbidden []Discipline
	// TriageDate is the civil day of the triage, which SameDayOnly means; zero when not known,
	// and then the present day is meant.
	TriageDate civil.Date
	// ExpireTime is when the result stops being good; zero when it does not.
	ExpireTime time.Time
	// IntakeID is the form that decided; empty when none did.
	IntakeID string
	// ChangeTime is when the gate last changed, as far as booking knows; zero when it does
	// not. A plan older than it is no clearance for a medical level.
	ChangeTime time.Time
}

// Allowance is one kind of visit that may be booked; empty lists mean any.
type Allowance struct {
	Kind        Kind
	Disciplines []Discipline
	Modes       []Mode
	SameDayOnly bool
}

// Block is a discipline that must not be given, or not yet, with the ids of the
// contraindications behind it.
type Block struct {
	Discipline Discipline
	RuleIDs    []string
}

// GateAsk is the visit that the gate is asked about.
type GateAsk struct {
	Kind       Kind
	Discipline Discipline
	Mode       Mode
	By         Party
	// Date is the visit's civil date, Today the present one at the same place.
	Date, Today civil.Date
	// Now decides whether a result has expired since it was asked for.
	Now time.Time
	// UnderPlan says that a session of an active plan of the discipline is being booked.
	UnderPlan bool
	// PlanTime is when that plan was activated; zero when booking has not heard of it.
	PlanTime time.Time
}

// NeuroAbnormal is the rule by which an examination forbids care (F108).
const NeuroAbnormal = "NEURO_ABNORMAL"

// FlagScreeningDue marks an appointment of a patient whose screening is missing or too old.
const FlagScreeningDue = "SCREENING_DUE"

// Ask returns the flags that a visit must carry, or why the gate refuses it: CONTRAINDICATED,
// RELEASE_NEEDED, GATE_EXPIRED or GATE_CLOSED. It holds the clinic's agreed rules:
//
//   - Not screened, or too long ago: staff may book anything but an injection outside a plan,
//     flagged; patients an initial assessment only. Hard blocks stay.
//   - Screened: what the result allows, on the day if it says so.
//   - A session under an active plan passes levels up to CLINICIAN_REVIEW, since the
//     clinician's plan is the clearance, and higher ones only if the plan is newer. Hard
//     blocks it never passes.
//   - An abnormal neurological examination rules out the manual and needle care that plans
//     names (F108), screened or not, until it is cleared.
func (g Gate) Ask(a GateAsk) (flags []string, refusal *fault.Error) {
	if a.Kind.handsOn() {
		if b, ok := find(g.Blocked, a.Discipline); ok {
			return nil, b.refuse("CONTRAINDICATED", "This treatment is ruled out for the patient.", a.By)
		}
	}
	if g.Forbids(a) {
		b := Block{Discipline: a.Discipline, RuleIDs: []string{NeuroAbnormal}}
		return nil, b.refuse("CONTRAINDICATED", "An examination has to be cleared by a clinician before this treatment.", a.By)
	}
	state := g.State
	if state == Screened && !g.ExpireTime.IsZero() && !a.Now.Before(g.ExpireTime) {
		state = Expired
	}
	switch state {
	case NotScreened, Expired:
		if a.UnderPlan || a.Kind == InitialAssessment || (a.By == Staff && a.Kind != Injection) {
			return []string{FlagScreeningDue}, nil
		}
		if state == Expired {
			return nil, fault.New(fault.FailedPrecondition, "GATE_EXPIRED", "The intake is too old. A new one is needed before this can be booked.")
		}
		return nil, closed("An intake is needed before this can be booked.")
	case Screened:
		return nil, g.askScreened(a)
	case GateUnknown:
	}
	return nil, closed("What may be booked is not known.")
}

// Waits reports whether a session under a plan, which Ask leaves to the plan, waits for a
// clinician's release: a soft contraindication that came after the booking.
func (g Gate) Waits(a GateAsk) bool {
	_, soft := find(g.ReleaseNeeded, a.Discipline)
	return soft && a.UnderPlan && a.Kind.handsOn()
}

// Forbids reports whether an examination rules the visit out. Under a plan that is the plan's
// to say, which hears of examinations first.
func (g Gate) Forbids(a GateAsk) bool {
	return !a.UnderPlan && a.Kind.handsOn() && a.Discipline != "" && slices.Contains(g.Forbidden, a.Discipline)
}

func (g Gate) askScreened(a GateAsk) *fault.Error {
	if a.UnderPlan && (g.Level <= ClinicianReview || g.olderThan(a.PlanTime)) {
		return nil
	}
	if a.Kind.handsOn() {
		if b, ok := find(g.ReleaseNeeded, a.Discipline); ok {
			return b.refuse("RELEASE_NEEDED", "A clinician must release this treatment first.", a.By)
		}
	}
	only := a.Today
	if !g.TriageDate.IsZero() {
		only = g.TriageDate
	}
	sameDay := false
	for _, may := range g.Allowed {
		if !may.covers(a) {
			continue
		}
		if !may.SameDayOnly || a.Date == only {
			return nil
		}
		sameDay = true
	}
	refusal := closed("The intake's result does not let this be booked.")
	if sameDay {
		refusal = closed("The intake's result lets this be booked for the day of the intake only.").With("allowed_date", only.String())
	}
	if kinds := g.kinds(); kinds != "" {
		refusal = refusal.With("allowed_kinds", kinds)
	}
	if a.By == Staff && g.IntakeID != "" { // where a clinician reads which answers
		refusal = refusal.With("intake_id", g.IntakeID)
	}
	return refusal
}

// olderThan reports whether the gate is known not to have changed since t.
func (g Gate) olderThan(t time.Time) bool {
	return !t.IsZero() && !g.ChangeTime.IsZero() && g.ChangeTime.Before(t)
}

// kinds lists what may be booked instead.
func (g Gate) kinds() string {
	var kinds []string
	for _, a := range g.Allowed {
		if !slices.Contains(kinds, string(a.Kind)) {
			kinds = append(kinds, string(a.Kind))
		}
	}
	return strings.Join(kinds, ",")
}

func (may Allowance) covers(a GateAsk) bool {
	return may.Kind == a.Kind &&
		(len(may.Disciplines) == 0 || slices.Contains(may.Disciplines, a.Discipline)) &&
		(len(may.Modes) == 0 || slices.Contains(may.Modes, a.Mode))
}

func find(blocks []Block, d Discipline) (Block, bool) {
	for _, b := range blocks {
		if d != "" && b.Discipline == d {
			return b, true
		}
	}
	return Block{}, false
}

// refuse names the contraindications to staff; patients get the sentence only.
func (b Block) refuse(reason, message string, to Party) *fault.Error {
	refusal := fault.New(fault.FailedPrecondition, reason, message).With("discipline", string(b.Discipline))
	if to == Staff && len(b.RuleIDs) > 0 {
		refusal = refusal.With("rule_ids", strings.Join(b.RuleIDs, ","))
	}
	return refusal
}

func closed(message string) *fault.Error {
	return fault.New(fault.FailedPrecondition, "GATE_CLOSED", message)
}
