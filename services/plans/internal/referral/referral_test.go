package referral

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Each kind of defect is refused with the place.
func TestParseRefusesDefects(t *testing.T) {
	t.Parallel()
	for place, change := range map[string]func(c *Catalogue){
		"targets[0]":             func(c *Catalogue) { c.Targets[0].Source = "" },
		"reasons[0]":             func(c *Catalogue) { c.Reasons[0].Title = "" },
		"imaging":                func(c *Catalogue) { c.Imaging = nil },
		"implants[0]":            func(c *Catalogue) { c.Implants[0].Fact = "" },
		"labs[0]":                func(c *Catalogue) { c.Labs[0].Prefill = []string{"BAD_LUCK"} },
		"proposals[0]: needs":    func(c *Catalogue) { c.Proposals[0].Target = "ASTROLOGY" },
		"proposals[1]":           func(c *Catalogue) { c.Proposals[1].Urgency = "SOON" },
		"proposals[1].rule_ids":  func(c *Catalogue) { c.Proposals[1].RuleIDs = []string{"R01"} },
		"surgery":                func(c *Catalogue) { c.Surgery.Indications = nil },
		"consent: needs":         func(c *Catalogue) { c.Consent.Texts = nil },
		"consent.texts[0]":       func(c *Catalogue) { c.Consent.Texts[0].Complications = c.Consent.Complications[1:] },
		"failed_after_weeks":     func(c *Catalogue) { c.FailedAfterWeeks.Value = 0 },
		"lacks [LOCAL_INFECTION": func(c *Catalogue) { c.Consent.Texts[0].Complications = nil },
	} {
		c := Standard()
		change(&c)
		data, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(data); err == nil || !strings.Contains(err.Error(), place) {
			t.Errorf("%s: %v", place, err)
		}
	}
	if _, err := Parse([]byte(`{"unknown": 1}`)); err == nil {
		t.Error("an unknown field is taken")
	}
}

// The gate is open exactly when the last record of every kind of care is one that counts.
func TestSurgeryGate(t *testing.T) {
	t.Parallel()
	c := Standard()
	outcomes := []string{"INEFFECTIVE", "EFFECTIVE", "CONTRAINDICATED", "DECLINED"}
	rapid.Check(t, func(t *rapid.T) {
		var trials []Trial
		for range rapid.IntRange(0, 20).Draw(t, "records") {
			trials = append(trials, Trial{
				Modality: rapid.SampledFrom(append(slices.Clone(c.Surgery.Modalities), "CBT")).Draw(t, "modality"),
				Outcome:  rapid.SampledFrom(outcomes).Draw(t, "outcome"), Reason: rapid.SampledFrom([]string{"", " ", "kidneys"}).Draw(t, "reason"),
			})
		}
		missing := map[string]string{}
		for _, m := range c.Surgery.Modalities { // brute force, from the last record back
			why := "NO_RECORD"
			for i := len(trials) - 1; i >= 0; i-- {
				if trials[i].Modality != m {
					continue
				}
				switch {
				case trials[i].Outcome == "INEFFECTIVE":
					why = ""
				case trials[i].Outcome == "EFFECTIVE":
					why = "EFFECTIVE"
				case strings.TrimSpace(trials[i].Reason) == "":
					why = "NO_REASON"
				default:
					why = ""
				}
				break
			}
			if why != "" {
				missing[m] = why
			}
		}
		got := c.Surgery.Gate(trials)
		if len(got) != len(missing) {
			t.Fatalf("%v, want %v", got, missing)
		}
		for _, m := range got {
			if missing[m.Modality] != m.Why {
				t.Fatalf("%v, want %v", got, missing)
			}
		}
		r := Referral{Target: "SPINAL_SURGERY", Reasons: []string{"FRACTURE"}, Urgency: "ROUTINE", Indication: "FRACTURE"}
		err := c.Check(r, true, trials)
		if (err == nil) != (len(missing) == 0) || err != nil && fault.From(err).Reason != "SURGERY_GATE" {
			t.Fatalf("%v with %v missing", err, missing)
		}
		r.Bypass, r.BypassReason = "EMERGENCY", "cord"
		if err := c.Check(r, true, trials); err != nil {
			t.Fatalf("an emergency waits: %v", err)
		}
	})
}

