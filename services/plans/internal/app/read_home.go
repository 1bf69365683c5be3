package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// HomeView is a home programme with the library's words.
type HomeView struct {
	store.HomeProgramme
	Rows []HomeRow
	View View
}

// HomeRow is an item of a programme.
type HomeRow struct {
	Setting homecare.Setting
	Item    homecare.Item
	// Complete: by the diary it is asked for no more.
	Complete bool
}

// viewHome joins a programme with the library. With a date, items that are over by then are
// marked.
func (a *App) viewHome(h store.HomeProgramme, days []diary.Day, date civil.Date, view View) HomeView {
	v := HomeView{HomeProgramme: h, View: view}
	for _, s := range h.Items {
		i, ok := a.cfg.Home.Item(s.Code)
		if !ok { // a newer library has it no more
			i = homecare.Item{Code: s.Code, Name: s.Code}
		}
		if len(s.Lines) > 0 {
			i.Lines = s.Lines
		}
		if view != Clinicians {
			i.EvidenceNote = ""
		}
		v.Rows = append(v.Rows, HomeRow{Setting: s, Item: i, Complete: !date.IsZero() && a.cfg.Home.Finished(h.Programme, s, date, days)})
	}
	return v
}

// ListHomeItems gives the items of the library, for a patient those that nothing known of the
// patient forbids.
func (a *App) ListHomeItems(ctx context.Context, region, tag, patientID string) ([]homecare.Item, int, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, 0, err
	}
	var known homecare.Known
	if patientID != "" {
		survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
		if err != nil {
			return nil, 0, err
		}
		if known, err = a.known(ctx, clinicID, survivor); err != nil {
			return nil, 0, err
		}
	}
	return a.cfg.Home.Filter(region, tag, homecare.Circumstances{}.WithKnown(known), known), a.cfg.Home.Version, nil
}

// SuggestHome gives the items that fit a patient, and those that are left out with the rules
// against them.
func (a *App) SuggestHome(ctx context.Context, patientID string, c homecare.Circumstances) (items, left []homecare.Suggestion, err error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, nil, err
	}
	known, err := a.known(ctx, clinicID, survivor)
	if err != nil {
		return nil, nil, err
	}
	items, left = a.cfg.Home.Suggest(c.WithKnown(known), known)
	return items, left, a.logRead(ctx, p, "home.suggest", survivor, survivor)
}

// homeDay is a programme that the caller may see, with the diary up to a date.
type homeDay struct {
	home store.HomeProgramme
	days []diary.Day
	date civil.Date
	view View
}

// homeOf loads a programme. NOT_FOUND is the same for a missing one and another patient's.
func (a *App) homeOf(ctx context.Context, programmeID string, date civil.Date, action string) (homeDay, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return homeDay{}, err
	}
	d := homeDay{date: date, view: viewOf(p)}
	if d.date.IsZero() {
		if d.date, err = a.today(ctx, clinicID); err != nil {
			return d, err
		}
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		var err error
		if d.home, err = store.HomeByID(tx, clinicID, programmeID); err != nil {
			return err
		}
		ok, err := sees(tx, p, clinicID, d.home.PatientID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.NotFoundf("home programme")
		}
		rows, err := store.DiaryBetween(tx, clinicID, d.home.PatientID, d.home.Start, d.date)
		d.days = diary.Days(entriesOf(rows))
		return err
	})
	if err != nil {
		return homeDay{}, err
	}
	return d, a.logRead(ctx, p, action, programmeID, d.home.PatientID)
}

// GetHomeProgramme gives a programme. NOT_FOUND as homeOf.
func (a *App) GetHomeProgramme(ctx context.Context, programmeID string) (HomeView, error) {
	d, err := a.homeOf(ctx, programmeID, civil.Date{}, "home.read")
	return a.viewHome(d.home, d.days, d.date, d.view), err
}

// ListHomeProgrammes gives a patient's programmes, newest first.
func (a *App) ListHomeProgrammes(ctx context.Context, patientID, state string) ([]HomeView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return nil, err
	}
	var views []HomeView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		views = nil
		list, err := store.Homes(tx, clinicID, survivor, state)
		if err != nil {
			return err
		}
		for _, h := range list {
			rows, err := store.DiaryBetween(tx, clinicID, survivor, h.Start, today)
			if err != nil {
				return err
			}
			views = append(views, a.viewHome(h, diary.Days(entriesOf(rows)), today, viewOf(p)))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return views, a.logRead(ctx, p, "home.list", survivor, survivor)
}

// GetHomeSchedule gives what a programme asks for on a date; a programme that has ended asks
// for nothing.
func (a *App) GetHomeSchedule(ctx context.Context, programmeID string, date civil.Date) (civil.Date, []homecare.Slot, error) {
	d, err := a.homeOf(ctx, programmeID, date, "home.schedule")
	if err != nil || d.home.State != HomeActive {
		return d.date, nil, err
	}
	return d.date, a.cfg.Home.Schedule(d.home.Programme, d.date, d.days), nil
}

