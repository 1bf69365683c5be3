package plans_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// window is a window of a vector file.
type window struct {
	Start string `json:"start"`
	End   string `json:"end_exclusive"`
	With  int    `json:"count_with_candidate"`
	Count int    `json:"count"`
}

// vectorFile is internal/injection/testdata/injection_vectors.json, as far as it is told to
// the service.
type vectorFile struct {
	Candidates []struct {
		ID           string
		Existing     []string `json:"existing"`
		Candidate    string   `json:"candidate"`
		Allowed      bool     `json:"allowed"`
		NextEligible string   `json:"next_eligible"`
		Windows      []window `json:"violating_windows"`
	} `json:"candidate_vectors"`
	Records []struct {
		ID           string
		Records      []vectorRecord `json:"records"`
		Candidate    string         `json:"candidate"`
		Counting     int32          `json:"counting_records"`
		Allowed      bool           `json:"allowed"`
		NextEligible string         `json:"next_eligible"`
	} `json:"record_vectors"`
	Zones []struct {
		ID           string
		Instant      time.Time `json:"instant_utc"`
		Zone         string    `json:"site_time_zone"`
		LocalDate    string    `json:"local_date"`
		Existing     []string  `json:"existing"`
		Allowed      bool      `json:"allowed"`
		NextEligible string    `json:"next_eligible"`
	} `json:"time_zone_vectors"`
	Series []struct {
		ID        string
		Existing  []string `json:"existing"`
		Series    []string `json:"series"`
		Accepted  bool     `json:"accepted_as_a_whole"`
		Rejected  *int     `json:"first_rejected_index"`
		Suggested string   `json:"suggested_date_for_rejected"`
	} `json:"series_vectors"`
	Moves []struct {
		ID           string
		Existing     []string `json:"existing"`
		From, To     string
		Allowed      bool   `json:"allowed"`
		NextEligible string `json:"next_eligible"`
	} `json:"reschedule_vectors"`
	Facts []struct {
		ID       string
		Records  []vectorRecord    `json:"records"`
		Insert   string            `json:"insert_administered"`
		Issue    bool              `json:"issue_raised"`
		Windows  []window          `json:"violating_windows"`
		Earliest map[string]string `json:"earliest_new_date_for_flagged"`
	} `json:"historical_insert_vectors"`
	Merges []struct {
		ID           string
		A            []string `json:"chart_a"`
		B            []string `json:"chart_b"`
		Breach       []window `json:"breach_after_merge"`
		Candidate    string   `json:"candidate"`
		Allowed      bool     `json:"allowed"`
		NextEligible string   `json:"next_eligible"`
	} `json:"merge_vectors"`
	Stacked []struct {
		ID           string
		Caps         []map[string]any `json:"caps"`
		Existing     []string         `json:"existing"`
		Candidate    string           `json:"candidate"`
		Allowed      bool             `json:"allowed"`
		NextEligible string           `json:"next_eligible"`
	} `json:"stacked_cap_vectors"`
}

type vectorRecord struct {
	Date      string `json:"date"`
	State     string `json:"state"`
	Kind      string `json:"kind"`
	Source    string `json:"source"`
	Region    string `json:"region"`
	Precision string `json:"precision"`
}

