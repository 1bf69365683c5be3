package app

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/course"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// CoursePolicy is what becomes of a session that cannot be as preferred.
type CoursePolicy string

// The policies.
const (
	PolicyFail    CoursePolicy = "FAIL"
	PolicySkip    CoursePolicy = "SKIP"
	PolicyPropose CoursePolicy = "PROPOSE"
)

// CourseQuery says which course is to be placed and how it should lie.
type CourseQuery struct {
	PlanID, CourseID           string
	Start                      civil.Date // zero: today
	Days                       schedule.Weekdays
	From, To                   int // wall minutes, earliest start and latest end; 0: any
	PractitionerID, LocationID string
	Policy                     CoursePolicy
	Sessions, PerWeek          int // 0: what is left; the course's own pace
	TypeID                     string
	Minutes                    int
	Mode                       schedule.Mode
	// Move are booked sessions to find other times for; Repair takes those that cannot be as
	// they are booked.
	Move   []string
	Repair bool
}

// CourseTime is a time for a session.
type CourseTime struct {
	Opening
	AsPreferred bool
}

// Occurrence is a session of a course with its time.
type Occurrence struct {
	CourseTime
	TypeID        string
	Minutes       int
	Mode          schedule.Mode
	AppointmentID string // the session that is moved there; empty for a new one
	Alternatives  []CourseTime
}

// CourseProposal is a course as it could be booked.
type CourseProposal struct {
	PlanID, CourseID, PatientID string
	Occurrences                 []Occurrence
	Unplaced                    []*fault.Error // one for each session without a time
}

// ProposeCourse finds times for the sessions of a course. Every one is checked against what
// booking itself enforces and against the plan, all together. It fails with
// COURSE_DOES_NOT_FIT, or the reason that refuses everything, under PolicyFail only.
func (a *App) ProposeCourse(ctx context.Context, q CourseQuery) (*CourseProposal, error) {
	s, err := a.courseOf(ctx, q.PlanID, q.CourseID)
	if err != nil {
		return nil, err
	}
	p := &planner{App: a, subject: s, q: q, barred: map[int]bool{}}
	if err := p.prepare(); err != nil {
		return nil, err
	}
	if err := p.solve(ctx); err != nil {
		return nil, err
	}
	if q.Policy == PolicyFail && len(p.out.Unplaced) > 0 {
		why := p.out.Unplaced[0]
		if len(p.out.Occurrences) == 0 {
			return nil, why
		}
		return nil, fault.New(fault.FailedPrecondition, "COURSE_DOES_NOT_FIT", "Not every session can be as preferred.").
			With("placed", strconv.Itoa(len(p.out.Occurrences))).With("unplaced", strconv.Itoa(len(p.out.Unplaced))).With("why", why.Reason)
	}
	return p.out, nil
}

// planner is a proposal under way.
type planner struct {
	*App
	*subject
	q       CourseQuery
	typ     *store.Type
	minutes int // the longest session, which is searched for
	first   int // length of the first session
	moved   []*store.Appointment
	stays   []*store.Appointment
	want    int // sessions to place
	zone    *time.Location
	from    civil.Date // the first day searched
	last    civil.Date // the last
	until   civil.Date // how far options are gathered
	options []course.Option
	lanes   []finderLane
	refused []*fault.Error
	barred  map[int]bool // days that the plan refuses
	out     *CourseProposal
}

// finderLane is where an option's room and devices are looked up.
type finderLane struct {
	f    *finder
	lane schedule.Lane
}

// courseAhead bounds how far ahead a course is placed.
const courseAhead = 400

func (p *planner) prepare() error {
	p.out = &CourseProposal{PlanID: p.plan.ID, CourseID: p.course.ID, PatientID: p.patientID}
	if err := p.chooseMoved(); err != nil {
		return err
	}
	if len(p.moved) > 0 { // they stay what they are
		p.q.TypeID, p.q.Mode, p.q.Minutes = p.moved[0].TypeID, p.moved[0].Mode, cmp.Or(p.q.Minutes, minutesOf(p.moved[0]))
	}
	fresh := len(p.stays) == 0 && len(p.moved) == 0
	asked := p.q.Minutes
	if asked == 0 && fresh {
		asked = p.course.FirstMinutes
	}
	typ, err := p.typeFor(p.q.TypeID, asked)
	if err != nil {
		return err
	}
	p.typ, p.minutes, p.first = typ, p.subject.minutes(typ, p.q.Minutes, false), p.subject.minutes(typ, p.q.Minutes, fresh)
	if p.q.Minutes == 0 && fresh && p.course.FirstMinutes > 0 {
		p.minutes = p.first
	}
	if p.q.PractitionerID != "" && p.catalogue.Practitioners[p.q.PractitionerID] == nil {
		return fault.NotFoundf("practitioner")
	}
	if _, ok := p.catalogue.Locations[p.q.LocationID]; !ok && p.q.LocationID != "" {
		return fault.NotFoundf("location")
	}
	p.zone = p.catalogue.ZoneOf(p.q.LocationID)
	today := civil.Of(p.Clock.Now(), p.zone)
	p.from = latest(today, p.q.Start, p.plan.Start)
	p.last = p.from.AddDays(courseAhead)
	if !p.plan.Expire.IsZero() && p.plan.Expire.Before(p.last) {
		p.last = p.plan.Expire
	}
	p.until = p.from.AddDays(-1)
	return nil
}

