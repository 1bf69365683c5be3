package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// visitor is somebody with a browser without scripts, who fills in forms.
type visitor struct {
	*phone
	t    *testing.T
	page screen
}

const housePassword = "seven-grey-herons-at-noon"

// visit signs somebody of the house in on the sign-in page.
func visit(t *testing.T, base, email string) *visitor {
	t.Helper()
	v := &visitor{phone: newPhone(t, base), t: t}
	v.send("/sign-in", "email", email, "password", housePassword)
	if v.page.status != http.StatusOK || strings.Contains(v.page.body, `name="password"`) {
		t.Fatalf("%s cannot sign in: %d", email, v.page.status)
	}
	return v
}

// open opens a page and looks for texts on it.
func (v *visitor) open(path string, wants ...string) *visitor {
	v.t.Helper()
	var err error
	if v.page, err = v.do(http.MethodGet, path, nil); err != nil {
		v.t.Fatal(err)
	}
	if v.page.status != http.StatusOK {
		v.t.Errorf("%s: %d", path, v.page.status)
	}
	return v.reads(path, wants...)
}

// reads looks for texts on the page that is open.
func (v *visitor) reads(what string, wants ...string) *visitor {
	v.t.Helper()
	for _, want := range wants {
		if !strings.Contains(html.UnescapeString(v.page.body), want) {
			_, main, _ := strings.Cut(v.page.body, "<main")
			v.t.Errorf("%s does not say %q: %d %s", what, want, v.page.status, strings.Join(strings.Fields(main), " "))
		}
	}
	return v
}

// lacks looks for texts that must not be on the page that is open.
func (v *visitor) lacks(what string, texts ...string) *visitor {
	v.t.Helper()
	for _, text := range texts {
		if strings.Contains(html.UnescapeString(v.page.body), text) {
			v.t.Errorf("%s says %q", what, text)
		}
	}
	return v
}

// send sends the form of the page with the action: its hidden fields, and fields, which are
// names and values in turns.
func (v *visitor) send(action string, fields ...string) *visitor {
	v.t.Helper()
	form := url.Values{}
	found := regexp.MustCompile(`(?s)<form[^>]* action="` + regexp.QuoteMeta(action) + `".*?</form>`).FindString(v.page.body)
	for _, h := range hiddenField.FindAllStringSubmatch(found, -1) {
		form.Add(h[1], html.UnescapeString(h[2]))
	}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Add(fields[i], fields[i+1])
	}
	var err error
	if v.page, err = v.do(http.MethodPost, action, form); err != nil {
		v.t.Fatal(err)
	}
	return v
}

// status fails when the last answer had another.
func (v *visitor) status(want int) *visitor {
	v.t.Helper()
	if v.page.status != want {
		v.t.Errorf("%s: %d, want %d", v.page.path, v.page.status, want)
	}
	return v
}

// doctor and therapist are the sign-in names of the house's clinicians.
func (h *house) doctor() string { return strings.ToLower("CLINICIAN" + h.physicianID + "@test.clinic") }

func (h *house) therapist() string { return strings.ToLower("CLINICIAN" + h.physioID + "@test.clinic") }

