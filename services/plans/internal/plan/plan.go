// Package plan has the rules of treatment plans: what a clinician may plan, how a plan goes
// from draft to closed, and whether it allows one more session on a date.
//
// The numbers are data (catalogue.json) with their sources. The rules are pure: they look
// at no clock and no database, and a refusal says which rule, which records and the first
// date that every rule would allow.
package plan

import (
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// State is where a plan stands.
type State string

// The states of a plan. There is no way back from Closed, and expiry is a date, not a state.
const (
	Draft  State = "DRAFT"
	Active State = "ACTIVE"
	Paused State = "PAUSED"
	Closed State = "CLOSED"
)

// Plan is what was decided for a patient.
type Plan struct {
	ID              string     `json:"plan_id"`
	PatientID       string     `json:"patient_id"`
	OriginPatientID string     `json:"origin_patient_id"`
	TemplateID      string     `json:"template_id,omitempty"`
	TemplateVersion int64      `json:"template_version,omitempty"`
	Name            string     `json:"name"`
	State           State      `json:"state"`
	Courses         []Course   `json:"courses"`
	CauseCodes      []string   `json:"cause_codes,omitempty"`
	Goals           []Goal     `json:"goals,omitempty"`
	Decision        Decision   `json:"decision,omitzero"`
	Indication      Indication `json:"indication,omitzero"`
	ResponsibleID   string     `json:"responsible_id,omitempty"`
	StartDate       civil.Date `json:"start_date,omitzero"`  // zero until activated, unless chosen
	ExpireDate      civil.Date `json:"expire_date,omitzero"` // zero until activated, unless chosen
	ValidityWeeks   int        `json:"validity_weeks"`       // from the start to the expiry when none is chosen
	CloseReason     string     `json:"close_reason,omitempty"`
	Note            string     `json:"note,omitempty"`
	Reviews         []Review   `json:"reviews,omitempty"`
	// Withdrawn: a clinician has confirmed that the sessions to come are cancelled.
	Withdrawn   bool      `json:"withdrawn,omitempty"`
	CreatedAt   time.Time `json:"created_at"`
	ActivatedAt time.Time `json:"activated_at,omitzero"` // zero before
	ClosedAt    time.Time `json:"closed_at,omitzero"`    // zero before
	Version     int64     `json:"version"`
}

// Course is a number of sessions of one kind of care.
type Course struct {
	ID               string       `json:"course_id"`
	TemplateCourseID string       `json:"template_course_id,omitempty"`
	Discipline       string       `json:"discipline"`
	Sessions         int          `json:"sessions"`
	PerWeekMin       int          `json:"per_week_min,omitempty"`
	PerWeekMax       int          `json:"per_week_max,omitempty"`
	Weeks            int          `json:"weeks,omitempty"`
	MinGapHours      int          `json:"min_gap_hours,omitempty"`
	ReviewAfter      []int        `json:"review_after_sessions,omitempty"`
	ReviewAfterWeeks []int        `json:"review_after_weeks,omitempty"`
	FirstMinutes     int          `json:"first_session_minutes,omitempty"`
	Minutes          []int        `json:"session_minutes,omitempty"`
	PlannedDates     []civil.Date `json:"planned_dates,omitempty"`
	// Procedures are what is done within the sessions, copied with their notes.
	Procedures []Procedure `json:"procedures,omitempty"`
}

// Indication is why a counted procedure is ordered, beside its cause (F120).
type Indication struct {
	// PainScore from 1 to 10; 0 is not said.
	PainScore int `json:"pain_score,omitempty"`
	// DurationWeeks is for how long there has been pain; 0 is not said.
	DurationWeeks int `json:"duration_weeks,omitempty"`
}

// Goal is something to achieve, with its measure.
type Goal struct {
	Code     string     `json:"code"`
	Text     string     `json:"text,omitempty"`
	Measure  string     `json:"measure,omitempty"`
	Baseline float64    `json:"baseline,omitempty"`
	Target   float64    `json:"target,omitempty"`
	DueDate  civil.Date `json:"due_date,omitzero"`
}

// Decision is the record of a choice made together with the patient (F181).
type Decision struct {
	OptionsShown []string `json:"options_shown,omitempty"`
	Chosen       string   `json:"chosen,omitempty"`
	DecidedBy    string   `json:"decided_by,omitempty"`
	Note         string   `json:"note,omitempty"`
	StepUpReason string   `json:"step_up_reason,omitempty"`
}

// Review is a clinician's look at how a course goes.
type Review struct {
	CourseID string `json:"course_id"`
	// AtSessions is how many sessions were delivered when it was made.
	AtSessions   int       `json:"at_sessions"`
	Outcome      string    `json:"outcome"`
	Additional   int       `json:"additional_sessions,omitempty"`
	Practitioner string    `json:"practitioner_id"`
	At           time.Time `json:"at"`
	// Date is its civil date at the clinic.
	Date civil.Date `json:"date"`
	Note string     `json:"note,omitempty"`
	// Response is how the patient has responded; empty when not said.
	Response string `json:"response,omitempty"`
}

// Course gives the course with the id, its own or the one that it has in its template; with
// an empty id the only one of the discipline.
func (p Plan) Course(id, discipline string) (Course, bool) {
	var found []Course
	for _, c := range p.Courses {
		if c.ID == id || id != "" && c.TemplateCourseID == id || id == "" && (discipline == "" || c.Discipline == discipline) {
			found = append(found, c)
		}
	}
	if len(found) != 1 {
		return Course{}, false
	}
	return found[0], true
}

// ReviewsOf gives the reviews of a course, oldest first.
func (p Plan) ReviewsOf(courseID string) []Review {
	var out []Review
	for _, r := range p.Reviews {
		if r.CourseID == courseID {
			out = append(out, r)
		}
	}
	return out
}

// move checks a transition: FAILED_PRECONDITION / PLAN_STATE says the state it is in.
func (p Plan) move(to State, from ...State) error {
	if slices.Contains(from, p.State) {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "PLAN_STATE", "The plan is "+words[p.State]+" and cannot become "+words[to]+".").
		With("state", string(p.State)).With("wanted", string(to)).With("plan_id", p.ID)
}

var words = map[State]string{Draft: "a draft", Active: "active", Paused: "paused", Closed: "closed"}

// Pause stops new sessions for now. PLAN_STATE unless it is active.
func (p *Plan) Pause() error {
	if err := p.move(Paused, Active); err != nil {
		return err
	}
	p.State = Paused
	return nil
}

// Resume lets a paused plan grant sessions again. PLAN_STATE unless it is paused.
func (p *Plan) Resume() error {
	if err := p.move(Active, Paused); err != nil {
		return err
	}
	p.State, p.Withdrawn = Active, false
	return nil
}

// Withdraw confirms that the sessions to come are cancelled. PLAN_STATE unless the plan is
// paused or closed.
func (p *Plan) Withdraw() error {
	if p.State != Paused && p.State != Closed {
		return fault.New(fault.FailedPrecondition, "PLAN_STATE", "The plan is "+words[p.State]+": pause or close it before its sessions are cancelled.").
			With("state", string(p.State)).With("plan_id", p.ID)
	}
	p.Withdrawn = true
	return nil
}

// Close ends the plan for good. PLAN_STATE when it is closed already.
func (p *Plan) Close(reason string, at time.Time) error {
	if err := p.move(Closed, Draft, Active, Paused); err != nil {
		return err
	}
	p.State, p.CloseReason, p.ClosedAt = Closed, reason, at
	return nil
}

// Over reports whether a plan in force has had its last day.
func (p Plan) Over(today civil.Date) bool {
	return (p.State == Active || p.State == Paused) && p.ExpireDate.Before(today)
}

// Record adds a review of a course, which may add sessions. PLAN_STATE unless the plan is
// active or paused; INVALID_ARGUMENT when only EXTEND may add sessions and must.
func (p *Plan) Record(r Review) error {
	if p.State != Active && p.State != Paused {
		return p.move(Active, Active, Paused)
	}
	if (r.Outcome == "EXTEND") != (r.Additional > 0) {
		return fault.Invalid("additional_sessions", "goes with EXTEND, and EXTEND needs it")
	}
	for i := range p.Courses {
		if p.Courses[i].ID == r.CourseID {
			p.Courses[i].Sessions += r.Additional
		}
	}
	p.Reviews = append(p.Reviews, r)
	return nil
}

// start puts a draft into force, with its dates.
func (p *Plan) start(today civil.Date, at time.Time) {
	p.State, p.ActivatedAt = Active, at
	if p.StartDate.IsZero() {
		p.StartDate = today
	}
	if p.ExpireDate.IsZero() {
		p.ExpireDate = p.StartDate.AddDays(7 * p.ValidityWeeks)
	}
}
