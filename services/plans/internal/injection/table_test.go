package injection

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/civil"
)

var update = flag.Bool("update", false, "write testdata/injection_limit.txt anew")

const tablePath = "testdata/injection_limit.txt"

// TestClinicianTable keeps a table of the rule's decisions that a clinician can read and
// sign. It is made of the vectors, with what this program answers.
func TestClinicianTable(t *testing.T) {
	t.Parallel()
	got := clinicianTable(t)
	if *update {
		if err := os.WriteFile(tablePath, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(tablePath)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s no longer says what the program does; run go test ./internal/injection -run ClinicianTable -update, and read the difference", tablePath)
	}
}

func clinicianTable(t *testing.T) string {
	t.Helper()
	v, p := loadVectors(t), StandardPolicy()
	var b strings.Builder
	fmt.Fprintf(&b, "Facet-joint injections: what the program allows (policy version %d)\n\n", p.Version)
	for _, c := range p.Caps {
		fmt.Fprintf(&b, "At most %d in any %d months of one person. Source: %s.\n", c.Max, c.Months, c.Source)
	}
	b.WriteString(`A window starts with an injection and ends before the same day of the month six months on;
where that day does not exist, before the last day of the month. The day six months after
an injection is free again. Every window that contains the date is looked at, also those
that start later injections make. An injection known only to the month may have been on
any day of it. No-shows, cancellations, errors and linked duplicates do not count; what is
held or booked does, until its outcome is recorded.

`)
	row := func(id, others, date string, v Verdict, why string) {
		answer := "yes"
		if !v.Allowed {
			answer = "NO, from " + v.Next.String()
		}
		fmt.Fprintf(&b, "%-4s %-44s %-11s %-19s %s\n", id, others, date, answer, why)
	}
	fmt.Fprintf(&b, "%-4s %-44s %-11s %-19s %s\n", "case", "injections", "asked for", "allowed?", "why")
	for _, c := range v.Candidates {
		row(c.ID, short(c.Existing), c.Candidate.String(), p.Check(given(c.Existing), c.Candidate, ""), c.Why)
	}
	b.WriteString("\nWith other states, kinds and what is known only to the month\n\n")
	for _, c := range v.Records {
		var records []Record
		var names []string
		for _, r := range c.Records {
			records = append(records, r.record(t))
			name := r.Date
			if r.State != Administered {
				name += " " + strings.ToLower(string(r.State))
			}
			if r.Kind != "" {
				name += " " + strings.ToLower(r.Kind)
			}
			names = append(names, name)
		}
		row(c.ID, strings.Join(names, ", "), c.Candidate.String(), p.Check(records, c.Candidate, ""), c.Why)
	}
	b.WriteString("\nInjections that become known late: recorded always, what overflows becomes an issue\n\n")
	for _, c := range v.Facts {
		var records []Record
		var dates []string
		for _, r := range c.Records {
			records = append(records, r.record(t))
			dates = append(dates, r.Date+" "+strings.ToLower(string(r.State)))
		}
		impact := p.Record(records, Record{ID: "fact", Span: On(c.Insert), State: Administered, Kind: FacetJoint}, civil.MustParse("2024-06-01"))
		fmt.Fprintf(&b, "%-4s %s; then %s becomes known: issue %v\n", c.ID, strings.Join(dates, ", "), c.Insert, impact.Overflows())
		for _, f := range impact.Flagged {
			fmt.Fprintf(&b, "     the booking on %s could move to %s at the earliest\n", f.Date, f.Earliest)
		}
	}
	return b.String()
}

func short(dates []civil.Date) string {
	if len(dates) == 0 {
		return "none"
	}
	var out []string
	for _, d := range dates {
		out = append(out, d.String())
	}
	return strings.Join(out, " ")
}
