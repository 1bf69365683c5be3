package page

import (
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// confirmPage is what the page before a booking shows. The time is held until then.
type confirmPage struct {
	*bookable
	Slot, With  string
	When        string
	HeldMinutes int
	Minutes     int32
	Hidden      []pair
	// Refusals are shown when staff book although something refuses.
	Refusals []refusal
	Reason   *Field
}

// confirm holds the time that was picked and asks once more. When the time is gone the
// list is shown again; when staff may book all the same, the reasons against it are.
func (c *call) confirm(base string, staff bool) error {
	b, err := c.bookable(base, staff)
	if err != nil {
		return err
	}
	w := c.wrongs()
	start, practitioner, ok := c.chosen(w, b)
	if !ok {
		return c.timesAgain(b, w)
	}
	hold, err := c.clients.holds.CreateHold(c.ctx(), &bookingv1.CreateHoldRequest{
		RequestId: c.requestID(), AppointmentTypeId: b.Wish.Type, PractitionerId: practitioner, StartTime: stamp(start),
		PatientId: b.Wish.Patient, DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
	})
	if err == nil {
		return c.showConfirm(b, start, practitioner, hold.GetHold(), nil, nil)
	}
	if !w.refused(err, map[string]string{"start_time": "slot"}) {
		return err
	}
	if staff {
		if refusals := c.overridable(b, start, practitioner); refusals != nil {
			return c.showConfirm(b, start, practitioner, nil, refusals, nil)
		}
	}
	return c.timesAgain(b, w)
}

// timesAgain shows the list of times with what is wrong.
func (c *call) timesAgain(b *bookable, w *wrongs) error {
	v, err := c.times(b, w)
	if err != nil {
		return err
	}
	return c.again("times", v, w)
}

// overridable returns everything that refuses a time, if a person may override all of it.
func (c *call) overridable(b *bookable, start time.Time, practitioner string) []refusal {
	got, err := c.clients.openings.ExplainOpening(c.ctx(), &bookingv1.ExplainOpeningRequest{
		AppointmentTypeId: b.Wish.Type, PractitionerId: practitioner, StartTime: stamp(start),
		PatientId: b.Wish.Patient, PlanId: b.Wish.Plan, CourseId: b.Wish.Course, DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
	})
	if err != nil || len(got.GetRefusals()) == 0 {
		return nil
	}
	var all []refusal
	for _, r := range got.GetRefusals() {
		if !r.GetOverridable() {
			return nil
		}
		all = append(all, refusal{Reason: r.GetReason(), Text: c.refusalText(r)})
	}
	return all
}

// showConfirm shows the page before a booking.
func (c *call) showConfirm(b *bookable, start time.Time, practitioner string, hold *bookingv1.Hold, refusals []refusal, w *wrongs) error {
	zone := b.clinic.GetTimeZone()
	d := &confirmPage{
		bookable: b, Minutes: b.Wish.minutes(), Slot: start.UTC().Format(time.RFC3339) + "|" + practitioner,
		With: b.practitioners[practitioner].GetDisplayName(), Refusals: refusals,
		When:   c.cat.When(start.In(c.zone(zone)).Format("2006-01-02T15:04"), zone),
		Hidden: b.Wish.Hidden(),
	}
	if hold != nil {
		d.HeldMinutes = max(1, int(hold.GetExpireTime().AsTime().Sub(c.cfg.Clock.Now())/time.Minute))
		d.Hidden = append(d.Hidden, pair{"hold", hold.GetHoldId()}, pair{"owner", hold.GetOwnerToken()})
	}
	if b.Moving != nil {
		d.Hidden = append(d.Hidden, pair{"etag", b.Moving.GetEtag()})
	}
	if len(refusals) > 0 {
		reason := c.input(w, "textarea", "override_reason", "confirm.reason")
		d.Reason = &reason
	}
	title := "confirm.title"
	if b.Moving != nil {
		title = "confirm.title_move"
	}
	v := c.view(c.cat.T(title), d)
	v.Back = b.Wish.To(b.Base + "/times")
	if w != nil {
		return c.again("confirm", v, w)
	}
	return c.show("confirm", v)
}

// book books or moves, and shows the appointment. done is where the appointment's page is.
func (c *call) book(base, done string, staff bool) error {
	b, err := c.bookable(base, staff)
	if err != nil {
		return err
	}
	w := c.wrongs()
	start, practitioner, ok := c.chosen(w, b)
	if !ok {
		return c.timesAgain(b, w)
	}
	var override *bookingv1.Override
	if staff && c.r.PostForm.Has("override_reason") {
		refusals := c.overridable(b, start, practitioner)
		if len(c.form("override_reason")) < 3 && refusals != nil {
			w.field("override_reason", c.cat.T("confirm.need_reason"))
			return c.showConfirm(b, start, practitioner, nil, refusals, w)
		}
		override = &bookingv1.Override{Reason: c.form("override_reason")}
	}
	a, err := c.place(b, start, practitioner, override)
	if err == nil {
		return c.redirect(address(done+a.GetAppointmentId(), "done", "booked"))
	}
	if !w.refused(err, map[string]string{"start_time": "slot"}) {
		return err
	}
	b.Wish.From = start.In(c.zone(b.clinic.GetTimeZone())).Format(time.DateOnly)
	return c.timesAgain(b, w)
}

// place books, or moves the appointment that is to be moved.
func (c *call) place(b *bookable, start time.Time, practitioner string, override *bookingv1.Override) (*bookingv1.Appointment, error) {
	if b.Moving != nil {
		got, err := c.clients.appointments.RescheduleAppointment(c.ctx(), &bookingv1.RescheduleAppointmentRequest{
			RequestId: c.requestID(), AppointmentId: b.Wish.Move, StartTime: stamp(start), PractitionerId: practitioner,
			HoldId: c.form("hold"), OwnerToken: c.form("owner"), Override: override, Etag: c.form("etag"),
		})
		return got.GetAppointment(), err
	}
	got, err := c.clients.appointments.CreateAppointment(c.ctx(), &bookingv1.CreateAppointmentRequest{
		RequestId: c.requestID(), AppointmentTypeId: b.Wish.Type, PatientId: b.Wish.Patient, PractitionerId: practitioner,
		StartTime: stamp(start), DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
		PlanId: b.Wish.Plan, CourseId: b.Wish.Course, HoldId: c.form("hold"), OwnerToken: c.form("owner"), Override: override,
	})
	if fault.Is(err, "HOLD_GONE") { // it expired while the page was read; the time may still be free
		got, err = c.clients.appointments.CreateAppointment(c.ctx(), &bookingv1.CreateAppointmentRequest{
			RequestId: c.requestID() + "-2", AppointmentTypeId: b.Wish.Type, PatientId: b.Wish.Patient, PractitionerId: practitioner,
			StartTime: stamp(start), DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
			PlanId: b.Wish.Plan, CourseId: b.Wish.Course, Override: override,
		})
	}
	return got.GetAppointment(), err
}
