package plan

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Spec is a course as a clinician asks for it; zero takes the template's value or the
// usual one of the kind of care.
type Spec struct {
	CourseID     string
	Discipline   string
	Sessions     int
	PerWeekMin   int
	PerWeekMax   int
	Weeks        int
	MinGapHours  int
	ReviewAfter  []int
	PlannedDates []civil.Date
	// Procedures are codes; nil takes the template's.
	Procedures []string
}

// Wish is a plan as a clinician asks for it.
type Wish struct {
	TemplateID string
	Courses    []Spec
	CauseCodes []string
	Goals      []Goal
	Decision   Decision
	Indication Indication
	StartDate  civil.Date
	ExpireDate civil.Date
	Note       string
}

// Draft copies the template and applies what the clinician wants, checking every number
// against the limits of the kind of care. It fails with INVALID_ARGUMENT naming the field,
// or NOT_FOUND for an unknown template. newID makes the ids of courses that have none.
func (c Catalogue) Draft(w Wish, newID func() string) (Plan, error) {
	t := Template{Name: "Plan", ValidityWeeks: SourcedInt{Value: defaultValidityWeeks}}
	if w.TemplateID != "" {
		var ok bool
		if t, ok = c.Template(w.TemplateID); !ok || t.Retired {
			return Plan{}, fault.NotFoundf("plan template").OnField("template_id", "no such template")
		}
	}
	p := Plan{
		TemplateID: w.TemplateID, Name: t.Name, State: Draft, ValidityWeeks: t.ValidityWeeks.Value,
		CauseCodes: w.CauseCodes, Goals: w.Goals, Decision: w.Decision, Indication: w.Indication,
		StartDate: w.StartDate, ExpireDate: w.ExpireDate, Note: w.Note, Version: 1,
	}
	if w.TemplateID != "" {
		p.TemplateVersion = cmp.Or(t.Version, c.Version)
	}
	if len(p.Goals) == 0 {
		p.Goals = slices.Clone(t.Goals)
	}
	var err error
	if p.Courses, err = c.courses(t, w.Courses, newID); err != nil {
		return Plan{}, err
	}
	return p, c.Check(p)
}

// Redraft changes a draft: what is given replaces what was there. PLAN_STATE when the plan
// is no draft any more, else as Draft.
func (c Catalogue) Redraft(p Plan, w Wish, newID func() string) (Plan, error) {
	if err := p.move(Draft, Draft); err != nil {
		return Plan{}, err
	}
	if len(w.Courses) > 0 {
		t, _ := c.Template(p.TemplateID) // none any more: the courses stand for themselves
		courses, err := c.courses(t, w.Courses, newID)
		if err != nil {
			return Plan{}, err
		}
		p.Courses = courses
	}
	if len(w.CauseCodes) > 0 {
		p.CauseCodes = w.CauseCodes
	}
	if len(w.Goals) > 0 {
		p.Goals = w.Goals
	}
	if w.Decision.Chosen != "" || len(w.Decision.OptionsShown) > 0 {
		p.Decision = w.Decision
	}
	if w.Indication != (Indication{}) {
		p.Indication = w.Indication
	}
	if !w.StartDate.IsZero() {
		p.StartDate = w.StartDate
	}
	if !w.ExpireDate.IsZero() {
		p.ExpireDate = w.ExpireDate
	}
	if w.Note != "" {
		p.Note = w.Note
	}
	return p, c.Check(p)
}

// defaultValidityWeeks is how long a plan without a template stays in force when no expiry
// is chosen: as the physiotherapy template (clinic default).
const defaultValidityWeeks = 12

// courses gives the plan's courses: the template's, or the ones asked for, completed.
func (c Catalogue) courses(t Template, specs []Spec, newID func() string) ([]Course, error) {
	if len(specs) == 0 {
		for _, tc := range t.Courses {
			specs = append(specs, Spec{CourseID: tc.ID})
		}
	}
	if len(specs) == 0 {
		return nil, fault.Invalid("courses", "give a template or at least one course")
	}
	var out []Course
	for i, s := range specs {
		at := fmt.Sprintf("courses[%d]", i)
		course, err := c.courseOf(at, t, s)
		if err != nil {
			return nil, err
		}
		if course.ID == "" {
			course.ID = newID()
		}
		if slices.ContainsFunc(out, func(o Course) bool { return o.ID == course.ID }) {
			return nil, fault.Invalid(at+".course_id", "is there twice")
		}
		out = append(out, course)
	}
	return out, nil
}

