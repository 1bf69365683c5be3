package app

import (
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Consents gives the texts that patients sign before an injection.
func (a *App) Consents() aftercare.Rules { return a.cfg.Aftercare }

// ReliefView is what an injection did to the pain.
type ReliefView struct {
	PainBefore *int // nil when nobody has recorded it: then nothing can be computed
	diary.Relief
	// FirstDay is the first day of relief counted from the injection, whose own day is 0.
	FirstDay int
	// Ongoing: the newest day with a score is one of that relief.
	Ongoing bool
	// Recorded is how many days after the injection have a score.
	Recorded int
}

// GetRelief computes from pain scores what an injection did, until the next one. It fails
// with NOT_FOUND, and with NOT_GIVEN when nothing was given or only the month is known.
func (a *App) GetRelief(ctx context.Context, patientID, injectionID string) (ReliefView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return ReliefView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	loc, err := a.zone(ctx, clinicID)
	if err != nil {
		return ReliefView{}, err
	}
	var out ReliefView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = a.relief(tx, clinicID, survivor, injectionID, loc)
		return err
	})
	if err != nil {
		return ReliefView{}, err
	}
	return out, a.logRead(ctx, p, "injection.relief", injectionID, survivor)
}

func (a *App) relief(tx *sqldb.Tx, clinicID, patientID, injectionID string, loc *time.Location) (ReliefView, error) {
	all, err := store.Injections(tx, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	i := slices.IndexFunc(all, func(e store.Entry) bool { return e.InjectionID == injectionID })
	if i < 0 {
		return ReliefView{}, fault.NotFoundf("injection")
	}
	e := all[i]
	if !injectionState(e).Given() || !e.Month.IsZero() {
		return ReliefView{}, fault.New(fault.FailedPrecondition, "NOT_GIVEN", "Nothing was given at this session, or its day is not known.").With("state", e.State)
	}
	var next civil.Date
	for _, o := range all[i+1:] {
		if injectionState(o).Given() && o.Kind == injection.FacetJoint && o.DuplicateOf == "" && o.LocalDate.After(e.LocalDate) {
			next = o.LocalDate
			break
		}
	}
	records, err := store.RecordsOf(tx, clinicID, patientID)
	if err != nil {
		return ReliefView{}, err
	}
	r := records[injectionID]
	if r.PainBefore == nil {
		return ReliefView{}, nil
	}
	days, err := painDays(tx, clinicID, patientID, e.LocalDate, r.PainAfter, loc)
	if err != nil {
		return ReliefView{}, err
	}
	out := ReliefView{PainBefore: r.PainBefore, Relief: a.cfg.Diary.Relief(*r.PainBefore, e.LocalDate, next, days)}
	for _, d := range days {
		if d.Date.After(e.LocalDate) && (next.IsZero() || d.Date.Before(next)) {
			out.Recorded++
			out.Ongoing = d.Date == out.End
		}
	}
	if !out.Start.IsZero() {
		out.FirstDay = e.LocalDate.DaysUntil(out.Start)
	}
	return out, nil
}

// painDays are a person's pain scores from the day of an injection on, by civil day: of the
// diary, of answers to check-ins, and what was noted right after it. Of several on a day the
// worst counts, but on the day itself the best, which tells of the anaesthetic (F129).
func painDays(tx *sqldb.Tx, clinicID, patientID string, injected civil.Date, after *int, loc *time.Location) ([]diary.Day, error) {
	scores := map[civil.Date]int{}
	note := func(date civil.Date, pain *int) {
		if pain == nil || date.Before(injected) {
			return
		}
		known, ok := scores[date]
		if !ok || (date == injected) == (*pain < known) {
			scores[date] = *pain
		}
	}
	note(injected, after)
	all, err := store.CheckInsOf(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	for _, list := range all {
		for _, c := range list {
			if c.State == store.CheckInAnswered {
				note(civil.Of(c.AnsweredAt, loc), c.Pain)
			}
		}
	}
	entries, err := store.DiaryBetween(tx, clinicID, patientID, injected, civil.Date{})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !e.Corrected {
			note(e.Date, e.Pain)
		}
	}
	days := make([]diary.Day, 0, len(scores))
	for date, pain := range scores {
		days = append(days, diary.Day{Date: date, Pain: &pain})
	}
	slices.SortFunc(days, func(a, b diary.Day) int { return a.Date.Compare(b.Date) })
	return days, nil
}