func latest(dates ...civil.Date) civil.Date {
	return slices.MaxFunc(dates, civil.Date.Compare)
}

// chooseMoved finds the sessions that are moved, and how many are wanted. NOT_FOUND for one
// that is not a session of the course, NOT_RESCHEDULABLE for one that has begun or ended.
func (p *planner) chooseMoved() error {
	for _, id := range p.q.Move {
		i := slices.IndexFunc(p.booked, func(apt *store.Appointment) bool { return apt.ID == id })
		if i < 0 {
			return fault.NotFoundf("appointment")
		}
		if p.booked[i].State != store.Booked {
			return wrongState("NOT_RESCHEDULABLE", "The appointment has begun or ended.", p.booked[i])
		}
	}
	for _, apt := range p.booked {
		hit := p.q.Repair && apt.State == store.Booked && apt.Visit.Start().After(p.Clock.Now()) && len(supplyProblems(p.catalogue, apt)) > 0
		if hit || slices.Contains(p.q.Move, apt.ID) {
			p.moved = append(p.moved, apt)
		} else {
			p.stays = append(p.stays, apt)
		}
	}
	p.want = len(p.moved)
	if p.q.Repair || len(p.q.Move) > 0 {
		return nil
	}
	p.want = min(cmp.Or(p.q.Sessions, p.course.Left), p.course.Left)
	excess := p.q.Sessions - p.want
	if p.course.Left == 0 {
		excess = max(excess, 1)
	}
	for range excess {
		p.out.Unplaced = append(p.out.Unplaced, fault.New(fault.FailedPrecondition, "PLAN_LIMIT", "All sessions of the course are booked or used.").
			With("sessions_left", strconv.Itoa(p.course.Left)).With("max", strconv.Itoa(p.course.Planned)))
	}
	return nil
}

// maxRounds bounds how often the plan's refusals are taken into account.
const maxRounds = 8

// solve arranges, asks the plan, and arranges again without the days that it refuses.
func (p *planner) solve(ctx context.Context) error {
	if p.want == 0 {
		return nil
	}
	for range maxRounds {
		placed, err := p.arrange(ctx)
		if err != nil {
			return err
		}
		verdicts, err := p.ask(ctx, placed)
		if err != nil {
			return err
		}
		allowed, again := p.heed(placed, verdicts)
		p.answer(allowed, placed, verdicts)
		if !again {
			return nil
		}
	}
	return nil
}

// chunkDays is how far options are gathered at a time.
const chunkDays = MaxDays

// arrange gathers options until all sessions are placed or the last day is reached. It looks
// first as far as the course reaches at the wanted pace: with fewer days to choose from, a faster
// one would be taken.
func (p *planner) arrange(ctx context.Context) ([]course.Placed, error) {
	for {
		if p.until.Before(p.reach()) {
			if err := p.gather(ctx); err != nil {
				return nil, err
			}
			continue
		}
		w := p.wish()
		placed := course.Arrange(w)
		if len(placed) == p.want && w.Strict || !p.until.Before(p.last) {
			return placed, nil
		}
		// Without all sessions as preferred, later days may have what earlier ones lack.
		liked := !slices.ContainsFunc(placed, func(x course.Placed) bool { return !p.preferred(p.options[x.Option]) })
		if len(placed) == p.want && liked {
			return placed, nil
		}
		if err := p.gather(ctx); err != nil {
			return nil, err
		}
	}
}

// reach is the date on which the last session would be at the wanted pace, or the last day that
// may be searched. Sessions that move have dates of their own.
func (p *planner) reach() civil.Date {
	if len(p.moved) > 0 {
		return p.from
	}
	reach := p.from.AddDays(int(float64(p.want) * p.interval()))
	if p.last.Before(reach) {
		return p.last
	}
	return reach
}

// preferred reports whether an option is as the patient would like it.
func (p *planner) preferred(o course.Option) bool {
	return o.Liked && (p.q.PractitionerID == "" || o.Practitioner == p.q.PractitionerID)
}