func loadVectors(t *testing.T) (v vectorFile) {
	t.Helper()
	data, err := os.ReadFile("internal/injection/testdata/injection_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// vectorWorld is a clinic on 1 June 2024, the present of the vectors.
func vectorWorld(t *testing.T, d sqldb.Dialect, cfg plans.Config) *world {
	t.Helper()
	w := newWorld(t, d, time.Date(2024, 6, 1, 9, 0, 0, 0, time.UTC), cfg)
	w.run()
	return w
}

// external records an injection that was given elsewhere.
func (w *world) external(patientID, date string) *plansv1.Injection {
	w.t.Helper()
	return w.recorded(&plansv1.RecordInjectionRequest{PatientId: patientID, LocalDate: date, Source: "EXTERNAL_DOCUMENTED"})
}

// recorded records as a physician and must succeed.
func (w *world) recorded(r *plansv1.RecordInjectionRequest) *plansv1.Injection {
	w.t.Helper()
	got, err := w.injections.RecordInjection(w.physician(), r)
	if err != nil {
		w.t.Fatalf("RecordInjection: %v", err)
	}
	return got.GetInjection()
}

// having gives a new patient injections elsewhere, and a plan with six injections.
func (w *world) having(id string, dates []string) (string, *plansv1.Plan) {
	w.t.Helper()
	patientID := "pat_" + strings.ToLower(id)
	for _, d := range dates {
		w.external(patientID, d)
	}
	return patientID, w.active(patientID, "facet_joint_injection", &plansv1.CourseSpec{CourseId: "injection", Sessions: 6})
}

// enters puts a record of a vector into the ledger the way it comes about: what is held or
// booked by booking, the rest by a physician.
func (w *world) enters(p *plansv1.Plan, n int, r vectorRecord) {
	w.t.Helper()
	c := claimOf(p, session(n, r.Date[:min(10, len(r.Date))]+strings.Repeat("-01", (10-len(r.Date))/3)))
	c.Sessions[0].EntitlementId += p.GetPatientId()
	c.Sessions[0].AppointmentId += p.GetPatientId()
	f := fact(c, c.GetSessions()[0])
	after := map[string]func(){
		"RESERVED": func() {}, "BOOKED": func() { w.booking.book(f) }, "RELEASED": func() { w.booking.void(f) },
		"CANCELLED": func() { w.booking.book(f); w.booking.cancel(f) }, "NO_SHOW": func() { w.booking.book(f); w.booking.noShow(f) },
	}
	if told, ok := after[r.State]; ok {
		if _, err := w.claim(c); err != nil {
			w.t.Fatal(err)
		}
		told()
		w.heard(w.booking.producer)
		return
	}
	q := &plansv1.RecordInjectionRequest{
		PatientId: p.GetPatientId(), LocalDate: r.Date, State: r.State, Kind: r.Kind, Region: r.Region, Source: "EXTERNAL_DOCUMENTED",
	}
	if r.Source != "" {
		q.Source = r.Source
	}
	if r.Precision == "month" {
		q.LocalDate, q.Month = "", r.Date
	}
	w.recorded(q)
}

// judged asks the three doors about a date: the check, booking's question, and its claim.
func (w *world) judged(p *plansv1.Plan, date string, allowed bool, next string) *plansv1.CheckInjectionResponse {
	w.t.Helper()
	check, err := w.injections.CheckInjection(w.reception(), &plansv1.CheckInjectionRequest{PatientId: p.GetPatientId(), Date: date})
	if err != nil {
		w.t.Fatal(err)
	}
	if check.GetAllowed() != allowed || check.GetNextEligibleDate() != next {
		w.t.Errorf("check of %s: %v from %s, want %v from %s", date, check.GetAllowed(), check.GetNextEligibleDate(), allowed, next)
	}
	s := session(99, date)
	s.EntitlementId += p.GetPatientId()
	w.verdict(claimOf(p, s), allowed, next)
	return check
}

// verdict compares booking's question and claim with what a vector says.
func (w *world) verdict(r *plansv1.ClaimSessionsRequest, allowed bool, next string) {
	w.t.Helper()
	verdicts, err := w.entitlements.CheckSessions(w.asBooking(), &plansv1.CheckSessionsRequest{Claim: r})
	if err != nil {
		w.t.Fatal(err)
	}
	if v := verdicts.GetVerdicts()[0]; v.GetAllowed() != allowed || !allowed && (v.GetReason() != "INJECTION_LIMIT" || v.GetNextEligibleDate() != next) {
		w.t.Errorf("question about %s: %v", r.GetSessions()[0].GetLocalDate(), v)
	}
	_, err = w.claim(r)
	if allowed {
		if err != nil {
			w.t.Errorf("claim of %s: %v", r.GetSessions()[0].GetLocalDate(), err)
		}
		return
	}
	if f := refused(w.t, err, "INJECTION_LIMIT"); f.Facts["next_eligible_date"] != next || f.Facts["blocking"] == "" {
		w.t.Errorf("claim of %s: facts %v, want %s", r.GetSessions()[0].GetLocalDate(), f.Facts, next)
	}
}

func windowsOf(list []*plansv1.InjectionWindow) (out []window) {
	for _, w := range list {
		out = append(out, window{Start: w.GetStartDate(), End: w.GetEndDate(), With: int(w.GetCount())})
	}
	return out
}

// TestVectorsThroughTheService tells every vector to the service, each as a patient of its
// own, on both databases.
func TestVectorsThroughTheService(t *testing.T) {
	t.Parallel()
	v := loadVectors(t)
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			in := func(id string, f func()) {
				t.Run(id, func(t *testing.T) {
					w.t = t
					f()
				})
			}
			for _, c := range v.Candidates {
				in(c.ID, func() {
					_, p := w.having(c.ID, c.Existing)
					check := w.judged(p, c.Candidate, c.Allowed, c.NextEligible)
					if diff := cmp.Diff(c.Windows, append([]window{}, windowsOf(check.GetViolatingWindows())...)); diff != "" {
						w.t.Errorf("windows (-want +got)\n%s", diff)
					}
				})
			}
			for _, c := range v.Records {
				in(c.ID, func() {
					_, p := w.having(c.ID, nil)
					for i, r := range c.Records {
						w.enters(p, i, r)
					}
					if check := w.judged(p, c.Candidate, c.Allowed, c.NextEligible); check.GetCounting() != c.Counting {
						w.t.Errorf("%d count, want %d", check.GetCounting(), c.Counting)
					}
				})
			}
			for _, c := range v.Zones {
				in(c.ID, func() {
					patientID, _ := w.having(c.ID, c.Existing)
					got, err := w.injections.CheckInjection(w.reception(), &plansv1.CheckInjectionRequest{
						PatientId: patientID, StartTime: timestamppb.New(c.Instant), TimeZone: c.Zone,
					})
					if err != nil || got.GetDate() != c.LocalDate || got.GetAllowed() != c.Allowed || got.GetNextEligibleDate() != c.NextEligible {
						w.t.Errorf("%v, %v", got, err)
					}
				})
			}
			w.series(v, in)
			w.moves(v, in)
			w.facts(v, in)
			w.merges(v, in)
		})
	}
}

