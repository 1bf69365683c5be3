package page

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// templateForm is the form of a template.
type templateForm struct {
	Action, Etag string
	Checked      bool // it was checked, and nothing is wrong
	Fields       []Field
	Courses      []templateRow
	Goals        []templateRow
}

// templateRow is a group of fields: a course or a goal.
type templateRow struct {
	Title, ID string
	Fields    []Field
}

// Rows are how many courses and goals a form has room for: those that are there and one more,
// at least two and at most as many as a template may have.
func roomFor(there, most int) int { return min(max(there+1, 2), most) }

// courseNumbers are the numbers of a course in the order of the form.
var courseNumbers = []string{"sessions", "per_week_min", "per_week_max", "weeks", "min_gap_hours"}

// templateView shows the form, filled in from a template, or from what was sent.
func (c *call) templateView(t *plansv1.PlanTemplate, w *wrongs) error {
	offered, err := c.proceduresOffered()
	if err != nil {
		return err
	}
	sent := c.r.Method == http.MethodPost
	fill := func(f Field, value string) Field {
		if !sent {
			f.Value = value
		}
		return f
	}
	d := templateForm{Action: c.r.URL.Path, Etag: t.GetEtag(), Checked: sent && w == nil}
	causes := c.choices(w, "checks", "cause_codes", "template.causes", "cause", "", c.cat.Codes("cause")...)
	causes.Optional = true
	if !sent {
		causes.Values = t.GetCauseCodes()
	}
	weeks := fill(c.input(w, "text", "validity_weeks", "template.validity_weeks"), whole(t.GetValidityWeeks()))
	weeks.InputMode, weeks.Short = "numeric", true
	d.Fields = []Field{
		fill(c.input(w, "text", "name", "template.name"), t.GetName()), fill(c.input(w, "text", "purpose", "template.purpose"), t.GetPurpose()),
		weeks, fill(c.input(w, "text", "source", "template.source"), t.GetSource()), causes,
	}
	courses, goals := roomFor(len(t.GetCourses()), 10), roomFor(len(t.GetGoals()), 20)
	if sent {
		courses, goals = c.rowsAgain("course_", "_discipline", 10), c.rowsAgain("goal_", "_code", 20)
	}
	for n := range courses {
		var course *plansv1.TemplateCourse
		if n < len(t.GetCourses()) {
			course = t.GetCourses()[n]
		}
		d.Courses = append(d.Courses, c.courseRow(w, n+1, course, offered, fill))
	}
	for n := range goals {
		var goal *plansv1.Goal
		if n < len(t.GetGoals()) {
			goal = t.GetGoals()[n]
		}
		d.Goals = append(d.Goals, c.goalRow(w, n+1, goal, fill))
	}
	title := "template.new_title"
	if c.path("template_id") != "" {
		title = "template.change_title"
	}
	v := c.view(c.cat.T(title), d)
	v.Back = "/staff/templates"
	if w == nil {
		return c.show("template_form", v)
	}
	return c.again("template_form", v, w)
}

// rowsSent counts the rows of the form that was sent.
func (c *call) rowsSent(before, after string, most int) int {
	n := 0
	for n < most && c.r.PostForm.Has(before+strconv.Itoa(n+1)+after) {
		n++
	}
	return n
}

// rowsAgain is how many rows the form has when it is shown again: one more once all are filled
// in.
func (c *call) rowsAgain(before, after string, most int) int {
	n := c.rowsSent(before, after, most)
	if n < most && c.form(before+strconv.Itoa(n)+after) != "" {
		n++
	}
	return n
}

// whole writes a number, and nothing for 0.
func whole(n int32) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(int(n))
}

// proceduresOffered are the procedures that may be chosen, by kind of care.
func (c *call) proceduresOffered() (map[string][]string, error) {
	got, err := c.clients.plans.ListPlanTemplates(c.ctx(), &plansv1.ListPlanTemplatesRequest{IncludeRetired: true})
	if err != nil {
		return nil, err
	}
	offered := map[string][]string{}
	for _, t := range got.GetTemplates() {
		for _, course := range t.GetCourses() {
			var codes []string
			for _, p := range course.GetProceduresOffered() {
				codes = append(codes, p.GetCode())
			}
			offered[course.GetDiscipline()] = codes
		}
	}
	return offered, nil
}

// courseRow are the fields of the n-th course, from 1 on.
func (c *call) courseRow(w *wrongs, n int, course *plansv1.TemplateCourse, offered map[string][]string, fill func(Field, string) Field) templateRow {
	at := "course_" + strconv.Itoa(n) + "_"
	care := fill(c.choices(w, "select", at+"discipline", "template.discipline", "discipline", "", append([]string{""}, noteDisciplines...)...), course.GetDiscipline())
	care.Optional = n > 1
	fields := []Field{care}
	numbers := map[string]int32{
		"sessions": course.GetSessions(), "per_week_min": course.GetPerWeekMin(), "per_week_max": course.GetPerWeekMax(),
		"weeks": course.GetWeeks(), "min_gap_hours": course.GetMinGapHours(),
	}
	for _, name := range courseNumbers {
		f := fill(c.input(w, "text", at+name, "template."+name), whole(numbers[name]))
		f.InputMode, f.Short, f.Optional = "numeric", true, true
		fields = append(fields, f)
	}
	reviews := make([]string, len(course.GetReviewAfterSessions()))
	for i, after := range course.GetReviewAfterSessions() {
		reviews[i] = strconv.Itoa(int(after))
	}
	review := fill(c.input(w, "text", at+"review_after_sessions", "template.review_after_sessions"), strings.Join(reviews, ", "))
	review.Optional = true
	fields = append(fields, review)
	if codes := offered[care.Value]; len(codes) > 0 {
		done := c.choices(w, "checks", at+"procedures", "template.procedures", "procedure", "", codes...)
		done.Optional = true
		if c.r.Method == http.MethodGet {
			for _, p := range course.GetProcedures() {
				done.Values = append(done.Values, p.GetCode())
			}
		}
		fields = append(fields, done)
	}
	return templateRow{Title: c.cat.T("template.course_n", "n", n), ID: at + "row", Fields: fields}
}

