package plan

import (
	"fmt"
	"slices"
)

// disciplines are the codes that other services know.
var disciplines = []string{"PHYSIOTHERAPY", "CHIROPRACTIC", "ACUPUNCTURE", "MASSAGE", "FACET_JOINT_INJECTION", "MEDICAL", "CBT"}

// professions are the codes that other services know.
var professions = []string{"PHYSIOTHERAPIST", "CHIROPRACTOR", "ACUPUNCTURIST", "MASSAGE_THERAPIST", "PHYSICIAN"}

func (c Catalogue) validate() error {
	if c.Version < 1 {
		return fmt.Errorf("version: must be 1 or more")
	}
	if len(c.CauseCodes) == 0 {
		return fmt.Errorf("cause_codes: at least one is needed")
	}
	if c.NoShowCounts.Source == "" || c.LateCancelCounts.Source == "" {
		return fmt.Errorf("no_show_counts, late_cancel_counts: source is missing")
	}
	seen := map[string]bool{}
	for i, d := range c.Disciplines {
		at := fmt.Sprintf("disciplines[%d]", i)
		if seen[d.Code] {
			return fmt.Errorf("%s.discipline: %s is there twice", at, d.Code)
		}
		seen[d.Code] = true
		if err := c.validateDiscipline(at, d); err != nil {
			return err
		}
	}
	seen = map[string]bool{}
	for i, t := range c.Templates {
		at := fmt.Sprintf("templates[%d]", i)
		if seen[t.ID] {
			return fmt.Errorf("%s.template_id: %s is there twice", at, t.ID)
		}
		seen[t.ID] = true
		if err := c.validateTemplate(at, t); err != nil {
			return err
		}
	}
	return nil
}

func (c Catalogue) validateDiscipline(at string, d Discipline) error {
	if !slices.Contains(disciplines, d.Code) {
		return fmt.Errorf("%s.discipline: %q is not a kind of care", at, d.Code)
	}
	for _, p := range d.Professions {
		if !slices.Contains(professions, p) {
			return fmt.Errorf("%s.professions: %q is not a profession", at, p)
		}
	}
	for _, n := range d.ranges() {
		if n.r.Source == "" {
			return fmt.Errorf("%s.%s.source: is missing", at, n.field)
		}
		if n.r.Min < 0 || n.r.Min > n.r.Max || n.r.Default < n.r.Min || n.r.Default > n.r.Max {
			return fmt.Errorf("%s.%s: needs 0 <= min <= default <= max", at, n.field)
		}
	}
	if d.Sessions.Min < 1 {
		return fmt.Errorf("%s.sessions.min: must be 1 or more", at)
	}
	if (len(d.ReviewAfter) > 0 || len(d.ReviewAfterWeeks) > 0 || d.ReviewHalfWay) && d.ReviewSource == "" {
		return fmt.Errorf("%s.review_source: is missing", at)
	}
	for _, n := range d.ReviewAfter {
		if n < 1 || n > d.Sessions.Max {
			return fmt.Errorf("%s.review_after_sessions: %d is never reached", at, n)
		}
	}
	for _, n := range d.ReviewAfterWeeks {
		if n < 1 || n > d.Weeks.Max {
			return fmt.Errorf("%s.review_after_weeks: week %d is never reached", at, n)
		}
	}
	if (d.FirstMinutes > 0 || len(d.Minutes) > 0) && d.MinutesSource == "" {
		return fmt.Errorf("%s.minutes_source: is missing", at)
	}
	if len(d.CausesRequired)+len(d.CausesRefused) > 0 && d.CausesSource == "" {
		return fmt.Errorf("%s.causes_source: is missing", at)
	}
	if d.StepUp && d.StepUpSource == "" {
		return fmt.Errorf("%s.step_up_source: is missing", at)
	}
	for _, code := range append(slices.Clone(d.CausesRequired), d.CausesRefused...) {
		if !slices.Contains(c.CauseCodes, code) {
			return fmt.Errorf("%s.causes: %q is not a cause code", at, code)
		}
	}
	return nil
}

func (c Catalogue) validateTemplate(at string, t Template) error {
	switch {
	case t.ID == "":
		return fmt.Errorf("%s.template_id: is missing", at)
	case t.Name == "" || t.Purpose == "":
		return fmt.Errorf("%s: name and purpose are needed", at)
	case t.ValidityWeeks.Value < 1 || t.ValidityWeeks.Value > 104:
		return fmt.Errorf("%s.validity_weeks.value: must be from 1 to 104", at)
	case t.ValidityWeeks.Source == "":
		return fmt.Errorf("%s.validity_weeks.source: is missing", at)
	case len(t.Courses) == 0:
		return fmt.Errorf("%s.courses: at least one is needed", at)
	}
	seen := map[string]bool{}
	for i, tc := range t.Courses {
		place := fmt.Sprintf("%s.courses[%d]", at, i)
		if tc.ID == "" || seen[tc.ID] {
			return fmt.Errorf("%s.course_id: is missing or there twice", place)
		}
		seen[tc.ID] = true
		d, ok := c.Discipline(tc.Discipline)
		if !ok {
			return fmt.Errorf("%s.discipline: %q has no limits in this catalogue", place, tc.Discipline)
		}
		course := d.Course(tc)
		if field, problem := d.check(course); problem != "" {
			return fmt.Errorf("%s.%s: %s", place, field, problem)
		}
		if course.Weeks > t.ValidityWeeks.Value {
			return fmt.Errorf("%s.weeks: longer than the template is valid", place)
		}
	}
	for _, code := range t.CauseCodes {
		if !slices.Contains(c.CauseCodes, code) {
			return fmt.Errorf("%s.cause_codes: %q is not a cause code", at, code)
		}
	}
	return nil
}

// namedRange is a number of a kind of care by the name it has in data and requests.
type namedRange struct {
	field string
	r     Range
}

// ranges gives the numbers that a clinician may set.
func (d Discipline) ranges() []namedRange {
	return []namedRange{
		{"sessions", d.Sessions},
		{"per_week_min", d.PerWeekMin},
		{"per_week_max", d.PerWeekMax},
		{"weeks", d.Weeks},
		{"min_gap_hours", d.MinGapHours},
	}
}

// Sources gives the source of each number, by field, for people to read.
func (d Discipline) Sources() []Source {
	var out []Source
	for _, n := range d.ranges() {
		out = append(out, Source{Field: n.field, Source: n.r.Source, EvidenceNote: n.r.EvidenceNote})
	}
	if d.ReviewSource != "" {
		out = append(out, Source{Field: "review_after_sessions", Source: d.ReviewSource})
	}
	if d.MinutesSource != "" {
		out = append(out, Source{Field: "session_minutes", Source: d.MinutesSource})
	}
	if d.CausesSource != "" {
		out = append(out, Source{Field: "cause_codes", Source: d.CausesSource})
	}
	if d.StepUpSource != "" {
		out = append(out, Source{Field: "step_up_reason", Source: d.StepUpSource})
	}
	return out
}

// Source says where a number comes from.
type Source struct{ Field, Source, EvidenceNote string }
