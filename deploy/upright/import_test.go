package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/gateway/importfile"
)

// TestImportCommand takes over a clinic's records from Cliniko's JSON and from CSV files, on both
// databases: first a dry run, then without and with an override, then once more.
func TestImportCommand(t *testing.T) {
	t.Parallel()
	for _, shape := range []string{"sqlite", "postgres"} {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			storage := []string{"--data", filepath.Join(dir, "data")}
			if shape == "postgres" {
				storage = append(storage, "--database", ownDatabase(t))
			}
			if out, err := upright(t, append([]string{"seed", "--scale", "small"}, storage...)...); err != nil {
				t.Fatalf("seed: %v\n%s", err, out)
			}
			saturday := time.Now().AddDate(0, 0, 7+int(time.Saturday-time.Now().Weekday())).Format(time.DateOnly) // nobody works then
			text, err := os.ReadFile("../../gateway/importfile/testdata/cliniko.json")
			if err != nil {
				t.Fatal(err)
			}
			// The first practitioner is one of the demo's, who has shifts and so a place to book at.
			cliniko := write(t, dir, "cliniko.json", strings.NewReplacer("2030-07-02", saturday, "Ira", "Bela", "Holm", "Ashby").Replace(string(text)))
			args := append([]string{"import", "--clinic", "demo", "--source", "CLINIKO", "--json", "--link", "--cliniko", cliniko}, storage...)
			patients := []string{"practitioner 11 PRESENT LINKED", "practitioner 12 REFUSED UNKNOWN_PROFESSION", "patient 82 IMPORTED", "patient 83 REFUSED BAD_DATE", "patient 84 REFUSED DELETED_THERE"}
			rest := []string{"appointment 3 REFUSED CANCELLED_THERE", "appointment 4 REFUSED UNKNOWN_TYPE", "appointment 5 REFUSED UNKNOWN_PATIENT"}
			reports(t, "dry run", args, append(patients, append([]string{"appointment 1 CONFLICT OUTSIDE_SHIFT", "appointment 2 CONFLICT OUTSIDE_SHIFT"}, rest...)...))
			args = append(args, "--apply")
			reports(t, "import", args, append(patients, append([]string{"appointment 1 CONFLICT OUTSIDE_SHIFT", "appointment 2 CONFLICT OUTSIDE_SHIFT"}, rest...)...))
			patients[0], patients[2] = "practitioner 11 PRESENT", "patient 82 PRESENT"
			args = append(args, "--override", "taken over as it was")
			reports(t, "with an override", args, append(patients, append([]string{"appointment 1 IMPORTED", "appointment 2 IMPORTED"}, rest...)...))
			reports(t, "again", args, append(patients, append([]string{"appointment 1 PRESENT", "appointment 2 PRESENT"}, rest...)...))

			people := write(t, dir, "people.csv", "id,first_name,last_name,date_of_birth\n900,Pat,Quill,1/2/1980\n901,Rae,Sand,1980-02-01\n")
			args = append([]string{"import", "--clinic", "demo", "--source", "CSV", "--json", "--patients", people, "--apply"}, storage...)
			reports(t, "CSV", args, []string{"patient 900 REFUSED AMBIGUOUS_DATE", "patient 901 IMPORTED"})
			reports(t, "CSV, day first", append(args, "--date-order", "dmy"), []string{"patient 900 IMPORTED", "patient 901 PRESENT"})
			if out, err := upright(t, append([]string{"import", "--clinic", "nowhere", "--source", "CSV", "--patients", people}, storage...)...); err == nil || !strings.Contains(out, "no clinic nowhere") {
				t.Errorf("a clinic that is not there: %v\n%s", err, out)
			}
		})
	}
}

// upright runs the program and gives what it prints, errors last.
func upright(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), built(t, "upright"), args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if told := errs.String(); strings.Contains(told, "Archer") || strings.Contains(told, "Quill") {
		t.Errorf("upright %s names a patient: %s", args[0], told)
	}
	return out.String() + errs.String(), err
}

// reports runs an import and compares what it says of each row.
func reports(t *testing.T, what string, args, want []string) {
	t.Helper()
	out, err := upright(t, args...)
	var report importfile.Report
	line, _, _ := strings.Cut(out, "\n")
	if jsonErr := json.Unmarshal([]byte(line), &report); jsonErr != nil {
		t.Fatalf("%s: %v: %v\n%s", what, err, jsonErr, out)
	}
	var got []string
	left := false
	for _, l := range report.Lines {
		got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", l.Kind, l.ExternalID, l.Outcome, l.Reason)))
		left = left || l.Outcome == "REFUSED" || l.Outcome == "CONFLICT"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
	if left != (err != nil) {
		t.Errorf("%s: rows left out: %v, the command says %v", what, left, err)
	}
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