// careExaminationPages: what was measured is structured, an abnormal finding forbids care on the
// patient's page until somebody clears it with a reason.
func careExaminationPages(t *testing.T, s *stack, h *house) {
	patient := "/staff/patients/" + h.patient("Examined")
	form := patient + "/examinations/new"
	v := visit(t, s.base, h.therapist()).open(patient, "No examination is recorded.", "Record a neurological examination")
	v.open(form+"?kind=NEURO", "Strength", "forbids manual and needle care", "S4 (F108)")
	v.send(form, "strength", "NORMAL").status(422).reads("without answers", "Choose one.", `href="#sensation"`)
	v.send(form, "strength", "ABNORMAL", "sensation", "NORMAL", "reflexes", "NOT_TESTED", "note", "weak left grip").status(200)
	v.reads("F108 abnormal", "What follows from it is below", "forbids manual and needle care", "weak left grip", "Neurological signs", `href="#examinations"`)
	clearing := regexp.MustCompile(`action="(` + regexp.QuoteMeta(patient) + `/examinations/[^/]+/clear)"`).FindStringSubmatch(v.page.body)
	if clearing == nil {
		t.Fatal("F108 nobody can clear the examination")
	}
	v.send(clearing[1]).reads("cleared without a reason", "Say why", "forbids manual and needle care")
	v.send(clearing[1], "reason", "seen by a neurologist").reads("F108 cleared", "It forbids nothing any more.", "cleared")
	v.open(form+"?kind=FORWARD_BEND", "From 7 degrees of rotation a referral is proposed, with a high body mass index from 5.")
	v.send(form, "bend_side", "LEFT", "rotation_degrees", "91").status(http.StatusBadRequest).reads("F107 91 degrees", "0 to 90", `href="#rotation_degrees"`)
	v.send(form, "bend_side", "LEFT", "rotation_degrees", "8").reads("F107 8 degrees", "Curve: a referral is proposed", "Orthopaedics", "rotation 8 degrees")
	v.open(form, "Range of motion: Upper back", "bending to the side, left", "Usual: 30 degrees", "general knowledge, to be checked")
	v.send(form).status(422).reads("nothing measured", "Measure at least one movement.")
	v.open(form+"?kind=RANGE_OF_MOTION&joint=SHOULDER", "lifting sideways, right", "Usual: 180 degrees")
	v.send(form, "painful", "degrees_ABDUCTION_RIGHT").status(422).reads("pain alone", "Write how far this movement that hurts goes.", `href="#degrees_ABDUCTION_RIGHT"`)
	v.send(form, "painful", "degrees_ABDUCTION_RIGHT", "degrees_ABDUCTION_RIGHT", "400").status(422).reads("too far", "Write whole degrees.", `value="400"`)
	v.send(form, "painful", "degrees_ABDUCTION_RIGHT", "degrees_ABDUCTION_RIGHT", "90", "degrees_FLEXION_LEFT", "170").reads("the shoulder", "90 of 180 degrees", "hurts", "Limited movement", "170 of 180 degrees")
	v.open(patient+"/examinations", "weak left grip", "Forward bend", "Range of motion")
	if page, err := v.do(http.MethodGet, form+"?kind=BLOOD", nil); err != nil || page.status != http.StatusNotFound {
		t.Errorf("no such examination: %d %v", page.status, err)
	}
}

