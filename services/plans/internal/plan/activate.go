package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Check refuses what can be seen to be wrong in a plan of any state: an unknown cause, a
// cause against the kind of care, dates that cannot be. INVALID_ARGUMENT names the field.
func (c Catalogue) Check(p Plan) error {
	for i, code := range p.CauseCodes {
		if !slices.Contains(c.CauseCodes, code) {
			return fault.Invalid(fmt.Sprintf("cause_codes[%d]", i), "is not a cause code of the clinic")
		}
	}
	if !p.StartDate.IsZero() && !p.ExpireDate.IsZero() && p.ExpireDate.Before(p.StartDate) {
		return fault.Invalid("expire_date", "must not be before start_date")
	}
	for i, course := range p.Courses {
		d, ok := c.Discipline(course.Discipline)
		if !ok {
			return fault.Invalid(fmt.Sprintf("courses[%d].discipline", i), "is not offered")
		}
		if d.GoalRequired && len(p.Goals) == 0 {
			return fault.Invalid("goals", "this kind of care needs a goal")
		}
		for _, code := range d.CausesRefused {
			if slices.Contains(p.CauseCodes, code) {
				return fault.Invalid("cause_codes", code+" is not treated with this kind of care").With("discipline", d.Code)
			}
		}
		for _, code := range d.CausesRequired {
			if !slices.Contains(p.CauseCodes, code) {
				return fault.Invalid("cause_codes", "this kind of care needs "+code).With("discipline", d.Code)
			}
		}
	}
	return nil
}

// Orderer checks that a clinician of the profession may plan every course: an injection is
// ordered by a physician only (F120). PERMISSION_DENIED / PROFESSION_REQUIRED otherwise.
func (c Catalogue) Orderer(p Plan, profession string) error {
	for _, course := range p.Courses {
		d, _ := c.Discipline(course.Discipline)
		if d.Counted && !slices.Contains(d.Professions, profession) {
			return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "An injection is ordered by a physician.").
				With("discipline", d.Code)
		}
	}
	return nil
}

// Circumstances is what beside the plan decides whether it may be put into force.
type Circumstances struct {
	// Today is the civil date at the clinic.
	Today civil.Date
	// Blocks are what is known against kinds of care for the patient.
	Blocks Blocks
	// ConservativeSessions is how many sessions of milder care the patient has had.
	ConservativeSessions int
	// Injections is the patient's ledger.
	Injections []injection.Record
	// Policy is the injection rule in force.
	Policy injection.Policy
}

// Activate puts a draft into force. It fails with PLAN_STATE, CAUSE_REQUIRED (F013),
// DECISION_REQUIRED (F181), CONTRAINDICATED, RELEASE_NEEDED, STEP_UP_REASON_REQUIRED (F180),
// PLAN_EXPIRED, or INJECTION_LIMIT with the first planned date that fails and one that
// would do: a series is accepted as a whole or not at all.
func (c Catalogue) Activate(p *Plan, at time.Time, cs Circumstances) error {
	if err := p.move(Active, Draft); err != nil {
		return err
	}
	if err := c.Check(*p); err != nil {
		return err
	}
	if len(p.CauseCodes) == 0 {
		return refuse("CAUSE_REQUIRED", "At least one suspected or confirmed cause is needed; NONSPECIFIC may be chosen.")
	}
	if len(p.Decision.OptionsShown) == 0 || p.Decision.Chosen == "" {
		return refuse("DECISION_REQUIRED", "Record the options that were shown and the one that was chosen together with the patient.")
	}
	for _, course := range p.Courses {
		if err := c.activateCourse(*p, course, cs); err != nil {
			return err
		}
	}
	p.start(cs.Today, at)
	if p.ExpireDate.Before(cs.Today) {
		return refuse("PLAN_EXPIRED", "The plan's last day has passed.").With("expire_date", p.ExpireDate.String())
	}
	return nil
}

func (c Catalogue) activateCourse(p Plan, course Course, cs Circumstances) error {
	d, _ := c.Discipline(course.Discipline)
	if err := cs.Blocks.judge(course); err != nil {
		return err
	}
	if d.StepUp && cs.ConservativeSessions == 0 && p.Decision.StepUpReason == "" {
		return refuse("STEP_UP_REASON_REQUIRED", "No milder treatment is on record as tried: give the reason for this step.").
			OnField("decision.step_up_reason", "is needed").With("discipline", d.Code).With("rule", "STEP_UP").
			With("step", d.Step).With("ladder", strings.Join(c.Ladder, ","))
	}
	if !d.Counted || len(course.PlannedDates) == 0 {
		return nil
	}
	at, v := cs.Policy.Series(cs.Injections, course.PlannedDates, "")
	if at < 0 {
		return nil
	}
	return limitRefusal(cs.Policy, v, course.PlannedDates[at]).With("rejected_index", fmt.Sprint(at)).
		OnField("courses.planned_dates", "the series would hold too many")
}

func refuse(reason, message string) *fault.Error {
	return fault.New(fault.FailedPrecondition, reason, message)
}

// Missing names the fields of the plan's order that its kinds of care ask for and that
// nobody has filled in.
func (c Catalogue) Missing(p Plan) []string {
	var out []string
	for _, course := range p.Courses {
		d, _ := c.Discipline(course.Discipline)
		for _, field := range d.Indication {
			empty := field == "pain_score" && p.Indication.PainScore == 0 || field == "duration_weeks" && p.Indication.DurationWeeks == 0
			if name := "indication." + field; empty && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}
