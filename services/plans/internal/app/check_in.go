package app

import (
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/aftercare"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// checkInHour is when on its day a patient is asked whose injection has no known start.
const checkInHour = 9

// planCheckIns plans when a patient is asked how an injection of this clinic went: so many
// times 24 hours after its start where that is known, else in the morning of the day. What
// is over by now, because the record is entered late, is skipped: nobody is asked today how
// they were a month ago.
func (a *App) planCheckIns(tx *sqldb.Tx, head store.Head, e store.Entry) error {
	if e.Source != SourceClinic || !injectionState(e).Given() || !e.Month.IsZero() {
		return nil
	}
	zone, _, err := store.ClinicZone(tx, head.ClinicID)
	if err != nil {
		return err
	}
	loc := time.UTC
	if zone != "" {
		if loc, err = loadZone(zone); err != nil {
			return err
		}
	}
	late := tx.Now().Add(-time.Duration(a.cfg.Aftercare.OverdueAfter.Value) * time.Hour)
	for _, f := range a.cfg.Policy.FollowUps {
		c := store.CheckIn{InjectionID: e.InjectionID, PatientID: head.PatientID, Code: f.Code, State: store.CheckInOpen}
		c.DueDate = e.LocalDate.AddDays(f.Days)
		c.DueAt = c.DueDate.At(checkInHour, 0, loc)
		if !e.Start.IsZero() && e.LocalDate == e.BookedDate {
			c.DueAt = e.Start.Add(time.Duration(f.Days) * 24 * time.Hour)
		}
		if c.DueAt.Before(late) {
			c.State = store.CheckInSkipped
		}
		if err := store.PutCheckIn(tx, head.ClinicID, c); err != nil {
			return err
		}
	}
	return nil
}

// checkInState is how an open check-in stands at an instant.
func (a *App) checkInState(c store.CheckIn) string {
	now := a.clock.Now()
	switch {
	case c.State != store.CheckInOpen:
		return c.State
	case now.Before(c.DueAt):
		return "SCHEDULED"
	case now.Before(c.DueAt.Add(time.Duration(a.cfg.Aftercare.OverdueAfter.Value) * time.Hour)):
		return "DUE"
	}
	return "OVERDUE"
}

// CheckInAnswer is what a patient, or a clinician for them, says at a check-in.
type CheckInAnswer struct {
	PatientID   string
	InjectionID string
	Code        string
	Pain        int
	Course      string
	Signs       []string
	Note        string
	Fingerprint []byte // of the request
}

// AnswerCheckIn keeps an answer and says what the patient should do. A sign that points to a
// complication, worse pain when that is expected no longer, or relief that does not come
// raises an issue. It fails with NOT_FOUND, CHECK_IN_NOT_DUE before its day,
// CHECK_IN_ANSWERED, CHECK_IN_CANCELLED, and INVALID_ARGUMENT for an unknown sign.
func (a *App) AnswerCheckIn(ctx context.Context, r CheckInAnswer) (InjectionView, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return InjectionView{}, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, r.PatientID)
	if err != nil {
		return InjectionView{}, "", err
	}
	if _, err := a.zone(ctx, clinicID); err != nil { // so that the transaction knows today
		return InjectionView{}, "", err
	}
	var v InjectionView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "InjectionService.AnswerInjectionCheckIn", r.Fingerprint, r.InjectionID, func() error {
			head, err := store.LockHead(tx, clinicID, survivor)
			if err != nil {
				return err
			}
			if err := a.answer(ctx, tx, head, r, p.Subject); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "injection.check_in", Resource: r.InjectionID, PatientID: head.PatientID, Facts: map[string]string{"code": r.Code},
			})
		})
		if err != nil {
			return err
		}
		v, err = a.viewInjectionAs(tx, clinicID, survivor, r.InjectionID, viewOf(p))
		return err
	})
	if err != nil {
		return InjectionView{}, "", err
	}
	return v, v.adviceOf(r.Code), nil
}

