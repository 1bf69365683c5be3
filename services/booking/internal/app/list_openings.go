package app

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// MaxDays bounds a search: three months, the longest that a person plans ahead.
const MaxDays = 92

// OpeningQuery says what is looked for.
type OpeningQuery struct {
	TypeID                     string
	From, To                   civil.Date // both included, in each location's zone
	PractitionerID, LocationID string
	PatientID, PlanID          string
	CourseID, PartOfDay        string
	// Weekdays are those wanted; none means all.
	Weekdays schedule.Weekdays
	// FromMinute and ToMinute bound the visit, in wall minutes of its day; a ToMinute of 0 is
	// the day's end.
	FromMinute, ToMinute int
	// Packing is PACKED or ALL; empty takes the type's for patients and ALL for staff.
	Packing   string
	Minutes   int
	Mode      schedule.Mode
	Compact   bool
	PageSize  int
	PageToken string
}

// Opening is a free start.
type Opening struct {
	Visit                      schedule.Span
	LocalStart, TimeZone       string
	PractitionerID, LocationID string
	RoomID                     string
	EquipmentIDs               []string
	// SeatsLeft counts the seats of a session of several patients; 0 for one of one.
	SeatsLeft int
	// Fragments says that it costs the practitioner a session, see schedule.Pack.
	Fragments bool
}

// OpeningGroup is one practitioner's free starts of one day at one place.
type OpeningGroup struct {
	PractitionerID, LocalDate, BaseTime string
	// OffsetMinutes counts elapsed minutes since BaseTime.
	OffsetMinutes []int32
}

// Openings is what a search found and what it left out. It may be kept for the next who asks, so
// it must not be changed.
type Openings struct {
	Openings      []Opening
	Groups        []OpeningGroup
	Refused       []*fault.Error
	NextPageToken string
}

// finder is a search for openings under way.
type finder struct {
	*App
	q       OpeningQuery
	who     caller
	s       *search
	now     time.Time
	refused []*fault.Error
	shut    bool // a rule refuses everything
	days    map[string][]day
	barred  map[civil.Date]bool // dates that the gate refuses
	gate    schedule.Gate
	plan    time.Time // when the plan came into force
	costly  []schedule.Bits
	shared  map[groupKey]groupSeats // sessions of several patients with seats left
}

// ListOpenings finds free starts, with every rule that booking enforces subtracted, and says
// what refuses where nothing is left. INVALID_ARGUMENT names the field, NOT_FOUND what the
// clinic or the caller does not have.
func (a *App) ListOpenings(ctx context.Context, q OpeningQuery) (*Openings, error) {
	f, err := a.newFinder(ctx, q)
	if err != nil {
		return nil, err
	}
	return f.keep(func() (*Openings, error) { return f.find(ctx) })
}

// find answers from the bitmaps.
func (f *finder) find(ctx context.Context) (*Openings, error) {
	if err := f.askPatient(ctx); err != nil {
		return nil, err
	}
	f.chooseLanes()
	if f.shut || len(f.s.lanes) == 0 {
		return &Openings{Refused: f.refused}, nil
	}
	free, err := f.starts(ctx)
	if err != nil {
		return nil, err
	}
	return f.answer(free)
}

// starts are the free starts of each lane that every rule and wish leaves. It also finds which
// of them cost a session, where that is shown or matters: that is a question of the diary, not
// of what somebody wishes, and so comes before the wishes.
func (f *finder) starts(ctx context.Context) ([]schedule.Bits, error) {
	f.s.offered = f.offered
	free, err := f.s.run(ctx, f.App)
	if err != nil {
		return nil, err
	}
	packed := f.q.Packing == "PACKED" || f.q.Packing == "" && f.who.party == schedule.Patient && f.s.typ.Packed
	part := f.s.typ.Footprint(0, f.s.minutes).Practitioner
	if packed || !f.q.Compact {
		f.costly = make([]schedule.Bits, len(free))
		for i := range free {
			f.costly[i] = schedule.Pack(free[i], f.s.lanes[i].Free, part)
		}
	}
	if f.s.typ.Shared() {
		if err := f.addGroups(ctx, free); err != nil {
			return nil, err
		}
	}
	f.prefer(free)
	if f.q.PlanID != "" {
		if err := f.askPlan(ctx, free); err != nil {
			return nil, err
		}
	}
	for i := range free {
		if packed {
			schedule.KeepPacked(free[i], f.costly[i], f.s.lanes[i].Free, part)
		}
	}
	return free, nil
}

