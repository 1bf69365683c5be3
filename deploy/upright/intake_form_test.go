package main

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// phone is a browser without scripts, that follows redirects and keeps cookies.
type phone struct {
	base string
	http *http.Client
}

func newPhone(t *testing.T, base string) *phone {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &phone{base: base, http: &http.Client{Jar: jar, Timeout: startTimeout}}
}

// screen is a page as it came: where it is, its status and its text.
type screen struct {
	path   string
	status int
	body   string
}

func (p *phone) do(method, path string, form url.Values) (screen, error) {
	req, err := http.NewRequest(method, p.base+path, strings.NewReader(form.Encode())) //nolint:noctx // the client has a timeout
	if err != nil {
		return screen{}, err
	}
	req.Header.Set("Accept", "text/html")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := p.http.Do(req)
	if err != nil {
		return screen{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return screen{path: res.Request.URL.Path, status: res.StatusCode, body: string(body)}, err
}

var (
	hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)
	topicForm   = regexp.MustCompile(`(?s)<form method="post" action="(/intake/[^"]+/(?:page/[^"]+|consent|check))".*?</form>`)
)

// fill answers a page of the form from a whole set of answers, as somebody does who reads
// it; action is where it goes.
func fill(body string, answers m) (action string, form url.Values) {
	found := topicForm.FindStringSubmatch(body)
	if found == nil {
		return "", nil
	}
	form = url.Values{}
	for _, h := range hiddenField.FindAllStringSubmatch(found[0], -1) {
		form.Add(h[1], html.UnescapeString(h[2]))
	}
	if form.Get("layout") == "ticks" {
		form.Set("none", "1")
		return found[1], form
	}
	for _, q := range form["q"] {
		for _, v := range valuesOf(answers[q]) {
			form.Add("a."+q, v)
		}
	}
	if form.Has("map") {
		form.Set("m", "mid_back:middle")
		form.Set("p.mid_back:middle", "4")
	}
	if form.Has("consent") {
		form.Set("agree", "1")
		form.Set("typed_name", "Test Patient")
	}
	return found[1], form
}

// valuesOf is an answer as a form sends it.
func valuesOf(v any) (values []string) {
	switch v := v.(type) {
	case string:
		return []string{v}
	case float64:
		return []string{strconv.FormatFloat(v, 'f', -1, 64)}
	case int:
		return []string{strconv.Itoa(v)}
	case []any:
		for _, one := range v {
			values = append(values, fmt.Sprint(one))
		}
		if len(values) == 0 {
			return []string{"-none-"}
		}
	}
	return values
}

// begun is a form that reception started for a new patient, with the link to it.
type begun struct{ id, link, family string }

const born = "1985-03-27"

// formsBegun is how many forms wait in the invented clinic.
func formsBegun() int {
	if os.Getenv("UPRIGHT_SOAK") == "1" {
		return 50
	}
	return 10
}

// beginForms registers patients, starts a form for each and has the links sent.
func beginForms(t *testing.T, p *program, n int) []begun {
	t.Helper()
	desk := signIn(t, p.Address, login(t, p, "reception"))
	all := make([]begun, n)
	for i := range all {
		var patient struct {
			ID string `json:"patient_id"`
		}
		var in struct {
			ID string `json:"intake_id"`
		}
		all[i].family = "Faultrun" + strings.Repeat("x", i+1)
		desk.must(http.MethodPost, "/v1/patients", m{"given_name": "Ada", "family_name": all[i].family, "birth_date": born}, &patient)
		desk.must(http.MethodPost, "/v1/intakes", m{"patient_id": patient.ID}, &in)
		all[i].id = in.ID
		desk.must(http.MethodPost, "/v1/intakes/"+in.ID+":sendLink", m{}, nil)
	}
	browser := newPhone(t, p.Address)
	a := login(t, p, "reception")
	if _, err := browser.do(http.MethodPost, "/sign-in", url.Values{"email": {a.Email}, "password": {a.Password}}); err != nil {
		t.Fatal(err)
	}
	s, err := browser.do(http.MethodGet, "/staff/outgoing", nil)
	if err != nil {
		t.Fatal(err)
	}
	row := regexp.MustCompile(`<th scope="row">Ada (Faultrunx+)</th><td><a href="(/f/[^"]+)"`)
	for _, found := range row.FindAllStringSubmatch(s.body, -1) {
		for i := range all {
			if all[i].family == found[1] {
				all[i].link = found[2]
			}
		}
	}
	for _, b := range all {
		if b.link == "" {
			t.Fatalf("no link waits for %s: %s", b.family, s.body)
		}
	}
	return all
}

// resume opens the link on this phone.
func (p *phone) resume(b begun) (screen, error) {
	if _, err := p.do(http.MethodGet, b.link, nil); err != nil {
		return screen{}, err
	}
	return p.do(http.MethodPost, "/f", url.Values{
		"family_name": {strings.ToUpper(b.family)}, "birth_date_day": {"27"}, "birth_date_month": {"3"}, "birth_date_year": {"1985"},
	})
}

// run fills pages in until the form is sent or the clinic is gone; each page that was
// accepted is noted with what it sent.
func (p *phone) run(at screen, answers m, accepted *sync.Map, pages *atomic.Int64) (screen, error) {
	for range 60 {
		if strings.HasSuffix(at.path, "/result") {
			return at, nil
		}
		action, form := fill(at.body, answers)
		if action == "" {
			if i := strings.Index(at.body, `class="button" href="`); strings.HasSuffix(at.path, "/check") && i > 0 {
				to, _, _ := strings.Cut(at.body[i+len(`class="button" href="`):], `"`)
				next, err := p.do(http.MethodGet, html.UnescapeString(to), nil)
				if err != nil {
					return at, err
				}
				at = next
				continue
			}
			return at, fmt.Errorf("%s (%d) has no form to fill in", at.path, at.status)
		}
		next, err := p.do(http.MethodPost, action, form)
		if err != nil {
			return at, err
		}
		if next.status != http.StatusOK {
			return next, fmt.Errorf("%s answers %d", action, next.status)
		}
		pages.Add(1)
		for _, q := range form["q"] {
			accepted.Store(q, true)
		}
		at = next
	}
	return at, fmt.Errorf("the form does not end: %s", at.path)
}

// TestFormSurvivesKills kills the whole clinic under patients who are filling in their
// forms, starts it again and goes on with each form in another browser, by its link: nothing
// that a page accepted is lost. Ten forms and five kills are fifty fault runs.
func TestFormSurvivesKills(t *testing.T) {
	t.Parallel()
	kills := 5
	if os.Getenv("UPRIGHT_SOAK") == "1" {
		kills = 20
	}
	const pagesBeforeKill = 30 // of about 24 a form: there have to be some left for the last kill
	clinic := invent(t)
	p, all := clinic.serve(t, unlimited...), clinic.forms
	physio := login(t, p, "physio")
	answers := usualAnswers(t)
	accepted := make([]sync.Map, len(all))
	var pages, runs atomic.Int64
	for kill := range kills + 1 {
		doctor := signIn(t, p.Address, physio)
		for i := range all {
			checkKept(t, doctor, all[i].id, &accepted[i])
		}
		var under sync.WaitGroup
		before := pages.Load()
		for i := range all {
			under.Go(func() {
				browser := newPhone(t, p.Address)
				at, err := browser.resume(all[i])
				if err == nil {
					at, err = browser.run(at, answers, &accepted[i], &pages)
				}
				if err != nil && kill == kills {
					t.Errorf("form %d at %s: %v", i, at.path, err)
				}
				if err != nil {
					runs.Add(1)
				}
			})
		}
		if kill < kills {
			eventually(t, "pages are being filled in", func() (bool, string) {
				n := pages.Load() - before
				return n >= pagesBeforeKill, fmt.Sprint(n, " pages")
			})
			p.kill()
		}
		under.Wait()
		if kill < kills {
			p = clinic.serve(t, unlimited...)
		}
	}
	t.Logf("%d forms, %d kills, %d forms interrupted, %d pages accepted, nothing lost", len(all), kills, runs.Load(), pages.Load())
	if want := int64(kills * len(all) * 4 / 5); runs.Load() < want {
		t.Errorf("only %d forms were interrupted", runs.Load())
	}
}

// checkKept compares what is stored with what was accepted.
func checkKept(t *testing.T, doctor *client, id string, accepted *sync.Map) {
	t.Helper()
	var in struct {
		Answers map[string]json.RawMessage `json:"answers"`
	}
	doctor.must(http.MethodGet, "/v1/intakes/"+id, nil, &in)
	accepted.Range(func(q, _ any) bool {
		if _, ok := in.Answers[q.(string)]; !ok { //nolint:forcetypeassert // only texts are stored
			t.Errorf("%s: the answer to %s was accepted and is gone", id, q)
		}
		return true
	})
}

// TestEmergencyIsToldBeforeThePatientGoesOn kills the clinic right after the stop page came:
// the task is there when it runs again.
func TestEmergencyIsToldBeforeThePatientGoesOn(t *testing.T) {
	t.Parallel()
	clinic := invent(t)
	p, one := clinic.serve(t), clinic.forms[0]
	browser := newPhone(t, p.Address)
	at, err := browser.resume(one)
	if err != nil {
		t.Fatal(err)
	}
	action, form := fill(at.body, nil)
	form.Del("none")
	form.Set("tick", "chest_pain")
	at, err = browser.do(http.MethodPost, action, form)
	p.kill()
	if err != nil || !strings.HasSuffix(at.path, "/stop") || !strings.Contains(at.body, `href="tel:999"`) {
		t.Fatalf("after chest pain the patient is at %s: %v", at.path, err)
	}
	physio := login(t, p, "physio")
	p = clinic.serve(t)
	var work struct {
		Tasks []struct {
			Intake string `json:"intake_id"`
			Level  string `json:"level"`
		} `json:"tasks"`
	}
	signIn(t, p.Address, physio).must(http.MethodGet, "/v1/triage-tasks", nil, &work)
	for _, task := range work.Tasks {
		if task.Intake == one.id && task.Level == "EMERGENCY_NOW" {
			return
		}
	}
	t.Errorf("no task was raised: %+v", work.Tasks)
}

// TestEveryWrongAnswerOverHTTP gives each question every kind of wrong answer: each is
// refused naming the question, and nothing that was right before is lost.
func TestEveryWrongAnswerOverHTTP(t *testing.T) {
	t.Parallel()
	p := invent(t).serve(t, unlimited...)
	c := signIn(t, p.Address, login(t, p, "patient"))
	var me struct {
		Patients []struct {
			ID string `json:"patient_id"`
		} `json:"patients"`
	}
	c.must(http.MethodGet, "/v1/me", nil, &me)
	var in struct {
		ID      string         `json:"intake_id"`
		Etag    string         `json:"etag"`
		Answers map[string]any `json:"answers"`
	}
	c.must(http.MethodPost, "/v1/intakes", m{"patient_id": me.Patients[0].ID}, &in)
	answers := usualAnswers(t)
	c.must(http.MethodPatch, "/v1/intakes/"+in.ID, m{"answers": answers, "etag": in.Etag}, &in)
	var form struct {
		Items []struct {
			ID, Type string
			Min, Max string
		} `json:"items"`
	}
	c.must(http.MethodGet, "/v1/questionnaires/upright-intake", nil, &form)
	tried := 0
	for _, q := range form.Items {
		wrong := []any{m{"a": 1}, []any{m{}}, []any{1}}
		switch q.Type {
		case "int":
			most, _ := strconv.ParseFloat(q.Max, 64)
			wrong = append(wrong, "text", true, []any{"x"}, 1.5, -1e9, most+1)
		case "choice":
			wrong = append(wrong, "no_such_option", 7, []any{"no"}, "")
		case "multi":
			wrong = append(wrong, "text", 7, true, []any{"no_such_option"})
		}
		for _, v := range wrong {
			tried++
			err := c.call(t.Context(), http.MethodPatch, "/v1/intakes/"+in.ID, m{"answers": m{q.ID: v}, "etag": in.Etag}, nil)
			if bad, ok := err.(*problem); !ok || bad.Status != http.StatusBadRequest || bad.Reason != "INVALID_ARGUMENT" { //nolint:errorlint // call returns it as it is
				t.Errorf("%s = %v: %v", q.ID, v, err)
			}
		}
	}
	kept := in.Answers
	c.must(http.MethodGet, "/v1/intakes/"+in.ID, nil, &in)
	if len(form.Items) < 80 || fmt.Sprint(kept) != fmt.Sprint(in.Answers) {
		t.Errorf("%d questions; the answers changed", len(form.Items))
	}
	t.Logf("%d wrong answers to %d questions, each refused", tried, len(form.Items))
}
