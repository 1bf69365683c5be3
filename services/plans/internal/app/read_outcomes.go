package app

import (
	"context"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListInstruments gives the instruments of the clinic.
func (a *App) ListInstruments(ctx context.Context) ([]outcome.Instrument, error) {
	_, _, err := caller(ctx, "")
	return a.cfg.Outcomes.Instruments, err
}

// viewOutcomes gives a person's outcomes, oldest first, each beside the first of the same
// instrument and plan.
func (a *App) viewOutcomes(tx *sqldb.Tx, clinicID, patientID, instrument, planID string) ([]OutcomeView, error) {
	rows, err := store.Outcomes(tx, clinicID, patientID, instrument, planID)
	if err != nil {
		return nil, err
	}
	type group struct{ instrument, planID string }
	first := map[group]store.Outcome{}
	out := make([]OutcomeView, len(rows))
	for n, o := range rows {
		out[n].Outcome = o
		if o.InError {
			continue
		}
		g := group{o.Instrument, o.PlanID}
		base, had := first[g]
		if !had {
			first[g] = o
			continue
		}
		if i, ok := a.cfg.Outcomes.Instrument(o.Instrument); ok {
			c := i.Compare(base.Point(), o.Point())
			out[n].Change = &c
		}
	}
	return out, nil
}

func (a *App) viewOutcome(tx *sqldb.Tx, clinicID, patientID, outcomeID string) (OutcomeView, error) {
	all, err := a.viewOutcomes(tx, clinicID, patientID, "", "")
	if err != nil {
		return OutcomeView{}, err
	}
	for _, v := range all {
		if v.ID == outcomeID {
			return v, nil
		}
	}
	return OutcomeView{}, fault.NotFoundf("outcome")
}

// ListOutcomes gives a person's outcomes, newest first, and where the next page starts; empty
// at the end. NOT_FOUND for an unknown patient or instrument.
func (a *App) ListOutcomes(ctx context.Context, patientID, instrument, planID string, page Page) ([]OutcomeView, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	if _, ok := a.cfg.Outcomes.Instrument(instrument); instrument != "" && !ok {
		return nil, "", fault.NotFoundf("instrument")
	}
	from := 0
	if page.Token != "" {
		if from, err = strconv.Atoi(page.Token); err != nil || from < 1 {
			return nil, "", fault.Invalid("page_token", "is not one that a list has given")
		}
	}
	var all []OutcomeView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		all, err = a.viewOutcomes(tx, clinicID, survivor, instrument, planID)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	slices.Reverse(all)
	if viewOf(p) != Clinicians {
		for i := range all {
			all[i].Voided.By, all[i].Voided.Reason = "", ""
		}
	}
	// A person answers some dozens in a course of care: a place in the list is its number.
	all, next := all[min(from, len(all)):], ""
	if size := page.size(100, 500); len(all) > size {
		all, next = all[:size], strconv.Itoa(from+size)
	}
	return all, next, a.logRead(ctx, p, "outcome.list", survivor, survivor)
}

// OutcomeChart is what a chart of one instrument shows.
type OutcomeChart struct {
	Instrument outcome.Instrument
	Points     []OutcomeView // oldest first
	// Meaningful is the score from which on the change matters; nil when not known.
	Meaningful *float64
}

// GetOutcomeChart gives what a chart shows. NOT_FOUND for an unknown patient or instrument.
func (a *App) GetOutcomeChart(ctx context.Context, patientID, instrument, planID string) (OutcomeChart, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return OutcomeChart{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return OutcomeChart{}, err
	}
	i, ok := a.cfg.Outcomes.Instrument(instrument)
	if !ok {
		return OutcomeChart{}, fault.NotFoundf("instrument")
	}
	c := OutcomeChart{Instrument: i}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		all, err := a.viewOutcomes(tx, clinicID, survivor, instrument, planID)
		c.Points = slices.DeleteFunc(all, func(v OutcomeView) bool { return v.InError })
		return err
	})
	if err != nil {
		return OutcomeChart{}, err
	}
	if len(c.Points) > 0 {
		if score, ok := i.MeaningfulScore(c.Points[0].Score); ok {
			c.Meaningful = &score
		}
	}
	return c, a.logRead(ctx, p, "outcome.chart", survivor, survivor)
}

// DueOutcome is an instrument to be answered.
type DueOutcome struct {
	outcome.Due
	PlanID string
	Now    bool // the date is today or past
}

// ListDueOutcomes gives what is to be answered by the schedule of the patient's active plans:
// pain, named activities and mood, and what their goals are measured by.
func (a *App) ListDueOutcomes(ctx context.Context, patientID string) ([]DueOutcome, error) {
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
	var out []DueOutcome
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out = nil
		plans, err := store.Plans(tx, clinicID, survivor, string(plan.Active), 0, "", 100)
		if err != nil {
			return err
		}
		rows, err := store.Outcomes(tx, clinicID, survivor, "", "")
		if err != nil {
			return err
		}
		for _, pl := range plans {
			for _, d := range a.cfg.Outcomes.DueNext(pl.StartDate, pl.ExpireDate, measures(pl), datesOf(rows)) {
				out = append(out, DueOutcome{Due: d, PlanID: pl.ID, Now: !d.Date.After(today)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(out, func(x, y DueOutcome) int { return x.Date.Compare(y.Date) })
	return out, a.logRead(ctx, p, "outcome.schedule", survivor, survivor)
}

// measures are the instruments that a plan asks for.
func measures(pl plan.Plan) []string {
	out := []string{"NPRS", "NAMED_ACTIVITY", "PHQ4"}
	for _, g := range pl.Goals {
		out = append(out, g.Measure)
	}
	return out
}

// datesOf gives the dates on which an instrument was answered.
func datesOf(rows []store.Outcome) func(instrument string) []civil.Date {
	return func(instrument string) []civil.Date {
		var out []civil.Date
		for _, o := range rows {
			if o.Instrument == instrument && !o.InError {
				out = append(out, o.Date)
			}
		}
		return out
	}
}
