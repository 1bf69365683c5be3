package app

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func TestRegisterPatient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		before := len(b.events(0))
		p := b.register("rosa@example.org")
		if !p.Unverified || p.Language != "de-AT" || p.Email != "rosa@example.org" {
			t.Errorf("%+v", p)
		}
		in := b.signIn("rosa@example.org", patientPassword)
		if in.Account.PatientID != p.ID || !slices.Equal(in.Account.Roles, []string{"PATIENT"}) || in.Account.ClinicID != b.clinic.ID {
			t.Errorf("%+v", in.Account)
		}
		if diff := cmp.Diff([]string{`PatientRegistered 1 patient_id:"` + p.ID + `"`}, compact(b.events(before))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := b.count(`select count(*) from audit_log where actor = $1 and patient_id = $2`, in.Account.ID, p.ID); n != 1 {
			t.Errorf("%d audit rows of the new account", n)
		}
	})
}

// Nothing tells whether the person, the address or both were known before: not the answer,
// not the work, not what signing in does afterwards.
func TestRegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		known := muster("Rosa", "Neu")
		known.Email = "rosa@example.org"
		if _, err := b.CreatePatient(b.reception, nil, known); err != nil {
			t.Fatal(err)
		}
		b.newStaff("ida@demo.clinic", "RECEPTIONIST")
		b.register("taken@example.org")
		type outcome struct {
			Patient people.Patient
			Hashes  int64
		}
		var first *outcome
		for _, email := range []string{"new@example.org", "rosa@example.org", "taken@example.org", "ida@demo.clinic"} {
			b.passwords.used.Store(0)
			r := registration(b.clinic.Slug, email)
			r.Password = "nine brown horses"
			p, err := b.RegisterPatient(t.Context(), nil, r)
			if err != nil {
				t.Fatalf("%s: %v", email, err)
			}
			got := outcome{Patient: p, Hashes: b.passwords.used.Load()}
			got.Patient.ID, got.Patient.SurvivingID, got.Patient.Email = "", "", ""
			if first == nil {
				first = &got
			}
			if diff := cmp.Diff(*first, got, cmpopts.EquateApproxTime(0)); diff != "" {
				t.Errorf("%s (-unknown +known):\n%s", email, diff)
			}
			if in := b.signIn(email, "nine brown horses"); in.Account.PatientID != p.ID {
				t.Errorf("%s: signed in as %+v", email, in.Account)
			}
		}
		b.signIn("taken@example.org", patientPassword) // who was there before still gets in
		b.signIn("ida@demo.clinic", staffPassword)
	})
}

func TestRegistrationOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ctx := requestid.With(t.Context(), "register-1")
		ids := make([]string, 8)
		parallel(len(ids), func(i int) {
			p, err := b.RegisterPatient(ctx, []byte("same"), registration(b.clinic.ID, "rosa@example.org"))
			if err != nil {
				t.Error(err)
			}
			ids[i] = p.ID
		})
		if slices.Sort(ids); len(slices.Compact(ids)) != 1 || b.count(`select count(*) from accounts`) != 1 || b.count(`select count(*) from patients`) != 1 {
			t.Errorf("%d accounts, %d patients", b.count(`select count(*) from accounts`), b.count(`select count(*) from patients`))
		}
		_, err := b.RegisterPatient(ctx, []byte("other"), registration(b.clinic.ID, "rosa@example.org"))
		b.refused(err, "REQUEST_ID_REUSED")
	})
}

// Registrations at the same moment with one new address share its salt, so that signing in
// stays one hash.
func TestParallelRegistrationsShareASalt(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		parallel(8, func(i int) {
			r := registration(b.clinic.Slug, "rosa@example.org")
			r.Password += strconv.Itoa(i)
			if _, err := b.RegisterPatient(t.Context(), nil, r); err != nil {
				t.Error(err)
			}
		})
		for i := range 8 {
			b.passwords.used.Store(0)
			if b.signIn("rosa@example.org", patientPassword+strconv.Itoa(i)); b.passwords.used.Load() != 1 {
				t.Errorf("signing in computes %d hashes", b.passwords.used.Load())
			}
		}
	})
}

func TestRegistrationIsRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for name, test := range map[string]struct {
			spoil func(r *Registration)
			want  string
		}{
			"unknown clinic":       {func(r *Registration) { r.Clinic = "nowhere" }, "NOT_FOUND"},
			"weak password":        {func(r *Registration) { r.Password = "password12" }, "PASSWORD_WEAK"},
			"password of the name": {func(r *Registration) { r.Password = "rosaneu1980" }, "PASSWORD_WEAK"},
			"no address":           {func(r *Registration) { r.Patient.Email = "" }, "INVALID_ARGUMENT"},
			"no name":              {func(r *Registration) { r.Patient.FamilyName = "" }, "INVALID_ARGUMENT"},
			"not born yet":         {func(r *Registration) { r.Patient.BirthDate = civil.MustParse("2027-01-01") }, "INVALID_ARGUMENT"},
		} {
			r := registration(b.clinic.Slug, "rosa@example.org")
			test.spoil(&r)
			if _, err := b.RegisterPatient(t.Context(), nil, r); err == nil {
				t.Errorf("%s passed", name)
			} else {
				b.refused(err, test.want)
			}
		}
		_, err := b.UpdateClinic(b.admin, nil, Change[people.Clinic]{Apply: func(c people.Clinic) (people.Clinic, error) {
			c.EmergencyNumbers = nil
			return c, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.RegisterPatient(t.Context(), nil, registration(b.clinic.Slug, "rosa@example.org"))
		b.refused(err, "REGISTRATION_CLOSED")
		for i := range 21 {
			r := registration(b.other.Slug, "rosa@example.org")
			r.Address = "203.0.113.7"
			if _, err := b.RegisterPatient(t.Context(), nil, r); err != nil {
				t.Fatalf("registration %d: %v", i+1, err)
			}
		}
		r := registration(b.other.Slug, "rosa@example.org")
		r.Address = "203.0.113.7"
		_, err = b.RegisterPatient(t.Context(), nil, r)
		b.refused(err, "TOO_MANY_ATTEMPTS")
	})
}
