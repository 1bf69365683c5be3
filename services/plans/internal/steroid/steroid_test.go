package steroid

import (
	"math"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/services/platform/civil"
)

func TestEquivalents(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		drug     string
		mg, want float64
		known    bool
	}{
		{"methylprednisolone", 40, 40, true},
		{"Methylprednisolone acetate", 80, 80, true},
		{"triamcinolone acetonide", 40, 40, true},
		{"prednisolone", 50, 40, true},
		{"Dexamethasone", 6, 32, true},
		{"betamethasone", 0.75, 4, true},
		{"hydrocortisone", 100, 0, false},
		{"lidocaine", 20, 0, false},
	} {
		got, known := Standard().AsReference(c.drug, c.mg)
		if known != c.known || math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%v mg of %s: %v, %v; want %v, %v", c.mg, c.drug, got, known, c.want, c.known)
		}
	}
	if !Standard().IsSteroid("Hydrocortisone") || Standard().IsSteroid("bupivacaine") {
		t.Error("hydrocortisone is a steroid, bupivacaine is none")
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	day := civil.MustParse
	doses := []Dose{
		{Date: day("2024-02-29"), Drug: "triamcinolone", Mg: 80},
		{Date: day("2024-08-31"), Drug: "dexamethasone", Mg: 15},
		{Date: day("2025-02-10"), Drug: "methylprednisolone", Mg: 60},
		{Date: day("2025-06-01"), Drug: "methylprednisolone", Mg: 60},
		{Date: day("2025-01-01"), Drug: "lidocaine", Mg: 100},
	}
	for _, c := range []struct {
		date        string
		year, three float64
		above       bool
	}{
		{"2025-02-27", 220, 220, true},  // 29 February 2024 counts until 28 February 2025
		{"2025-02-28", 140, 220, false}, // and is free that day
		{"2025-05-31", 140, 220, false},
		{"2025-06-01", 200, 280, false}, // at the limit is not above it
		{"2024-01-01", 0, 0, false},
	} {
		got := Standard().Totals(doses, day(c.date))
		if got[0].Mg != c.year || got[1].Mg != c.three || got[0].Above() != c.above {
			t.Errorf("%s: %v and %v, above %v; want %v, %v, %v", c.date, got[0].Mg, got[1].Mg, got[0].Above(), c.year, c.three, c.above)
		}
	}
}

func TestTableDefectsAreNamed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ old, new, want string }{
		{`"reference_drug": "methylprednisolone"`, `"reference_drug": "aspirin"`, "reference_drug"},
		{`"drug": "triamcinolone", "mg": 4`, `"drug": "triamcinolone", "mg": 0`, "equivalents[1]"},
		{`"months": 12`, `"months": 0`, "limits[0]"},
		{`"equivalents_source": "standard`, `"equivalents_source": "", "x": "standard`, "unknown field"},
	} {
		if _, err := Parse([]byte(strings.Replace(string(standard), c.old, c.new, 1))); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.new, err)
		}
	}
}
