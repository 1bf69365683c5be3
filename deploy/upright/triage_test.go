package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestTriageWatches walks what goes on after a form was handed in, across the services: a
// fact that changes flags booked sessions and open plans; a refusal says which answer to
// staff only; a late task is somebody's; the clinic changes a rule and it counts.
func TestTriageWatches(t *testing.T) {
	t.Parallel()
	s := newStack(t, "one")
	s.startAll()
	h := buildHouse(t, s.base, s.admin)
	patient := h.patient("Wren")
	s.quiet()
	submitIntake(t, h.physio, patient, deskPain)
	s.quiet()
	factsKeepWatching(t, s, h, patient)
	refusalsNameAnswersToStaff(t, s, h, h.patient("Robin"))
	rulesOfTheClinic(t, s, h, patient)
	pagesOfTheStaff(t, h)
}

// fact records one thing known about a patient.
func (h *house) fact(patient, question, value string) {
	h.physician.must(http.MethodPost, "/v1/patients/"+patient+"/clinical-facts", m{"question_id": question, "value": value, "said_by": "CLINICIAN"}, nil)
}

// flagged is an appointment with its flags.
type flagged struct {
	ID          string   `json:"appointment_id"`
	Flags       []string `json:"flags"`
	NeedsReview bool     `json:"needs_review"`
}

// issueList is a patient's open issues.
type issueList struct {
	Issues []struct {
		Rule         string `json:"rule"`
		PlanID       string `json:"plan_id"`
		Discipline   string `json:"discipline"`
		Appointments []struct {
			ID string `json:"appointment_id"`
		} `json:"appointments"`
		Codes []string `json:"codes"`
	} `json:"issues"`
}

// factsKeepWatching books an injection, then tells of a blood thinner and a fever on the day:
// the session is flagged and issues are raised; when the fever is gone, so is its flag.
func factsKeepWatching(t *testing.T, s *stack, h *house, patient string) {
	t.Helper()
	plan := h.plan(h.physician, patient, "facet_joint_injection")
	s.quiet()
	var booked flagged
	h.reception.must(http.MethodPost, "/v1/appointments", h.booking("Injection", patient, h.physicianID, inDays(7), plan), &booked)
	s.quiet()
	other := h.patient("Lark") // an open plan without a session
	h.fact(other, "cold_intolerance", "no")
	submitIntake(t, h.physio, other, deskPain)
	otherPlan := h.plan(h.physician, other, "facet_joint_injection")
	s.quiet()

	h.fact(patient, "anticoagulant", "yes")
	s.quiet()
	h.reception.must(http.MethodGet, "/v1/appointments/"+booked.ID, nil, &booked)
	if !slices.Contains(booked.Flags, "RELEASE_NEEDED") || !booked.NeedsReview {
		t.Errorf("after a blood thinner: %+v", booked)
	}
	h.fact(patient, "fever", "yes")
	h.fact(other, "fever", "yes")
	s.quiet()
	h.reception.must(http.MethodGet, "/v1/appointments/"+booked.ID, nil, &booked)
	if !slices.Contains(booked.Flags, "CONTRAINDICATED") {
		t.Errorf("after a fever: %+v", booked)
	}
	var issues issueList
	h.physician.must(http.MethodGet, "/v1/issues?state=OPEN&patient_id="+patient, nil, &issues)
	seen := map[string]bool{}
	for _, i := range issues.Issues {
		for _, a := range i.Appointments {
			seen[i.Rule] = seen[i.Rule] || a.ID == booked.ID
		}
	}
	if !seen["RELEASE_NEEDED"] || !seen["CONTRAINDICATED"] {
		t.Errorf("issues of the booked session: %+v", issues)
	}
	issues = issueList{}
	h.physician.must(http.MethodGet, "/v1/issues?state=OPEN&patient_id="+other, nil, &issues)
	if len(issues.Issues) != 1 || issues.Issues[0].Rule != "CONTRAINDICATED" || issues.Issues[0].PlanID != otherPlan || !slices.Contains(issues.Issues[0].Codes, "X-INJ-1") {
		t.Errorf("issues of the open plan: %+v", issues)
	}
	h.fact(patient, "fever", "no")
	s.quiet()
	h.reception.must(http.MethodGet, "/v1/appointments/"+booked.ID, nil, &booked)
	if slices.Contains(booked.Flags, "CONTRAINDICATED") || !slices.Contains(booked.Flags, "RELEASE_NEEDED") {
		t.Errorf("after the fever: %+v", booked)
	}
}

