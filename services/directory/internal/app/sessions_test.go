package app

import (
	"context"
	"testing"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// of is the caller that a session makes.
func (b *bundle) of(in SignIn) context.Context {
	b.t.Helper()
	r, err := b.ResolveSession(b.t.Context(), in.Token, true)
	if err != nil {
		b.t.Fatal(err)
	}
	var roles []typev1.Role
	for _, role := range r.Account.Roles {
		roles = append(roles, typev1.Role(typev1.Role_value["ROLE_"+role]))
	}
	return authn.With(b.t.Context(), authn.Principal{
		Subject: r.Account.ID, ClinicID: r.Account.ClinicID, Roles: roles, SessionID: r.Session.ID, PatientIDs: r.PatientIDs,
	})
}

func (b *bundle) resolve(in SignIn, background bool) error {
	_, err := b.ResolveSession(b.t.Context(), in.Token, background)
	return err
}

func TestSessionEndsWithoutUse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		b.register("rosa@example.org")
		for _, test := range []struct {
			email, password string
			idle            time.Duration
		}{{"ida@demo.clinic", staffPassword, 15 * time.Minute}, {"rosa@example.org", patientPassword, 30 * time.Minute}} {
			used := b.signIn(test.email, test.password)
			polled := b.signIn(test.email, test.password)
			for range 10 { // used now and then, polled all the time
				b.clock.Advance(test.idle - 2*time.Minute)
				if err := b.resolve(used, false); err != nil {
					t.Fatalf("%s: a session in use ended: %v", test.email, err)
				}
			}
			b.refused(b.resolve(polled, true), "SESSION_INVALID")
			polled = b.signIn(test.email, test.password)
			for waited := time.Duration(0); waited < test.idle-time.Second; waited += time.Second * 59 {
				b.clock.Advance(time.Second * 59)
				if waited+time.Second*59 < test.idle {
					if err := b.resolve(polled, true); err != nil {
						t.Fatalf("%s: ended after %s: %v", test.email, waited, err)
					}
				}
			}
			b.clock.Advance(time.Minute)
			b.refused(b.resolve(polled, true), "SESSION_INVALID")
			b.refused(b.resolve(polled, false), "SESSION_INVALID") // and stays ended
		}
	})
}

func TestSessionEndsAtLast(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		in := b.signIn("ida@demo.clinic", staffPassword)
		for range 12*6 - 1 {
			b.clock.Advance(10 * time.Minute)
			if err := b.resolve(in, false); err != nil {
				t.Fatal(err)
			}
		}
		b.clock.Advance(10 * time.Minute)
		b.refused(b.resolve(in, false), "SESSION_INVALID")
		if err := b.Purge(t.Context()); err != nil || b.count(`select count(*) from sessions`) != 0 {
			t.Errorf("%d ended sessions are kept (%v)", b.count(`select count(*) from sessions`), err)
		}
	})
}

// The use of a session is written down at most once a minute.
func TestSessionUseIsWrittenOnceAMinute(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		in := b.signIn("ida@demo.clinic", staffPassword)
		written := map[int]bool{}
		for range 130 { // two minutes and ten seconds
			if err := b.resolve(in, false); err != nil {
				t.Fatal(err)
			}
			written[b.count(`select last_used_at from sessions`)] = true
			b.clock.Advance(time.Second)
		}
		if len(written) != 3 { // at the sign-in, after one minute, after two
			t.Errorf("written %d times", len(written))
		}
	})
}

// A change of rights is felt by the next request.
func TestRightsChangeAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("admin@demo.clinic", "ADMIN")
		account := b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		version := func() string { return "" } // any
		change := func(apply func(a *people.Account)) error {
			_, err := b.UpdateAccount(b.admin, nil, Change[people.Account]{ID: account.ID, Etag: version(), Apply: func(a people.Account) (people.Account, error) {
				apply(&a)
				return a, nil
			}})
			return err
		}
		for name, apply := range map[string]func(a *people.Account){
			"roles": func(a *people.Account) { a.Roles = []string{"RECEPTIONIST", "PRIVACY_OFFICER"} },
			"state": func(a *people.Account) { a.State = people.StateDisabled },
		} {
			in := b.signIn("ida@demo.clinic", staffPassword)
			if err := change(apply); err != nil {
				t.Fatal(err)
			}
			if b.refused(b.resolve(in, false), "SESSION_INVALID"); name == "state" {
				_, err := b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: staffPassword})
				b.refused(err, "SIGN_IN_FAILED")
			}
			if err := change(func(a *people.Account) { a.State, a.Roles = people.StateActive, []string{"RECEPTIONIST"} }); err != nil {
				t.Fatal(err)
			}
		}
		in := b.signIn("ida@demo.clinic", staffPassword)
		if err := change(func(a *people.Account) { a.DisplayName = "Ida Feld" }); err != nil {
			t.Fatal(err)
		}
		if err := b.resolve(in, false); err != nil {
			t.Errorf("a new name ended the session: %v", err)
		}
		if _, err := b.SetPassword(b.admin, nil, account.ID, "eleven blue doors"); err != nil {
			t.Fatal(err)
		}
		b.refused(b.resolve(in, false), "SESSION_INVALID")
		b.signIn("ida@demo.clinic", "eleven blue doors")
	})
}

