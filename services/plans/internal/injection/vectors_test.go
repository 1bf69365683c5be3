package injection

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// vectors is testdata/injection_vectors.json, the agreed meaning of the rule.
type vectors struct {
	AddMonths []struct {
		Date  civil.Date `json:"date"`
		Plus6 civil.Date `json:"plus_6_months"`
	} `json:"add_months"`
	Candidates []candidateVector `json:"candidate_vectors"`
	Records    []recordVector    `json:"record_vectors"`
	TimeZones  []struct {
		ID           string
		InstantUTC   time.Time    `json:"instant_utc"`
		SiteTimeZone string       `json:"site_time_zone"`
		LocalDate    civil.Date   `json:"local_date"`
		Existing     []civil.Date `json:"existing"`
		Allowed      bool         `json:"allowed"`
		NextEligible civil.Date   `json:"next_eligible"`
	} `json:"time_zone_vectors"`
	Series []struct {
		ID            string
		Existing      []civil.Date `json:"existing"`
		Series        []civil.Date `json:"series"`
		Accepted      bool         `json:"accepted_as_a_whole"`
		FirstRejected *int         `json:"first_rejected_index"`
		Suggested     *civil.Date  `json:"suggested_date_for_rejected"`
	} `json:"series_vectors"`
	Moves []struct {
		ID           string
		Existing     []civil.Date `json:"existing"`
		From, To     civil.Date
		Allowed      bool       `json:"allowed"`
		NextEligible civil.Date `json:"next_eligible"`
	} `json:"reschedule_vectors"`
	Facts []struct {
		ID       string
		Records  []vectorRecord        `json:"records"`
		Insert   civil.Date            `json:"insert_administered"`
		Issue    bool                  `json:"issue_raised"`
		Windows  []vectorWindow        `json:"violating_windows"`
		Flagged  []civil.Date          `json:"future_bookings_flagged"`
		Earliest map[string]civil.Date `json:"earliest_new_date_for_flagged"`
	} `json:"historical_insert_vectors"`
	Merges []struct {
		ID           string
		A            []civil.Date   `json:"chart_a"`
		B            []civil.Date   `json:"chart_b"`
		Breach       []vectorWindow `json:"breach_after_merge"`
		Candidate    civil.Date     `json:"candidate"`
		Allowed      bool           `json:"allowed"`
		NextEligible civil.Date     `json:"next_eligible"`
	} `json:"merge_vectors"`
	Stacked []struct {
		ID           string
		Caps         []Cap        `json:"caps"`
		Existing     []civil.Date `json:"existing"`
		Candidate    civil.Date   `json:"candidate"`
		Allowed      bool         `json:"allowed"`
		NextEligible civil.Date   `json:"next_eligible"`
	} `json:"stacked_cap_vectors"`
	Concurrency []json.RawMessage `json:"concurrency_scenarios"`
	Total       int               `json:"total"`
}

type candidateVector struct {
	ID           string         `json:"id"`
	Why          string         `json:"why"`
	Existing     []civil.Date   `json:"existing"`
	Candidate    civil.Date     `json:"candidate"`
	Allowed      bool           `json:"allowed"`
	NextEligible civil.Date     `json:"next_eligible"`
	Windows      []vectorWindow `json:"violating_windows"`
}

type recordVector struct {
	ID           string         `json:"id"`
	Why          string         `json:"why"`
	Records      []vectorRecord `json:"records"`
	Candidate    civil.Date     `json:"candidate"`
	Counting     int            `json:"counting_records"`
	Allowed      bool           `json:"allowed"`
	NextEligible civil.Date     `json:"next_eligible"`
}

type vectorRecord struct {
	Date      string `json:"date"`
	State     State  `json:"state"`
	Kind      string `json:"kind"`
	Region    string `json:"region"`
	Precision string `json:"precision"`
}

