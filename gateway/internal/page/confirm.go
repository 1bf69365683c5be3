package page

import (
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// confirmPage is what the page before a booking shows. The time is held until then.
type confirmPage struct {
	*bookable
	Slot, With  string
	When        string
	HeldMinutes int
	// HeldUntil is when the hold ends, on the clinic's clock with the zone in words.
	HeldUntil string
	Minutes   int32
	Hidden    []pair
	// Refusals are shown when staff book although something refuses.
	Refusals []refusal
	Reason   *Field
	callerScreen
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
	return c.lost(b, w, err, start, practitioner, true)
}

// lost answers for a time that cannot be booked: with what is wrong, the nearest times that
// are free and the list, what had been chosen kept. Staff may book some of what is refused all
// the same: they are asked why at once when they insist on this time, and else can go there.
func (c *call) lost(b *bookable, w *wrongs, err error, start time.Time, practitioner string, insists bool) error {
	if !w.refused(err, map[string]string{"start_time": "slot"}) {
		return err
	}
	var allTheSame []pair
	if b.Staff {
		refusals := c.overridable(b, start, practitioner)
		if refusals != nil && insists {
			return c.showConfirm(b, start, practitioner, nil, refusals, nil)
		}
		if refusals != nil {
			allTheSame = append(b.Wish.Hidden(), pair{"slot", start.UTC().Format(time.RFC3339) + "|" + practitioner})
		}
	}
	b.Wish.From = civil.Of(start, c.zone(b.clinic.GetTimeZone())).String()
	v, err := c.times(b, w)
	if err != nil {
		return err
	}
	if d, ok := v.D.(*timesPageData); ok {
		d.Nearest, d.AllTheSame = c.nearest(b, start), allTheSame
	}
	return c.again("times", v, w)
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
		until := hold.GetExpireTime().AsTime()
		if left := until.Sub(c.cfg.Clock.Now()); left > 0 {
			d.HeldMinutes = max(1, int(left/time.Minute))
			d.HeldUntil = c.cat.T("confirm.until", "time", c.cat.Clock(wallTime(until, c.zone(zone))), "zone", c.cat.Zone(zone))
		}
		d.Hidden = append(d.Hidden, pair{"hold", hold.GetHoldId()}, pair{"owner", hold.GetOwnerToken()}, pair{"held_until", until.UTC().Format(time.RFC3339)})
	}
	if b.Moving != nil {
		d.Hidden = append(d.Hidden, pair{"etag", b.Moving.GetEtag()})
	}
	if len(refusals) > 0 {
		reason := c.input(w, "textarea", "override_reason", "confirm.reason")
		d.Reason = &reason
	}
	var err error
	if d.callerScreen, err = c.askScreen(b, w); err != nil {
		return err
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

// book books or moves, and shows the appointment on the page that done names.
func (c *call) book(base string, done func(*bookingv1.Appointment) string, staff bool) error {
	b, err := c.bookable(base, staff)
	if err != nil {
		return err
	}
	w := c.wrongs()
	start, practitioner, ok := c.chosen(w, b)
	if !ok {
		return c.timesAgain(b, w)
	}
	if answered, err := c.screened(b, start, practitioner); answered {
		return err
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
		c.noteNotAsked(b)
	}
	switch {
	case err == nil && b.Moving != nil:
		was := b.Moving.GetStartTime().AsTime().Format(time.RFC3339) + "|" + b.Moving.GetPractitionerId()
		return c.redirect(address(done(a), "done", "moved", "was", was))
	case err == nil:
		return c.redirect(address(done(a), "done", "booked"))
	case override != nil: // what speaks against it has changed, or cannot be overridden
		if !w.refused(err, map[string]string{"start_time": "slot"}) {
			return err
		}
		return c.timesAgain(b, w)
	}
	return c.lost(b, w, err, start, practitioner, c.form("slot") == "")
}

// place books, or moves the appointment that is to be moved. A hold that ran out while the
// page was read is left aside: the time may still be free.
func (c *call) place(b *bookable, start time.Time, practitioner string, override *bookingv1.Override) (*bookingv1.Appointment, error) {
	try := c.create
	if b.Moving != nil {
		try = c.move
	}
	a, err := try(b, start, practitioner, override, c.requestID(), c.form("hold"))
	if fault.Is(err, "HOLD_GONE") {
		a, err = try(b, start, practitioner, override, c.requestID()+"-2", "")
	}
	return a, err
}

// move moves the appointment that is to be moved.
func (c *call) move(b *bookable, start time.Time, practitioner string, override *bookingv1.Override, request, hold string) (*bookingv1.Appointment, error) {
	got, err := c.clients.appointments.RescheduleAppointment(c.ctx(), &bookingv1.RescheduleAppointmentRequest{
		RequestId: request, AppointmentId: b.Wish.Move, StartTime: stamp(start), PractitionerId: practitioner,
		HoldId: hold, OwnerToken: c.form("owner"), Override: override, Etag: c.form("etag"),
	})
	return got.GetAppointment(), err
}

// create books.
func (c *call) create(b *bookable, start time.Time, practitioner string, override *bookingv1.Override, request, hold string) (*bookingv1.Appointment, error) {
	got, err := c.clients.appointments.CreateAppointment(c.ctx(), &bookingv1.CreateAppointmentRequest{
		RequestId: request, AppointmentTypeId: b.Wish.Type, PatientId: b.Wish.Patient, PractitionerId: practitioner,
		StartTime: stamp(start), DurationMinutes: b.Wish.minutes(), Mode: b.Wish.Mode,
		PlanId: b.Wish.Plan, CourseId: b.Wish.Course, HoldId: hold, OwnerToken: c.form("owner"), Override: override,
	})
	return got.GetAppointment(), err
}