// gather adds the free starts of the next days, with every rule of booking subtracted.
func (p *planner) gather(ctx context.Context) error {
	from := p.until.AddDays(1)
	p.until = from.AddDays(chunkDays - 1)
	if p.last.Before(p.until) {
		p.until = p.last
	}
	f, err := p.newFinder(ctx, OpeningQuery{
		TypeID: p.typ.ID, From: from, To: p.until, LocationID: p.q.LocationID, PatientID: p.patientID, PlanID: p.plan.ID,
		CourseID: p.course.ID, Minutes: p.minutes, Mode: p.q.Mode,
	})
	if err != nil {
		return err
	}
	if err := f.askPatient(ctx); err != nil {
		return err
	}
	f.chooseLanes()
	p.refused = append(p.refused, f.refused...)
	if f.shut || len(f.s.lanes) == 0 {
		return nil
	}
	f.s.offered = f.offered
	free, err := f.s.run(ctx, p.App)
	if err != nil {
		return err
	}
	for i, lane := range f.s.lanes {
		p.lanes = append(p.lanes, finderLane{f, lane})
		p.take(free[i], lane)
	}
	slices.SortStableFunc(p.options, func(x, y course.Option) int { return cmp.Compare(x.At, y.At) })
	return nil
}

// take turns a lane's free starts into options.
func (p *planner) take(free schedule.Bits, lane schedule.Lane) {
	zone := p.catalogue.ZoneOf(lane.LocationID)
	for s := range free.Slots() {
		local := s.Time().In(zone)
		date := civil.Of(local, zone)
		minute := local.Hour()*60 + local.Minute()
		p.options = append(p.options, course.Option{
			At: s, Day: p.day(date), Week: weekOf(date), Minute: minute, Practitioner: lane.PractitionerID, Lane: len(p.lanes) - 1,
			Liked: (p.q.Days == 0 || p.q.Days.Has(date.Weekday())) && minute >= p.q.From && (p.q.To == 0 || minute+p.minutes <= p.q.To),
		})
	}
}

// day counts a date from the first one searched.
func (p *planner) day(d civil.Date) int { return p.from.DaysUntil(d) }

// weekOf numbers ISO weeks so that they grow with time.
func weekOf(d civil.Date) int {
	year, week := d.ISOWeek()
	return year*100 + week
}

// wish is the course as the solver sees it.
func (p *planner) wish() course.Wish {
	w := course.Wish{
		Sessions: p.want, PerWeekMax: p.course.PerWeekMax, Minute: -1, Practitioner: p.q.PractitionerID, Strict: p.q.Policy != PolicyPropose,
		Options: slices.DeleteFunc(slices.Clone(p.options), func(o course.Option) bool { return p.barred[o.Day] }),
	}
	p.options = w.Options
	// Two sessions never touch, buffers and recovery included.
	hull := p.typ.Footprint(0, p.minutes).Hull()
	w.Gap = max(schedule.Slot(p.course.MinGapHours)*slotsAnHour, hull.To-hull.From)
	interval := p.interval()
	w.PerWeek = max(1, int(7/interval+0.5))
	w.EasyGap = schedule.Slot(interval / 2 * 24 * float64(slotsAnHour))
	w.Ideal = func(j int) int { return int(float64(j) * interval) }
	for _, apt := range p.stays {
		w.Taken = append(w.Taken, course.Taken{At: apt.Visit.From, Week: weekOf(apt.LocalDate)})
		w.Usual = apt.PractitionerID
	}
	switch {
	case len(p.moved) > 0:
		w.Ideal = func(j int) int { return p.day(p.moved[min(j, len(p.moved)-1)].LocalDate) }
		w.PerWeek, w.EasyGap = w.PerWeekMax, w.Gap
		w.Usual, w.Minute = p.moved[0].PractitionerID, minuteAt(p.moved[0])
	case len(p.course.Dates) > 0:
		done := len(p.booked)
		w.Ideal = func(j int) int { return p.day(p.course.Dates[min(done+j, len(p.course.Dates)-1)]) }
	}
	return w
}

// minuteAt is the wall time at which an appointment starts, in minutes.
func minuteAt(apt *store.Appointment) int {
	t := apt.Visit.Start().In(zoneOf(apt))
	return t.Hour()*60 + t.Minute()
}

const slotsAnHour = schedule.Slot(time.Hour / schedule.Grain)

// interval is the wanted number of days from one session to the next: as asked for, else the
// course's sessions spread over its weeks, within its own limits.
func (p *planner) interval() float64 {
	perWeek := float64(p.q.PerWeek)
	if perWeek == 0 && p.course.Weeks > 0 && p.course.Planned > 0 {
		perWeek = float64(p.course.Planned) / float64(p.course.Weeks)
	}
	if lowest := float64(p.course.PerWeekMin); p.q.PerWeek == 0 && perWeek < lowest {
		perWeek = lowest
	}
	if most := float64(p.course.PerWeekMax); most > 0 && perWeek > most {
		perWeek = most
	}
	if perWeek <= 0 {
		perWeek = 1
	}
	return 7 / perWeek
}

