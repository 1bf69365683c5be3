package importfile

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// told are rows as one text each.
func told(f *File) (texts []string) {
	for _, r := range f.Rows {
		text := string(r.Kind) + " " + r.ExternalID
		if r.Wrong != nil {
			text += " " + r.Wrong.Reason + " " + r.Wrong.Field
		}
		texts = append(texts, strings.TrimSpace(text))
	}
	return texts
}

func TestReadPatients(t *testing.T) {
	t.Parallel()
	o := Options{Zone: zone(t, "Europe/London")}
	f, err := ReadCSV("patients.csv", Patients, file(t, "patients.csv"), o)
	if err != nil {
		t.Fatal(err)
	}
	var rows []*Row
	for i := range f.Rows {
		rows = append(rows, &f.Rows[i])
	}
	refuseTwice(rows)
	want := []string{
		"patient 1 AMBIGUOUS_DATE birth_date", "patient 2 BAD_DATE birth_date", "patient 3", "patient 4", "patient 4 SAME_ID_TWICE external_id",
		"patient 5 MISSING birth_date", "patient 6 AMBIGUOUS_DATE birth_date", "patient 7 WRONG_NUMBER_OF_COLUMNS",
	}
	if diff := cmp.Diff(want, told(f)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"favourite colour"}, f.Unused); diff != "" {
		t.Error(diff)
	}
	o.Dates = DayFirst
	if f, err = ReadCSV("patients.csv", Patients, file(t, "patients.csv"), o); err != nil {
		t.Fatal(err)
	}
	first := f.Rows[0]
	if first.Wrong != nil || first.patient.GetBirthDate() != "1980-03-07" || first.patient.GetFamilyName() != `O"Hara; the elder` || first.patient.GetPhone() != "+44 7700 900001" {
		t.Errorf("row 2 is %v, %v", first.patient, first.Wrong)
	}
	if f.Rows[6].Number != 8 || f.Rows[7].Number != 10 {
		t.Errorf("the rows after a name of two lines are %d and %d", f.Rows[6].Number, f.Rows[7].Number)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "no column": "id,first_name\n1,Ana\n", "open quote": "id,given_name,family_name,birth_date\n1,\"Secretname,Stone,1980-01-01\n",
		"not UTF-8": "id,given_name,family_name,birth_date\n1,Andr\xe9,Stone,1980-01-01\n",
	} {
		f, err := ReadCSV("x.csv", Patients, []byte(text), Options{Zone: time.UTC})
		if err == nil || f != nil {
			t.Errorf("%s is read", name)
		} else if strings.Contains(err.Error(), "Secretname") {
			t.Errorf("%s: the error repeats the file: %v", name, err)
		}
	}
	f, err := ReadCSV("x.csv", Patients, []byte("id,given_name,family_name,birth_date\n1,Andr\xe9,Stone,1980-01-01\n"), Options{Encoding: "windows-1252"})
	if err != nil || f.Rows[0].patient.GetGivenName() != "André" {
		t.Errorf("windows-1252: %v %v", f, err)
	}
	utf16 := []byte("\xff\xfe")
	for _, c := range []byte("id\tgiven_name\tfamily_name\tbirth_date\n1\tAna\tStone\t1980-01-01\n") {
		utf16 = append(utf16, c, 0)
	}
	if f, err = ReadCSV("x.csv", Patients, utf16, Options{}); err != nil || f.Rows[0].patient.GetFamilyName() != "Stone" {
		t.Errorf("UTF-16: %v %v", f, err)
	}
	for name, text := range map[string]string{"no JSON": "x", "nothing": "{}", "a list of nothing": "[]", "a number": "3"} {
		if _, err := ReadCliniko("x.json", []byte(text), Options{}); err == nil {
			t.Errorf("%s is read", name)
		}
	}
}

