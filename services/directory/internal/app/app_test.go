package app

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// cheap is a cost of passwords that tests can pay.
var cheap = PasswordConfig{MemoryKiB: 64, Passes: 1}

const (
	staffPassword   = "nine green lamps burn"
	patientPassword = "seven old trees"
)

// bundle is directory's use cases with two clinics, and callers of the first.
type bundle struct {
	*App
	t     testing.TB
	db    *sqldb.DB
	clock *clock.Fake
	// clinic and other are two clinics that take registrations.
	clinic, other people.Clinic
	// program, reception and admin call for clinic, stranger is other's reception.
	program, reception, admin, stranger context.Context
}

// each runs f with a bundle on each database.
func each(t *testing.T, f func(t *testing.T, b *bundle)) {
	t.Helper()
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, setup(t, dialect))
		})
	}
}

func setup(t testing.TB, dialect sqldb.Dialect) *bundle {
	t.Helper()
	clk := clock.NewFake(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC))
	db := sqldbtest.OpenAt(t, dialect, clk, eventlog.Migrations, requestid.Migrations, audit.Migrations, store.Migrations)
	b := &bundle{t: t, db: db, clock: clk}
	b.App = New(db, clk, slog.New(slog.DiscardHandler), Config{Passwords: cheap})
	b.clinic, b.other = b.newClinic("back-clinic"), b.newClinic("neck-clinic")
	b.program = authn.WithService(t.Context(), "upright", b.clinic.ID)
	b.reception = b.as(b.clinic.ID, typev1.Role_ROLE_RECEPTIONIST)
	b.admin = b.as(b.clinic.ID, typev1.Role_ROLE_ADMIN)
	b.stranger = b.as(b.other.ID, typev1.Role_ROLE_RECEPTIONIST)
	return b
}

// as is a person of a clinic with one role.
func (b *bundle) as(clinicID string, role typev1.Role, patientIDs ...string) context.Context {
	return authn.With(b.t.Context(), authn.Principal{
		Subject: "acc_" + role.String(), ClinicID: clinicID, Roles: []typev1.Role{role}, SessionID: "ses_1", PatientIDs: patientIDs,
	})
}

// patient is a patient with these records.
func (b *bundle) patient(ids ...string) context.Context {
	return b.as(b.clinic.ID, typev1.Role_ROLE_PATIENT, ids...)
}

func (b *bundle) newClinic(slug string) people.Clinic {
	b.t.Helper()
	clinic, err := b.CreateClinic(authn.WithService(b.t.Context(), "upright", ""), nil, people.Clinic{
		Slug: slug, PublicName: "The " + slug, TimeZone: "Europe/Vienna", Locale: "de-AT", RegistrationEnabled: true,
		EmergencyNumbers: []people.EmergencyNumber{{Label: "Rescue", Number: "144", Kind: "EMERGENCY"}},
		SafetyOfficer:    people.SafetyOfficer{Name: "Ida Feld", Contact: "ida@demo.clinic"},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return clinic
}

// muster is a patient to be created.
func muster(given, family string) people.Patient {
	return people.Patient{GivenName: given, FamilyName: family, BirthDate: civil.MustParse("1980-03-07"), Phone: "0664 1234567"}
}

func (b *bundle) newPatient(given, family string) people.Patient {
	b.t.Helper()
	view, err := b.CreatePatient(b.reception, nil, muster(given, family))
	if err != nil {
		b.t.Fatal(err)
	}
	return view.Patient
}

// newStaff makes an account of the clinic's staff.
func (b *bundle) newStaff(email string, roles ...string) people.Account {
	b.t.Helper()
	account, err := b.CreateAccount(b.program, nil, people.Account{Email: email, DisplayName: "Somebody", Roles: roles}, staffPassword)
	if err != nil {
		b.t.Fatal(err)
	}
	return account
}

// registration is what a person fills in.
func registration(clinic, email string) Registration {
	p := muster("Rosa", "Neu")
	p.Email = email
	return Registration{Clinic: clinic, Patient: p, Password: patientPassword}
}

func (b *bundle) register(email string) people.Patient {
	b.t.Helper()
	p, err := b.RegisterPatient(b.t.Context(), nil, registration(b.clinic.Slug, email))
	if err != nil {
		b.t.Fatal(err)
	}
	return p
}

func (b *bundle) signIn(email, password string) SignIn {
	b.t.Helper()
	in, err := b.SignIn(b.t.Context(), Credentials{Email: email, Password: password})
	if err != nil {
		b.t.Fatal(err)
	}
	return in
}

// events gives the event log of the patients and places of the clinic from the n-th on, as
// "Type version field:value…".
func (b *bundle) events(after int) (out []string) {
	b.t.Helper()
	err := b.db.Read(b.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`select type, aggregate_version, payload from event_log order by id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var version int64
			var payload []byte
			if err := rows.Scan(&name, &version, &payload); err != nil {
				return err
			}
			mt, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
			if err != nil {
				return err
			}
			m := mt.New().Interface()
			if err := proto.Unmarshal(payload, m); err != nil {
				return err
			}
			m.ProtoReflect().Clear(m.ProtoReflect().Descriptor().Fields().ByName("clinic_id"))
			text, err := prototext.MarshalOptions{}.Marshal(m)
			if err != nil {
				return err
			}
			out = append(out, string(mt.Descriptor().Name())+" "+strconv.FormatInt(version, 10)+" "+string(text))
		}
		return rows.Err()
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return out[min(after, len(out)):]
}

// count counts the rows of a query.
func (b *bundle) count(query string, args ...any) (n int) {
	b.t.Helper()
	err := b.db.Read(b.t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		b.t.Fatal(err)
	}
	return n
}

// refused wants the reason.
func (b *bundle) refused(err error, reason string) {
	b.t.Helper()
	if !fault.Is(err, reason) {
		b.t.Errorf("answer is %v, want %s", err, reason)
	}
}

// parallel runs f n times at once.
func parallel(n int, f func(i int)) {
	var wait sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wait.Go(func() { <-start; f(i) })
	}
	close(start)
	wait.Wait()
}
