package directory

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// row is a row of an import.
func row(n int32, id string, p *directoryv1.Patient) *directoryv1.ImportedPatient {
	return &directoryv1.ImportedPatient{Row: n, ExternalId: id, Patient: p}
}

// outcomes are the outcomes as one text a row.
func outcomes(list []*directoryv1.ImportOutcome) (texts []string) {
	for _, o := range list {
		text := o.GetExternalId() + " " + o.GetOutcome()
		for _, more := range []string{o.GetReason(), o.GetField()} {
			if more != "" {
				text += " " + more
			}
		}
		texts = append(texts, text)
	}
	return texts
}

func TestImportPatients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("one")
		imports := directoryv1.NewImportServiceClient(w.harness.Conn())
		admin := w.as(th.clinic, typev1.Role_ROLE_ADMIN)
		had := must(w.patients.CreatePatient(w.program(th.clinic), &directoryv1.CreatePatientRequest{Patient: newPatient("Ada", "Stone")})).GetPatient().GetPatientId()
		wrongDate, future, nobody := newPatient("No", "Day"), newPatient("To", "Morrow"), newPatient("", "")
		wrongDate.BirthDate, future.BirthDate = "1980-02-30", "2999-01-01"
		long := newPatient("Long", "Number")
		long.Phone = "+44 20 7946 0000 and 0001 and 0002 and 0003 and 0004"
		request := &directoryv1.ImportPatientsRequest{Source: "CLINIKO", Rows: []*directoryv1.ImportedPatient{
			row(2, "a", newPatient("Bea", "Moor")), row(3, "b", wrongDate), row(4, "c", future), row(5, "d", newPatient("ADA", "stone")),
			row(6, "e", nobody), row(7, "f", newPatient("Cai", "Ford")), row(8, "g", newPatient("Bea", "Moor")), row(9, "h", long),
		}}
		before := w.tables()
		request.DryRun = true
		dry := must(imports.ImportPatients(admin, request)).GetOutcomes()
		if diff := cmp.Diff(before, w.tables()); diff != "" {
			t.Errorf("a dry run changes something:\n%s", diff)
		}
		want := []string{
			"a IMPORTED", "b REFUSED INVALID_ARGUMENT birth_date", "c REFUSED INVALID_ARGUMENT birth_date", "d CONFLICT POSSIBLE_DUPLICATE",
			"e REFUSED INVALID_ARGUMENT given_name", "f IMPORTED", "g IMPORTED", "h REFUSED INVALID_ARGUMENT phone",
		}
		if diff := cmp.Diff(want, outcomes(dry)); diff != "" {
			t.Errorf("dry run: %s", diff)
		}
		request.DryRun = false
		done := must(imports.ImportPatients(admin, request)).GetOutcomes()
		want[6] = "g CONFLICT POSSIBLE_DUPLICATE" // row 2 is here by now
		if diff := cmp.Diff(want, outcomes(done)); diff != "" {
			t.Errorf("import: %s", diff)
		}
		if got := done[3].GetOtherIds(); len(got) != 1 || got[0] != had {
			t.Errorf("the conflict is with %v, want %s", got, had)
		}
		bea := must(w.patients.GetPatient(w.program(th.clinic), &directoryv1.GetPatientRequest{PatientId: done[0].GetRecordId()})).GetPatient()
		if bea.GetGivenName() != "Bea" || bea.GetUnverified() {
			t.Errorf("imported %v", bea)
		}

		// Once more: nothing is added, and everything is answered for.
		before = w.tables()
		again := must(imports.ImportPatients(admin, request)).GetOutcomes()
		want[0], want[5] = "a PRESENT", "f PRESENT"
		if diff := cmp.Diff(want, outcomes(again)); diff != "" {
			t.Errorf("again: %s", diff)
		}
		if diff := cmp.Diff(before, w.tables()); diff != "" {
			t.Errorf("a second run changes something:\n%s", diff)
		}
		if again[0].GetRecordId() != done[0].GetRecordId() {
			t.Error("another record for the same id")
		}

		request.LinkDuplicates = true
		linked := must(imports.ImportPatients(admin, request)).GetOutcomes()
		if linked[3].GetReason() != "LINKED" || linked[3].GetRecordId() != had || linked[6].GetRecordId() != done[0].GetRecordId() {
			t.Errorf("linked %v", linked)
		}
		known := must(imports.ListExternalRecords(admin, &directoryv1.ListExternalRecordsRequest{Source: "CLINIKO", Kind: "PATIENT", ExternalIds: []string{"a", "d", "nobody"}})).GetRecordIds()
		if diff := cmp.Diff(map[string]string{"a": done[0].GetRecordId(), "d": had}, known); diff != "" {
			t.Error(diff)
		}
		// The ids of another system, another kind and another clinic are their own.
		other := w.furnish("two")
		for what, request := range map[string]*directoryv1.ListExternalRecordsRequest{
			"system": {Source: "CSV", Kind: "PATIENT", ExternalIds: []string{"a"}}, "kind": {Source: "CLINIKO", Kind: "PRACTITIONER", ExternalIds: []string{"a"}},
		} {
			if got := must(imports.ListExternalRecords(admin, request)).GetRecordIds(); len(got) != 0 {
				t.Errorf("another %s knows %v", what, got)
			}
		}
		foreign := &directoryv1.ListExternalRecordsRequest{Source: "CLINIKO", Kind: "PATIENT", ExternalIds: []string{"a"}}
		if got := must(imports.ListExternalRecords(w.as(other.clinic, typev1.Role_ROLE_ADMIN), foreign)).GetRecordIds(); len(got) != 0 {
			t.Errorf("another clinic knows %v", got)
		}
	})
}

