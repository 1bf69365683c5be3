package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// compact gives events with single spaces, which prototext varies on purpose.
func compact(events []string) []string {
	for i := range events {
		events[i] = strings.Join(strings.Fields(events[i]), " ")
	}
	return events
}

func TestMergeAndUnmerge(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		a, m, c := b.newPatient("Anna", "Alt"), b.newPatient("Anna", "Mitte"), b.newPatient("Anna", "Neu")
		before := len(b.events(0))
		merge := func(from, into, survivor string, merged ...string) {
			t.Helper()
			view, err := b.MergePatients(b.reception, nil, from, into, "DUPLICATE_REGISTRATION")
			if err != nil || view.ID != survivor {
				t.Fatalf("%s survives, %v", view.ID, err)
			}
			if slices.Sort(merged); !slices.Equal(view.MergedIDs, merged) {
				t.Errorf("merged into it: %v", view.MergedIDs)
			}
		}
		merge(a.ID, m.ID, m.ID, a.ID)
		merge(m.ID, c.ID, c.ID, a.ID, m.ID)

		old, err := b.GetPatient(b.reception, a.ID)
		if err != nil || old.FamilyName != "Alt" || old.SurvivingID != c.ID || old.MergedInto != m.ID {
			t.Errorf("the merged record: %+v, %v", old.Patient, err)
		}
		found, _, err := b.SearchPatients(b.reception, "anna alt", Page{})
		if err != nil || len(found) != 1 || found[0].ID != c.ID {
			t.Errorf("by the old name: %v, %v", found, err)
		}
		_, err = b.UpdatePatient(b.reception, nil, Change[people.Patient]{ID: a.ID, Etag: "3"})
		b.refused(err, "PATIENT_MERGED")
		_, err = b.MergePatients(b.reception, nil, a.ID, c.ID, "")
		b.refused(err, "ALREADY_MERGED")
		_, err = b.MergePatients(b.reception, nil, c.ID, a.ID, "")
		b.refused(err, "SAME_PATIENT")
		_, err = b.MergePatients(b.reception, nil, c.ID, "pat_missing", "")
		b.refused(err, "NOT_FOUND")

		view, err := b.UnmergePatients(b.reception, nil, m.ID)
		if err != nil || view.MergedInto != "" || !slices.Equal(view.MergedIDs, []string{a.ID}) {
			t.Errorf("restored: %+v, %v", view, err)
		}
		_, err = b.UnmergePatients(b.reception, nil, m.ID)
		b.refused(err, "NOT_MERGED")
		want := []string{
			fmt.Sprintf(`PatientMerged 2 surviving_patient_id:"%s" merged_patient_id:"%s"`, m.ID, a.ID),
			fmt.Sprintf(`PatientMerged 2 surviving_patient_id:"%s" merged_patient_id:"%s"`, c.ID, m.ID),
			fmt.Sprintf(`PatientMerged 3 surviving_patient_id:"%s" merged_patient_id:"%s"`, c.ID, a.ID),
			fmt.Sprintf(`PatientUnmerged 3 surviving_patient_id:"%s" restored_patient_id:"%s"`, c.ID, m.ID),
			fmt.Sprintf(`PatientMerged 4 surviving_patient_id:"%s" merged_patient_id:"%s"`, m.ID, a.ID),
		}
		if diff := cmp.Diff(want, compact(b.events(before))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestMergeOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		a, c := b.newPatient("Anna", "Alt"), b.newPatient("Anna", "Neu")
		ctx := requestid.With(b.reception, "merge-1")
		for range 3 {
			if view, err := b.MergePatients(ctx, []byte("m"), a.ID, c.ID, ""); err != nil || view.ID != c.ID {
				t.Errorf("%s, %v", view.ID, err)
			}
		}
		if n := b.count(`select count(*) from audit_log where action = 'patient.merge'`); n != 1 {
			t.Errorf("merged %d times", n)
		}
	})
}

