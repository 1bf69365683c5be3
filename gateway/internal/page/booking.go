package page

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	// timesDays is how many days of free times one page shows.
	timesDays = 14
	// searchDays is how far ahead the next free time is looked for: the most that openings
	// can be asked for at once.
	searchDays = 92
	// timesPage bounds the times of one page.
	timesPage = 200
)

// wish is what somebody wants to book, as far as it is known. It holds ids, dates and
// codes, and so may stand in an address.
type wish struct {
	Patient, Type, Practitioner, Plan, Course, Mode, Part, From, Duration string
	// At is a time of day that staff picked in the diary, HH:MM.
	At string
	// Move is the appointment that shall be moved, when none is to be added.
	Move string
}

// wish reads what is known from the form or the address. Whoever comes by a link can wish for
// what it is for and nothing else.
func (c *call) wish() wish {
	w := c.asked()
	if c.grant != nil {
		w.Patient, w.Type, w.Plan, w.Course, w.Move = c.grant.PatientID, c.grant.TypeID, c.grant.PlanID, c.grant.CourseID, c.grant.AppointmentID
	}
	return w
}

// asked is what the form or the address says.
func (c *call) asked() wish {
	return wish{
		Patient: c.either("patient"), Type: c.either("type"), Practitioner: c.either("practitioner"),
		Plan: c.either("plan"), Course: c.either("course"), Mode: c.either("mode"), Part: c.either("part"),
		From: c.either("from"), Duration: c.either("duration"), Move: c.either("move"), At: c.either("at"),
	}
}

// To is the address of a page for the wish, with other parameters set, which are names
// and values in turns.
func (w wish) To(path string, set ...string) string {
	params := []string{
		"patient", w.Patient, "type", w.Type, "practitioner", w.Practitioner, "plan", w.Plan, "course", w.Course,
		"mode", w.Mode, "part", w.Part, "from", w.From, "duration", w.Duration, "move", w.Move, "at", w.At,
	}
	for i := 0; i+1 < len(set); i += 2 {
		if at := slices.Index(params, set[i]); at >= 0 && at%2 == 0 {
			params[at+1] = set[i+1]
		} else {
			params = append(params, set[i], set[i+1])
		}
	}
	return address(path, params...)
}

// Hidden lists the wish as hidden fields of a form.
func (w wish) Hidden() []pair {
	all := []pair{
		{"patient", w.Patient},
		{"type", w.Type},
		{"plan", w.Plan},
		{"course", w.Course},
		{"mode", w.Mode},
		{"duration", w.Duration},
		{"move", w.Move},
	}
	return slices.DeleteFunc(all, func(p pair) bool { return p.Value == "" })
}

// minutes is the length wished for; 0 takes the usual one.
func (w wish) minutes() int32 {
	n, err := strconv.ParseInt(w.Duration, 10, 32)
	if err != nil || n < 0 {
		return 0
	}
	return int32(n)
}

// bookable is what the booking pages know when they show times.
type bookable struct {
	Base  string // "/me/book" or "/staff/book"
	Staff bool
	Wish  wish
	Type  *bookingv1.AppointmentType
	// Patient is for whom; its name is empty for a patient who books for themself.
	Patient string
	// Moving is the appointment that shall be moved; nil when none is.
	Moving *visit

	clinic        *directoryv1.Clinic
	practitioners map[string]*directoryv1.Practitioner
}

// bookable looks up what a wish names. It fails with NOT_FOUND for a type that is not
// there.
func (c *call) bookable(base string, staff bool) (*bookable, error) {
	b := &bookable{Base: base, Staff: staff, Wish: c.wish()}
	if own := c.who().PatientIDs; !staff && b.Wish.Patient == "" && len(own) > 0 {
		b.Wish.Patient = own[0]
	}
	var err error
	if b.clinic, err = c.clinic(); err != nil {
		return nil, err
	}
	if err := c.moving(b); err != nil {
		return nil, err
	}
	types, _, err := c.types()
	if err != nil {
		return nil, err
	}
	if b.Type = types[b.Wish.Type]; b.Type == nil {
		return nil, fault.NotFoundf("appointment type")
	}
	if b.practitioners, err = c.practitioners(); err != nil {
		return nil, err
	}
	if b.Patient, err = c.nameForBooking(b); err != nil {
		return nil, err
	}
	return b, nil
}

// moving looks up the appointment that shall be moved; type, patient and plan are its own.
func (c *call) moving(b *bookable) error {
	if b.Wish.Move == "" {
		return nil
	}
	got, err := c.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: b.Wish.Move})
	if err != nil {
		return err
	}
	list, err := c.visits([]*bookingv1.Appointment{got.GetAppointment()}, false)
	if err != nil {
		return err
	}
	a := got.GetAppointment()
	b.Moving = &list[0]
	b.Wish.Type, b.Wish.Patient, b.Wish.Plan, b.Wish.Course, b.Wish.Mode = a.GetAppointmentTypeId(), a.GetPatientId(), a.GetPlanId(), a.GetCourseId(), a.GetMode()
	return nil
}

