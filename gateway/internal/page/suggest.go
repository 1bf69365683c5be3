package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// suggestedTimes is how many free times a suggestion shows.
const suggestedTimes = 3

// suggestion is what somebody most likely wants to book next, and when it is free: one press
// books or, for a patient, leads to the question whether to.
type suggestion struct {
	Type string
	With string
	// Why is what it is made from: the plan's name, or empty for the last visit again.
	Why     string
	Minutes int32
	Times   []freeTime
	// Action is where a time is sent, with the fields of Hidden.
	Action string
	Hidden []pair
	// Staff is true when staff books it.
	Staff bool
	// All is the address of every free time.
	All string
	// Link makes a link by which the patient books it; for staff.
	Link []pair
	// Course is the address of booking several sessions at once; for staff.
	Course string
}

// suggest makes suggestions for a patient: for each course of a plan that has sessions left,
// and when there is none the last kind of visit again. Times are with whom the patient saw
// last for it, at the time of day of then if there are any, else with anybody.
func (c *call) suggest(base, action string, staff bool, patient string, cards []courseCard, before []visit) (all []suggestion, err error) {
	types, _, err := c.types()
	if err != nil {
		return nil, err
	}
	for _, card := range cards {
		if card.Book == "" || len(all) == 2 {
			continue
		}
		w := wish{Patient: patient, Type: card.TypeID, Plan: card.Plan.GetPlanId(), Course: card.GetCourseId()}
		s, err := c.suggestOne(base, action, w, types[card.TypeID], lastVisit(before, card.GetDiscipline()))
		if err != nil {
			return nil, err
		}
		s.Why = card.Plan.GetName()
		if staff {
			s.Link, s.Course = w.Hidden(), address("/staff/course", "plan", w.Plan, "course", w.Course)
		}
		s.Staff = staff
		all = append(all, s)
	}
	if len(all) > 0 {
		return all, nil
	}
	last := lastVisit(before, "")
	if last == nil {
		return nil, nil
	}
	t := types[last.GetAppointmentTypeId()]
	if t == nil || t.GetInactive() || t.GetPlanRequired() || t.GetKind() == "INITIAL_ASSESSMENT" || (!staff && !t.GetPatientBookable()) {
		return nil, nil
	}
	w := wish{Patient: patient, Type: t.GetAppointmentTypeId(), Mode: last.GetMode()}
	s, err := c.suggestOne(base, action, w, t, last)
	if err != nil || len(s.Times) == 0 {
		return nil, err
	}
	s.Staff = staff
	return []suggestion{s}, nil
}

// lastVisit is the visit that the next one should be like: the latest that was not cancelled,
// of a discipline when one is named.
func lastVisit(before []visit, discipline string) (last *visit) {
	for i, v := range before {
		if v.GetState() == "CANCELLED" || (discipline != "" && v.GetDiscipline() != discipline) {
			continue
		}
		if last == nil || v.GetStartTime().AsTime().After(last.GetStartTime().AsTime()) {
			last = &before[i]
		}
	}
	return last
}

// suggestOne looks for times for one wish.
func (c *call) suggestOne(base, action string, w wish, t *bookingv1.AppointmentType, last *visit) (s suggestion, err error) {
	s = suggestion{Type: t.GetDisplayName(), Minutes: t.GetDurationMinutes(), Action: action}
	clinic, err := c.clinic()
	if err != nil {
		return s, err
	}
	b := &bookable{Base: base, Wish: w, Type: t, clinic: clinic}
	if b.practitioners, err = c.practitioners(); err != nil {
		return s, err
	}
	tries := []wish{w}
	if last != nil {
		same, usual := w, w
		same.Practitioner = last.GetPractitionerId()
		usual.Practitioner, usual.Part = same.Practitioner, partOfDay(afterDate(last.GetLocalStart()))
		tries = []wish{usual, same, w}
	}
	from := c.today(clinic)
	for _, try := range tries {
		b.Wish = try
		var found []*bookingv1.Opening
		if found, err = c.nextOpenings(b, from); err != nil {
			return s, err
		}
		if len(found) == 0 {
			continue
		}
		for _, o := range found {
			s.Times = append(s.Times, c.freeTime(b, o, true))
		}
		if try.Practitioner != "" {
			s.With = b.practitioners[try.Practitioner].GetDisplayName()
		}
		break
	}
	w.Practitioner = b.Wish.Practitioner
	s.Hidden, s.All = w.Hidden(), w.To(base+"/times")
	return s, nil
}

// nextOpenings are the next few free times: of the coming weeks, else of the time that can be
// searched.
func (c *call) nextOpenings(b *bookable, from civil.Date) ([]*bookingv1.Opening, error) {
	for _, days := range []int{timesDays, searchDays} {
		got, err := c.openings(b, from, from.AddDays(days-1), suggestedTimes)
		if err != nil || len(got.GetOpenings()) > 0 {
			return got.GetOpenings(), err
		}
		if len(got.GetRefused()) > 0 && b.Wish.Practitioner == "" {
			return nil, nil // a rule refuses all of it, however far ahead
		}
	}
	return nil, nil
}

// partOfDay is the part of the day that a wall time is in, as booking names it.
func partOfDay(clock string) string {
	switch m := clockMinutes(clock); {
	case m < 12*60:
		return "MORNING"
	case m < 17*60:
		return "AFTERNOON"
	}
	return "EVENING"
}

// freeTime is a free start in words; with the date for a list that is not grouped by day.
func (c *call) freeTime(b *bookable, o *bookingv1.Opening, dated bool) freeTime {
	local := o.GetLocalStart()
	at := freeTime{
		Value: o.GetStartTime().AsTime().Format(time.RFC3339) + "|" + o.GetPractitionerId(),
		Time:  c.cat.Clock(local), With: b.practitioners[o.GetPractitionerId()].GetDisplayName(),
	}
	if dated {
		on, _, _ := strings.Cut(local, "T")
		at.Date = c.cat.Date(date(on, civil.Date{}))
	}
	if dated || o.GetTimeZone() != b.clinic.GetTimeZone() {
		at.Zone = c.cat.Zone(o.GetTimeZone())
	}
	return at
}

// nearest are the free times closest to one that was lost, the closest first.
func (c *call) nearest(b *bookable, wanted time.Time) (times []freeTime) {
	zone := c.zone(b.clinic.GetTimeZone())
	around := civil.Of(wanted, zone)
	from, today := around.AddDays(-3), c.today(b.clinic)
	if from.Before(today) {
		from = today
	}
	got, err := c.openings(b, from, from.AddDays(timesDays-1), 1000)
	if err != nil {
		return nil // the list below says what is wrong
	}
	found := got.GetOpenings()
	away := func(o *bookingv1.Opening) time.Duration { return o.GetStartTime().AsTime().Sub(wanted).Abs() }
	slices.SortStableFunc(found, func(a, b *bookingv1.Opening) int { return cmp.Compare(away(a), away(b)) })
	for _, o := range found[:min(len(found), suggestedTimes)] {
		times = append(times, c.freeTime(b, o, true))
	}
	return times
}