// courseOf completes one course from the template's course it names, or from the only one
// of its kind of care, or from the usual values of the kind of care.
func (c Catalogue) courseOf(at string, t Template, s Spec) (Course, error) {
	var base TemplateCourse
	for _, tc := range t.Courses {
		if tc.ID == s.CourseID || s.CourseID == "" && tc.Discipline == s.Discipline {
			base = tc
			break
		}
	}
	if t.ID != "" && s.CourseID != "" && base.ID == "" {
		return Course{}, fault.Invalid(at+".course_id", "the template has no such course")
	}
	if base.ID == "" {
		base.Discipline = s.Discipline
	}
	if s.Discipline != "" && s.Discipline != base.Discipline {
		return Course{}, fault.Invalid(at+".discipline", "the template's course is of another kind of care")
	}
	d, ok := c.Discipline(base.Discipline)
	if !ok {
		return Course{}, fault.Invalid(at+".discipline", "is needed: one of the clinic's kinds of care")
	}
	course := d.Course(base)
	course.tune(s)
	codes := base.Procedures
	if s.Procedures != nil {
		codes = s.Procedures
	}
	var bad int
	if course.Procedures, bad = c.procedures(d.Code, codes); bad >= 0 {
		return Course{}, fault.Invalid(fmt.Sprintf("%s.procedures[%d]", at, bad), "is no procedure of this kind of care")
	}
	if t.ID == "" {
		course.ID = s.CourseID
	}
	if len(s.ReviewAfter) == 0 && len(base.ReviewAfter) == 0 {
		course.ReviewAfter = d.reviews(course.Sessions)
	}
	if field, problem := d.check(course); problem != "" {
		return Course{}, fault.Invalid(at+"."+field, problem)
	}
	if len(s.PlannedDates) > course.Sessions {
		return Course{}, fault.Invalid(at+".planned_dates", "more dates than sessions")
	}
	return course, nil
}

// Course gives a course with the usual values where the template says nothing.
func (d Discipline) Course(t TemplateCourse) Course {
	or := func(v, usual int) int {
		if v != 0 {
			return v
		}
		return usual
	}
	sessions := or(t.Sessions, d.Sessions.Default)
	reviews := d.reviews(sessions)
	if len(t.ReviewAfter) > 0 {
		reviews = slices.Sorted(slices.Values(t.ReviewAfter))
	}
	return Course{
		TemplateCourseID: t.ID, Discipline: d.Code, Sessions: sessions,
		PerWeekMin: or(t.PerWeekMin, d.PerWeekMin.Default), PerWeekMax: or(t.PerWeekMax, d.PerWeekMax.Default),
		Weeks: or(t.Weeks, d.Weeks.Default), MinGapHours: or(t.MinGap, d.MinGapHours.Default),
		ReviewAfter: reviews, ReviewAfterWeeks: slices.Clone(d.ReviewAfterWeeks), FirstMinutes: d.FirstMinutes, Minutes: slices.Clone(d.Minutes),
	}
}

// tune applies what a clinician wants differently.
func (c *Course) tune(s Spec) {
	set := func(field *int, v int) {
		if v != 0 {
			*field = v
		}
	}
	set(&c.Sessions, s.Sessions)
	set(&c.PerWeekMin, s.PerWeekMin)
	set(&c.PerWeekMax, s.PerWeekMax)
	set(&c.Weeks, s.Weeks)
	set(&c.MinGapHours, s.MinGapHours)
	if len(s.ReviewAfter) > 0 {
		c.ReviewAfter = slices.Clone(s.ReviewAfter)
		slices.Sort(c.ReviewAfter)
	}
	c.PlannedDates = slices.Clone(s.PlannedDates)
}

// reviews gives the review points of a course of so many sessions.
func (d Discipline) reviews(sessions int) []int {
	out := slices.Clone(d.ReviewAfter)
	if d.ReviewHalfWay && sessions > 1 {
		out = append(out, sessions/2)
	}
	out = slices.DeleteFunc(out, func(n int) bool { return n > sessions })
	slices.Sort(out)
	return slices.Compact(out)
}

// check names the first field of the course that is outside the limits, and what is wrong.
func (d Discipline) check(c Course) (field, problem string) {
	values := []int{c.Sessions, c.PerWeekMin, c.PerWeekMax, c.Weeks, c.MinGapHours}
	for i, n := range d.ranges() {
		if values[i] < n.r.Min || values[i] > n.r.Max {
			return n.field, fmt.Sprintf("must be from %d to %d (%s)", n.r.Min, n.r.Max, n.r.Source)
		}
	}
	switch {
	case c.PerWeekMax > 0 && c.PerWeekMin > c.PerWeekMax:
		return "per_week_min", "must not be more than per_week_max"
	case c.PerWeekMax > 0 && c.Sessions > c.PerWeekMax*c.Weeks:
		return "sessions", fmt.Sprintf("%d weeks with at most %d a week hold fewer", c.Weeks, c.PerWeekMax)
	}
	for _, n := range c.ReviewAfter {
		if n < 1 || n > c.Sessions {
			return "review_after_sessions", "must be from 1 to the number of sessions"
		}
	}
	return "", ""
}