// careInjectionRecord: the complete record is entered on one form, what is missing is named, what
// went wrong is linked to it, and a mistake is marked and taken back.
func careInjectionRecord(t *testing.T, s *stack, h *house) {
	patient := "/staff/patients/" + h.patient("Injected")
	form := patient + "/injections/new"
	v := visit(t, s.base, h.doctor()).open(form, "facet-joint-injection-1: Infection, Bleeding, The muscle shrank, Nerve irritated or damaged", "Expiry of the vial of drug 2")
	given := func(more ...string) []string {
		return append([]string{
			"source", "CLINIC", "kind", "FACET_JOINT_INJECTION", "local_date", date(inDays(-3)), "state", "ADMINISTERED", "region", "THORACIC", "side", "LEFT",
			"levels", "T4-5 t5-6", "guidance", "FLUOROSCOPY", "drug", "methylprednisolone", "dose_mg", "40", "lot", "L1", "drug_2", "lidocaine", "dose_mg_2", "20",
		}, more...)
	}
	v.send(form, given()...).status(http.StatusBadRequest).reads("F122 without a lot", "Is needed.", `href="#lot_2"`, `value="L1"`)
	v.send(form, given("lot_2", "L2")...).status(200).reads("F122 recorded", "The injection is recorded.", "Missing from the record", "the expiry of each vial", "pain before", "T4-5, T5-6")
	v.open(form)
	v.send(form, given("lot_2", "L3", "expire_date", "2040-01-31", "expire_date_2", "2040-02-28", "consent_version", "facet-joint-injection-1", "pain_before", "7", "pain_after", "2", "separate", "YES")...).status(200)
	v.reads("F128 the complete record", "L3", "expires 31 January 2040", "Infection, Bleeding, The muscle shrank, Nerve irritated or damaged", "Pain before", "Check-ins", "2 weeks", "to come").lacks("complete", "Missing from the record")
	record := v.page.path
	v.send(record+"/adverse-events", "adverse_code", "OTHER", "adverse_date", date(inDays(-2))).status(422).reads("F128 something else", "Say what happened.")
	v.send(record+"/adverse-events", "adverse_code", "INFECTION", "adverse_date", date(inDays(-9))).status(http.StatusBadRequest).reads("F128 before it", "Is before the injection.", `href="#adverse_date"`)
	v.send(record+"/adverse-events", "adverse_code", "INFECTION", "adverse_date", date(inDays(-2)), "adverse_note", "red and warm").status(200).reads("F128 it went wrong", "red and warm", "Infection")
	v.send(record+"/amend", "action", "MARK_ENTERED_IN_ERROR").status(422).reads("without a reason", "Say why.")
	v.open(patient, "Something went wrong after an injection", "2 count", record)
	v.open(record).send(record+"/amend", "action", "MARK_ENTERED_IN_ERROR", "reason", "another patient's").reads("marked", "The record is corrected.", "entered by mistake", "It was no mistake")
	v.send(record+"/amend", "action", "RESTORE", "reason", "it was hers after all").reads("restored", "given", "It repeats the chosen record")
	v.send(record+"/amend", "action", "LINK_DUPLICATE", "reason", "twice").status(422).reads("which?", "Choose the record that this one repeats.")

	pia := visit(t, s.base, h.therapist()).open(record, "Record that something went wrong").lacks("a physiotherapist's page", "Correct the record")
	pia.send(record+"/amend", "action", "RESTORE", "reason", "may I?", "etag", "1").status(http.StatusForbidden)
	pia.send(form, given("lot_2", "L9")...).status(http.StatusForbidden)

	// Who has not answered is on a list; what they say on the telephone is kept.
	v.open("/staff/check-ins", "Injected Journey", record).open(record, "Enter an answer: ")
	v.send(record+"/check-in", "pain", "2").status(422).reads("no answer", "Choose one", `href="#course"`)
	v.send(record+"/check-in", "pain", "2", "course", "BETTER", "signs", "FEVER", "note", "since last night").reads("the answer", "The answer is kept.", "Better, pain 2, Fever or chills: since last night", "Call the clinic today.")
	v.open("/staff/check-ins").lacks("the list", record)
}

// careVoids: a measure that was a mistake counts no more, with the reason, and stays to be read.
func careVoids(t *testing.T, s *stack, h *house) {
	id := h.patient("Voided")
	patient := "/staff/patients/" + id
	for i, score := range []int{7, 9, 3} {
		h.physio.must(http.MethodPost, "/v1/patients/"+id+"/outcomes", m{"instrument": "NPRS", "score": score, "local_date": date(inDays(i - 9))}, nil)
	}
	v := visit(t, s.base, h.therapist()).open(patient, patient+"/outcomes?instrument=NPRS").open(patient+"/outcomes?instrument=NPRS", "<polyline", "better", "a clinician", "From a score of 5 on")
	voids := regexp.MustCompile(`action="([^"]+/void)"`).FindAllStringSubmatch(v.page.body, -1)
	if len(voids) != 3 {
		t.Fatalf("%d measures can be voided, want 3", len(voids))
	}
	v.send(voids[1][1]).reads("without a reason", "Say why").lacks("without a reason", "entered by mistake")
	v.send(voids[1][1], "reason", "typed upside down").reads("voided", "The measure counts no more.", "entered by mistake", "<s>9</s>")
}