// ask asks plans about all sessions together.
func (p *planner) ask(ctx context.Context, placed []course.Placed) ([]*fault.Error, error) {
	if len(placed) == 0 {
		return nil, nil
	}
	claim := peer.Claim{
		ClinicID: p.catalogue.ID, PatientID: p.patientID, PlanID: p.plan.ID, CourseID: p.course.ID, Discipline: p.typ.Discipline,
		PractitionerID: p.options[placed[0].Option].Practitioner,
	}
	for i, x := range placed {
		o := p.options[x.Option]
		date := civil.Of(o.At.Time(), p.catalogue.ZoneOf(p.lanes[o.Lane].lane.LocationID))
		session := probe(o.At.Time(), date, p.lasts(i))
		session.PractitionerID = o.Practitioner
		if len(p.moved) > 0 {
			session.AppointmentID, session.Replaces = p.moved[i].ID, p.moved[i].EntitlementID
		}
		claim.Sessions = append(claim.Sessions, session)
	}
	verdicts, err := p.Peers.CheckTogether(ctx, claim)
	if err == nil && len(verdicts) != len(placed) {
		err = fault.New(fault.Internal, "BAD_ANSWER", "The plan's answer cannot be read.")
	}
	return verdicts, err
}

// lasts is the length of session number i.
func (p *planner) lasts(i int) int {
	if i == 0 {
		return p.first
	}
	return p.minutes
}

// heed bars the days that the plan refuses, and says which sessions are allowed and whether
// another arrangement may do better.
func (p *planner) heed(placed []course.Placed, verdicts []*fault.Error) (allowed []int, again bool) {
	for i, x := range placed {
		v := verdicts[i]
		if v == nil {
			allowed = append(allowed, i)
			continue
		}
		day := p.options[x.Option].Day
		next, err := civil.Parse(v.Facts["next_eligible_date"])
		if err != nil { // no other date would do
			continue
		}
		for d := day; d < max(p.day(next), day+1); d++ {
			p.barred[d] = true
		}
		again = true
	}
	return allowed, again
}

// answer writes the sessions that are allowed, and why the others are not there.
func (p *planner) answer(allowed []int, placed []course.Placed, verdicts []*fault.Error) {
	limit := slices.DeleteFunc(slices.Clone(p.out.Unplaced), func(r *fault.Error) bool { return r.Reason != "PLAN_LIMIT" || r.Facts["max"] == "" })
	p.out.Occurrences, p.out.Unplaced = nil, nil
	for _, i := range allowed {
		p.out.Occurrences = append(p.out.Occurrences, p.occurrence(i, placed[i]))
	}
	for _, v := range verdicts {
		if v != nil {
			p.out.Unplaced = append(p.out.Unplaced, v)
		}
	}
	for range p.want - len(placed) {
		p.out.Unplaced = append(p.out.Unplaced, p.whyNot())
	}
	p.out.Unplaced = append(p.out.Unplaced, limit...)
}

// whyNot is why a session has no time: what refuses everything, else that nothing is free.
func (p *planner) whyNot() *fault.Error {
	if len(p.options) == 0 && len(p.refused) > 0 {
		return p.refused[0]
	}
	r := fault.New(fault.FailedPrecondition, "NO_OPENING", "No time is free for it before the last date.")
	if slices.ContainsFunc(p.options, func(o course.Option) bool { return !p.preferred(o) }) && p.q.Policy != PolicyPropose {
		r = fault.New(fault.FailedPrecondition, "NO_OPENING_AS_PREFERRED", "No time is free for it as preferred. Other days, times or practitioners may be.")
	}
	return r.With("last_date", p.last.String())
}

func (p *planner) occurrence(i int, x course.Placed) Occurrence {
	o := Occurrence{
		CourseTime: p.time(x.Option, p.lasts(i)), TypeID: p.typ.ID, Minutes: p.lasts(i),
		Mode: p.lanes[p.options[x.Option].Lane].f.s.mode,
	}
	if len(p.moved) > 0 {
		o.AppointmentID = p.moved[i].ID
	}
	for _, other := range x.Alternatives {
		o.Alternatives = append(o.Alternatives, p.time(other, p.lasts(i)))
	}
	return o
}

func (p *planner) time(option, minutes int) CourseTime {
	o := p.options[option]
	at := p.lanes[o.Lane]
	t := CourseTime{Opening: at.f.opening(o.At, at.lane), AsPreferred: p.preferred(o)}
	t.Visit = p.typ.Footprint(o.At, minutes).Visit
	return t
}