// However merges meet, no circle closes and nobody is lost.
func TestParallelMerges(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		ids := make([]string, 5)
		for i := range ids {
			ids[i] = b.newPatient("Anna", "Kreis").ID
		}
		parallel(20, func(i int) {
			_, err := b.MergePatients(b.reception, nil, ids[i%5], ids[(i/5+i+1)%5], "")
			if err != nil && !fault.Is(err, "ALREADY_MERGED") && !fault.Is(err, "SAME_PATIENT") {
				t.Error(err)
			}
		})
		if n := b.count(`select count(*) from patients where merged_into is null`); n != 1 {
			t.Errorf("%d records stand alone", n)
		}
		if n := b.count(`select count(distinct surviving_id) from patients`); n != 1 {
			t.Errorf("%d survivors", n)
		}
	})
}

// The database agrees with the rule after any sequence of merges, and a listener that keeps
// the last event of each record agrees with the database.
func TestMergeSequences(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		rapid.Check(t, func(r *rapid.T) {
			links, heard := people.Links{}, map[string]string{}
			var ids []string
			for range 5 {
				id := b.newPatient("Anna", "Kette").ID
				ids, links[id], heard[id] = append(ids, id), "", id
			}
			after := len(b.events(0))
			for range rapid.IntRange(1, 8).Draw(r, "steps") {
				from, into := rapid.SampledFrom(ids).Draw(r, "from"), rapid.SampledFrom(ids).Draw(r, "into")
				var err, want error
				if rapid.Bool().Draw(r, "merge") {
					_, want = links.Merge(from, into)
					_, err = b.MergePatients(b.reception, nil, from, into, "")
				} else {
					_, _, want = links.Unmerge(from)
					_, err = b.UnmergePatients(b.reception, nil, from)
				}
				if (err == nil) != (want == nil) {
					r.Fatalf("%v, the rule says %v", err, want)
				}
			}
			listen(heard, compact(b.events(after)))
			for _, id := range ids {
				view, err := b.GetPatient(b.reception, id)
				if err != nil || view.SurvivingID != links.Survivor(id) || heard[id] != view.SurvivingID {
					r.Fatalf("%s leads to %s, the rule says %s, a listener heard %s (%v)", id, view.SurvivingID, links.Survivor(id), heard[id], err)
				}
				if n := b.count(`select count(*) from patient_names where patient_id = $1 and surviving_id <> $2`, id, view.SurvivingID); n != 0 {
					r.Fatalf("%d search words of %s lead elsewhere", n, id)
				}
			}
		})
	})
}

// listen keeps what the last event of each record says.
func listen(heard map[string]string, events []string) {
	for _, event := range events {
		var version int
		var x, y string
		if _, err := fmt.Sscanf(event, "PatientMerged %d surviving_patient_id:%q merged_patient_id:%q", &version, &x, &y); err == nil {
			heard[y] = x
		}
		if _, err := fmt.Sscanf(event, "PatientUnmerged %d surviving_patient_id:%q restored_patient_id:%q", &version, &x, &y); err == nil {
			heard[y] = y
		}
	}
}

// A merge that fails halfway leaves nothing.
func TestMergeIsOneTransaction(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, b *bundle) {
		a, c := b.newPatient("Anna", "Alt"), b.newPatient("Anna", "Neu")
		// An event of that version exists already, as if the record had been changed elsewhere.
		err := b.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`insert into event_log (event_id, aggregate_type, aggregate_id, aggregate_version, type, payload, trace, at)
				values ('evt_x', 'patient', $1, 2, 'x', $2, '', 1)`, a.ID, []byte{})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.MergePatients(b.reception, nil, a.ID, c.ID, "")
		b.refused(err, "VERSION_MISMATCH")
		if n := b.count(`select count(*) from patients where merged_into is not null`); n != 0 {
			t.Errorf("%d records are merged", n)
		}
		if n := b.count(`select count(*) from audit_log where action = 'patient.merge'`); n != 0 {
			t.Errorf("%d audit rows", n)
		}
	})
}