func TestImportPractitioners(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("one")
		imports := directoryv1.NewImportServiceClient(w.harness.Conn())
		request := &directoryv1.ImportPractitionersRequest{Source: "CSV", Rows: []*directoryv1.ImportedPractitioner{
			{Row: 2, ExternalId: "1", Practitioner: &directoryv1.Practitioner{GivenName: "Ira", FamilyName: "Holm", Profession: "PHYSIOTHERAPIST", Disciplines: []string{"PHYSIOTHERAPY"}}},
			{Row: 3, ExternalId: "2", Practitioner: &directoryv1.Practitioner{GivenName: "Uma", FamilyName: "Berg", Profession: "ASTRONAUT"}},
			{Row: 4, ExternalId: "3", Practitioner: &directoryv1.Practitioner{FamilyName: "", Profession: "PHYSICIAN"}},
		}}
		got := outcomes(must(imports.ImportPractitioners(w.as(th.clinic, typev1.Role_ROLE_ADMIN), request)).GetOutcomes())
		want := []string{"1 IMPORTED", "2 REFUSED INVALID_ARGUMENT profession", "3 REFUSED INVALID_ARGUMENT family_name"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		for _, row := range request.GetRows() {
			row.ExternalId += "x" // ids of another import, the same people
		}
		got = outcomes(must(imports.ImportPractitioners(w.as(th.clinic, typev1.Role_ROLE_ADMIN), request)).GetOutcomes())
		if got[0] != "1x CONFLICT POSSIBLE_DUPLICATE" {
			t.Errorf("the same name again: %v", got)
		}
	})
}

// TestImportIsForAdmins: nobody else may, and a wrong source is refused before anything.
func TestImportIsForAdmins(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("one")
		imports := directoryv1.NewImportServiceClient(w.harness.Conn())
		request := &directoryv1.ImportPatientsRequest{Source: "CSV", Rows: []*directoryv1.ImportedPatient{row(1, "a", newPatient("Bea", "Moor"))}}
		if _, err := imports.ImportPatients(w.as(th.clinic, typev1.Role_ROLE_RECEPTIONIST), request); !fault.IsKind(err, fault.PermissionDenied) {
			t.Errorf("reception imports: %v", err)
		}
		request.Source = "cliniko; drop"
		if _, err := imports.ImportPatients(w.as(th.clinic, typev1.Role_ROLE_ADMIN), request); !fault.IsKind(err, fault.InvalidArgument) {
			t.Errorf("a wrong source: %v", err)
		}
	})
}

// must ends the test with an error that none expects.
func must[T any](answer T, err error) T {
	if err != nil {
		panic(err)
	}
	return answer
}