func (a *App) newFinder(ctx context.Context, q OpeningQuery) (*finder, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if q.To.Before(q.From) || q.From.DaysUntil(q.To) >= MaxDays {
		return nil, fault.Invalid("end_date", "must be on or after start_date, and at most "+strconv.Itoa(MaxDays)+" days in all")
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	typ := clinic.Types[q.TypeID]
	if typ == nil {
		return nil, fault.NotFoundf("appointment type")
	}
	if q.PractitionerID != "" && clinic.Practitioners[q.PractitionerID] == nil {
		return nil, fault.NotFoundf("practitioner")
	}
	if _, ok := clinic.Locations[q.LocationID]; !ok && q.LocationID != "" {
		return nil, fault.NotFoundf("location")
	}
	if q.PatientID != "" || who.party == schedule.Patient && len(who.PatientIDs) == 1 {
		if q.PatientID, err = who.patient(q.PatientID); err != nil {
			return nil, err
		}
	}
	if q.PlanID != "" && q.PatientID == "" {
		return nil, fault.Invalid("patient_id", "is required with plan_id")
	}
	f := &finder{App: a, q: q, who: who, now: a.Clock.Now(), days: map[string][]day{}, barred: map[civil.Date]bool{}}
	f.s = &search{clinic: clinic, typ: typ, subject: who.Subject, patientID: q.PatientID, lastDay: map[string]civil.Date{}}
	f.shape()
	return f, nil
}

// shape settles length and mode and refuses what the type does not have.
func (f *finder) shape() {
	visit := schedule.Visit{
		Type: &f.s.typ.Type, By: f.who.party, Mode: f.q.Mode, Minutes: f.q.Minutes, UnderPlan: f.q.PlanID != "",
	}
	f.s.minutes, _ = f.s.typ.Lasts(f.q.Minutes)
	f.s.mode, _ = f.s.typ.In(f.q.Mode)
	for _, r := range visit.CheckType() {
		f.refuse(r)
		f.shut = true
	}
}

func (f *finder) refuse(r *fault.Error) {
	if !slices.ContainsFunc(f.refused, func(o *fault.Error) bool {
		return o.Reason == r.Reason && o.Facts["resource_id"] == r.Facts["resource_id"] && o.Facts["next_eligible_date"] == r.Facts["next_eligible_date"]
	}) {
		f.refused = append(f.refused, r)
	}
}

// askPatient asks intake for the patient's gate, and bars the dates that it refuses.
func (f *finder) askPatient(ctx context.Context) (err error) {
	if f.q.PatientID == "" {
		return nil
	}
	clinicID := f.s.clinic.ID
	if f.gate, err = f.Peers.BookingGate(ctx, clinicID, f.q.PatientID); err != nil {
		return err
	}
	for range 2 {
		if err = f.readPatient(ctx); !errors.Is(err, errUnknownPatient) {
			break
		}
		if err = f.fetchPatient(ctx, clinicID, f.q.PatientID); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	today := civil.Of(f.now, f.s.clinic.Zone)
	for d := f.q.From; !d.After(f.q.To); d = d.AddDays(1) {
		_, refusal := f.gate.Ask(schedule.GateAsk{
			Kind: f.s.typ.Kind, Discipline: f.s.typ.Discipline, Mode: f.s.mode, By: f.who.party,
			Date: d, Today: today, Now: f.now, UnderPlan: f.q.PlanID != "", PlanTime: f.plan,
		})
		if refusal != nil {
			f.barred[d] = true
			f.refuse(refusal)
		}
	}
	f.shut = f.shut || len(f.barred) == f.q.From.DaysUntil(f.q.To)+1
	return nil
}

// readPatient reads what booking itself knows of the patient.
func (f *finder) readPatient(ctx context.Context) error {
	return f.DB.Read(ctx, func(tx *sqldb.Tx) error {
		known, err := store.ReadGate(tx, f.s.clinic.ID, f.q.PatientID)
		if err != nil {
			return err
		}
		if known == nil {
			return errUnknownPatient
		}
		f.gate.Forbidden = known.Forbidden
		if known.Version == f.gate.Version {
			f.gate.ChangeTime = known.ChangedAt
		}
		if f.q.PlanID != "" {
			if f.plan, err = store.PlanTime(tx, f.s.clinic.ID, f.q.PlanID); err != nil {
				return err
			}
		}
		return f.checkMassage(tx, known.SurvivingID)
	})
}

// checkMassage narrows a search for a massage of another length than the first one's to after
// the patient's first.
func (f *finder) checkMassage(tx *sqldb.Tx, survivingID string) error {
	refusal := schedule.Visit{Type: &f.s.typ.Type, Minutes: f.s.minutes, FirstMassage: true}.CheckFirstMassage()
	if refusal == nil {
		return nil
	}
	ids, err := store.PatientRecords(tx, f.s.clinic.ID, survivingID)
	if err != nil {
		return err
	}
	first, any, err := store.FirstMassage(tx, f.s.clinic.ID, ids, "")
	if err != nil {
		return err
	}
	if !any {
		f.refuse(refusal)
		f.shut = true
		return nil
	}
	f.s.starts.From = first + 1
	return nil
}

// chooseLanes takes the practitioners who may give the type, each as long as their credential
// is good. Those left out because of it are named; to patients only one that they asked for.
func (f *finder) chooseLanes() {
	ids := f.s.clinic.PractitionerIDs()
	if f.q.PractitionerID != "" {
		ids = []string{f.q.PractitionerID}
	}
	for _, id := range ids {
		p := f.s.clinic.Practitioners[id]
		if last, ok := schedule.CredentialUntil(&f.s.typ.Type, p, f.q.From); ok {
			if !last.IsZero() && last.Before(f.q.To) {
				f.s.lastDay[id] = last
			}
			f.s.lanes = append(f.s.lanes, lanesFor(f.s.clinic, id, f.q.LocationID)...)
			continue
		}
		if id != f.q.PractitionerID && (f.who.party == schedule.Patient || f.s.typ.RequiredCredential == "") {
			continue
		}
		r := schedule.CheckPractitioner(&f.s.typ.Type, p, f.q.From)
		lacks := r.Reason == "CREDENTIAL_MISSING" || r.Reason == "CREDENTIAL_EXPIRED"
		if id == f.q.PractitionerID || lacks && f.who.party == schedule.Staff {
			f.refuse(r.With("resource_kind", string(schedule.PractitionerResource)).With("resource_id", id))
		}
	}
	f.bound()
}

// bound sets the run of starts that is searched, over all locations of the lanes.
func (f *finder) bound() {
	earliest := f.s.starts.From
	f.s.starts = schedule.Span{}
	for _, lane := range f.s.lanes {
		if _, ok := f.days[lane.LocationID]; ok {
			continue
		}
		zone := f.s.clinic.ZoneOf(lane.LocationID)
		days := daysOf(f.q.From, f.q.To, zone)
		f.days[lane.LocationID] = days
		bookable := f.s.typ.Bookable(f.who.party, f.now, civil.Of(f.now, zone), zone)
		all := schedule.Span{From: max(days[0].span.From, bookable.From, earliest), To: min(days[len(days)-1].span.To, bookable.To)}
		f.s.starts = f.s.starts.Hull(all)
	}
	if f.s.starts.Empty() {
		f.shut = true
		if len(f.s.lanes) > 0 {
			f.refuse(f.outside())
		}
	}
}

// outside says why no start of the range may be booked: too soon, or too far ahead.
func (f *finder) outside() *fault.Error {
	lane := f.s.lanes[0]
	zone := f.s.clinic.ZoneOf(lane.LocationID)
	v := schedule.Visit{
		Type: &f.s.typ.Type, By: f.who.party, Start: f.q.From.At(12, 0, zone), Date: f.q.From,
		Today: civil.Of(f.now, zone), Now: f.now,
	}
	if r := v.CheckTime(); r != nil {
		return r
	}
	return fault.New(fault.FailedPrecondition, "NOTICE_TOO_SHORT", "This is too soon to be booked.")
}

// offered clears from a location's grid what lies outside the days, notice and horizon, and the
// dates that the gate bars.
func (f *finder) offered(locationID string, grid schedule.Bits) {
	zone := f.s.clinic.ZoneOf(locationID)
	days := f.days[locationID]
	bookable := f.s.typ.Bookable(f.who.party, f.now, civil.Of(f.now, zone), zone)
	grid.Clear(schedule.Span{From: grid.Span().From, To: max(bookable.From, days[0].span.From)})
	grid.Clear(schedule.Span{From: min(bookable.To, days[len(days)-1].span.To), To: grid.Span().To})
	if len(f.barred) == 0 {
		return
	}
	for i := range days {
		if f.barred[days[i].date] {
			grid.Clear(days[i].span)
		}
	}
}

// prefer clears the starts that are not wished for: another part of the day, another weekday,
// before or after hours that somebody can come at.
func (f *finder) prefer(free []schedule.Bits) {
	q := &f.q
	if q.PartOfDay == "" && q.Weekdays == 0 && q.FromMinute == 0 && q.ToMinute == 0 {
		return
	}
	wished := map[string]schedule.Bits{}
	for i, lane := range f.s.lanes {
		want, ok := wished[lane.LocationID]
		if !ok {
			want = schedule.NewBits(free[i].Span())
			zone := f.s.clinic.ZoneOf(lane.LocationID)
			for _, d := range f.days[lane.LocationID] {
				if q.Weekdays == 0 || q.Weekdays.Has(d.date.Weekday()) {
					want.Set(d.wish(q, f.s.minutes, zone))
				}
			}
			wished[lane.LocationID] = want
		}
		free[i].And(want)
	}
}
