package main

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// medicineIssue is what a rule says, as the public API gives it.
type medicineIssue struct {
	RuleID       string `json:"rule_id"`
	Mode         string `json:"mode"`
	Severity     string `json:"severity"`
	Message      string `json:"message"`
	Source       string `json:"source"`
	EvidenceNote string `json:"evidence_note"`
	Blocking     bool   `json:"blocking"`
}

func saidBy(issues []medicineIssue, rule string) (medicineIssue, bool) {
	i := slices.IndexFunc(issues, func(i medicineIssue) bool { return i.RuleID == rule })
	if i < 0 {
		return medicineIssue{}, false
	}
	return issues[i], true
}

// TestCare asks for medicines and referrals over HTTP, with every service at work, and then
// looks at the clinician's page in a browser.
func TestCare(t *testing.T) {
	t.Parallel()
	s := newStack(t, "one")
	s.startAll()
	h := buildHouse(t, s.base, s.admin)
	t.Run("medicines", func(t *testing.T) { careMedicines(t, h) })
	t.Run("referrals", func(t *testing.T) { careReferrals(t, s, h) })
	t.Run("examinations", func(t *testing.T) { careExaminations(t, h) })
	t.Run("pages", func(t *testing.T) { carePages(t, s, h) })
	t.Run("notes", func(t *testing.T) { careNotes(t, s, h) })
	t.Run("outcomes", func(t *testing.T) { careOutcomes(t, s, h) })
	t.Run("programme", func(t *testing.T) { careProgramme(t, s, h) })
	t.Run("examinations on pages", func(t *testing.T) { careExaminationPages(t, s, h) })
	t.Run("injection record", func(t *testing.T) { careInjectionRecord(t, s, h) })
	t.Run("voids", func(t *testing.T) { careVoids(t, s, h) })
	t.Run("rules of medicines", func(t *testing.T) { careRules(t, s, h) })
	t.Run("templates", func(t *testing.T) { careTemplates(t, s, h) })
	t.Run("the patient's own", func(t *testing.T) { carePatientsOwn(t, s, h) })
}

// careMedicines: the paths and fields that other programs count on.
func careMedicines(t *testing.T, h *house) {
	patient := "/v1/patients/" + h.patient("Medicine")
	var med struct {
		ID     string          `json:"medication_id"`
		State  string          `json:"state"`
		Etag   string          `json:"etag"`
		Issues []medicineIssue `json:"issues"`
	}
	h.physician.must(http.MethodPost, patient+"/clinical-facts", m{"question_id": "organ", "value": []string{"kidney"}, "said_by": "CLINICIAN"}, nil)
	h.physio.must(http.MethodPost, patient+"/medications", m{"drug": "naproxen"}, &med)
	i, ok := saidBy(med.Issues, "MED-03")
	if !ok || med.State != "BLOCKED" || !i.Blocking || i.Mode != "enforce" || i.Severity != "HIGH" || i.Source == "" || i.EvidenceNote == "" {
		t.Errorf("F092 %+v", med)
	}
	h.physio.must(http.MethodPost, patient+"/medications/"+med.ID+":acknowledge", m{"etag": med.Etag, "reason": "five days, kidney function checked"}, &med)
	if med.State != "ACTIVE" {
		t.Errorf("F092 acknowledged: %+v", med)
	}
	h.physio.must(http.MethodPost, patient+"/medications", m{"drug": "acetaminophen"}, &med)
	if i, ok := saidBy(med.Issues, "MED-01"); !ok || !i.Blocking || !strings.Contains(i.Message, "our clinic's rule") {
		t.Errorf("F095 %+v", med)
	}
	var dose struct {
		Issues []medicineIssue `json:"issues"`
	}
	today := civil.Of(time.Now(), site)
	for ago := 14; ago >= 0; ago-- {
		drug := "ibuprofen"
		if ago < 5 {
			drug = "naproxen"
		}
		h.physio.must(http.MethodPost, patient+"/doses", m{"drug": drug, "dose_mg": 200, "local_date": today.AddDays(-ago).String()}, &dose)
	}
	if i, ok := saidBy(dose.Issues, "MED-02"); !ok || i.Severity != "HIGH" || !i.Blocking {
		t.Errorf("F091 %+v", dose)
	}
	h.physio.must(http.MethodPost, patient+"/medications/"+med.ID+"/doses", m{"dose_mg": 500, "with_food": false}, &dose)
	if _, ok := saidBy(dose.Issues, "MED-06"); !ok {
		t.Errorf("F096 %+v", dose)
	}
	var list struct {
		Medications []m             `json:"medications"`
		Issues      []medicineIssue `json:"issues"`
		Days        int             `json:"nsaid_days"`
	}
	h.physio.must(http.MethodGet, patient+"/medications", nil, &list)
	if len(list.Medications) != 2 || list.Days != 15 || len(list.Issues) == 0 {
		t.Errorf("%+v", list)
	}
	var refusal *problem
	err := h.reception.call(t.Context(), http.MethodGet, patient+"/medications", nil, nil)
	if !errors.As(err, &refusal) || refusal.Status != http.StatusForbidden {
		t.Errorf("the front desk reads medicines: %v", err)
	}
	err = h.physio.call(t.Context(), http.MethodPost, patient+"/medications", m{"drug": ""}, nil)
	if !errors.As(err, &refusal) || refusal.Status != http.StatusBadRequest || len(refusal.Violations) == 0 || refusal.Violations[0].Field != "drug" {
		t.Errorf("without a medicine: %v", err)
	}
}