// careRules: a physician changes what the clinic makes of a rule, with the reason; others read it.
func careRules(t *testing.T, s *stack, h *house) {
	const page = "/staff/medicine-rules"
	v := visit(t, s.base, h.doctor()).open(page, "MED-01", "enforced", "What the evidence says", "None. The rules know")
	v.send(page+"/MED-99/mode", "mode", "advise", "reason", "try").status(http.StatusNotFound)
	v.open(page).send(page+"/MED-05/mode", "mode", "off").reads("without a reason", "Say why")
	v.send(page+"/MED-05/mode", "mode", "off", "reason", "our prescribers are on paper").reads("changed", "The rule is changed, with the reason.", "our prescribers are on paper", "as delivered: ")
	const product = "/staff/medicine-products/new"
	v.open(product).send(product, "drug", "Etoricoxib", "max_days", "some").status(422).reads("defects", "Say where this comes from.", "Say why.", "A whole number up to 365.", `value="Etoricoxib"`)
	v.send(product, "drug", "Etoricoxib", "classes", "NSAID", "max_single_mg", "90", "max_days", "8", "source", "label 2025", "reason", "we prescribe it").reads("added", "etoricoxib", "90 mg at once", "8 days in a row", "label 2025")
	v.open(product+"?drug=etoricoxib", `value="90"`, "label 2025", `value="NSAID" checked`)
	pia := visit(t, s.base, h.therapist()).open(page, "MED-01", "Physicians and administrators change them.").lacks("a physiotherapist", "Change the rule")
	pia.send(page+"/MED-05/mode", "mode", "enforce", "reason", "mine").status(http.StatusForbidden)
	pia.send(product, "drug", "aspirin", "source", "x", "reason", "mine").status(http.StatusForbidden)
}

// careTemplates: a template is copied, refused with the place of each defect, kept, changed with
// its versions, assigned, and taken out of use.
func careTemplates(t *testing.T, s *stack, h *house) {
	r := &reader{t: t, ctx: browse(t, false, 360, 740)}
	do(t, r.ctx, "sign in", signInPage(s.base, account{Email: h.therapist(), Password: housePassword}))
	r.look("the templates", s.base+"/staff/templates")
	r.says("the templates", "comes with the program", "Copy it")
	r.look("a template", s.base+"/staff/templates/physiotherapy")
	r.says("a template", "Where the numbers come from", "Version ")
	r.look("a copy", s.base+"/staff/templates/new?from=physiotherapy")
	type defect struct{ field, value, says string }
	for _, d := range []defect{
		{"#name", " ", "Give the template a name."},
		{"#source", " ", "Where its numbers come from: "},
		{"#validity_weeks", "0", "Weeks for which a plan stays in force: "},
		{"#course_1_sessions", "99", "Course 1, sessions: "},
		{"#course_1_weeks", "many", "Write a whole number."},
		{"#course_1_per_week_max", "14", "Course 1, most a week: "},
		{"#course_1_review_after_sessions", "60", "Course 1, review after sessions: "},
	} {
		var was string
		do(t, r.ctx, d.field, chromedp.Value(d.field, &was, chromedp.ByQuery), chromedp.SetValue(d.field, d.value, chromedp.ByQuery))
		r.press(d.field, `button[name="check"]`, `.errors a[href="`+d.field+`"]`)
		r.says(d.field+" "+d.value, d.says)
		do(t, r.ctx, d.field, chromedp.SetValue(d.field, was, chromedp.ByQuery))
	}
	do(t, r.ctx, "a name of its own", chromedp.SetValue("#name", "Physiotherapy, short", chromedp.ByQuery), chromedp.SetValue("#source", "decided by the team", chromedp.ByQuery),
		chromedp.SetValue("#course_1_sessions", "8", chromedp.ByQuery))
	r.press("check it", `button[name="check"]`, done)
	r.says("checked", "Nothing is wrong with it. It is not kept yet.")
	r.press("keep it", `main form button:not([name])`, `#versions`)
	r.says("kept", "The template is kept.", "the clinic’s own", "8 sessions", "decided by the team")
	var at string
	do(t, r.ctx, "where", chromedp.Location(&at))
	at, _, _ = strings.Cut(at, "?")
	r.look("its form", at+"/change")
	do(t, r.ctx, "nine", chromedp.SetValue("#course_1_sessions", "9", chromedp.ByQuery))
	r.press("keep it", `main form button:not([name])`, done)
	r.says("changed", "Version 2", "9 sessions", "Versions")
	h.plan(h.physio, h.patient("Templated"), at[strings.LastIndexByte(at, '/')+1:])
	r.look("the template", at)
	do(t, r.ctx, "retire it", chromedp.Click(`//summary[contains(., "Take it out of use")]`, chromedp.BySearch), chromedp.WaitVisible(`form[action$="/retire"] button`, chromedp.ByQuery))
	r.press("retire it", `form[action$="/retire"] button`, done)
	r.says("retired", "No plan is made from the template any more.", "out of use")
}

