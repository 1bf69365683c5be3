package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// InjectionQuestion asks whether one more injection would be allowed.
type InjectionQuestion struct {
	ClinicID  string // for a service in its own name
	PatientID string
	Date      civil.Date // at the treating site; or Start and Zone
	Start     time.Time
	Zone      string // IANA zone of the treating site; empty is the clinic's
	Moving    string // injection to be left out, since it would move
}

// InjectionAnswer is the verdict for a date.
type InjectionAnswer struct {
	Date          civil.Date
	Verdict       injection.Verdict
	PolicyVersion int64
}

// CheckInjection answers whether one more injection is allowed on a date, and from when on
// if not. NOT_FOUND for an unknown patient; INVALID_ARGUMENT for no date or an unknown zone.
func (a *App) CheckInjection(ctx context.Context, q InjectionQuestion) (InjectionAnswer, error) {
	p, clinicID, err := caller(ctx, q.ClinicID)
	if err != nil {
		return InjectionAnswer{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, q.PatientID)
	if err != nil {
		return InjectionAnswer{}, err
	}
	date, err := a.siteDate(ctx, clinicID, q)
	if err != nil {
		return InjectionAnswer{}, err
	}
	out := InjectionAnswer{Date: date, PolicyVersion: a.cfg.Policy.Version}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		entries, err := store.Injections(tx, clinicID, survivor)
		if err != nil {
			return err
		}
		records := injectionRecords(entries)
		if q.Moving != "" {
			records = injection.Without(records, q.Moving)
		}
		out.Verdict = a.cfg.Policy.Check(records, date, "")
		return nil
	})
	if err != nil {
		return InjectionAnswer{}, err
	}
	return out, a.logRead(ctx, p, "injection.check", survivor, survivor)
}

// siteDate is the civil date that is asked about, at the treating site.
func (a *App) siteDate(ctx context.Context, clinicID string, q InjectionQuestion) (civil.Date, error) {
	switch {
	case !q.Date.IsZero():
		return q.Date, nil
	case q.Start.IsZero():
		return civil.Date{}, fault.Invalid("date", "is needed")
	case q.Zone == "":
		loc, err := a.zone(ctx, clinicID)
		if err != nil {
			return civil.Date{}, err
		}
		return civil.Of(q.Start, loc), nil
	}
	loc, err := time.LoadLocation(q.Zone)
	if err != nil || q.Zone == "Local" {
		return civil.Date{}, fault.Invalid("time_zone", "is not a time zone that exists")
	}
	return civil.Of(q.Start, loc), nil
}
