package app

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Resolved is whose session a token is.
type Resolved struct {
	Session store.Session
	Account people.Account
	// PatientIDs are the own record and those acted for, with the records of the same persons,
	// the own surviving one first; empty for staff.
	PatientIDs []string
	// IdleAt is when the session ends unless somebody uses it before.
	IdleAt time.Time
}

// ResolveSession says whose session a token is: one read by the hash of the token. Unless it
// is background work, it writes the use down when the last one was written a minute ago or
// more, so that the idle limit is at most that much shorter than configured, never longer.
// SESSION_INVALID for everything that is no live session.
func (a *App) ResolveSession(ctx context.Context, token string, background bool) (r Resolved, err error) {
	if !looksLikeToken(token) {
		return r, errSession()
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		r, err = a.resolve(tx, tokenHash(token))
		return err
	})
	if err != nil {
		return Resolved{}, err
	}
	now := a.clock.Now()
	if since := now.Add(-touchAfter); !background && !r.Session.LastUsedAt.After(since) {
		err = a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.TouchSession(tx, r.Session, now, since) })
		if err != nil {
			return Resolved{}, err
		}
		r.Session.LastUsedAt = now
	}
	r.IdleAt = r.Session.LastUsedAt.Add(a.idleLimit(r.Account))
	return r, nil
}

func (a *App) resolve(tx *sqldb.Tx, hash []byte) (Resolved, error) {
	holder, err := store.ResolveToken(tx, hash)
	if errors.Is(err, sqldb.ErrNoRows) || err == nil && !a.live(holder.Session, holder.Account, a.clock.Now()) {
		return Resolved{}, errSession()
	}
	if err != nil {
		return Resolved{}, err
	}
	r := Resolved{Session: holder.Session, Account: holder.Account}
	if r.Account.Kind != people.KindPatient {
		return r, nil
	}
	acts, err := store.ActsFor(tx, store.WholeClinic(r.Account.ClinicID), r.Account)
	if err != nil {
		return r, err
	}
	acts, err = a.holding(acts, holder.TimeZone)
	for _, act := range acts {
		if !slices.Contains(r.PatientIDs, act.Patient.ID) {
			r.PatientIDs = append(r.PatientIDs, act.Patient.ID)
		}
	}
	return r, err
}

// holding leaves out proxies that have expired on the clinic's day.
func (a *App) holding(acts []store.Acting, zone string) ([]store.Acting, error) {
	today, err := a.dayIn(zone)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(acts, func(act store.Acting) bool { return !act.Proxy.Holds(today) }), nil
}
