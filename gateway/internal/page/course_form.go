package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// courseRoutes book the sessions of a course in one go: first the wishes, then a preview with
// every date, what stands in the way and what is possible instead, then all of it or nothing.
func (s *Site) courseRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/course", desk, s.courseForm),
		s.row("POST /staff/course/propose", desk, s.coursePropose),
		s.row("POST /staff/course/book", desk, s.courseBook),
	}
}

// courseFormPage asks for the wishes.
type courseFormPage struct {
	Plan   *plansv1.Plan
	Course *plansv1.Course
	Name   string
	Fields []Field
	Hidden []pair
}

// courseOf looks up the course that a form is about.
func (c *call) courseOf() (d courseFormPage, err error) {
	got, err := c.clients.plans.GetPlan(c.ctx(), &plansv1.GetPlanRequest{PlanId: c.either("plan")})
	if err != nil {
		return d, err
	}
	d.Plan = got.GetPlan()
	i := slices.IndexFunc(d.Plan.GetCourses(), func(course *plansv1.Course) bool { return course.GetCourseId() == c.either("course") })
	if i < 0 {
		return d, fault.NotFoundf("course")
	}
	d.Course = d.Plan.GetCourses()[i]
	p, err := c.patient(d.Plan.GetPatientId())
	if err != nil {
		return d, err
	}
	d.Name = patientName(p)
	d.Hidden = []pair{{"plan", d.Plan.GetPlanId()}, {"course", d.Course.GetCourseId()}}
	return d, nil
}

// courseView makes the page of wishes, with what was typed.
func (c *call) courseView(d courseFormPage, w *wrongs) (*view, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return nil, err
	}
	field := func(kind, name string) Field { return c.input(w, kind, name, "course."+name) }
	sessions, perWeek, start := field("number", "sessions"), field("number", "per_week"), field("date", "start_date")
	sessions.Short, sessions.Min, sessions.Max = true, "1", "60"
	perWeek.Short, perWeek.Min, perWeek.Max = true, "1", "7"
	perWeek.Optional = true
	if sessions.Value == "" {
		sessions.Value = strconv.Itoa(int(d.Course.GetSessions().GetLeft()))
	}
	if start.Value == "" {
		start.Value = c.today(clinic).AddDays(1).String()
	}
	days := field("checks", "days")
	days.Optional = true
	for i := 1; i <= 7; i++ {
		days.Options = append(days.Options, Option{Value: weekdayCodes[i%7], Label: c.cat.T("weekday." + strconv.Itoa(i%7))})
	}
	from, to := field("time", "after"), field("time", "before")
	from.Optional, to.Optional = true, true
	who := field("select", "practitioner")
	who.Options = append([]Option{{Label: c.cat.T("course.same")}}, practitionerOptions(practitioners)...)
	d.Fields = []Field{sessions, perWeek, start, days, from, to, who}
	v := c.view(c.cat.T("course.title", "name", d.Name), d)
	v.Back = address("/staff/book", "patient", d.Plan.GetPatientId())
	return v, nil
}

// courseForm shows it.
func (s *Site) courseForm(c *call) error {
	d, err := c.courseOf()
	if err != nil {
		return err
	}
	v, err := c.courseView(d, nil)
	if err != nil {
		return err
	}
	return c.show("course_form", v)
}

// coursePreview is a course as it could be booked.
type coursePreview struct {
	courseFormPage
	Sessions []previewSession
	Unplaced []string
	// Wishes are sent along, so that the preview can be made again when a time was lost.
	Wishes []pair
}

// previewSession is one session of a preview: a time, or another one, or none.
type previewSession struct {
	Number int
	Field  Field
	// Other is true when it is not as wished.
	Other bool
}

// wishNames are the fields of the wishes.
var wishNames = []string{"sessions", "per_week", "start_date", "days", "after", "before", "practitioner"}

// proposal reads the wishes of the form.
func (c *call) proposal(w *wrongs) *bookingv1.ProposeCourseRequest {
	number := func(name string, most int) int32 {
		if c.form(name) == "" {
			return 0
		}
		n, err := strconv.Atoi(c.form(name))
		if err != nil || n < 1 || n > most {
			w.field(name, c.cat.T("course.number", "max", most))
			return 0
		}
		return int32(n) //nolint:gosec // bounded above
	}
	clock := func(name string) string {
		if c.form(name) == "" {
			return ""
		}
		at, err := time.Parse("15:04", c.form(name))
		if err != nil {
			w.field(name, c.cat.T("error.time"))
			return ""
		}
		return at.Format("15:04")
	}
	return &bookingv1.ProposeCourseRequest{
		PlanId: c.form("plan"), CourseId: c.form("course"), StartDate: c.form("start_date"), ConflictPolicy: "PROPOSE",
		Sessions: number("sessions", 60), PerWeek: number("per_week", 7),
		Preferences: &bookingv1.CoursePreferences{Days: c.forms("days"), From: clock("after"), To: clock("before"), PractitionerId: c.form("practitioner")},
	}
}

// coursePropose shows the preview.
func (s *Site) coursePropose(c *call) error { return c.preview(c.wrongs()) }

