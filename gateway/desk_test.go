package gateway_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// ListHolds holds half an hour of a practitioner for a patient whom reception knows.
func (b *booking) ListHolds(_ context.Context, in *bookingv1.ListHoldsRequest) (*bookingv1.ListHoldsResponse, error) {
	if in.GetDate() != "2026-11-24" {
		return &bookingv1.ListHoldsResponse{}, nil
	}
	hold := func(id, state string, start time.Time, left time.Duration) *bookingv1.Hold {
		return &bookingv1.Hold{
			HoldId: id, State: state, PractitionerId: "prac_2", PatientId: "pat_2", StartTime: timestamppb.New(start),
			EndTime: timestamppb.New(start.Add(30 * time.Minute)), ExpireTime: timestamppb.New(noon.Add(left)),
		}
	}
	return &bookingv1.ListHoldsResponse{Holds: []*bookingv1.Hold{
		hold("hold_1", "HELD", noon.Add(time.Hour), 7*time.Minute),
		hold("hold_2", "HELD", noon.Add(2*time.Hour), -time.Minute),
		hold("hold_3", "RELEASED", noon.Add(3*time.Hour), 7*time.Minute),
	}}, nil
}

// ListShifts lets one practitioner work from nine to one.
func (b *booking) ListShifts(context.Context, *bookingv1.ListShiftsRequest) (*bookingv1.ListShiftsResponse, error) {
	return &bookingv1.ListShiftsResponse{Shifts: []*bookingv1.Shift{{
		PractitionerId: "prac_1", LocationId: "loc_1", Weekdays: []string{"TUESDAY"}, StartDate: "2026-01-01", StartLocalTime: "09:00", EndLocalTime: "13:00",
	}}}, nil
}

// ListShiftExceptions takes half an hour of it away.
func (b *booking) ListShiftExceptions(context.Context, *bookingv1.ListShiftExceptionsRequest) (*bookingv1.ListShiftExceptionsResponse, error) {
	return &bookingv1.ListShiftExceptionsResponse{ShiftExceptions: []*bookingv1.ShiftException{
		{SubjectId: "prac_1", StartLocal: "2026-11-24T11:00", EndLocal: "2026-11-24T11:30", ReasonCode: "MEETING"},
	}}, nil
}

// cells are the texts of a table's cells with a class.
func cells(page *node, class string) (texts []string) {
	for _, td := range page.all("td") {
		if td.attr("class") == class {
			texts = append(texts, inner(td))
		}
	}
	return texts
}

// inner is all text of an element.
func inner(n *node) string {
	s := n.text
	for _, c := range n.children {
		s += " " + inner(c)
	}
	return strings.Join(strings.Fields(s), " ")
}

func TestDayAsATable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.book.made["apt_1"].Flags = []string{"OVERRIDDEN", "SCREENING_DUE"}
	b := w.browser(reception)
	a := b.get("/staff/day?view=table").wants(t, 200, `<th scope="col">Dr Ana Lee</th>`, "booked all the same", "form not done", "held for Noor Haddad until 10:07 am",
		`aria-label="Book 10:30 am with Dr Ana Lee"`, "/staff/book?at=10%3A30&amp;from=2026-11-24&amp;practitioner=prac_1")
	a.lacks(t, "Book 9:00 am", "Book 11:00 am", "Book 1:00 pm") // over, at a meeting, after work
	page := parseHTML(t, a.body)
	busy := cells(page, "busy")
	if len(busy) != 2 || !strings.Contains(busy[1], "12:00 pm Ca&lt;b&gt;nary") {
		t.Errorf("busy: %q", busy)
	}
	if held := cells(page, "held"); len(held) != 1 {
		t.Errorf("held: %q; one hold is there, one ran out and one was given back", held)
	}
	for _, tab := range page.all("a") {
		if tab.attr("aria-current") == "page" && strings.Contains(tab.attr("href"), "date=") && inner(tab) != "By practitioner" {
			t.Errorf("the current view is %q", inner(tab))
		}
	}
	b.get("/staff/day?view=table&date=2026-11-23").wants(t, 200, "Nobody works on this day.")
}

func TestWaitingRoom(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.book.made["apt_2"]
	a.State, a.CheckInTime = "CHECKED_IN", timestamppb.New(noon.Add(-25*time.Minute))
	b := w.browser(reception)
	got := b.get("/staff/day").wants(t, 200, "Waiting room: 1 person", "waits 25 minutes", "Noor Haddad")
	if n := strings.Count(got.body, `action="/staff/appointments/apt_2/start"`); n != 2 {
		t.Errorf("%d buttons to start, want one in the room and one in the list", n)
	}
	b.get("/staff/day?date=2026-11-25").lacks(t, "Waiting room")
}
