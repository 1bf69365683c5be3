package injection

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// The properties (a) to (f) of reference 3.4.

func drawDate(t *rapid.T, label string) civil.Date {
	return civil.MustParse("2023-06-01").AddDays(rapid.IntRange(0, 900).Draw(t, label))
}

func drawSpan(t *rapid.T) Span {
	d := drawDate(t, "date")
	if rapid.IntRange(0, 3).Draw(t, "precision") == 0 {
		return In(civil.Month{Year: d.Year, Month: d.Month})
	}
	return On(d)
}

func drawRecords(t *rapid.T, most int) []Record {
	n := rapid.IntRange(0, most).Draw(t, "records")
	out := make([]Record, n)
	for i := range out {
		out[i] = Record{
			ID: fmt.Sprintf("r%d", i), Span: drawSpan(t), Kind: FacetJoint,
			State: rapid.SampledFrom([]State{Administered, Booked, Reserved, Cancelled, NoShow, Released}).Draw(t, "state"),
		}
	}
	return out
}

func drawPolicy(t *rapid.T) Policy {
	p := StandardPolicy()
	if rapid.Bool().Draw(t, "stacked") {
		p.Caps = append(p.Caps, Cap{Max: 4, Months: 12, Source: "test"})
	}
	return p
}

// spansCounting gives when the records that count are.
func spansCounting(p Policy, records []Record) []Span {
	var out []Span
	for _, r := range records {
		if p.Counts(r) {
			out = append(out, r.Span)
		}
	}
	return out
}

// bruteVerdict tries every combination of month ends against every window of every cap.
func bruteVerdict(p Policy, records []Record, c civil.Date) bool {
	return everyEnd(spansCounting(p, records), func(dates []civil.Date) bool {
		for _, limit := range p.Caps {
			if !bruteAllows(dates, c, limit) {
				return false
			}
		}
		return true
	})
}

// (a) After any history of bookings, cancellations and late facts, every window holds no
// more than it may unless an issue was raised for it.
func TestEveryWindowHoldsOrHasAnIssue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		var ledger []Record
		var issues []Window
		for i := range rapid.IntRange(1, 14).Draw(t, "steps") {
			r := Record{ID: fmt.Sprintf("r%d", i), Span: drawSpan(t), State: Booked, Kind: FacetJoint}
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0: // a fact is never refused
				r.State = Administered
				issues = append(issues, p.Record(ledger, r, civil.MustParse("2024-06-01")).Windows...)
				ledger = append(ledger, r)
			case 1: // a cancellation
				if len(ledger) > 0 {
					ledger[rapid.IntRange(0, len(ledger)-1).Draw(t, "cancelled")].State = Cancelled
				}
			default:
				r.Span = On(r.Span.First)
				if p.Check(ledger, r.Span.First, "").Allowed {
					ledger = append(ledger, r)
				}
			}
		}
		for _, w := range p.Breaches(ledger) {
			newest := w.Records[0]
			for _, id := range w.Records {
				if len(id) > len(newest) || len(id) == len(newest) && id > newest {
					newest = id
				}
			}
			names := func(issue Window) bool { return issue.Months == w.Months && slices.Contains(issue.Records, newest) }
			if !slices.ContainsFunc(issues, names) {
				t.Fatalf("window %s to %s holds %d, and no issue names %s, the last that came", w.Start, w.End, w.Count, newest)
			}
		}
	})
}

// (b) The check is what brute force says, month precision and stacked caps included.
func TestCheckIsBruteForce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, records, c := drawPolicy(t), drawRecords(t, 7), drawDate(t, "candidate")
		if got, want := p.Check(records, c, "").Allowed, bruteVerdict(p, records, c); got != want {
			t.Fatalf("%v on %s: %v, brute force %v", records, c, got, want)
		}
	})
}

// (c) The next eligible date is allowed, and no earlier one is.
func TestNextEligibleIsTheFirst(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, records, c := drawPolicy(t), drawRecords(t, 8), drawDate(t, "candidate")
		p.MinIntervalDays = rapid.SampledFrom([]int{0, 0, 14}).Draw(t, "interval")
		v := p.Check(records, c, "")
		if !p.Check(records, v.Next, "").Allowed {
			t.Fatalf("next %s is not allowed", v.Next)
		}
		for d := c; d.Before(v.Next); d = d.AddDays(1) {
			if p.Check(records, d, "").Allowed {
				t.Fatalf("next is %s, but %s is allowed", v.Next, d)
			}
		}
	})
}