// goalRow are the fields of the n-th goal, from 1 on.
func (c *call) goalRow(w *wrongs, n int, goal *plansv1.Goal, fill func(Field, string) Field) templateRow {
	at := "goal_" + strconv.Itoa(n) + "_"
	code := fill(c.choices(w, "select", at+"code", "plan_form.goal", "goal", "", "", "PAIN", "FUNCTION", "MOBILITY", "STRAIN", "STRENGTH", "RETURN_TO_WORK", "SLEEP", "STRESS", "OTHER"), goal.GetCode())
	text := fill(c.input(w, "text", at+"text", "template.goal_text"), goal.GetText())
	measure := fill(c.choices(w, "select", at+"measure", "template.measure", "instrument", "", "", "NPRS", "NAMED_ACTIVITY", "PHQ4", "ROM", "OTHER"), goal.GetMeasure())
	target := c.input(w, "text", at+"target", "template.target")
	if goal.GetTarget() > 0 {
		target = fill(target, decimal(goal.GetTarget()))
	}
	target.InputMode, target.Short = "decimal", true
	code.Optional, text.Optional, measure.Optional, target.Optional = true, true, true, true
	return templateRow{Title: c.cat.T("template.goal_n", "n", n), ID: at + "row", Fields: []Field{code, text, measure, target}}
}

// sentRows says which rows of the form were sent, in turn: rows that are empty are left out.
type sentRows struct{ courses, goals []int }

// templatePlace is a place within a template as the service names it.
var templatePlace = regexp.MustCompile(`^(courses|goals)\[(\d+)\](?:\.([a-z_]+))?`)

// field is the field of the form for a place.
func (r sentRows) field(at string) string {
	at = strings.TrimPrefix(at, "template.")
	m := templatePlace.FindStringSubmatch(at)
	if m == nil {
		at, _, _ = strings.Cut(at, "[")
		if at == "courses" {
			return "course_1_discipline"
		}
		return at
	}
	rows, prefix, first := r.courses, "course_", "discipline"
	if m[1] == "goals" {
		rows, prefix, first = r.goals, "goal_", "code"
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n >= len(rows) {
		return at
	}
	name := m[3]
	if name == "" || name == "course_id" {
		name = first
	}
	return prefix + strconv.Itoa(rows[n]) + "_" + name
}

// placed says with a defect where it is.
func (c *call) placed(m mistake) string {
	kind, rest, _ := strings.Cut(m.Field, "_")
	n, name, ok := strings.Cut(rest, "_")
	key := "template." + m.Field
	label := c.cat.Or(key, "")
	if ok && (kind == "course" || kind == "goal") {
		number, _ := strconv.Atoi(n)
		label = c.cat.T("template."+kind+"_n", "n", number)
		if part := c.cat.Or("template."+name, ""); part != "" {
			label += ", " + strings.ToLower(part[:1]) + part[1:]
		}
	}
	if label == "" {
		return m.Text
	}
	return label + ": " + m.Text
}

// templateSpec reads the form.
func (c *call) templateSpec(w *wrongs) (*plansv1.TemplateSpec, sentRows) {
	var rows sentRows
	t := &plansv1.TemplateSpec{
		Name: c.form("name"), Purpose: c.form("purpose"), Source: c.form("source"), ValidityWeeks: c.count(w, "validity_weeks"), CauseCodes: c.forms("cause_codes"),
	}
	w.need("name", t.GetName(), "template.need_name")
	for n := range c.rowsSent("course_", "_discipline", 10) {
		at := "course_" + strconv.Itoa(n+1) + "_"
		if c.form(at+"discipline") == "" {
			continue
		}
		spec := &plansv1.CourseSpec{
			Discipline: c.form(at + "discipline"), Sessions: c.count(w, at+"sessions"), PerWeekMin: c.count(w, at+"per_week_min"),
			PerWeekMax: c.count(w, at+"per_week_max"), Weeks: c.count(w, at+"weeks"), MinGapHours: c.count(w, at+"min_gap_hours"), Procedures: c.forms(at + "procedures"),
		}
		for _, part := range strings.FieldsFunc(c.form(at+"review_after_sessions"), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }) {
			after, err := strconv.ParseInt(part, 10, 32)
			if err != nil {
				w.field(at+"review_after_sessions", c.cat.T("template.need_number"))
				continue
			}
			spec.ReviewAfterSessions = append(spec.ReviewAfterSessions, int32(after))
		}
		t.Courses, rows.courses = append(t.Courses, spec), append(rows.courses, n+1)
	}
	for n := range c.rowsSent("goal_", "_code", 20) {
		at := "goal_" + strconv.Itoa(n+1) + "_"
		if c.form(at+"code") == "" {
			continue
		}
		t.Goals = append(t.Goals, &plansv1.Goal{
			Code: c.form(at + "code"), Text: c.form(at + "text"), Measure: c.form(at + "measure"), Target: c.milligrams(w, at+"target"),
		})
		rows.goals = append(rows.goals, n+1)
	}
	return t, rows
}

// count reads a whole number that may be left out.
func (c *call) count(w *wrongs, name string) int32 {
	if c.form(name) == "" {
		return 0
	}
	n, err := strconv.ParseInt(c.form(name), 10, 32)
	if err != nil || n < 0 {
		w.field(name, c.cat.T("template.need_number"))
		return 0
	}
	return int32(n)
}