// careReferrals: from the form's answers to a proposal, and from an implant to the gate.
func careReferrals(t *testing.T, s *stack, h *house) {
	id := h.patient("Referral")
	patient := "/v1/patients/" + id
	submitIntake(t, h.physio, id, m{"joint_swelling": "yes"})
	s.quiet()
	type referral struct {
		ID     string `json:"referral_id"`
		Target string `json:"target"`
		State  string `json:"state"`
		Etag   string `json:"etag"`
		Orders []struct {
			Code string `json:"code"`
		} `json:"orders"`
	}
	var list struct {
		Referrals []referral `json:"referrals"`
	}
	h.physio.must(http.MethodGet, patient+"/referrals", nil, &list)
	if len(list.Referrals) != 1 || list.Referrals[0].Target != "RHEUMATOLOGY" || list.Referrals[0].State != "PROPOSED" {
		t.Fatalf("F100 %+v", list)
	}
	r := list.Referrals[0]
	h.physician.must(http.MethodPost, "/v1/referrals/"+r.ID+":accept", m{"etag": r.Etag}, &r)
	if r.State != "ACCEPTED" || len(r.Orders) != 1 || r.Orders[0].Code != "RA_PANEL" {
		t.Errorf("F104 %+v", r)
	}
	refused := func(by *client, path string, body m, status int, reason string) {
		t.Helper()
		var p *problem
		if err := by.call(t.Context(), http.MethodPost, path, body, nil); !errors.As(err, &p) || p.Status != status || p.Reason != reason {
			t.Errorf("%s: %v", path, err)
		}
	}
	refused(h.physio, "/v1/referrals/"+r.ID+"/orders", m{"etag": r.Etag, "order": m{"kind": "IMAGING", "code": "MRI"}}, 403, "PROFESSION_REQUIRED")
	refused(h.physician, patient+"/referrals", m{"target": "GP", "reasons": []string{}}, 400, "INVALID_ARGUMENT")
	refused(h.physician, patient+"/referrals", m{"target": "SPINAL_SURGERY", "reasons": []string{"FRACTURE"}, "indication": "FRACTURE"}, 409, "SURGERY_GATE")
	h.physician.must(http.MethodPost, patient+"/implants", m{"implant": "ROD", "region": "THORACIC"}, nil)
	var gate struct {
		Blocked []struct {
			Discipline string   `json:"discipline"`
			IDs        []string `json:"contraindication_ids"`
		} `json:"blocked"`
	}
	h.physio.must(http.MethodGet, patient+"/booking-gate", nil, &gate)
	known := false
	for _, b := range gate.Blocked {
		known = known || b.Discipline == "DISCIPLINE_CHIROPRACTIC" && slices.Contains(b.IDs, "X-MANIP-6")
	}
	if !known {
		t.Errorf("F111 the gate does not know the rod: %+v", gate)
	}
}

