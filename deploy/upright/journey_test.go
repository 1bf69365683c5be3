package main

import (
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const golden = "testdata/journey.golden"

// TestJourney walks one patient across the clinic: an intake submitted and triaged, a plan
// assigned, a session booked and delivered, and an injection refused because it would be
// the fourth in six months. The ordered subjects of what happened are in the golden file.
// It runs on the all-in-one program with SQLite, and on five processes with PostgreSQL and
// a NATS server of their own: the same requests, the same events.
func TestJourney(t *testing.T) {
	t.Parallel()
	eachStack(t, func(t *testing.T, s *stack) {
		h := buildHouse(t, s.base, s.admin)
		s.quiet()
		since := s.positions()
		walk(t, s, h)
		got := strings.Join(s.subjects(since), "\n") + "\n"
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("events differ from %s (-want +got):\n%s", golden, diff)
		}
		s.stop()
		checkTrace(t, s)
	})
}

// walk is the journey, step by step; after each the system comes to rest.
func walk(t *testing.T, s *stack, h *house) {
	t.Helper()
	patient := h.patient("Jo")
	s.quiet()

	// The patient's answers, taken down at the clinic, are triaged when the form is handed in.
	result := submitIntake(t, h.physio, patient, deskPain)
	if result.Status != "COMPLETE" || result.Disposition != "CONSERVATIVE_CARE" {
		t.Fatalf("triage gave %+v", result)
	}
	s.quiet()

	// A plan is assigned, and a session booked under it.
	plan := h.plan(h.physio, patient, "physiotherapy")
	s.quiet()
	var booked appointment
	h.reception.must(http.MethodPost, "/v1/appointments", h.booking("Physiotherapy", patient, h.physioID, inDays(0), plan), &booked)
	s.quiet()
	if c := counts(t, h.physio, plan); c.Booked != 1 || c.Used != 0 {
		t.Errorf("after booking the plan counts %+v", c)
	}
	deliver(t, s, h, &booked, plan)
	fourthInjection(t, s, h, patient)
}

// deliver checks the patient in and completes the session; the plan then counts it as used.
func deliver(t *testing.T, s *stack, h *house, a *appointment, plan string) {
	t.Helper()
	h.reception.must(http.MethodPost, "/v1/appointments/"+a.ID+":checkIn", m{}, a)
	s.quiet()
	h.physio.must(http.MethodPost, "/v1/appointments/"+a.ID+":complete", m{}, a)
	s.quiet()
	if c := counts(t, h.physio, plan); a.State != "COMPLETED" || c.Used != 1 || c.Booked != 0 {
		t.Errorf("after delivery the appointment is %s and the plan counts %+v", a.State, c)
	}
}

// fourthInjection books after three injections of the last months: refused with the first
// date that is free, which is then accepted.
func fourthInjection(t *testing.T, s *stack, h *house, patient string) {
	t.Helper()
	for _, days := range []int{-100, -60, -30} {
		h.physician.must(http.MethodPost, "/v1/patients/"+patient+"/injections", m{
			"local_date": date(inDays(days)), "state": "ADMINISTERED", "region": "THORACIC", "side": "LEFT", "levels": []string{"T5-T6"},
			"drugs": []m{{"drug": "methylprednisolone", "dose_mg": 40, "lot": "L1"}}, "guidance": "FLUOROSCOPY", "source": "EXTERNAL_DOCUMENTED",
		}, nil)
	}
	plan := h.plan(h.physician, patient, "facet_joint_injection")
	s.quiet()
	err := h.reception.call(t.Context(), http.MethodPost, "/v1/appointments", h.booking("Injection", patient, h.physicianID, inDays(7), plan), nil)
	p, ok := err.(*problem) //nolint:errorlint // call returns it bare
	if !ok || p.Reason != "INJECTION_LIMIT" || p.Metadata["next_eligible_date"] == "" {
		t.Fatalf("a fourth injection in six months: %v %+v", err, p)
	}
	s.quiet()
	next, err := time.ParseInLocation(time.DateOnly, p.Metadata["next_eligible_date"], site)
	if err != nil {
		t.Fatal(err)
	}
	var check struct {
		Allowed bool `json:"allowed"`
	}
	h.physician.must(http.MethodPost, "/v1/patients/"+patient+"/injections:check", m{"date": date(next.Add(-12 * time.Hour))}, &check)
	if check.Allowed {
		t.Error("the day before the next eligible date is allowed")
	}
	var booked appointment
	h.reception.must(http.MethodPost, "/v1/appointments", h.booking("Injection", patient, h.physicianID, next.Add(12*time.Hour), plan), &booked)
	s.quiet()
}

// triage is what the tests read of an intake's result.
type triage struct {
	Status      string `json:"status"`
	Disposition string `json:"disposition"`
}

// submitIntake fills in and submits the form.
func submitIntake(t *testing.T, c *client, patient string, changed m) triage {
	t.Helper()
	var form struct {
		ID     string `json:"intake_id"`
		Etag   string `json:"etag"`
		Triage triage `json:"triage"`
	}
	answers := usualAnswers(t)
	for k, v := range changed {
		answers[k] = v
	}
	c.must(http.MethodPost, "/v1/intakes", m{"patient_id": patient}, &form)
	c.must(http.MethodPatch, "/v1/intakes/"+form.ID, m{"answers": answers, "etag": form.Etag}, &form)
	c.must(http.MethodPost, "/v1/intakes/"+form.ID+":submit", m{"etag": form.Etag}, &form)
	return form.Triage
}

// sessions is how a plan counts its sessions.
type sessions struct{ Planned, Booked, Used, Left int }

func counts(t *testing.T, c *client, plan string) sessions {
	t.Helper()
	var p struct {
		Courses []struct {
			Sessions sessions `json:"sessions"`
		} `json:"courses"`
	}
	c.must(http.MethodGet, "/v1/plans/"+plan, nil, &p)
	if len(p.Courses) != 1 {
		t.Fatalf("the plan has %d courses", len(p.Courses))
	}
	return p.Courses[0].Sessions
}

// deskPain is an invented story without a warning sign: suitable for treatment.
var deskPain = m{
	"trigger": "desk_posture", "aggravators": []string{"sitting_desk"}, "stiffness": "yes", "quality": []string{"dull_ache", "stiff"},
	"nrs": 4, "nrs_worst": 5, "duration": "6to12w", "interference": 4, "self_care_weeks": 4,
}

// usualAnswers are those of somebody with mild pain and no warning sign.
func usualAnswers(t *testing.T) (answers m) {
	t.Helper()
	b, err := os.ReadFile("internal/seed/answers.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &answers); err != nil {
		t.Fatal(err)
	}
	return answers
}