// nameForBooking is whom the appointment is for, in words.
func (c *call) nameForBooking(b *bookable) (string, error) {
	if b.Staff {
		p, err := c.patient(b.Wish.Patient)
		return patientName(p), err
	}
	if c.grant != nil {
		return "", nil // whoever has the link need not be told more than it shows
	}
	for _, p := range c.actingFor() {
		if p.GetPatientId() == b.Wish.Patient && p.GetRelation() != "SELF" {
			return p.GetDisplayName(), nil
		}
	}
	return "", nil
}

// timesPageData is what the page of free times shows.
type timesPageData struct {
	*bookable
	// Action is where a time that is pressed goes: to the question whether to book it, or for
	// staff straight to booking.
	Action string
	// Zone is whose clock the times are on, in words.
	Zone string
	// Nearest are the free times closest to one that was just lost.
	Nearest []freeTime
	// AllTheSame asks for that one all the same; for staff who may.
	AllTheSame  []pair
	Days        []day
	Refused     []string
	Filters     []Field
	Earlier     string
	Later       string
	Next        string // address of the page with the next free time
	NextDate    string
	First, Last string
	More        bool
	Manual      []Field
	// Wait is where somebody goes whom none of the times suits; empty for a move.
	Wait string
	callerScreen
}

// day is a day's free times.
type day struct {
	Date  string
	Times []freeTime
}

// freeTime is one free start. Date is there in lists that are not grouped by day.
type freeTime struct{ Value, Date, Time, With, Zone string }

// refusal is one reason why a time cannot be booked.
type refusal struct{ Reason, Text string }

// times looks for free times and makes the page of them.
func (c *call) times(b *bookable, w *wrongs) (*view, error) {
	today := c.today(b.clinic)
	from := date(b.Wish.From, today)
	if from.Before(today) {
		from = today
	}
	d := &timesPageData{bookable: b, Filters: c.timeFilters(b), Action: b.Base + "/confirm", Zone: c.cat.Zone(b.clinic.GetTimeZone())}
	if b.Staff {
		d.Action = b.Base + "/done"
	}
	last := from.AddDays(timesDays - 1)
	got, err := c.openings(b, from, last, timesPage)
	if err != nil {
		if w == nil || !w.refused(err, nil) {
			return nil, err
		}
		got = &bookingv1.ListOpeningsResponse{}
	}
	d.Days, d.More = c.days(b, got), got.GetNextPageToken() != ""
	for _, r := range got.GetRefused() {
		if text := c.refusalText(r); !slices.Contains(d.Refused, text) {
			d.Refused = append(d.Refused, text)
		}
	}
	d.First, d.Last = c.cat.ShortDate(from), c.cat.ShortDate(last)
	if from.After(today) {
		earlier := from.AddDays(-timesDays)
		if earlier.Before(today) {
			earlier = today
		}
		d.Earlier = b.Wish.To(b.Base+"/times", "from", earlier.String())
	}
	d.Later = b.Wish.To(b.Base+"/times", "from", from.AddDays(timesDays).String())
	if len(d.Days) == 0 && !w.any() {
		c.nextFree(b, d, last.AddDays(1))
	}
	if b.Staff {
		d.Manual = c.manualTime(w, b)
		if d.callerScreen, err = c.askScreen(b, w); err != nil {
			return nil, err
		}
	}
	if b.Moving == nil {
		d.Wait = b.Wish.To(b.Base+"/wait", "from", "", "part", "", "at", "")
		if c.grant != nil { // the link says for what
			d.Wait = b.Base + "/wait"
		}
	}
	v := c.view(c.cat.T("times.title"), d)
	v.Back = b.Base
	if b.Staff {
		v.Back = b.Wish.To(b.Base, "type", "", "plan", "", "course", "")
	}
	return v, nil
}

// openings asks for free times.
func (c *call) openings(b *bookable, from, last civil.Date, size int32) (*bookingv1.ListOpeningsResponse, error) {
	return c.clients.openings.ListOpenings(c.ctx(), &bookingv1.ListOpeningsRequest{
		AppointmentTypeId: b.Wish.Type, StartDate: from.String(), EndDate: last.String(), PractitionerId: b.Wish.Practitioner,
		PatientId: b.Wish.Patient, PlanId: b.Wish.Plan, CourseId: b.Wish.Course, PartOfDay: b.Wish.Part,
		Mode: b.Wish.Mode, DurationMinutes: b.Wish.minutes(), PageSize: size,
	})
}