// (d) The order of the records is irrelevant.
func TestOrderIsIrrelevant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, records, c := drawPolicy(t), drawRecords(t, 8), drawDate(t, "candidate")
		shuffled := rapid.Permutation(records).Draw(t, "order")
		a, b := p.Check(records, c, ""), p.Check(shuffled, c, "")
		if a.Allowed != b.Allowed || a.Next != b.Next || !slices.Equal(a.Blocking(), b.Blocking()) {
			t.Fatalf("%+v, in another order %+v", a, b)
		}
	})
}

// (e) One more record never makes a refused date allowed.
func TestMoreRecordsNeverAllowMore(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, records, c := drawPolicy(t), drawRecords(t, 8), drawDate(t, "candidate")
		more := Record{ID: "more", Span: drawSpan(t), State: Administered, Kind: FacetJoint}
		if !p.Check(records, c, "").Allowed && p.Check(append(records, more), c, "").Allowed {
			t.Fatalf("%s became allowed with one more record", c)
		}
	})
}

// (f) What was booked and cancelled can be booked again.
func TestCancelThenBookAgain(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p, records, c := drawPolicy(t), drawRecords(t, 8), drawDate(t, "candidate")
		if !p.Check(records, c, "").Allowed {
			return
		}
		cancelled := Record{ID: "new", Span: On(c), State: Cancelled, Kind: FacetJoint}
		if !p.Check(append(records, cancelled), c, "").Allowed {
			t.Fatalf("%s was booked, cancelled, and is refused", c)
		}
	})
}

// Clamped months keep their order; with time.AddDate they do not, and the rule fails.
func TestAddMonthsKeepsOrder(t *testing.T) {
	t.Parallel()
	for d := civil.MustParse("2023-01-01"); d.Year < 2029; d = d.AddDays(1) {
		if next := d.AddDays(1); next.AddMonths(6).Before(d.AddMonths(6)) {
			t.Errorf("%s + 6 months is after %s + 6 months", d, next)
		}
		if d.AddMonths(6) != bruteAdd(d, 6) {
			t.Errorf("%s + 6 months: %s, walked %s", d, d.AddMonths(6), bruteAdd(d, 6))
		}
	}
}

// A year is as many windows as it has sessions: four in a region do not hinder another.
func TestRegionScopeJudgesRegionsApart(t *testing.T) {
	t.Parallel()
	p := StandardPolicy()
	p.Scope = ScopeRegion
	records := given([]civil.Date{civil.MustParse("2024-01-10"), civil.MustParse("2024-02-10"), civil.MustParse("2024-03-10")})
	for i := range records {
		records[i].Region = "LUMBAR"
	}
	c := civil.MustParse("2024-04-10")
	if p.Check(records, c, "LUMBAR").Allowed || p.Check(records, c, "").Allowed || !p.Check(records, c, "THORACIC").Allowed {
		t.Error("three lumbar sessions must hinder a lumbar one and one of unknown region, and no thoracic one")
	}
}

// A stricter policy flags what is booked and now sits in a window with too many; past
// breaches without a booking are left alone.
func TestReviewOfAPolicyChange(t *testing.T) {
	t.Parallel()
	day := civil.MustParse
	records := given([]civil.Date{day("2024-01-01"), day("2024-03-01"), day("2024-05-01"), day("2024-07-01")})
	records = append(records, Record{ID: "next", Span: On(day("2024-09-01")), State: Booked, Kind: FacetJoint})
	p := StandardPolicy()
	if got := p.Review(records, day("2024-08-01")); got.Overflows() || len(got.Flagged) > 0 {
		t.Errorf("under the standard policy: %+v", got)
	}
	p.Caps = append(p.Caps, Cap{Max: 4, Months: 12, Source: "test"})
	got := p.Review(records, day("2024-08-01"))
	if len(got.Windows) != 1 || len(got.Flagged) != 1 || got.Flagged[0].Earliest != day("2025-01-01") {
		t.Errorf("with four a year: %+v (K01)", got)
	}
	if got := p.Review(records[:4], day("2024-08-01")); got.Overflows() {
		t.Errorf("nothing is booked: %+v", got)
	}
}
