package app

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

func TestCreatePatient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		before := len(b.events(0))
		first := b.newPatient("Anna", "Müller")
		twin, err := b.CreatePatient(b.reception, nil, muster("Anne", "Mueller"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(twin.DuplicateIDs, []string{first.ID}) {
			t.Errorf("duplicates of the second: %v", twin.DuplicateIDs)
		}
		got := b.events(before)
		want := []string{"PatientRegistered 1 patient_id:\"" + first.ID + "\"", "PatientRegistered 1 patient_id:\"" + twin.ID + "\""}
		if diff := cmp.Diff(want, compact(got)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := b.count(`select count(*) from audit_log where action = 'patient.create' and actor = 'acc_ROLE_RECEPTIONIST'`); n != 2 {
			t.Errorf("%d audit rows", n)
		}
		bad := muster("Anna", "Müller")
		bad.BirthDate = civil.MustParse("2026-11-21") // tomorrow in Vienna
		_, err = b.CreatePatient(b.reception, nil, bad)
		b.refused(err, "INVALID_ARGUMENT")
		_, err = b.CreatePatient(b.patient("pat_1"), nil, muster("A", "B"))
		b.refused(err, "STAFF_ONLY")
		_, err = b.CreatePatient(t.Context(), nil, muster("A", "B"))
		b.refused(err, "UNAUTHENTICATED")
	})
}

// A day begins in the clinic's zone, not in UTC.
func TestBornTodayInTheClinicsZone(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		b.clock.Set(civil.MustParse("2026-11-20").At(23, 30, mustZone(t, "UTC"))) // 00:30 on the 21st in Vienna
		p := muster("Neu", "Geboren")
		p.BirthDate = civil.MustParse("2026-11-21")
		if _, err := b.CreatePatient(b.reception, nil, p); err != nil {
			t.Errorf("born today: %v", err)
		}
	})
}

func TestPatientsOfOthersAreNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		p := b.newPatient("Anna", "Müller")
		_, missing := b.GetPatient(b.reception, "pat_missing")
		b.refused(missing, "NOT_FOUND")
		_, foreign := b.GetPatient(b.stranger, p.ID)
		_, another := b.GetPatient(b.patient("pat_other"), p.ID)
		for _, err := range []error{foreign, another} {
			if err == nil || err.Error() != missing.Error() {
				t.Errorf("%v differs from %v", err, missing)
			}
		}
		if own, err := b.GetPatient(b.patient(p.ID), p.ID); err != nil || own.ID != p.ID || own.DuplicateIDs != nil {
			t.Errorf("the own record: %v, %v", own.DuplicateIDs, err)
		}
		batch, err := b.BatchGetPatients(b.stranger, []string{p.ID})
		if err != nil || len(batch) != 0 {
			t.Errorf("another clinic's batch: %v, %v", batch, err)
		}
		found, _, err := b.SearchPatients(b.stranger, "müller", Page{})
		if err != nil || len(found) != 0 {
			t.Errorf("another clinic's search: %v, %v", found, err)
		}
		_, err = b.UpdatePatient(b.stranger, nil, set(p, "phone", func(p *people.Patient) { p.Phone = "123456" }))
		b.refused(err, "NOT_FOUND")
		_, err = b.MergePatients(b.stranger, nil, p.ID, p.ID, "")
		b.refused(err, "NOT_FOUND")
		_, err = b.UnmergePatients(b.stranger, nil, p.ID)
		b.refused(err, "NOT_FOUND")
		mine := b.newPatient("Bo", "Berg")
		theirs, err := b.CreatePatient(b.stranger, nil, muster("Cy", "Clay"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.MergePatients(b.reception, nil, mine.ID, theirs.ID, "")
		b.refused(err, "NOT_FOUND")
	})
}

// set is a change of one field at the version of p.
func set(p people.Patient, field string, change func(p *people.Patient)) Change[people.Patient] {
	return Change[people.Patient]{ID: p.ID, Etag: "1", Fields: []string{field}, Apply: func(current people.Patient) (people.Patient, error) {
		change(&current)
		return current, nil
	}}
}