// nextFree looks further ahead, so that nobody has to page through empty weeks.
func (c *call) nextFree(b *bookable, d *timesPageData, from civil.Date) {
	got, err := c.openings(b, from, from.AddDays(searchDays-1), 1)
	if err != nil || len(got.GetOpenings()) == 0 {
		return // the page says that there is nothing; a search further ahead may fail
	}
	first, _, _ := strings.Cut(got.GetOpenings()[0].GetLocalStart(), "T")
	d.Next = b.Wish.To(b.Base+"/times", "from", first)
	d.NextDate = c.cat.Date(date(first, from))
}

// days groups free times by day.
func (c *call) days(b *bookable, got *bookingv1.ListOpeningsResponse) (days []day) {
	for _, o := range got.GetOpenings() {
		local := o.GetLocalStart()
		on, _, _ := strings.Cut(local, "T")
		heading := c.cat.Date(date(on, civil.Date{}))
		if len(days) == 0 || days[len(days)-1].Date != heading {
			days = append(days, day{Date: heading})
		}
		last := &days[len(days)-1]
		last.Times = append(last.Times, c.freeTime(b, o, false))
	}
	return days
}

// timeFilters are the fields that narrow the list.
func (c *call) timeFilters(b *bookable) []Field {
	anyone := []Option{{Value: "", Label: c.cat.T("times.anyone")}}
	who := Field{
		Kind: "select", Name: "practitioner", Label: c.cat.T("times.with"), Value: b.Wish.Practitioner,
		Options: append(anyone, practitionerOptions(b.practitioners)...),
	}
	part := Field{Kind: "select", Name: "part", Label: c.cat.T("times.part"), Value: b.Wish.Part}
	for _, code := range []string{"", "MORNING", "AFTERNOON", "EVENING"} {
		part.Options = append(part.Options, Option{Value: code, Label: c.cat.T("part." + cmp.Or(code, "ANY"))})
	}
	from := Field{Kind: "date", Name: "from", Label: c.cat.T("times.from"), Value: b.Wish.From}
	fields := []Field{who, part, from}
	if others := b.Type.GetOtherDurationsMinutes(); len(others) > 0 && b.Moving == nil {
		length := Field{Kind: "select", Name: "duration", Label: c.cat.T("times.duration"), Value: b.Wish.Duration}
		for _, n := range append([]int32{b.Type.GetDurationMinutes()}, others...) {
			length.Options = append(length.Options, Option{Value: strconv.Itoa(int(n)), Label: c.cat.T("minutes", "n", n)})
		}
		fields = append(fields, length)
	}
	return fields
}

// manualTime lets staff name a time that is not in the list.
func (c *call) manualTime(w *wrongs, b *bookable) []Field {
	on := c.input(w, "date", "manual_date", "times.manual_date")
	at := c.input(w, "time", "manual_time", "times.manual_time")
	who := c.input(w, "select", "manual_practitioner", "times.with")
	who.Options = practitionerOptions(b.practitioners)
	if who.Value == "" {
		who.Value = b.Wish.Practitioner
	}
	return []Field{on, at, who}
}

// refusalText says a refusal in a sentence.
func (c *call) refusalText(r *bookingv1.Refusal) string {
	return reasonText(c.cat, r.GetReason(), r.GetDetail(), map[string]string{"next_eligible_date": r.GetNextEligibleDate()})
}

// chosen reads the time that was picked: one of the list, or one that staff typed, which
// is on the clinic's clock. ok is false when there is none or it makes no sense.
func (c *call) chosen(w *wrongs, b *bookable) (start time.Time, practitioner string, ok bool) {
	if pick := c.form("slot"); pick != "" {
		at, who, _ := strings.Cut(pick, "|")
		start, err := time.Parse(time.RFC3339, at)
		if err != nil || who == "" {
			w.field("slot", c.cat.T("times.need"))
			return time.Time{}, "", false
		}
		return start.UTC(), who, true
	}
	if !b.Staff || c.form("manual_date")+c.form("manual_time") == "" {
		w.field("slot", c.cat.T("times.need"))
		return time.Time{}, "", false
	}
	on, err := civil.Parse(c.form("manual_date"))
	if err != nil {
		w.field("manual_date", c.cat.T("error.date"))
	}
	at, err := time.Parse("15:04", c.form("manual_time"))
	if err != nil {
		w.field("manual_time", c.cat.T("error.time"))
	}
	w.need("manual_practitioner", c.form("manual_practitioner"), "times.need_practitioner")
	if w.any() {
		return time.Time{}, "", false
	}
	return on.At(at.Hour(), at.Minute(), c.zone(b.clinic.GetTimeZone())), c.form("manual_practitioner"), true
}

// stamp is a time as messages carry it.
func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
