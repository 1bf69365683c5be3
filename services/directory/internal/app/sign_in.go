package app

import (
	"context"
	"log/slog"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SignIn is a new session. Its token is in no other place.
type SignIn struct {
	Token   string
	Session store.Session
	Account people.Account
}

// Credentials are what a person signs in with.
type Credentials struct {
	Email    string
	Password string
	// Clinic is the clinic's id or slug, "" for any.
	Clinic string
	// Address is the network address it comes from; "" when it is not known.
	Address string
}

// SignIn begins a session of the account whose address and password these are: staff's before
// patients', the older before the newer. SIGN_IN_FAILED, after the same work, when there is no
// such account, when the password is another one and when the account is disabled;
// TOO_MANY_ATTEMPTS when name or network address failed too often; BUSY when too many people
// sign in at once.
func (a *App) SignIn(ctx context.Context, c Credentials) (SignIn, error) {
	key := people.EmailKey(c.Email)
	limiters := a.signInLimiters(key, c.Address)
	if err := a.begin(ctx, limiters); err != nil {
		return SignIn{}, err
	}
	var candidates []store.Candidate
	var salt []byte
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if candidates, err = store.SignInCandidates(tx, key, c.Clinic); err != nil {
			return err
		}
		salt, err = store.FindSalt(tx, key)
		return err
	})
	if err != nil {
		return SignIn{}, err
	}
	hit, err := a.passwords.match(ctx, c.Password, candidates)
	if err != nil {
		return SignIn{}, err
	}
	if hit < 0 {
		return SignIn{}, fault.New(fault.Unauthenticated, "SIGN_IN_FAILED", "Address or password is not right.")
	}
	s, write := a.newSession(ctx, candidates[hit], limiters)
	if a.passwords.stale(candidates[hit].PasswordHash, salt) {
		err = a.writeHash(ctx, candidates[hit].Email, c.Password, write)
	} else {
		err = a.db.Write(ctx, func(tx *sqldb.Tx) error { return write(tx, "") })
	}
	if err != nil {
		return SignIn{}, err
	}
	a.log.InfoContext(ctx, "session begun", slog.String("account_id", s.Account.ID), slog.String("session_id", s.Session.ID))
	return s, nil
}

// newSession gives a session and what stores it, with the password's hash when it was computed
// anew.
func (a *App) newSession(ctx context.Context, holder store.Candidate, limiters []limiter) (SignIn, func(*sqldb.Tx, string) error) {
	now := a.clock.Now()
	token, hashed := newToken()
	s := SignIn{Token: token, Account: holder.Account, Session: store.Session{
		ID: ident.New("ses"), ClinicID: holder.ClinicID, AccountID: holder.ID,
		CreatedAt: now, LastUsedAt: now, ExpireAt: now.Add(a.cfg.SessionLife),
	}}
	scope := store.WholeClinic(holder.ClinicID)
	ctx = authn.With(ctx, authn.Principal{Subject: holder.ID, ClinicID: holder.ClinicID, SessionID: s.Session.ID})
	return s, func(tx *sqldb.Tx, rehashed string) error {
		// A password that was replaced since it was checked must not begin a session.
		hash, err := store.LockPasswordHash(tx, scope, holder.ID)
		if err != nil {
			return err
		}
		if hash != holder.PasswordHash {
			return store.VersionMismatch()
		}
		if rehashed != "" {
			if _, err := store.SetPasswordHash(tx, scope, holder.ID, holder.PasswordHash, rehashed); err != nil {
				return err
			}
		}
		if err := store.InsertSession(tx, s.Session, hashed); err != nil {
			return err
		}
		if err := succeed(tx, limiters); err != nil {
			return err
		}
		return note(ctx, tx, "session.begin", s.Session.ID, nil)
	}
}

// IdleLimit is how long a new session lives without use.
func (a *App) IdleLimit(account people.Account) (seconds int32) {
	return int32(a.idleLimit(account).Seconds())
}