// answer judges and keeps an answer. The head must be locked.
func (a *App) answer(ctx context.Context, tx *sqldb.Tx, head store.Head, r CheckInAnswer, by string) error {
	e, c, err := openCheckIn(tx, head, r)
	if err != nil {
		return err
	}
	today, err := todayIn(tx, head.ClinicID)
	if err != nil {
		return err
	}
	if today.Before(c.DueDate) {
		return fault.New(fault.FailedPrecondition, "CHECK_IN_NOT_DUE", "Its day has not come.").With("due_date", c.DueDate.String())
	}
	f, err := a.cfg.Aftercare.Judge(aftercare.Answer{Day: e.LocalDate.DaysUntil(today), Course: r.Course, Signs: r.Signs})
	if err != nil {
		return err
	}
	c.Pain, c.Course, c.Signs, c.Findings, c.Advice, c.Note = &r.Pain, r.Course, r.Signs, f.Codes, f.Advice, r.Note
	c.AnsweredBy, c.AnsweredAt = by, tx.Now()
	if err := store.AnswerCheckIn(tx, head.ClinicID, c); err != nil || len(f.Codes) == 0 {
		return err
	}
	severity := "LOW"
	if f.Urgent {
		severity = "HIGH"
	}
	_, err = raise(ctx, tx, head, store.Issue{
		Rule: RuleCheckIn, Severity: severity, PlanID: e.PlanID, Discipline: e.Discipline, Codes: f.Codes, InjectionIDs: []string{e.InjectionID},
	})
	return err
}

// openCheckIn gives an injection of the person and its check-in, if that can be answered.
func openCheckIn(tx *sqldb.Tx, head store.Head, r CheckInAnswer) (store.Entry, store.CheckIn, error) {
	e, ok, err := store.EntryByInjection(tx, head.ClinicID, r.InjectionID)
	if err != nil {
		return e, store.CheckIn{}, err
	}
	if !ok || e.PatientID != head.PatientID {
		return e, store.CheckIn{}, fault.NotFoundf("injection")
	}
	all, err := store.CheckInsOf(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return e, store.CheckIn{}, err
	}
	i := slices.IndexFunc(all[r.InjectionID], func(c store.CheckIn) bool { return c.Code == r.Code })
	if i < 0 {
		return e, store.CheckIn{}, fault.NotFoundf("check-in")
	}
	c := all[r.InjectionID][i]
	switch c.State {
	case store.CheckInAnswered:
		return e, c, fault.New(fault.FailedPrecondition, "CHECK_IN_ANSWERED", "It was answered before.")
	case store.CheckInCancelled:
		return e, c, fault.New(fault.FailedPrecondition, "CHECK_IN_CANCELLED", "The injection's record was taken back.")
	}
	return e, c, nil
}

// DueCheckIn is a check-in of the work list.
type DueCheckIn struct {
	CheckIn store.CheckIn
	State   string // DUE or OVERDUE
}

// ListCheckIns gives the clinic's check-ins that wait for an answer, the oldest first, and
// where the next page starts; with overdue only those that wait for too long.
func (a *App) ListCheckIns(ctx context.Context, overdue bool, page Page) ([]DueCheckIn, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	at, err := page.start()
	if err != nil {
		return nil, "", err
	}
	before := a.clock.Now()
	if overdue {
		before = before.Add(-time.Duration(a.cfg.Aftercare.OverdueAfter.Value) * time.Hour)
	}
	size := page.size(50, 200)
	var found []store.CheckIn
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = store.OpenCheckIns(tx, clinicID, before, at.micros, at.id, size+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > size {
		found = found[:size]
		last := found[size-1]
		next = token(last.DueAt, last.InjectionID+" "+last.Code)
	}
	out := make([]DueCheckIn, len(found))
	for i, c := range found {
		out[i] = DueCheckIn{CheckIn: c, State: a.checkInState(c)}
	}
	return out, next, a.logRead(ctx, p, "injection.check_ins", "", "")
}
