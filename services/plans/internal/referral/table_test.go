package referral

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/referrals.txt anew")

const tablePath = "testdata/referrals.txt"

// keepTable keeps a table of what is referred to whom that a clinician can read and sign.
func keepTable(t *testing.T, c Catalogue) {
	t.Helper()
	got := clinicianTable(c)
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
		t.Errorf("%s no longer says what the catalogue does; run go test ./internal/referral -run ClinicianTable -update, and read the difference", tablePath)
	}
}

func plain(codes []string) string {
	return strings.ToLower(strings.ReplaceAll(strings.Join(codes, ", "), "_", " "))
}

func clinicianTable(c Catalogue) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Referrals: to whom, for what, and what comes before surgery (version %d)\n\n", c.Version)
	b.WriteString("S0 and S4 are the source documents, F numbers their facts. A rule proposes; for specialists a\nphysician accepts. Nothing is sent by itself.\n\nTo whom\n")
	for _, t := range c.Targets {
		note := ""
		if t.PhysicianAccepts {
			note = ", accepted by a physician"
		}
		if t.Surgical {
			note += ", after the surgery gate"
		}
		fmt.Fprintf(&b, "  %s%s  %s\n", t.Title, note, t.Source)
	}
	b.WriteString("\nWhy\n")
	for _, r := range c.Reasons {
		fmt.Fprintf(&b, "  %s  %s\n", r.Title, r.Source)
	}
	b.WriteString("\nWhat rules propose\n")
	for _, p := range c.Proposals {
		fmt.Fprintf(&b, "  %s: %s for %s, %s  %s\n", strings.Join(p.RuleIDs, ", "), plain([]string{p.Target}), plain(p.Reasons), plain([]string{p.Urgency}), p.Source)
	}
	fmt.Fprintf(&b, "  after %d weeks of a course without change  %s\n", c.FailedAfterWeeks.Value, c.FailedAfterWeeks.Source)
	fmt.Fprintf(&b, "\nTests, ordered by a physician inside a referral\n  imaging: %s  %s\n", plain(c.Imaging), c.ImagingSource)
	for _, l := range c.Labs {
		fmt.Fprintf(&b, "  %s: for %s; filled in for %s  %s\n", plain([]string{l.Lab}), plain(l.Reasons), plain(l.Prefill), l.Source)
	}
	fmt.Fprintf(&b, "\nBefore surgery\n  on record as tried without effect, or contraindicated or declined with the reason: %s\n", plain(c.Surgery.Modalities))
	fmt.Fprintf(&b, "  for: %s\n  not waiting for that, with a physician's reason: %s\n  %s\n", plain(c.Surgery.Indications), plain(c.Surgery.Bypasses), c.Surgery.Source)
	fmt.Fprintf(&b, "\nConsent before surgery names: %s  %s\n", plain(c.Consent.Complications), c.Consent.Source)
	b.WriteString("\nDevices, and the answer of the intake form that is then known\n")
	for _, i := range c.Implants {
		fmt.Fprintf(&b, "  %s: %s  %s\n", plain([]string{i.Implant}), plain([]string{i.Fact}), i.Source)
	}
	return b.String()
}