// A session that was begun while its account was being disabled is none.
func TestSessionOfADisabledAccount(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		in := b.signIn("ida@demo.clinic", staffPassword)
		err := b.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`update accounts set state = 'DISABLED'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		b.refused(b.resolve(in, false), "SESSION_INVALID")
		if list, err := b.ListSessions(b.admin, in.Account.ID); err != nil || len(list) != 0 {
			t.Errorf("%d live sessions, %v", len(list), err)
		}
	})
}

func TestSignOutAndRevoke(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		other := b.newStaff("bo@demo.clinic", "RECEPTIONIST")
		first, second, third := b.signIn("ida@demo.clinic", staffPassword), b.signIn("ida@demo.clinic", staffPassword), b.signIn("bo@demo.clinic", staffPassword)
		ida, bo := b.of(first), b.of(third)
		if list, err := b.ListSessions(ida, ""); err != nil || len(list) != 2 || !list[1].Current && !list[0].Current {
			t.Errorf("%+v, %v", list, err)
		}
		_, err := b.ListSessions(ida, other.ID)
		b.refused(err, "NOT_FOUND")
		if list, err := b.ListSessions(b.admin, other.ID); err != nil || len(list) != 1 {
			t.Errorf("the admin sees %d, %v", len(list), err)
		}
		b.refused(b.RevokeSession(bo, nil, first.Session.ID), "NOT_FOUND")
		b.refused(b.RevokeSession(b.stranger, nil, first.Session.ID), "NOT_FOUND")
		retry := requestid.With(ida, "revoke-1")
		for range 2 {
			if err := b.RevokeSession(retry, []byte("r"), second.Session.ID); err != nil {
				t.Error(err)
			}
		}
		b.refused(b.resolve(second, false), "SESSION_INVALID")
		if err := b.RevokeSession(b.admin, nil, third.Session.ID); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := b.SignOut(ida); err != nil {
				t.Error(err)
			}
		}
		b.refused(b.resolve(first, false), "SESSION_INVALID")
	})
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		here, elsewhere := b.signIn("ida@demo.clinic", staffPassword), b.signIn("ida@demo.clinic", staffPassword)
		ida := requestid.With(b.of(here), "change-1")
		_, err := b.ChangePassword(ida, []byte("c"), "wrong", "eleven blue doors", "")
		b.refused(err, "PASSWORD_WRONG")
		_, err = b.ChangePassword(ida, []byte("c"), staffPassword, "password1234", "")
		b.refused(err, "PASSWORD_WEAK")
		for range 2 { // the retry finds the old password wrong and its request done
			if _, err := b.ChangePassword(ida, []byte("c"), staffPassword, "eleven blue doors", ""); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.resolve(here, false); err != nil {
			t.Errorf("the session that changed it ended: %v", err)
		}
		b.refused(b.resolve(elsewhere, false), "SESSION_INVALID")
		b.signIn("ida@demo.clinic", "eleven blue doors")
		for range 6 {
			_, err = b.ChangePassword(requestid.With(ida, ""), nil, "wrong", "twelve red chairs", "")
		}
		b.refused(err, "TOO_MANY_ATTEMPTS")
	})
}

// A patient's account acts for the own person and for those it was let to, today.
func TestActingFor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		rosa := b.register("rosa@example.org")
		child, older := b.newPatient("Kim", "Neu"), b.newPatient("Kim", "Neuer")
		in := b.signIn("rosa@example.org", patientPassword)
		acts := func() map[string]bool {
			t.Helper()
			r, err := b.ResolveSession(t.Context(), in.Token, false)
			if err != nil || len(r.PatientIDs) == 0 {
				t.Fatalf("%v, %v", r.PatientIDs, err)
			}
			set := map[string]bool{}
			for _, id := range r.PatientIDs {
				set[id] = true
			}
			return set
		}
		if got := acts(); !got[rosa.ID] || len(got) != 1 {
			t.Errorf("alone: %v", got)
		}
		grant := people.Proxy{AccountID: in.Account.ID, PatientID: child.ID, Relation: "GUARDIAN", ExpireDate: civil.MustParse("2026-11-21")}
		if p, err := b.GrantProxy(b.admin, nil, grant); err != nil || p.Relation != "GUARDIAN" || p.CreatedAt.IsZero() {
			t.Fatalf("%+v, %v", p, err)
		}
		if _, err := b.MergePatients(b.reception, nil, older.ID, child.ID, ""); err != nil {
			t.Fatal(err)
		}
		if got := acts(); !got[child.ID] || !got[older.ID] || len(got) != 3 {
			t.Errorf("as guardian of a merged person: %v", got)
		}
		me, err := b.GetMe(b.of(in))
		if err != nil || len(me.ActsFor) != 2 || me.ActsFor[0].Relation != "SELF" || me.ActsFor[1].PatientID != child.ID {
			t.Errorf("%+v, %v", me.ActsFor, err)
		}
		b.clock.Advance(39*time.Hour - time.Minute) // 23:59 on the last day, in the clinic's zone 00:59
		in = b.signIn("rosa@example.org", patientPassword)
		if got := acts(); got[child.ID] {
			t.Errorf("after the last day: %v", got)
		}
		grant.ExpireDate = civil.Date{}
		if _, err := b.GrantProxy(b.admin, nil, grant); err != nil {
			t.Fatal(err)
		}
		if got := acts(); !got[child.ID] {
			t.Errorf("granted again: %v", got)
		}
		if err := b.RevokeProxy(b.admin, in.Account.ID, child.ID); err != nil {
			t.Fatal(err)
		}
		if got := acts(); len(got) != 1 {
			t.Errorf("taken back: %v", got)
		}
	})
}