func TestUpdatePatient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		p := b.newPatient("Anna", "Müller")
		before := len(b.events(0))
		rename := set(p, "family_name", func(p *people.Patient) { p.FamilyName = "Maier" })
		_, err := b.UpdatePatient(b.patient(p.ID), nil, rename)
		b.refused(err, "FIELD_STAFF_ONLY")
		moved, err := b.UpdatePatient(b.patient(p.ID), nil, set(p, "phone", func(p *people.Patient) { p.Phone = "0700 1112223" }))
		if err != nil || moved.Version != 2 || moved.Phone != "0700 1112223" {
			t.Fatalf("a patient's own phone: %+v, %v", moved, err)
		}
		_, err = b.UpdatePatient(b.reception, nil, rename)
		b.refused(err, "VERSION_MISMATCH")
		rename.Etag = ""
		_, err = b.UpdatePatient(b.reception, nil, rename)
		b.refused(err, "INVALID_ARGUMENT")
		rename.Etag = "2"
		if _, err = b.UpdatePatient(b.reception, nil, rename); err != nil {
			t.Fatal(err)
		}
		for query, want := range map[string]int{"müller": 0, "maier": 1, "1234567": 0, "1112223": 1} {
			if found, _, err := b.SearchPatients(b.reception, query, Page{}); err != nil || len(found) != want {
				t.Errorf("by %s: %d, %v", query, len(found), err)
			}
		}
		want := []string{"PatientChanged 2 patient_id:\"" + p.ID + "\"", "PatientChanged 3 patient_id:\"" + p.ID + "\""}
		if diff := cmp.Diff(want, compact(b.events(before))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Of many changes of one version one is made.
func TestParallelUpdates(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		p := b.newPatient("Anna", "Müller")
		errs := make([]error, 8)
		parallel(len(errs), func(i int) {
			_, errs[i] = b.UpdatePatient(b.reception, nil, set(p, "phone", func(p *people.Patient) { p.Phone = "0700 1112223" }))
		})
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
			} else {
				b.refused(err, "VERSION_MISMATCH")
			}
		}
		if done != 1 {
			t.Errorf("%d of %d changes were made", done, len(errs))
		}
	})
}

// The same request id makes one record however often and however fast it is sent, answers
// the same, and is refused for another request; another caller's id is another id.
func TestCreatePatientOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ctx := requestid.With(b.reception, "request-1")
		ids := make([]string, 16)
		parallel(len(ids), func(i int) {
			view, err := b.CreatePatient(ctx, []byte("same"), muster("Anna", "Müller"))
			if err != nil {
				t.Error(err)
			}
			ids[i] = view.ID
		})
		if slices.Sort(ids); len(slices.Compact(ids)) != 1 || b.count(`select count(*) from patients`) != 1 {
			t.Errorf("%d records: %v", b.count(`select count(*) from patients`), slices.Compact(ids))
		}
		_, err := b.CreatePatient(ctx, []byte("other"), muster("Bo", "Berg"))
		b.refused(err, "REQUEST_ID_REUSED")
		view, err := b.CreatePatient(requestid.With(b.stranger, "request-1"), []byte("same"), muster("Anna", "Müller"))
		if err != nil || view.ID == ids[0] {
			t.Errorf("another clinic's request with that id: %s, %v", view.ID, err)
		}
	})
}

func TestSearchPaging(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		for _, given := range []string{"Eva", "Ada", "Dora", "Carl", "Bo"} {
			b.newPatient(given, "Gruber")
		}
		var names []string
		token := ""
		for page := 0; page == 0 || token != ""; page++ {
			// Digits may be a telephone number's or an external number's: two queries, one list.
			found, next, err := b.SearchPatients(b.reception, "gruber 1234567", Page{Size: 2, Token: token})
			if err != nil || len(found) > 2 {
				t.Fatalf("%d on a page of 2, %v", len(found), err)
			}
			for _, p := range found {
				names = append(names, p.GivenName)
			}
			token = next
		}
		if diff := cmp.Diff([]string{"Ada", "Bo", "Carl", "Dora", "Eva"}, names); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		both := muster("Flora", "Gruber") // fits in both ways, and is one
		both.ExternalNumber = "1234567"
		if _, err := b.CreatePatient(b.reception, nil, both); err != nil {
			t.Fatal(err)
		}
		if found, next, err := b.SearchPatients(b.reception, "flora 1234567", Page{}); err != nil || len(found) != 1 || next != "" {
			t.Errorf("%d records, next %q, %v", len(found), next, err)
		}
		_, _, err := b.SearchPatients(b.reception, "  ", Page{})
		b.refused(err, "INVALID_ARGUMENT")
	})
}

// Who a patient is, is asked kindly: as searches compare names; and an unknown record is the
// same "no" as a wrong name.
func TestVerifyPatient(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		in := muster("Anna", "Müller-O'Brien")
		in.FormerNames = "Schmidt, van der Berg"
		p, err := b.CreatePatient(b.reception, nil, in)
		if err != nil {
			t.Fatal(err)
		}
		born := p.BirthDate.String()
		for _, tc := range []struct {
			id, name, born string
			want           bool
		}{
			{p.ID, "Müller-O'Brien", born, true},
			{p.ID, " MUELLER obrien ", born, true},
			{p.ID, "schmidt", born, true},
			{p.ID, "Van Der Berg", born, true},
			{p.ID, "Müller", born, false},
			{p.ID, "Berg", born, false},
			{p.ID, "Anna", born, false},
			{p.ID, "", born, false},
			{p.ID, "  -- ", born, false},
			{p.ID, "schmidt", "1901-01-01", false},
			{p.ID, "schmidt", "", false},
			{p.ID, "schmidt", "yesterday", false},
			{"pat_none", "schmidt", born, false},
			{"", "schmidt", born, false},
		} {
			got, err := b.VerifyPatient(b.reception, tc.id, tc.name, tc.born)
			if err != nil || got != tc.want {
				t.Errorf("%q %q %q: %v, %v", tc.id, tc.name, tc.born, got, err)
			}
		}
	})
}