func TestReadCliniko(t *testing.T) {
	t.Parallel()
	f, err := ReadCliniko("cliniko.json", file(t, "cliniko.json"), Options{Zone: zone(t, "Europe/London")})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"practitioner 11", "practitioner 12 UNKNOWN_PROFESSION designation", "patient 82", "patient 83 BAD_DATE birth_date", "patient 84 DELETED_THERE deleted_at",
		"appointment 1", "appointment 2", "appointment 3 CANCELLED_THERE cancelled_at", "appointment 4", "appointment 5",
	}
	if diff := cmp.Diff(want, told(f)); diff != "" {
		t.Error(diff)
	}
	joe, visit := f.Rows[2].patient, f.Rows[5].appointment
	if joe.GetPhone() != "07700 900082" || joe.GetAdministrativeSex() != "MALE" || joe.GetAddress().GetPostalCode() != "3000" {
		t.Errorf("patient %v", joe)
	}
	if visit.Type != "2" || visit.Patient != "82" || visit.Practitioner != "11" || visit.Minutes != 45 || f.Types["2"] != "Initial assessment" {
		t.Errorf("appointment %+v", visit)
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		order      DateOrder
		text, want string
	}{
		{Unknown, "1980-03-07", "1980-03-07"},
		{Unknown, "7/3/1980", "AMBIGUOUS_DATE"},
		{DayFirst, "7/3/1980", "1980-03-07"},
		{MonthFirst, "7/3/1980", "1980-07-03"},
		{Unknown, "5/5/1980", "1980-05-05"},
		{Unknown, "13.2.1980", "1980-02-13"},
		{Unknown, "2-13-1980", "1980-02-13"},
		{MonthFirst, "13/2/1980", "BAD_DATE"},
		{Unknown, "30/2/1980", "BAD_DATE"},
		{Unknown, "29/2/2023", "BAD_DATE"},
		{Unknown, "29/2/2024", "2024-02-29"},
		{Unknown, "1980-02-30", "BAD_DATE"},
		{DayFirst, "1/2/80", "BAD_DATE"},
		{Unknown, "", "BAD_DATE"},
		{Unknown, "yesterday", "BAD_DATE"},
	}
	for _, test := range tests {
		d, wrong := Options{Dates: test.order}.parseDate(test.text)
		got := d.String()
		if wrong != nil {
			got = wrong.Reason
		}
		if got != test.want {
			t.Errorf("%q %s is %s, want %s", test.text, test.order, got, test.want)
		}
	}
}

// TestTimes reads wall times of a zone: none that the change of the clocks left out or made
// twice is taken for an instant.
func TestTimes(t *testing.T) {
	t.Parallel()
	for name, tests := range map[string]map[string]string{
		"Europe/London": {
			"2026-07-01 09:00": "2026-07-01T08:00:00Z", "2026-12-01T09:00": "2026-12-01T09:00:00Z", "2026-12-01T09:00:00+02:00": "2026-12-01T07:00:00Z",
			"2026-03-29 01:30": "TIME_DOES_NOT_EXIST", "2026-03-29 02:00": "2026-03-29T01:00:00Z", "2026-10-25 01:30": "TIME_HAPPENS_TWICE",
			"2026-10-25T01:30:00+01:00": "2026-10-25T00:30:00Z", "2026-10-25 02:00": "2026-10-25T02:00:00Z", "24/11/2026 14:30": "2026-11-24T14:30:00Z",
			"2026-02-30 09:00": "BAD_DATE", "2026-07-01": "BAD_TIME", "2026-07-01 25:00": "BAD_TIME", "": "BAD_TIME",
		},
		"Australia/Lord_Howe": {"2026-10-04 02:15": "TIME_DOES_NOT_EXIST", "2026-04-05 01:45": "TIME_HAPPENS_TWICE"},
	} {
		for text, want := range tests {
			at, wrong := Options{Zone: zone(t, name)}.parseTime(text)
			got := at.Format(time.RFC3339)
			if wrong != nil {
				got = wrong.Reason
			}
			if got != want {
				t.Errorf("%s %q is %s, want %s", name, text, got, want)
			}
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("id,given_name,family_name,birth_date\n1,Ana,Stone,1980-01-01\n"))
	f.Add([]byte("\xef\xbb\xbfid;given_name;family_name;birth_date\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := ReadCSV("x", Patients, data, Options{Zone: time.UTC})
		if err != nil {
			return
		}
		for _, r := range got.Rows {
			if r.Wrong == nil && (r.ExternalID == "" || r.patient.GetBirthDate() == "") {
				t.Errorf("row %d is good without id or birth date", r.Number)
			}
		}
	})
}