// GetEmployerLetter gives the letter that goes with a programme: NO_LETTER when nothing in it
// asks for one.
func (a *App) GetEmployerLetter(ctx context.Context, programmeID string) (homecare.Letter, error) {
	d, err := a.homeOf(ctx, programmeID, civil.Date{}, "home.letter")
	if err != nil {
		return homecare.Letter{}, err
	}
	if !slices.ContainsFunc(a.viewHome(d.home, nil, civil.Date{}, Patients).Rows, func(r HomeRow) bool { return r.Item.Letter }) {
		return homecare.Letter{}, fault.New(fault.FailedPrecondition, "NO_LETTER", "The programme says nothing about work.")
	}
	return a.cfg.Home.Letter, nil
}

// CheckSleep gives the advice for the questions that were answered yes (F051).
func (a *App) CheckSleep(ctx context.Context, programmeID string, yes map[string]bool) ([]homecare.SleepCheck, error) {
	_, err := a.homeOf(ctx, programmeID, civil.Date{}, "home.sleep")
	return a.cfg.Home.Advise(yes), err
}

// GetClosingSummary gives what a patient takes along when a plan has ended well (F052).
// PLAN_STATE unless it is closed; NOT_FOUND as GetPlan.
func (a *App) GetClosingSummary(ctx context.Context, planID string) (reason string, advice []homecare.Item, err error) {
	v, err := a.GetPlan(ctx, "", planID)
	if err != nil {
		return "", nil, err
	}
	if v.Plan.State != plan.Closed {
		return "", nil, fault.New(fault.FailedPrecondition, "PLAN_STATE", "The plan has not ended.").With("state", string(v.Plan.State))
	}
	if slices.Contains([]string{"COMPLETED", "DISCHARGED"}, v.Plan.CloseReason) {
		advice = a.cfg.Home.Closing()
	}
	return v.Plan.CloseReason, advice, nil
}

// AftercareMessage is what a patient is told after a session.
type AftercareMessage struct {
	homecare.Aftercare
	Date civil.Date
}

// ListAftercare gives what a patient is told after the sessions of the last days (F129, F133):
// from the moment that a session is marked as delivered. What is only for patients of whom
// something is known is told to all while intake cannot be asked.
func (a *App) ListAftercare(ctx context.Context, patientID string) ([]AftercareMessage, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return nil, err
	}
	var out []AftercareMessage
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out = nil
		entries, err := store.EntriesOfPatient(tx, clinicID, survivor)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !delivered(e) || e.LocalDate.After(today) {
				continue
			}
			for _, c := range a.cfg.Home.Aftercare {
				if c.Discipline == e.Discipline && e.LocalDate.DaysUntil(today) <= c.Days {
					out = append(out, AftercareMessage{c, e.LocalDate})
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(out, func(m AftercareMessage) bool { return m.When != nil }) {
		if cond, err := a.asks.Conditions(ctx, clinicID, survivor); err == nil {
			out = slices.DeleteFunc(out, func(m AftercareMessage) bool { return !m.Of(homecare.Known(cond.Answers)) })
		}
	}
	slices.SortStableFunc(out, func(x, y AftercareMessage) int { return y.Date.Compare(x.Date) })
	return out, a.logRead(ctx, p, "home.aftercare", survivor, survivor)
}

// sided reports whether an item of the home programme is done on each side.
func (a *App) sided(code string) bool { return a.cfg.Home.Sided(code) }

// adherence gives how much of the active home programmes was done in a period, by item.
func (a *App) adherence(tx *sqldb.Tx, clinicID, patientID string, period Period, days []diary.Day) ([]Adherence, error) {
	homes, err := store.Homes(tx, clinicID, patientID, HomeActive)
	if err != nil {
		return nil, err
	}
	byDate := map[civil.Date]diary.Day{}
	for _, d := range days {
		byDate[d.Date] = d
	}
	var out []Adherence
	for _, h := range homes {
		from := period.From
		if from.Before(h.Start) {
			from = h.Start
		}
		for date := from; !date.After(period.To); date = date.AddDays(1) {
			planned := map[string]int{}
			for _, s := range a.cfg.Home.Schedule(h.Programme, date, days) {
				planned[s.Code]++
			}
			out = count(out, h.Items, planned, byDate[date])
		}
	}
	return out, nil
}

// count adds a day to the adherence of each item, in the order of the programme. An item that
// has two sides is done once both are; walking counts by the word for it.
func count(out []Adherence, items []homecare.Setting, planned map[string]int, day diary.Day) []Adherence {
	for _, s := range items {
		if planned[s.Code] == 0 {
			continue
		}
		sides := map[string]int{}
		for _, d := range day.Done {
			if d.Code == s.Code {
				sides[d.Side]++
			}
		}
		done := sides[""] + min(sides["LEFT"], sides["RIGHT"])
		if s.Code == homecare.LightMovement && day.Has("WALKED") {
			done = max(done, 1)
		}
		i := slices.IndexFunc(out, func(x Adherence) bool { return x.Code == s.Code })
		if i < 0 {
			out, i = append(out, Adherence{Code: s.Code}), len(out)
		}
		out[i].Planned += planned[s.Code]
		out[i].Done += min(done, planned[s.Code])
	}
	return out
}