// refusalsNameAnswersToStaff closes a gate and books against it: the refusal says what is
// possible instead, and nothing that a patient answered goes to the front desk's URL or log.
func refusalsNameAnswersToStaff(t *testing.T, s *stack, h *house, patient string) {
	t.Helper()
	s.quiet()
	submitIntake(t, h.physio, patient, m{"nrs": 8, "nrs_worst": 9})
	s.quiet()
	err := h.reception.call(t.Context(), http.MethodPost, "/v1/appointments", h.booking("Physiotherapy", patient, h.physioID, inDays(2), ""), nil)
	p, ok := err.(*problem) //nolint:errorlint // call returns it bare
	if !ok || p.Reason != "GATE_CLOSED" || !strings.Contains(fmt.Sprint(p.Metadata), "INITIAL_ASSESSMENT") {
		t.Fatalf("%v, %+v", err, p)
	}
	var tasks struct {
		Tasks []struct {
			ID      string `json:"task_id"`
			Patient string `json:"patient_id"`
			Level   string `json:"level"`
			Next    string `json:"next_escalate_time"`
		} `json:"tasks"`
	}
	h.reception.must(http.MethodGet, "/v1/triage-tasks?patient_id="+patient, nil, &tasks)
	if len(tasks.Tasks) != 1 || tasks.Tasks[0].Level != "CLINICIAN_REVIEW" || tasks.Tasks[0].Next == "" {
		t.Errorf("%+v", tasks)
	}
	var form struct {
		Triage struct {
			Fired []struct {
				RuleID  string `json:"rule_id"`
				Because []struct {
					Question string `json:"question_id"`
				} `json:"because"`
			} `json:"fired_rules"`
		} `json:"triage"`
	}
	var list struct {
		Intakes []struct {
			ID string `json:"intake_id"`
		} `json:"intakes"`
	}
	h.physio.must(http.MethodGet, "/v1/intakes?patient_id="+patient, nil, &list)
	h.physio.must(http.MethodGet, "/v1/intakes/"+list.Intakes[0].ID, nil, &form)
	if f := form.Triage.Fired; len(f) == 0 || f[0].RuleID != "C01" || len(f[0].Because) != 1 || f[0].Because[0].Question != "nrs" {
		t.Errorf("a clinician reads %+v", f)
	}
}

// rulesOfTheClinic raises one rule, through the API, and sees that it counts.
func rulesOfTheClinic(t *testing.T, s *stack, h *house, patient string) {
	t.Helper()
	var v struct {
		Etag     string `json:"etag"`
		State    string `json:"state"`
		Document map[string]any
	}
	h.physician.must(http.MethodPost, "/v1/questionnaires/upright-intake/versions/1:copy", m{"new_questionnaire_id": "wren-intake"}, &v)
	for _, r := range v.Document["rules"].([]any) {
		if rule := r.(map[string]any); rule["id"] == "A02" {
			rule["level"] = "CLINICIAN_REVIEW"
		}
	}
	const ours = "/v1/questionnaires/wren-intake/versions/1"
	h.physician.must(http.MethodPatch, ours, m{"document": v.Document, "etag": v.Etag}, &v)
	var compared struct {
		Vignettes int `json:"vignettes"`
		Changes   []struct {
			ID string `json:"vignette_id"`
		} `json:"changes"`
	}
	h.admin.must(http.MethodGet, ours+":compare", nil, &compared)
	if compared.Vignettes < 46 || len(compared.Changes) == 0 {
		t.Errorf("%+v", compared)
	}
	h.physician.must(http.MethodPost, ours+":approve", m{"etag": v.Etag, "note": "stricter"}, &v)
	h.admin.must(http.MethodPost, ours+":activate", m{}, &v)
	if result := submitIntake(t, h.physio, patient, deskPain); result.Disposition != "CLINICIAN_REVIEW" {
		t.Errorf("with the clinic's own rule: %+v", result)
	}
	h.admin.must(http.MethodPost, "/v1/questionnaires/upright-intake/versions/1:activate", m{}, &v)
	s.quiet()
}

// pagesOfTheStaff looks at the pages of the work, the rules and the counts.
func pagesOfTheStaff(t *testing.T, h *house) {
	t.Helper()
	for path, words := range map[string][]string{
		"/staff/tasks":                  {"To be decided by", "Goes to the next clinician"},
		"/staff/rules":                  {"wren-intake, version 1", "comes with the program", "in force"},
		"/staff/rules/wren-intake/1":    {"What it does to invented patients", "Approved by", "Copied from"},
		"/staff/rules/upright-intake/1": {"Make it the clinic", "Name of the copy"},
		"/staff/reports/intake":         {"Handed in", "Page by page", "How you are right now"},
	} {
		page := h.physician.page(t, path)
		for _, w := range words {
			if !strings.Contains(page, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
	}
}

// page reads a page as the client sees it.
func (c *client) page(t *testing.T, path string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.base+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Accept", "text/html")
	res, err := c.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d %v", path, res.StatusCode, err)
	}
	return string(b)
}
