package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SuggestQuery says for whom free starts are to be suggested. What is empty is taken from the
// patient's last appointment.
type SuggestQuery struct {
	PatientID, TypeID, PlanID, CourseID string
	PractitionerID, LocationID          string
	From                                civil.Date
	Count                               int
	Mode                                schedule.Mode
}

// SuggestedOpening is a free start and why it suits.
type SuggestedOpening struct {
	Opening
	Reasons []string
}

// Suggestions are the free starts that suit best, and what they were derived from.
type Suggestions struct {
	Suggestions              []SuggestedOpening
	TypeID, PlanID, CourseID string
	Minutes                  int
	Mode                     schedule.Mode
	Refused                  []*fault.Error
}

const (
	// suggestDays is how far ahead is looked, and historyDays how far back.
	suggestDays = 28
	historyDays = 400
	// suggestCount is how many are given when nobody says.
	suggestCount = 3
)

// SuggestOpenings ranks the patient's openings of the next four weeks by what their earlier
// appointments say. INVALID_ARGUMENT when nothing tells the type, and as ListOpenings.
func (a *App) SuggestOpenings(ctx context.Context, q SuggestQuery) (*Suggestions, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if q.PatientID, err = who.patient(q.PatientID); err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	today := civil.Of(a.Clock.Now(), clinic.Zone)
	history, err := a.history(ctx, who, q.PatientID, today)
	if err != nil {
		return nil, err
	}
	list := OpeningQuery{
		TypeID: q.TypeID, PatientID: q.PatientID, PlanID: q.PlanID, CourseID: q.CourseID, PractitionerID: q.PractitionerID,
		LocationID: q.LocationID, Mode: q.Mode, From: q.From,
	}
	if err := a.fillIn(ctx, clinic, &list, history); err != nil {
		return nil, err
	}
	if list.From.Before(today) {
		list.From = today
	}
	list.To = list.From.AddDays(suggestDays - 1)
	f, err := a.newFinder(ctx, list)
	if err != nil {
		return nil, err
	}
	if err := f.askPatient(ctx); err != nil {
		return nil, err
	}
	f.chooseLanes()
	out := &Suggestions{TypeID: list.TypeID, PlanID: list.PlanID, CourseID: list.CourseID, Minutes: f.s.minutes, Mode: f.s.mode}
	if !f.shut && len(f.s.lanes) > 0 {
		free, err := f.starts(ctx)
		if err != nil {
			return nil, err
		}
		habit := schedule.HabitOf(f.pasts(history))
		out.Suggestions = f.suggest(habit, free, cmp.Or(q.Count, suggestCount))
	}
	out.Refused = f.refused
	return out, nil
}

// history are the patient's appointments that took place or will, by start.
func (a *App) history(ctx context.Context, who caller, patientID string, today civil.Date) ([]*store.Appointment, error) {
	list, err := a.listPatient(ctx, who, AppointmentQuery{PatientID: patientID, From: today.AddDays(-historyDays), To: today.AddDays(historyDays)})
	return slices.DeleteFunc(list, func(apt *store.Appointment) bool { return apt.State == store.Cancelled || apt.State == store.NoShow }), err
}

// fillIn takes what the query leaves open from the last appointment that it could mean.
func (a *App) fillIn(ctx context.Context, clinic *calendar.Clinic, q *OpeningQuery, history []*store.Appointment) error {
	var last *store.Appointment
	for _, apt := range history {
		if (q.TypeID == "" || apt.TypeID == q.TypeID) && (q.PlanID == "" || apt.PlanID == q.PlanID) {
			last = apt
		}
	}
	if last == nil {
		if q.TypeID == "" {
			return fault.Invalid("appointment_type_id", "is required for a patient without an earlier appointment")
		}
		return nil
	}
	q.TypeID = last.TypeID
	if typ := clinic.Types[last.TypeID]; typ != nil { // what it was like then it may not be had now
		if _, ok := typ.Lasts(minutesOf(last)); ok {
			q.Minutes = minutesOf(last)
		}
		if _, ok := typ.In(last.Mode); ok && q.Mode == "" {
			q.Mode = last.Mode
		}
	}
	if q.PlanID != "" || last.PlanID == "" {
		q.CourseID = cmp.Or(q.CourseID, last.CourseID)
		return nil
	}
	return a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		open, err := store.PlanOpen(tx, clinic.ID, last.PlanID)
		if err == nil && open {
			q.PlanID, q.CourseID = last.PlanID, cmp.Or(q.CourseID, last.CourseID)
		}
		return err
	})
}

// pasts are the earlier appointments of the same kind of care, as the habit looks at them.
func (f *finder) pasts(history []*store.Appointment) (list []schedule.Past) {
	for _, apt := range history {
		if apt.Discipline != f.s.typ.Discipline {
			continue
		}
		local := apt.Visit.Start().In(zoneOf(apt))
		list = append(list, schedule.Past{PractitionerID: apt.PractitionerID, Date: apt.LocalDate, Minute: local.Hour()*60 + local.Minute()})
	}
	return list
}

// suggest ranks the free starts.
func (f *finder) suggest(habit schedule.Habit, free []schedule.Bits, n int) []SuggestedOpening {
	type key struct {
		start schedule.Slot
		who   string
	}
	lanes := map[key]int{}
	var candidates []schedule.Candidate
	for i, lane := range f.s.lanes {
		zone := f.s.clinic.ZoneOf(lane.LocationID)
		for s := range free[i].Slots() {
			local := s.Time().In(zone)
			candidates = append(candidates, schedule.Candidate{
				Start: s, PractitionerID: lane.PractitionerID, Date: civil.Of(local, zone), Minute: local.Hour()*60 + local.Minute(),
				Costly: f.costly[i].Has(s),
			})
			lanes[key{s, lane.PractitionerID}] = i
		}
	}
	var out []SuggestedOpening
	for _, s := range schedule.Suggest(habit, f.q.From, candidates, n) {
		o := SuggestedOpening{f.opening(s.Start, f.s.lanes[lanes[key{s.Start, s.PractitionerID}]]), s.Reasons}
		o.Fragments = s.Costly
		out = append(out, o)
	}
	return out
}