type vectorWindow struct {
	Start              civil.Date `json:"start"`
	End                civil.Date `json:"end_exclusive"`
	CountWithCandidate int        `json:"count_with_candidate"`
	Count              int        `json:"count"`
}

func (r vectorRecord) record(t testing.TB) Record {
	t.Helper()
	out := Record{ID: r.Date, State: r.State, Kind: r.Kind, Region: r.Region}
	if out.Kind == "" {
		out.Kind = FacetJoint
	}
	if r.Precision == "month" {
		m, err := civil.ParseMonth(r.Date)
		if err != nil {
			t.Fatal(err)
		}
		out.Span = In(m)
		return out
	}
	out.Span = On(civil.MustParse(r.Date))
	return out
}

func loadVectors(t testing.TB) vectors {
	t.Helper()
	data, err := os.ReadFile("testdata/injection_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// given makes records that count, one on each date.
func given(dates []civil.Date) []Record {
	out := make([]Record, len(dates))
	for i, d := range dates {
		out[i] = Record{ID: d.String(), Span: On(d), State: Administered, Kind: FacetJoint}
	}
	return out
}

func windowsOf(ws []Window) []vectorWindow {
	out := []vectorWindow{}
	for _, w := range ws {
		out = append(out, vectorWindow{Start: w.Start, End: w.End, Count: w.Count})
	}
	return out
}

// normal puts the count where both kinds of vector have it.
func normal(ws []vectorWindow) []vectorWindow {
	out := []vectorWindow{}
	for _, w := range ws {
		out = append(out, vectorWindow{Start: w.Start, End: w.End, Count: max(w.Count, w.CountWithCandidate)})
	}
	return out
}

func TestVectorsAreComplete(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	n := len(v.AddMonths) + len(v.Candidates) + len(v.Records) + len(v.TimeZones) + len(v.Series) + len(v.Moves) +
		len(v.Facts) + len(v.Merges) + len(v.Stacked) + len(v.Concurrency)
	if n != v.Total || n != 113 {
		t.Errorf("read %d vectors, the file says %d", n, v.Total)
	}
}

func TestAddSixMonths(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).AddMonths {
		if got := v.Date.AddMonths(6); got != v.Plus6 {
			t.Errorf("%s + 6 months = %s, want %s", v.Date, got, v.Plus6)
		}
	}
}

func TestCandidateVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Candidates {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			got := StandardPolicy().Check(given(v.Existing), v.Candidate, "")
			if got.Allowed != v.Allowed || got.Next != v.NextEligible {
				t.Errorf("%s: allowed %v next %s, want %v %s", v.Why, got.Allowed, got.Next, v.Allowed, v.NextEligible)
			}
			if diff := cmp.Diff(normal(v.Windows), windowsOf(got.Windows)); diff != "" {
				t.Errorf("%s: windows (-want +got)\n%s", v.Why, diff)
			}
		})
	}
}

func TestRecordVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Records {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var records []Record
			for _, r := range v.Records {
				records = append(records, r.record(t))
			}
			got := StandardPolicy().Check(records, v.Candidate, "")
			if got.Counting != v.Counting || got.Allowed != v.Allowed || got.Next != v.NextEligible {
				t.Errorf("%s: %d count, allowed %v, next %s; want %d, %v, %s",
					v.Why, got.Counting, got.Allowed, got.Next, v.Counting, v.Allowed, v.NextEligible)
			}
		})
	}
}

func TestTimeZoneVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).TimeZones {
		zone, err := time.LoadLocation(v.SiteTimeZone)
		if err != nil {
			t.Fatal(err)
		}
		date := civil.Of(v.InstantUTC, zone)
		if date != v.LocalDate {
			t.Errorf("%s: local date %s, want %s", v.ID, date, v.LocalDate)
		}
		got := StandardPolicy().Check(given(v.Existing), date, "")
		if got.Allowed != v.Allowed || got.Next != v.NextEligible {
			t.Errorf("%s: allowed %v next %s, want %v %s", v.ID, got.Allowed, got.Next, v.Allowed, v.NextEligible)
		}
	}
}

func TestSeriesVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Series {
		at, verdict := StandardPolicy().Series(given(v.Existing), v.Series, "")
		switch {
		case v.Accepted && at != -1:
			t.Errorf("%s: refused at %d, want the whole accepted", v.ID, at)
		case !v.Accepted && (at != *v.FirstRejected || verdict.Next != *v.Suggested):
			t.Errorf("%s: refused at %d, suggests %s; want %d, %s", v.ID, at, verdict.Next, *v.FirstRejected, *v.Suggested)
		}
	}
}

func TestMoveVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Moves {
		got := StandardPolicy().Check(Without(given(v.Existing), v.From.String()), v.To, "")
		if got.Allowed != v.Allowed || got.Next != v.NextEligible {
			t.Errorf("%s: allowed %v next %s, want %v %s", v.ID, got.Allowed, got.Next, v.Allowed, v.NextEligible)
		}
	}
}

func TestLateFactVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Facts {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			var records []Record
			for _, r := range v.Records {
				records = append(records, r.record(t))
			}
			fact := Record{ID: "fact", Span: On(v.Insert), State: Administered, Kind: FacetJoint}
			got := StandardPolicy().Record(records, fact, civil.MustParse("2024-06-01"))
			if got.Overflows() != v.Issue {
				t.Errorf("issue %v, want %v", got.Overflows(), v.Issue)
			}
			if diff := cmp.Diff(normal(v.Windows), windowsOf(got.Windows)); diff != "" {
				t.Errorf("windows (-want +got)\n%s", diff)
			}
			flagged, earliest := []civil.Date{}, map[string]civil.Date{}
			for _, f := range got.Flagged {
				flagged = append(flagged, f.Date)
				earliest[f.Date.String()] = f.Earliest
			}
			if !slices.Equal(flagged, v.Flagged) {
				t.Errorf("flagged %v, want %v", flagged, v.Flagged)
			}
			if diff := cmp.Diff(v.Earliest, earliest); diff != "" {
				t.Errorf("earliest new dates (-want +got)\n%s", diff)
			}
		})
	}
}

func TestMergeVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Merges {
		p := StandardPolicy()
		a, b := given(v.A), given(v.B)
		for i := range b {
			b[i].ID = "b " + b[i].ID
		}
		impact := p.Merge(a, b, civil.MustParse("2024-04-30"))
		if diff := cmp.Diff(normal(v.Breach), windowsOf(impact.Windows)); diff != "" {
			t.Errorf("%s: breach (-want +got)\n%s", v.ID, diff)
		}
		got := p.Check(append(a, b...), v.Candidate, "")
		if got.Allowed != v.Allowed || got.Next != v.NextEligible {
			t.Errorf("%s: allowed %v next %s, want %v %s", v.ID, got.Allowed, got.Next, v.Allowed, v.NextEligible)
		}
	}
}

func TestDuplicatesDoNotCount(t *testing.T) {
	t.Parallel()
	records := given([]civil.Date{civil.MustParse("2024-01-10"), civil.MustParse("2024-02-10"), civil.MustParse("2024-02-10")})
	records[2].ID, records[2].DuplicateOf = "again", "2024-02-10"
	if got := StandardPolicy().Check(records, civil.MustParse("2024-05-01"), ""); !got.Allowed {
		t.Errorf("refused because of a linked duplicate (vector G04): %v", got.Windows)
	}
}

func TestStackedCapVectors(t *testing.T) {
	t.Parallel()
	for _, v := range loadVectors(t).Stacked {
		p := StandardPolicy()
		p.Caps = v.Caps
		got := p.Check(given(v.Existing), v.Candidate, "")
		if got.Allowed != v.Allowed || got.Next != v.NextEligible {
			t.Errorf("%s: allowed %v next %s, want %v %s", v.ID, got.Allowed, got.Next, v.Allowed, v.NextEligible)
		}
	}
}
