package app

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		account := b.newStaff("reception@demo.clinic", "RECEPTIONIST")
		in := b.signIn(" Reception@Demo.Clinic ", staffPassword)
		if in.Account.ID != account.ID || in.Session.ExpireAt.Sub(b.clock.Now()) != 12*time.Hour || !looksLikeToken(in.Token) {
			t.Errorf("%+v", in)
		}
		who, err := b.ResolveSession(t.Context(), in.Token, false)
		if err != nil || who.Account.ID != account.ID || who.Session.ID != in.Session.ID || who.PatientIDs != nil {
			t.Errorf("%+v, %v", who, err)
		}
		for name, c := range map[string]Credentials{
			"wrong password": {Email: "reception@demo.clinic", Password: "wrong"},
			"unknown":        {Email: "nobody@demo.clinic", Password: staffPassword},
			"no address":     {Email: "", Password: staffPassword},
			"another clinic": {Email: "reception@demo.clinic", Password: staffPassword, Clinic: b.other.ID},
			"no clinic":      {Email: "reception@demo.clinic", Password: staffPassword, Clinic: "nowhere"},
		} {
			_, err := b.SignIn(t.Context(), c)
			if b.refused(err, "SIGN_IN_FAILED"); err.Error() != "SIGN_IN_FAILED: Address or password is not right." {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, clinic := range []string{b.clinic.ID, b.clinic.Slug} {
			if _, err := b.SignIn(t.Context(), Credentials{Email: "reception@demo.clinic", Password: staffPassword, Clinic: clinic}); err != nil {
				t.Errorf("at %s: %v", clinic, err)
			}
		}
		for _, token := range []string{"", "ups_", in.Token[:len(in.Token)-1] + "_", tokenPrefix + strings.Repeat("A", 43), in.Session.ID} {
			_, err := b.ResolveSession(t.Context(), token, false)
			b.refused(err, "SESSION_INVALID")
		}
	})
}

// The work is one hash for a name that nobody has, for one, and for a name that many have.
func TestSignInDoesTheSameWork(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("one@demo.clinic", "RECEPTIONIST")
		for i := range 5 {
			r := registration(b.clinic.Slug, "five@demo.clinic")
			r.Password += strconv.Itoa(i)
			if _, err := b.RegisterPatient(t.Context(), nil, r); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range []Credentials{
			{Email: "nobody@demo.clinic", Password: "wrong"},
			{Email: "one@demo.clinic", Password: "wrong"},
			{Email: "five@demo.clinic", Password: "wrong"},
			{Email: "five@demo.clinic", Password: patientPassword + "3"},
			{Email: "one@demo.clinic", Password: staffPassword},
		} {
			b.passwords.used.Store(0)
			_, _ = b.SignIn(t.Context(), c)
			if n := b.passwords.used.Load(); n != 1 {
				t.Errorf("%s computes %d hashes", c.Email, n)
			}
		}
	})
}

// One address, several clinics and passwords: each password finds its own account, and staff
// come before patients.
func TestSharedAddress(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		staff := b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		r := registration(b.other.Slug, "ida@demo.clinic")
		if _, err := b.RegisterPatient(t.Context(), nil, r); err != nil {
			t.Fatal(err)
		}
		if in := b.signIn("ida@demo.clinic", patientPassword); in.Account.ClinicID != b.other.ID || in.Account.Kind != people.KindPatient {
			t.Errorf("the patient's password: %+v", in.Account)
		}
		r.Password = staffPassword
		if _, err := b.RegisterPatient(t.Context(), nil, r); err != nil {
			t.Fatal(err)
		}
		if in := b.signIn("ida@demo.clinic", staffPassword); in.Account.ID != staff.ID {
			t.Errorf("a registration took the place of staff: %+v", in.Account)
		}
		in, err := b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: staffPassword, Clinic: b.other.Slug})
		if err != nil || in.Account.Kind != people.KindPatient {
			t.Errorf("at the clinic's page: %+v, %v", in.Account, err)
		}
	})
}

// The story of a guesser, of the owner meanwhile, and of one address with many names.
func TestSignInIsThrottled(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		for _, email := range []string{"ida@demo.clinic", "nobody@demo.clinic"} { // no difference
			for range 6 {
				_, err := b.SignIn(t.Context(), Credentials{Email: email, Password: "wrong", Address: "203.0.113.7"})
				b.refused(err, "SIGN_IN_FAILED")
			}
			_, err := b.SignIn(t.Context(), Credentials{Email: email, Password: staffPassword, Address: "203.0.113.7"})
			b.refused(err, "TOO_MANY_ATTEMPTS")
			if f, _ := errors.AsType[*fault.Error](err); f.Kind != fault.ResourceExhausted || f.Facts["retry_after_seconds"] != "1" {
				t.Errorf("%s: %v", email, f)
			}
		}
		b.clock.Advance(time.Second)
		b.signIn("ida@demo.clinic", staffPassword)
		// Success forgives nothing: what failed before makes wait as it did, and the next wrong one
		// twice as long.
		b.clock.Advance(time.Second)
		_, err := b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: "wrong"})
		b.refused(err, "SIGN_IN_FAILED")
		b.clock.Advance(time.Second)
		_, err = b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: staffPassword})
		b.refused(err, "TOO_MANY_ATTEMPTS")
		b.clock.Advance(time.Hour)
		b.signIn("ida@demo.clinic", staffPassword)

		for i := range 51 {
			_, err := b.SignIn(t.Context(), Credentials{Email: "n" + strconv.Itoa(i) + "@demo.clinic", Password: "wrong", Address: "203.0.113.8"})
			b.refused(err, "SIGN_IN_FAILED")
		}
		_, err = b.SignIn(t.Context(), Credentials{Email: "new@demo.clinic", Password: "wrong", Address: "203.0.113.8"})
		b.refused(err, "TOO_MANY_ATTEMPTS")
		if _, err = b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: staffPassword, Address: "203.0.113.9"}); err != nil {
			t.Errorf("from another address: %v", err)
		}
	})
}