func (w *world) series(v vectorFile, in func(string, func())) {
	for _, c := range v.Series {
		in(c.ID, func() {
			patientID := "pat_" + strings.ToLower(c.ID)
			for _, d := range c.Existing {
				w.external(patientID, d)
			}
			made, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{
				PatientId: patientID, TemplateId: "facet_joint_injection", CauseCodes: []string{"FACET"}, Decision: decided(),
				ExpireDate: "2030-01-01", Courses: []*plansv1.CourseSpec{{CourseId: "injection", Sessions: 6, PlannedDates: c.Series}},
			})
			if err != nil {
				w.t.Fatal(err)
			}
			_, err = w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId()})
			if c.Accepted {
				if err != nil {
					w.t.Errorf("refused: %v", err)
				}
				return
			}
			if f := refused(w.t, err, "INJECTION_LIMIT"); f.Facts["rejected_index"] != fmt.Sprint(*c.Rejected) || f.Facts["next_eligible_date"] != c.Suggested {
				w.t.Errorf("facts %v", f.Facts)
			}
		})
	}
}

func (w *world) moves(v vectorFile, in func(string, func())) {
	for _, c := range v.Moves {
		in(c.ID, func() {
			_, p := w.having(c.ID, nil)
			for i, d := range c.Existing {
				w.enters(p, i, vectorRecord{Date: d, State: map[bool]string{true: "BOOKED", false: "ADMINISTERED"}[d == c.From]})
			}
			s := session(99, c.To)
			for i, d := range c.Existing {
				if d == c.From {
					s.ReplacesEntitlementId = fmt.Sprintf("ent_%d%s", i, p.GetPatientId())
					s.AppointmentId = fmt.Sprintf("apt_%d%s", i, p.GetPatientId())
				}
			}
			s.EntitlementId += p.GetPatientId()
			w.verdict(claimOf(p, s), c.Allowed, c.NextEligible)
		})
	}
}

func (w *world) facts(v vectorFile, in func(string, func())) {
	for _, c := range v.Facts {
		in(c.ID, func() {
			patientID, p := w.having(c.ID, nil)
			for i, r := range c.Records {
				w.enters(p, i, r)
			}
			w.external(patientID, c.Insert)
			open := w.open(patientID)
			if got := len(open) > 0; got != c.Issue {
				w.t.Fatalf("issue %v, want %v", got, c.Issue)
			}
			if !c.Issue {
				return
			}
			var windows []window
			for _, x := range open[0].GetWindows() {
				windows = append(windows, window{Start: x.GetStartDate(), End: x.GetEndDate(), Count: int(x.GetCount())})
			}
			if diff := cmp.Diff(c.Windows, windows); diff != "" {
				w.t.Errorf("windows (-want +got)\n%s", diff)
			}
			earliest := map[string]string{}
			for _, a := range open[0].GetAppointments() {
				earliest[a.GetLocalDate()] = a.GetNextEligibleDate()
			}
			if diff := cmp.Diff(c.Earliest, earliest); diff != "" {
				w.t.Errorf("earliest new dates (-want +got)\n%s", diff)
			}
		})
	}
}

func (w *world) merges(v vectorFile, in func(string, func())) {
	for _, c := range v.Merges {
		in(c.ID, func() {
			patientID, p := w.having(c.ID, c.A)
			twin := patientID + "_twin"
			for _, d := range c.B {
				w.external(twin, d)
			}
			w.dir.tell(w.t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patientID, MergedPatientId: twin})
			w.heard(w.dir.producer)
			breach := []window{}
			for _, i := range w.open(patientID) {
				for _, x := range i.GetWindows() {
					breach = append(breach, window{Start: x.GetStartDate(), End: x.GetEndDate(), Count: int(x.GetCount())})
				}
			}
			if diff := cmp.Diff(c.Breach, breach); diff != "" {
				w.t.Errorf("breach (-want +got)\n%s", diff)
			}
			w.judged(p, c.Candidate, c.Allowed, c.NextEligible)
		})
	}
}
