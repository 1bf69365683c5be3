package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/platform/fault"
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
	if len(c.Ladder) == 0 || c.LadderSource == "" {
		return fmt.Errorf("ladder: steps and ladder_source are needed")
	}
	if err := c.validateProcedures(); err != nil {
		return err
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

func (c Catalogue) validateProcedures() error {
	seen := map[string]bool{}
	for i, p := range c.Procedures {
		at := fmt.Sprintf("procedures[%d]", i)
		switch {
		case p.Code == "" || seen[p.Code]:
			return fmt.Errorf("%s.code: is missing or there twice", at)
		case p.Source == "":
			return fmt.Errorf("%s.source: is missing", at)
		case len(p.Disciplines) == 0:
			return fmt.Errorf("%s.disciplines: at least one is needed", at)
		}
		seen[p.Code] = true
		for _, d := range p.Disciplines {
			if !slices.Contains(disciplines, d) {
				return fmt.Errorf("%s.disciplines: %q is not a kind of care", at, d)
			}
		}
	}
	return nil
}

func (c Catalogue) validateDiscipline(at string, d Discipline) error {
	if !slices.Contains(disciplines, d.Code) {
		return fmt.Errorf("%s.discipline: %q is not a kind of care", at, d.Code)
	}
	if !slices.Contains(c.Ladder, d.Step) {
		return fmt.Errorf("%s.step: %q is not on the ladder", at, d.Step)
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
	if err := d.validateReviews(at); err != nil {
		return err
	}
	if err := d.validateSources(at); err != nil {
		return err
	}
	for _, code := range append(slices.Clone(d.CausesRequired), d.CausesRefused...) {
		if !slices.Contains(c.CauseCodes, code) {
			return fmt.Errorf("%s.causes: %q is not a cause code", at, code)
		}
	}
	return nil
}

// validateReviews refuses review points that never come.
func (d Discipline) validateReviews(at string) error {
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
	return nil
}

// indications are the fields that an order may be asked for.
var indications = []string{"pain_score", "duration_weeks"}

// validateSources refuses what is set without saying where it comes from.
func (d Discipline) validateSources(at string) error {
	for _, n := range []struct {
		set    bool
		source string
		field  string
	}{
		{d.FirstMinutes > 0 || len(d.Minutes) > 0, d.MinutesSource, "minutes_source"},
		{len(d.CausesRequired)+len(d.CausesRefused) > 0, d.CausesSource, "causes_source"},
		{d.StepUp, d.StepUpSource, "step_up_source"},
		{d.Credential != "", d.CredentialSource, "credential_source"},
		{len(d.Indication) > 0, d.IndicationSource, "indication_source"},
	} {
		if n.set && n.source == "" {
			return fmt.Errorf("%s.%s: is missing", at, n.field)
		}
	}
	for i, n := range d.Information {
		if n.Code == "" || n.Text == "" || n.Source == "" || n.Label != "" && n.Label != "TRADITIONAL" {
			return fmt.Errorf("%s.information[%d]: needs code, text and source, and may be labelled TRADITIONAL", at, i)
		}
	}
	for _, field := range d.Indication {
		if !slices.Contains(indications, field) {
			return fmt.Errorf("%s.indication: %q is not a field of an order", at, field)
		}
	}
	return nil
}

func (c Catalogue) validateTemplate(at string, t Template) error {
	switch {
	case t.ID == "":
		return fmt.Errorf("%s.template_id: is missing", at)
	case t.Name == "":
		return fmt.Errorf("%s.name: is missing", at)
	case t.Purpose == "":
		return fmt.Errorf("%s.purpose: is missing", at)
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
		if err := c.validateCourse(place, tc, t.ValidityWeeks.Value); err != nil {
			return err
		}
	}
	for i, g := range t.Goals {
		if err := g.validate(fmt.Sprintf("%s.goals[%d]", at, i)); err != nil {
			return err
		}
	}
	for _, code := range t.CauseCodes {
		if !slices.Contains(c.CauseCodes, code) {
			return fmt.Errorf("%s.cause_codes: %q is not a cause code", at, code)
		}
	}
	return c.validateFit(at, t)
}

func (c Catalogue) validateCourse(place string, tc TemplateCourse, validity int) error {
	d, ok := c.Discipline(tc.Discipline)
	if !ok {
		return fmt.Errorf("%s.discipline: %q has no limits in this catalogue", place, tc.Discipline)
	}
	course := d.Course(tc)
	if field, problem := d.check(course); problem != "" {
		return fmt.Errorf("%s.%s: %s", place, field, problem)
	}
	if course.Weeks > validity {
		return fmt.Errorf("%s.weeks: longer than the template is valid", place)
	}
	if _, bad := c.procedures(tc.Discipline, tc.Procedures); bad >= 0 {
		return fmt.Errorf("%s.procedures[%d]: %q is no procedure of %s", place, bad, tc.Procedures[bad], tc.Discipline)
	}
	return nil
}

// validateFit refuses a template of which no plan could ever be put into force: without the
// goal or the cause that its kinds of care need, or with a cause that they refuse.
func (c Catalogue) validateFit(at string, t Template) error {
	for i, tc := range t.Courses {
		d, _ := c.Discipline(tc.Discipline)
		if d.GoalRequired && len(t.Goals) == 0 {
			return fmt.Errorf("%s.goals: %s needs one", at, d.Code)
		}
		for _, code := range d.CausesRefused {
			if slices.Contains(t.CauseCodes, code) {
				return fmt.Errorf("%s.cause_codes: %s is not treated with courses[%d]", at, code, i)
			}
		}
		for _, code := range d.CausesRequired {
			if len(t.CauseCodes) > 0 && !slices.Contains(t.CauseCodes, code) {
				return fmt.Errorf("%s.cause_codes: courses[%d] needs %s", at, i, code)
			}
		}
	}
	return nil
}

// goalCodes and goalMeasures are the words of goals that other parts know.
var (
	goalCodes    = []string{"PAIN", "FUNCTION", "MOBILITY", "STRAIN", "STRENGTH", "RETURN_TO_WORK", "SLEEP", "STRESS", "OTHER"}
	goalMeasures = []string{"", "NPRS", "NAMED_ACTIVITY", "PHQ4", "ROM", "OTHER"}
)

func (g Goal) validate(at string) error {
	switch {
	case !slices.Contains(goalCodes, g.Code):
		return fmt.Errorf("%s.code: %q is not a goal", at, g.Code)
	case !slices.Contains(goalMeasures, g.Measure):
		return fmt.Errorf("%s.measure: %q is not a measure", at, g.Measure)
	case g.Target < 0 || g.Baseline < 0:
		return fmt.Errorf("%s.target: must not be negative", at)
	case g.Target != 0 && g.Measure == "":
		return fmt.Errorf("%s.measure: a target needs one", at)
	case !g.DueDate.IsZero():
		return fmt.Errorf("%s.due_date: a template has no dates", at)
	}
	return nil
}

// CheckTemplate refuses a clinic's own template with a defect: INVALID_ARGUMENT names the
// place as in the request.
func (c Catalogue) CheckTemplate(t Template) error {
	if _, taken := c.Template(t.ID); taken {
		return fault.Invalid("template_id", "is one of the templates that ship")
	}
	err := c.validateTemplate("template", t)
	if err == nil {
		return nil
	}
	place, problem, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template."), ": ")
	switch place {
	case "validity_weeks.value":
		place = "validity_weeks"
	case "validity_weeks.source":
		place = "source"
	}
	return fault.Invalid(place, problem)
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
	if d.CredentialSource != "" {
		out = append(out, Source{Field: "credential", Source: d.CredentialSource})
	}
	if d.IndicationSource != "" {
		out = append(out, Source{Field: "indication", Source: d.IndicationSource})
	}
	return out
}

// Source says where a number comes from.
type Source struct{ Field, Source, EvidenceNote string }