// Whatever moves are tried, a referral goes only forward, and once it has ended it stays.
func TestMoves(t *testing.T) {
	t.Parallel()
	order := map[State]int{Proposed: 0, Accepted: 1, Sent: 2, Closed: 3, Withdrawn: 3}
	rapid.Check(t, func(t *rapid.T) {
		r := Referral{State: rapid.SampledFrom([]State{Proposed, Accepted}).Draw(t, "first")}
		for range 6 {
			was := r.State
			to := rapid.SampledFrom([]State{Proposed, Accepted, Sent, Closed, Withdrawn}).Draw(t, "to")
			err := r.Move(to, "acc_1", time.Unix(0, 0))
			switch {
			case err != nil && (r.State != was || fault.From(err).Reason != "REFERRAL_STATE"):
				t.Fatalf("%v: %s to %s", err, was, r.State)
			case err == nil && (order[to] <= order[was] || !was.Open() || r.Steps[len(r.Steps)-1].State != to):
				t.Fatalf("%s to %s", was, to)
			}
		}
	})
}

// Every proposal has a known target and reasons, each rule is in one of them, and a
// proposal covers itself.
func TestPropose(t *testing.T) {
	t.Parallel()
	c := Standard()
	rapid.Check(t, func(t *rapid.T) {
		var all []string
		for _, p := range c.Proposals {
			all = append(all, p.RuleIDs...)
		}
		fired := rapid.SliceOfDistinct(rapid.SampledFrom(append(all, "C01", "S01")), rapid.ID[string]).Draw(t, "fired")
		var named []string
		targets := map[string]bool{}
		for _, r := range c.Propose(fired) {
			if targets[r.Target] {
				t.Fatalf("%s twice", r.Target)
			}
			targets[r.Target] = true
			named = append(named, r.RuleIDs...)
			r.Trigger = "TRIAGE"
			if !r.Covers(r) {
				t.Fatalf("%v does not cover itself", r)
			}
			if err := c.Check(r, false, nil); err != nil {
				t.Fatalf("%v: %v", r, err)
			}
			for _, o := range c.Prefill(r, "acc_1", func() string { return "ord_1" }) {
				if err := c.CheckOrder(o, r); err != nil {
					t.Fatalf("%v: %v", o, err)
				}
			}
		}
		for _, id := range fired {
			if slices.Contains(named, id) != slices.Contains(all, id) {
				t.Fatalf("%s: named %v", id, named)
			}
		}
	})
}

func TestClinicianTable(t *testing.T) { keepTable(t, Standard()) }

// F109: what delivered sessions say of care that nobody has recorded a result of.
func TestComputedTrials(t *testing.T) {
	t.Parallel()
	of := func(modality string, planned, delivered int, e Effect) Tried {
		return Tried{Modality: modality, PlanID: "pln", Planned: planned, Delivered: delivered, Effect: e}
	}
	for name, c := range map[string]struct {
		courses []Tried
		want    string // outcome of physiotherapy; empty: none
	}{
		"nothing delivered":                        {nil, ""},
		"another kind of care":                     {[]Tried{of("MASSAGE", 6, 6, Unchanged)}, ""},
		"six sessions, unchanged":                  {[]Tried{of("PHYSIOTHERAPY", 12, 6, Unchanged)}, "INEFFECTIVE"},
		"five sessions, unchanged":                 {[]Tried{of("PHYSIOTHERAPY", 12, 5, Unchanged)}, "TOO_FEW_SESSIONS"},
		"a whole course of four, unchanged":        {[]Tried{of("PHYSIOTHERAPY", 4, 4, Unchanged)}, "INEFFECTIVE"},
		"six sessions, never measured":             {[]Tried{of("PHYSIOTHERAPY", 12, 6, Unknown)}, "NO_OUTCOME"},
		"one session helped":                       {[]Tried{of("PHYSIOTHERAPY", 12, 1, Improved)}, "EFFECTIVE"},
		"two courses of three, unchanged":          {[]Tried{of("PHYSIOTHERAPY", 12, 3, Unknown), of("PHYSIOTHERAPY", 12, 3, Unchanged)}, "INEFFECTIVE"},
		"helped once, and not the last time":       {[]Tried{of("PHYSIOTHERAPY", 12, 6, Improved), of("PHYSIOTHERAPY", 12, 6, Unchanged)}, "INEFFECTIVE"},
		"the last course unmeasured: the one then": {[]Tried{of("PHYSIOTHERAPY", 12, 6, Improved), of("PHYSIOTHERAPY", 12, 6, Unknown)}, "EFFECTIVE"},
	} {
		got := ""
		for _, trial := range Standard().Surgery.Computed(c.courses, 6, nil) {
			if trial.Modality == "PHYSIOTHERAPY" {
				got = trial.Outcome
			}
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	recorded := []Trial{{Modality: "PHYSIOTHERAPY", Outcome: "EFFECTIVE"}}
	if got := Standard().Surgery.Computed([]Tried{of("PHYSIOTHERAPY", 6, 6, Unchanged)}, 6, recorded); len(got) != 0 {
		t.Errorf("what a clinician has recorded stands, computed %v", got)
	}
}