// preview looks for times by the wishes of the form and shows them, with what is wrong.
func (c *call) preview(w *wrongs) error {
	d, err := c.courseOf()
	if err != nil {
		return err
	}
	had := w.any()
	request := c.proposal(w)
	if w.any() && !had {
		return c.wishesAgain(d, w)
	}
	got, err := c.clients.courses.ProposeCourse(c.ctx(), request)
	if err != nil {
		if !w.refused(err, map[string]string{"preferences.from": "after", "preferences.to": "before"}) {
			return err
		}
		return c.wishesAgain(d, w)
	}
	practitioners, err := c.practitioners()
	if err != nil {
		return err
	}
	p := coursePreview{courseFormPage: d}
	for i, o := range got.GetOccurrences() {
		p.Sessions = append(p.Sessions, c.previewSession(i+1, o, func(id string) string { return practitioners[id].GetDisplayName() }))
	}
	for _, r := range got.GetUnplaced() {
		p.Unplaced = append(p.Unplaced, c.refusalText(r))
	}
	for _, name := range wishNames {
		for _, value := range c.forms(name) {
			p.Wishes = append(p.Wishes, pair{name, value})
		}
	}
	v := c.view(c.cat.T("course.preview", "name", d.Name), p)
	v.Back = address("/staff/course", "plan", d.Plan.GetPlanId(), "course", d.Course.GetCourseId())
	if w.any() {
		return c.again("course_preview", v, w)
	}
	return c.show("course_preview", v)
}

// wishesAgain shows the wishes with what is wrong.
func (c *call) wishesAgain(d courseFormPage, w *wrongs) error {
	v, err := c.courseView(d, w)
	if err != nil {
		return err
	}
	return c.again("course_form", v, w)
}

// previewSession is one line of the preview: the proposed time first, then the others, then
// leaving it out.
func (c *call) previewSession(n int, o *bookingv1.CourseOccurrence, name func(string) string) previewSession {
	tail := fmt.Sprintf("|%s|%d|%s", o.GetAppointmentTypeId(), o.GetDurationMinutes(), o.GetMode())
	option := func(start time.Time, local, zone, who, room string) Option {
		return Option{
			Value: start.Format(time.RFC3339) + "|" + who + "|" + room + tail,
			Label: c.cat.T("course.time", "when", c.cat.When(local, zone), "with", name(who)),
		}
	}
	f := Field{Kind: "select", Name: "session_" + strconv.Itoa(n), Label: c.cat.T("course.session", "n", n)}
	f.Options = append(f.Options, option(o.GetStartTime().AsTime(), o.GetLocalStart(), o.GetTimeZone(), o.GetPractitionerId(), o.GetRoomId()))
	for _, a := range o.GetAlternatives() {
		f.Options = append(f.Options, option(a.GetStartTime().AsTime(), a.GetLocalStart(), a.GetTimeZone(), a.GetPractitionerId(), a.GetRoomId()))
	}
	f.Options = append(f.Options, Option{Value: "none", Label: c.cat.T("course.leave_out")})
	f.Value = f.Options[0].Value
	return previewSession{Number: n, Field: f, Other: !o.GetAsPreferred()}
}

// occurrences reads the sessions that the preview was sent with, those left out not.
func (c *call) occurrences() (list []*bookingv1.CourseOccurrence, ok bool) {
	for n := 1; n <= 60; n++ {
		value := c.form("session_" + strconv.Itoa(n))
		if value == "" || value == "none" {
			continue
		}
		parts := strings.Split(value, "|")
		if len(parts) != 6 {
			return nil, false
		}
		start, err := time.Parse(time.RFC3339, parts[0])
		minutes, errMinutes := strconv.ParseInt(parts[4], 10, 32)
		if err != nil || errMinutes != nil {
			return nil, false
		}
		list = append(list, &bookingv1.CourseOccurrence{
			StartTime: stamp(start), PractitionerId: parts[1], RoomId: parts[2], AppointmentTypeId: parts[3],
			DurationMinutes: int32(minutes), Mode: parts[5],
		})
	}
	return list, len(list) > 0
}

// courseBook books what the preview was sent with, all of it or nothing. When one session
// cannot be booked any more the preview is made again and says which one and why.
func (s *Site) courseBook(c *call) error {
	w := c.wrongs()
	list, ok := c.occurrences()
	if !ok {
		w.list = append(w.list, mistake{Text: c.cat.T("course.none")})
		return c.preview(w)
	}
	got, err := s.clients.courses.BookCourse(c.ctx(), &bookingv1.BookCourseRequest{
		RequestId: c.requestID(), PlanId: c.form("plan"), CourseId: c.form("course"), Occurrences: list,
	})
	if err != nil {
		if !w.refused(err, nil) {
			return err
		}
		c.whichSession(w, fault.From(err))
		return c.preview(w)
	}
	return c.redirect(address("/staff/patients/"+got.GetAppointments()[0].GetPatientId(), "done", "course_booked"))
}

// whichSession puts before a refusal which session it is about.
func (c *call) whichSession(w *wrongs, f *fault.Error) {
	at, err := time.Parse(time.RFC3339, f.Facts["start_time"])
	clinic, errClinic := c.clinic()
	if err != nil || errClinic != nil || len(w.list) == 0 {
		return
	}
	zone := clinic.GetTimeZone()
	w.list[0].Text = c.cat.T("course.refused", "when", c.cat.When(wallTime(at, c.zone(zone)), zone), "why", w.list[0].Text)
}
