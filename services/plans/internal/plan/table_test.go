package plan

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/plan_limits.txt anew")

const tablePath = "testdata/plan_limits.txt"

// TestClinicianTable keeps a table of every limit and template, with its source, that a
// clinician can read and sign.
func TestClinicianTable(t *testing.T) {
	t.Parallel()
	got := clinicianTable(StandardCatalogue())
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
		t.Errorf("%s no longer says what the catalogue does; run go test ./internal/plan -run ClinicianTable -update, and read the difference", tablePath)
	}
}

func clinicianTable(c Catalogue) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Treatment plans: what a clinician may plan (catalogue version %d)\n\n", c.Version)
	b.WriteString("Usual value, then least and most; 0 a week or 0 hours means no limit. More sessions than\nthe most need a recorded review. S0 and S4 are the source documents, F numbers their facts.\n")
	for _, d := range c.Disciplines {
		fmt.Fprintf(&b, "\n%s, given by %s\n", d.Code, orAny(d.Professions))
		for _, n := range d.ranges() {
			fmt.Fprintf(&b, "  %-16s %3d  (%d to %d)  %s\n", strings.ReplaceAll(n.field, "_", " "), n.r.Default, n.r.Min, n.r.Max, n.r.Source)
			if n.r.EvidenceNote != "" {
				fmt.Fprintf(&b, "  %-16s note: %s\n", "", n.r.EvidenceNote)
			}
		}
		line := func(name, value, source string) {
			if source != "" {
				fmt.Fprintf(&b, "  %-16s %s  %s\n", name, value, source)
			}
		}
		line("review", reviewWords(d), d.ReviewSource)
		line("minutes", fmt.Sprintf("first %d, later %v", d.FirstMinutes, d.Minutes), d.MinutesSource)
		line("causes", fmt.Sprintf("needs %v, not with %v", d.CausesRequired, d.CausesRefused), d.CausesSource)
		line("step up", "needs milder care on record, or a reason", d.StepUpSource)
		line("credential", d.Credential, d.CredentialSource)
		line("order names", strings.Join(d.Indication, ", "), d.IndicationSource)
		fmt.Fprintf(&b, "  %-16s %s\n", "step", d.Step)
		for _, i := range d.Information {
			line("patients read", strings.TrimSpace(i.Label+" "+i.Text), i.Source)
		}
	}
	fmt.Fprintf(&b, "\nLadder: %s. %s\n\nProcedures within sessions\n", strings.Join(c.Ladder, ", "), c.LadderSource)
	for _, p := range c.Procedures {
		fmt.Fprintf(&b, "  %-20s %s; contraindications of %s  %s\n", p.Code, strings.Join(p.Disciplines, ", "), cmp.Or(p.Modality, "its course only"), p.Source)
		if p.EvidenceNote != "" {
			fmt.Fprintf(&b, "  %-20s note: %s\n", "", p.EvidenceNote)
		}
	}
	b.WriteString("\nTemplates\n")
	for _, t := range c.Templates {
		fmt.Fprintf(&b, "\n%s (%s): %s\n  in force %d weeks: %s\n", t.Name, t.ID, t.Purpose, t.ValidityWeeks.Value, t.ValidityWeeks.Source)
		for _, tc := range t.Courses {
			d, _ := c.Discipline(tc.Discipline)
			course := d.Course(tc)
			fmt.Fprintf(&b, "  %s: %d sessions in %d weeks, reviews after session %v and week %v\n",
				course.Discipline, course.Sessions, course.Weeks, course.ReviewAfter, course.ReviewAfterWeeks)
		}
	}
	fmt.Fprintf(&b, "\nA missed session is used up: %v. %s\n", c.NoShowCounts.Value, c.NoShowCounts.Source)
	fmt.Fprintf(&b, "A session cancelled late is used up: %v. %s\n", c.LateCancelCounts.Value, c.LateCancelCounts.Source)
	return b.String()
}

func orAny(list []string) string {
	if len(list) == 0 {
		return "any profession"
	}
	return strings.ToLower(strings.ReplaceAll(strings.Join(list, ", "), "_", " "))
}

func reviewWords(d Discipline) string {
	var words []string
	for _, n := range d.ReviewAfter {
		words = append(words, fmt.Sprintf("after session %d", n))
	}
	if d.ReviewHalfWay {
		words = append(words, "half-way")
	}
	for _, n := range d.ReviewAfterWeeks {
		words = append(words, fmt.Sprintf("week %d", n))
	}
	return strings.Join(words, ", ")
}