// carePatientsOwn: a patient answers what the plan asks for, and keeps the list of medicines, of
// which the rules have their say in words for patients.
func carePatientsOwn(t *testing.T, s *stack, h *house) {
	id := h.patient("Own")
	h.plan(h.physio, id, "physiotherapy")
	h.admin.must(http.MethodPost, "/v1/accounts", m{
		"account": m{"email": "own@test.clinic", "display_name": "Own", "roles": []string{"PATIENT"}, "patient_id": id}, "password": housePassword,
	}, nil)
	v := visit(t, s.base, "own@test.clinic").open("/me", "Tell us how you are doing").open("/me/measures", "How you feel", "What you find hard to do", "Your pain")
	v.open("/me/measures/new?instrument=PHQ4&patient=" + id)
	var known struct {
		Instruments []struct {
			Instrument string `json:"instrument"`
			Items      []struct {
				Text   string   `json:"text"`
				Labels []string `json:"labels"`
			} `json:"items"`
		} `json:"instruments"`
	}
	h.physio.must(http.MethodGet, "/v1/instruments", nil, &known)
	for _, i := range known.Instruments {
		for _, item := range i.Items {
			if i.Instrument == "PHQ4" { // its wording may be passed on as it is
				v.reads("PHQ-4", append(item.Labels, item.Text)...)
			}
		}
	}
	v.send("/me/measures/new", "item_phq4_1", "3", "item_phq4_2", "3", "item_phq4_3", "2", "item_phq4_4", "2").status(200).reads("PHQ-4 of 10", "You do not have to feel like this alone")
	v.open("/me/measures/new?instrument=NAMED_ACTIVITY&patient="+id).send("/me/measures/new", "activity_1", "lift my child", "activity_score_1", "4").reads("an activity", "Your answer is saved.")
	v.open("/me/measures/new?instrument=NAMED_ACTIVITY&patient="+id, `value="lift my child"`).open("/me/measures", "lift my child: 4").lacks("answered", "instrument=PHQ4&amp;patient="+id+"&amp;plan")
	visit(t, s.base, h.therapist()).open("/staff/patients/"+id, "lift my child: 4", "severe", "Mental health service")

	v.open("/me/medicines", "Nothing is on your list.").open("/me/medicines/new?patient="+id).send("/me/medicines/new", "drug", "ibuprofen", "dose_mg", "400", "start_date", date(inDays(0)))
	v.reads("ibuprofen", "It is on your list.", "ibuprofen 400 mg", "you told us")
	v.open("/me/medicines/new?patient="+id).send("/me/medicines/new", "drug", "paracetamol", "start_date", date(inDays(0))).reads("MED-01", "Your clinic's rule: do not take", "Good to know")
	dose := []string{"drug", "ibuprofen", "dose_mg", "200", "date", date(inDays(0)), "time", "", "with_food", "NO"}
	v.open("/me/doses/new?patient="+id).send("/me/doses/new", dose...).reads("a dose", "It is noted.", "ibuprofen 200 mg", "On an empty stomach")
	void := regexp.MustCompile(`action="(/me/doses/[^"]+/void)"`).FindStringSubmatch(v.page.body)
	if void == nil {
		t.Fatal("a dose cannot be taken back")
	}
	v.send(void[1]).reads("taken back", "It is taken back.", "taken back")
	stop := regexp.MustCompile(`action="(/me/medicines/[^"]+/stop)"`).FindStringSubmatch(v.page.body)
	v.send(stop[1]).reads("stopped", "It is off your list.").lacks("stopped", stop[1])
	other := h.patient("Another")
	for _, path := range []string{"/me/medicines", "/me/measures", "/me/doses/new"} {
		if page, err := v.do(http.MethodGet, path+"?patient="+other, nil); err != nil || page.status != http.StatusNotFound {
			t.Errorf("%s of somebody else: %d %v", path, page.status, err)
		}
	}
}
