package medication

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/medicine_rules.txt anew")

const tablePath = "testdata/medicine_rules.txt"

// TestClinicianTable keeps a table of every rule, with its source, that a clinician can read
// and sign.
func TestClinicianTable(t *testing.T) {
	t.Parallel()
	got := clinicianTable(Standard())
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
		t.Errorf("%s no longer says what the rules do; run go test ./internal/medication -run ClinicianTable -update, and read the difference", tablePath)
	}
}

func clinicianTable(r Rules) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Medicines: what the rules say (version %d)\n\n", r.Version)
	b.WriteString("enforce blocks where a line says so, until a clinician acknowledges it with a reason; advise only\nsays it; a clinic may change either, or switch the rule off. S0 and S4 are the source documents,\nF numbers their facts. Doses that somebody prescribed follow the prescription (MED-04, MED-07).\n")
	for _, rule := range r.Rules {
		fmt.Fprintf(&b, "\n%s  %s\n", rule.ID, rule.Title)
		line := func(name, text string) {
			if text != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", name, text)
			}
		}
		line("mode", string(rule.Mode))
		line("facts", strings.Join(rule.Facts, ", "))
		line("applies", applies(rule))
		line("source", rule.Source)
		line("note", rule.EvidenceNote)
		for _, name := range slices.Sorted(maps.Keys(rule.Checks)) {
			c := rule.Checks[name]
			what := strings.ToLower(c.Severity)
			if c.Blocks {
				what += ", blocks"
			}
			if c.Task {
				what += ", a clinician is told"
			}
			line(strings.ToLower(strings.ReplaceAll(name, "LABEL_", "")), "("+what+")")
			line("", "patient:   "+c.Patient)
			line("", "clinician: "+c.Clinician)
		}
	}
	b.WriteString("\nMedicines that the rules know\n")
	for _, d := range r.Drugs {
		fmt.Fprintf(&b, "\n  %s: %s", d.Drug, strings.ToLower(strings.ReplaceAll(strings.Join(d.Classes, ", "), "_", " ")))
		if len(d.Names) > 0 {
			fmt.Fprintf(&b, "; also %s", strings.Join(d.Names, ", "))
		}
		if d.LowDose != nil {
			fmt.Fprintf(&b, "; up to %g mg it is %s", d.LowDose.MaxMg, d.LowDose.As)
		}
		b.WriteString("\n")
		if l := d.Label; l != nil {
			fmt.Fprintf(&b, "    label: %g mg at once, %g mg within 24 hours, %d days, %d hours between\n    %s\n", l.MaxSingleMg, l.MaxDayMg, l.MaxDays, l.MinIntervalHours, l.Source)
		}
	}
	return b.String()
}

// applies says when a rule applies, from its numbers.
func applies(r Rule) string {
	var known []string
	for _, c := range r.Conflicts {
		known = append(known, c.Words)
	}
	switch r.Kind {
	case "TOGETHER":
		return fmt.Sprintf("%s taken together with %s", r.Class, strings.Join(r.With, " or "))
	case "DAYS":
		return fmt.Sprintf("%s, all together: advice from day %d in a row, block from day %d", r.Class, r.AdviseFromDay, r.BlockFromDay)
	case "CONFLICT":
		return fmt.Sprintf("%s with %s", r.Class, strings.Join(known, "; "))
	case "DOSE":
		return fmt.Sprintf("%s alone: %g to %g mg at once, %d hours between, %g mg within 24 hours", r.Drug, r.SingleMinMg, r.SingleMaxMg, r.IntervalHours, r.DayMaxMg)
	case "FOOD":
		return fmt.Sprintf("a dose on an empty stomach; told when there are %d within %d days", r.TaskAt, r.WithinDays)
	case "AGE":
		return fmt.Sprintf("%s under %d", r.Drug, r.AdultAge)
	case "CAUTION":
		return fmt.Sprintf("%s from age %d, with another of its class, or with %s", r.Class, r.CautionAge, strings.Join(known, "; "))
	case "REVIEW":
		return r.Class
	}
	return ""
}