// carePages: the clinician's page and its forms, without JavaScript on a narrow screen.
func carePages(t *testing.T, s *stack, h *house) {
	id := h.patient("Page")
	patient := s.base + "/staff/patients/" + id
	submitIntake(t, h.physio, id, m{"organ": []string{"kidney"}, "anticoagulant": "yes", "joint_swelling": "yes"})
	s.quiet()
	h.plan(h.physio, id, "physiotherapy")
	ctx := browse(t, false, 360, 740)
	var body, at string
	var wrong []string
	do(t, ctx, "sign in", signInPage(s.base, account{Email: strings.ToLower("CLINICIAN" + h.physicianID + "@test.clinic"), Password: "seven-grey-herons-at-noon"}))
	look := func(what, path string) {
		t.Helper()
		wrong = nil
		do(t, ctx, what, chromedp.Navigate(path), chromedp.WaitVisible("h1", chromedp.ByQuery), chromedp.Evaluate(structure, &wrong), chromedp.Text("main", &body, chromedp.ByQuery))
		if wrong == nil || len(wrong) > 0 {
			t.Errorf("%s: %v", what, wrong)
		}
	}
	says := func(what string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(body, word) {
				t.Errorf("%s does not say %q:\n%s", what, word, body)
			}
		}
	}
	look("the patient's page", patient)
	says("the patient's page", "Know before you treat", "Blood thinner", "Kidney", "Referral to accept", "Rheumatology", "Plan", "Injections", "Medicines", "Referrals", "Problems to solve")
	for _, path := range []string{"/doses/new", "/referrals/new", "/surgery", "/plans/new", "/injections/new", "/medicines/new"} {
		look(path, patient+path)
	}
	// By keyboard: the cursor is in a field, Enter sends the form.
	do(t, ctx, "add a medicine", follow(chromedp.SendKeys("#drug", "naproxen\r", chromedp.ByQuery)), chromedp.WaitVisible("#medicines", chromedp.ByQuery))
	look("with a medicine", patient)
	says("with a medicine", "naproxen", "Medicine blocked", "kidney disease, a blood thinner")
	do(t, ctx, "acknowledge it", chromedp.Click(`//summary[contains(., "Acknowledge")]`, chromedp.BySearch),
		chromedp.SendKeys(`form[action$="/acknowledge"] textarea`, "five days, kidneys checked", chromedp.ByQuery),
		follow(chromedp.Click(`form[action$="/acknowledge"] button`, chromedp.ByQuery)), chromedp.WaitVisible(`.box.good[role="status"]`, chromedp.ByQuery))
	look("acknowledged", patient)
	says("acknowledged", "in force", "five days, kidneys checked")
	// A problem is decided, a referral accepted.
	do(t, ctx, "open the referral", follow(chromedp.Click(`main a[href^="/staff/referrals/"]`, chromedp.ByQuery)), chromedp.WaitVisible(`form[action$="/accept"]`, chromedp.ByQuery),
		chromedp.Location(&at))
	look("the referral", at)
	do(t, ctx, "accept it", follow(chromedp.Click(`form[action$="/accept"] button`, chromedp.ByQuery)), chromedp.WaitVisible(`form[action$="/send"]`, chromedp.ByQuery))
	look("the accepted referral", at)
	says("the accepted referral", "Blood tests for rheumatoid arthritis", "filled in by a rule")
}
