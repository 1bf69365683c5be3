package gateway_test

import (
	"context"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// courses is a small course service: two sessions with a time, one without.
type courses struct {
	bookingv1.UnimplementedCourseServiceServer
	b        *booking
	proposed []*bookingv1.ProposeCourseRequest
	booked   []*bookingv1.BookCourseRequest
}

func (b *booking) registerCourses(r grpc.ServiceRegistrar) {
	b.courses = &courses{b: b}
	bookingv1.RegisterCourseServiceServer(r, b.courses)
}

func (s *courses) ProposeCourse(_ context.Context, in *bookingv1.ProposeCourseRequest) (*bookingv1.ProposeCourseResponse, error) {
	s.proposed = append(s.proposed, in)
	session := func(day int, preferred bool, others ...*bookingv1.CourseAlternative) *bookingv1.CourseOccurrence {
		at := time.Date(2026, 12, day, 17, 0, 0, 0, time.UTC)
		return &bookingv1.CourseOccurrence{
			StartTime: timestamppb.New(at), LocalStart: at.Add(-8 * time.Hour).Format("2006-01-02T15:04"), TimeZone: "America/Vancouver",
			PractitionerId: "prac_1", RoomId: "room_1", AppointmentTypeId: "atype_physio", DurationMinutes: 30, Mode: "IN_PERSON", AsPreferred: preferred, Alternatives: others,
		}
	}
	other := &bookingv1.CourseAlternative{StartTime: timestamppb.New(time.Date(2026, 12, 4, 18, 0, 0, 0, time.UTC)), LocalStart: "2026-12-04T10:00", TimeZone: "America/Vancouver", PractitionerId: "prac_2"}
	return &bookingv1.ProposeCourseResponse{
		PlanId: in.GetPlanId(), Occurrences: []*bookingv1.CourseOccurrence{session(1, true), session(3, false, other)},
		Unplaced: []*bookingv1.Refusal{{Reason: "PLAN_FREQUENCY"}},
	}, nil
}

func (s *courses) BookCourse(_ context.Context, in *bookingv1.BookCourseRequest) (*bookingv1.BookCourseResponse, error) {
	if s.b.refuse != nil {
		return nil, s.b.refuse
	}
	s.booked = append(s.booked, in)
	return &bookingv1.BookCourseResponse{Appointments: []*bookingv1.Appointment{{AppointmentId: "apt_1", PatientId: "pat_1"}}}, nil
}

func TestAsk25PreviewOfEveryDate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(reception)
	a := b.get("/staff/course?plan=pln_1&course=c1").wants(t, 200, "Book several sessions for", "8 left to book", `value="8"`, "Tuesday", `value="2026-11-25"`)
	form := with(a.hidden(t, "/staff/course/propose"), "sessions", "x", "per_week", "2", "start_date", "2026-11-25", "days", "TUESDAY", "days", "THURSDAY", "after", "16:00")
	b.post("/staff/course/propose", form).wants(t, 422, "Enter a whole number from 1 to 60", `value="TUESDAY" checked`)
	form.Set("sessions", "3")
	a = b.post("/staff/course/propose", form).wants(t, 200, "Tuesday 1 December 2026, 9:00 am (Vancouver time), Dr Ana Lee", "Friday 4 December 2026, 10:00 am (Vancouver time), Ben", "not as wished", "1 session has no time", "The plan allows no more sessions in that week.")
	got := w.book.courses.proposed[0]
	if got.GetSessions() != 3 || got.GetPerWeek() != 2 || got.GetPreferences().GetFrom() != "16:00" || strings.Join(got.GetPreferences().GetDays(), ",") != "TUESDAY,THURSDAY" {
		t.Errorf("proposed %v", got)
	}
	book := a.hidden(t, "/staff/course/book")
	sessions := options(t, a, "session_1")
	others := options(t, a, "session_2")
	b.post("/staff/course/book", with(clip(book), "session_1", "none", "session_2", "none")).wants(t, 422, "Choose at least one time", "Session 1")
	b.post("/staff/course/book", with(clip(book), "session_1", "nonsense")).wants(t, 422, "Choose at least one time")
	w.book.refuse = fault.New(fault.Aborted, "SLOT_TAKEN", "taken").With("occurrence", "2").With("start_time", "2026-12-04T18:00:00Z")
	b.post("/staff/course/book", with(clip(book), "session_1", sessions[0], "session_2", others[1])).wants(t, 409, "Friday 4 December 2026, 10:00 am (Vancouver time): That time has just been taken", "Session 2")
	w.book.refuse = nil
	b.post("/staff/course/book", with(clip(book), "session_1", sessions[0], "session_2", others[1])).wants(t, 200, "The sessions are booked.")
	list := w.book.courses.booked[0].GetOccurrences()
	if len(list) != 2 || list[1].GetPractitionerId() != "prac_2" || list[0].GetRoomId() != "room_1" || list[0].GetDurationMinutes() != 30 {
		t.Errorf("booked %v", list)
	}
	b.get("/staff/course?plan=pln_1&course=c9").wants(t, 404)
	b.get("/staff/course?plan=pln_9&course=c1").wants(t, 404)
	w.browser(patient).get("/staff/course?plan=pln_1&course=c1").wants(t, 403)
}

// options are the values of a select.
func options(t *testing.T, a answer, name string) (values []string) {
	t.Helper()
	for _, s := range parseHTML(t, a.body).all("select") {
		if s.attr("name") != name {
			continue
		}
		for _, o := range s.all("option") {
			values = append(values, o.attr("value"))
		}
	}
	return values
}

// clip copies a form, to be filled in in another way.
func clip(form url.Values) url.Values {
	c := url.Values{}
	for name, values := range form {
		c[name] = append([]string(nil), values...)
	}
	return c
}