// Guesses made at the same moment share the free ones.
func TestParallelGuesses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		errs := make([]error, 40)
		parallel(len(errs), func(i int) {
			_, errs[i] = b.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: "wrong", Address: "203.0.113.7"})
		})
		heard := 0
		for _, err := range errs {
			if fault.Is(err, "SIGN_IN_FAILED") {
				heard++
			} else {
				b.refused(err, "TOO_MANY_ATTEMPTS")
			}
		}
		if heard != 6 {
			t.Errorf("%d guesses were heard", heard)
		}
	})
}

// When the cost of hashes is raised, a password is hashed again at the next sign-in.
func TestRehash(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		dearer := New(b.db, b.clock, b.log, Config{Passwords: PasswordConfig{MemoryKiB: 128, Passes: 2}})
		hash := func() (h string) {
			err := b.db.Read(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(`select password_hash from accounts`).Scan(&h) })
			if err != nil {
				t.Fatal(err)
			}
			return h
		}
		before := hash()
		for range 2 {
			if _, err := dearer.SignIn(t.Context(), Credentials{Email: "ida@demo.clinic", Password: staffPassword}); err != nil {
				t.Fatal(err)
			}
		}
		if after := hash(); after == before || !strings.HasPrefix(after, "$argon2id$v=19$m=128,t=2,p=1$") {
			t.Errorf("hash is %s, was %s", after, before)
		}
		b.signIn("ida@demo.clinic", staffPassword) // and back
	})
}

// A password that is replaced between its check and the session begins none.
func TestPasswordReplacedMeanwhile(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		account := b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		var candidates []store.Candidate
		err := b.db.Read(t.Context(), func(tx *sqldb.Tx) (err error) {
			candidates, err = store.SignInCandidates(tx, "ida@demo.clinic", "")
			return err
		})
		if err != nil || len(candidates) != 1 {
			t.Fatal(candidates, err)
		}
		if _, err := b.SetPassword(b.admin, nil, account.ID, "eleven blue doors"); err != nil {
			t.Fatal(err)
		}
		_, write := b.newSession(t.Context(), candidates[0], nil)
		b.refused(b.db.Write(t.Context(), func(tx *sqldb.Tx) error { return write(tx, "") }), "VERSION_MISMATCH")
		if n := b.count(`select count(*) from sessions`); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

func TestCostOfPasswordsInProduction(t *testing.T) {
	t.Parallel()
	p := newPasswords(PasswordConfig{})
	if p.cost != (cost{memory: 64 << 10, passes: 3, lanes: 1}) || cap(p.slots) != 4 {
		t.Errorf("%+v, %d at once", p.cost, cap(p.slots))
	}
}

// Whoever waits for a slot longer than the call may take is told to come back.
func TestPasswordSlots(t *testing.T) {
	t.Parallel()
	p := newPasswords(PasswordConfig{MemoryKiB: 64, Passes: 1, AtOnce: 1})
	p.slots <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.hash(ctx, "x", make([]byte, saltSize)); !fault.Is(err, "BUSY") || !fault.IsKind(err, fault.Unavailable) {
		t.Errorf("%v, want BUSY", err)
	}
	<-p.slots
	if _, err := p.hash(t.Context(), "x", make([]byte, saltSize)); err != nil {
		t.Error(err)
	}
}

func TestDecodeHash(t *testing.T) {
	t.Parallel()
	c := cost{memory: 64, passes: 2, lanes: 3}
	got, salt, key, err := decodeHash(encodeHash(c, []byte("salt"), []byte("key")))
	if err != nil || got != c || string(salt) != "salt" || string(key) != "key" {
		t.Errorf("%+v %q %q %v", got, salt, key, err)
	}
	for _, bad := range []string{"", "$", "plain", "$argon2i$v=19$m=1,t=1,p=1$YQ$YQ", "$argon2id$v=18$m=1,t=1,p=1$YQ$YQ", "$argon2id$v=19$m=x$YQ$YQ", "$argon2id$v=19$m=1,t=1,p=1$YQ$", "$argon2id$v=19$m=1,t=1,p=1$?$YQ"} {
		if _, _, _, err := decodeHash(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}
