package main

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/gateway"
)

// tours are the people who walk through the clinic's pages on a phone without JavaScript, and
// where each begins. The rest they find by the links that the pages give them.
var tours = []struct {
	name, role, language string
	// form is true when the patient begins a form first; {intake} is that form.
	form bool
	// from are the first addresses; {patient} is the demo's patient who has an account and a
	// plan.
	from []string
}{
	{name: "a stranger", from: []string{"/", "/c/demo", "/c/demo/register", "/sign-in", "/sign-in?done=signed_out", "/sign-in?next=/me&clinic=demo", "/sign-out", "/docs", "/docs/PatientService", "/f", "/l/nothing"}},
	{name: "a patient", role: "patient", from: []string{"/me", "/me/book", "/me/diary", "/me/programme", "/me/check-in", "/intake", "/sign-out"}},
	{name: "a patient in Arabic", role: "patient", language: "ar", from: []string{"/me", "/me/book", "/me/diary", "/me/programme", "/me/measures", "/me/medicines", "/intake", "/sign-in", "/nowhere"}},
	{name: "a patient with a form", role: "patient", form: true, from: []string{"/intake/{intake}", "/intake/{intake}/page/now", "/intake/{intake}/check", "/intake/{intake}/consent", "/intake/{intake}/pictures", "/intake/{intake}/who"}},
	{name: "reception", role: "reception", from: []string{"/staff/day", "/staff/day?view=table", "/staff/patients/{patient}", "/staff/book", "/staff/course?patient={patient}", "/staff/patients/new", "/staff/tasks", "/nowhere", "/me", "/staff/rules"}},
	{name: "a physiotherapist", role: "physio", from: []string{"/staff/day?mine=1", "/staff/patients/{patient}", "/staff/patients/{patient}/notes", "/staff/patients/{patient}/outcomes/new?instrument=NPRS", "/staff/patients/{patient}/examinations", "/staff/tasks"}},
	{name: "a physician", role: "physician", from: []string{"/staff/patients/{patient}", "/staff/patients/{patient}/surgery"}},
	{name: "an administrator", role: "admin", from: []string{"/", "/staff/rules", "/staff/reports/intake", "/admin/import"}},
}

// elsewhere are the pages that no tour comes to, and the test that looks at them.
var elsewhere = map[string]string{
	"/diary/{$}": "TestDiaryByKeyboard: it needs JavaScript",
	"/f/{token}": "TestFormOnAPhoneWithoutScripts", "/l/{link}/times": "TestBookingInABrowser", "/l/{link}/visit.ics": "a file",
	"/me/offers/{offer_id}": "TestPatientWaits", "/l/{link}/wait": "TestWaitByLink",
	"/intake/{intake_id}/stop":  "TestPagesInABrowser: an emergency answer stops the form",
	"/intake/{intake_id}/saved": "TestFormPages", "/intake/{intake_id}/pictures/{picture_id}": "a file", "/staff/intakes/{intake_id}/pictures/{picture_id}": "a file",
	"/me/appointments/{appointment_id}/visit.ics": "a file", "/staff/appointments/{appointment_id}/visit.ics": "a file", "/staff/patients/{patient_id}/diary.csv": "a file",
}

// TestEveryPage visits every page of a seeded clinic as everybody who may see it, and holds
// each against what every page owes to those who use it: see structure. axe looks at each
// page once.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "upright", "demo", "--scale", "small", "--listen", "127.0.0.1:0", "--json", "--log-level", "warn", "--address-rate=-1", "--account-rate=-1")
	patient := furnish(t, p)
	mux, left := pagePatterns(t)
	ctx := browse(t, false, 360, 740)
	for _, tour := range tours {
		t.Run(tour.name, func(t *testing.T) {
			w := walker{t: t, base: p.Address, mux: mux, left: left, ctx: ctx, been: map[string]int{}}
			do(t, w.ctx, "nobody is signed in", network.ClearBrowserCookies(), network.SetExtraHTTPHeaders(network.Headers{"Accept-Language": cmp.Or(tour.language, "en")}))
			if tour.role != "" {
				do(t, w.ctx, "sign in", signInPage(p.Address, login(t, p, tour.role)))
			}
			ids := strings.NewReplacer("{patient}", patient)
			if tour.form {
				ids = strings.NewReplacer("{intake}", beginForm(t, p, patient))
			}
			for _, from := range tour.from {
				w.visit(ids.Replace(from))
			}
			for len(w.queue) > 0 {
				next := w.queue[0]
				w.queue = w.queue[1:]
				w.visit(next)
			}
		})
	}
	for pattern := range left {
		if elsewhere[pattern] == "" {
			t.Errorf("nobody came to %s", pattern)
		}
	}
}

// furnish gives the demo's patient something of everything that has a page, and says who it is.
func furnish(t *testing.T, p *program) string {
	t.Helper()
	id := patientOf(t, p).ID
	physio := signIn(t, p.Address, login(t, p, "physio"))
	base := "/v1/patients/" + id
	physio.must(http.MethodPost, base+"/home-programmes", m{"items": []m{{"code": "COLD"}, {"code": "STAND_ROTATE"}, {"code": "ERGONOMICS"}}}, nil)
	physio.must(http.MethodPost, base+"/outcomes", m{"instrument": "NPRS", "score": 7}, nil)
	physio.must(http.MethodPost, base+"/notes", m{"discipline": "PHYSIOTHERAPY"}, nil)
	physio.must(http.MethodPost, base+"/medications", m{"drug": "ibuprofen", "dose_mg": 400}, nil)
	physio.must(http.MethodPost, base+"/doses", m{"drug": "naproxen", "dose_mg": 500}, nil)
	physio.must(http.MethodPost, base+"/examinations", m{"kind": "NEURO", "neuro": m{"strength": "ABNORMAL", "sensation": "NORMAL", "reflexes": "NORMAL"}}, nil)
	physio.must(http.MethodPost, "/v1/plan-templates", m{"template": m{
		"name": "Our own", "purpose": "A first strain.", "validity_weeks": 8, "source": "the team", "cause_codes": []string{"STRAIN"},
		"courses": []m{{"discipline": "PHYSIOTHERAPY", "sessions": 8, "weeks": 4}}, "goals": []m{{"code": "PAIN", "measure": "NPRS", "target": 2}},
	}}, nil)
	signIn(t, p.Address, login(t, p, "physician")).must(http.MethodPost, base+"/injections", injectionOn(-2), nil)
	physio.must(http.MethodPost, base+"/referrals", m{"target": "GP", "reasons": []string{"OSTEOMYELITIS"}}, nil)
	return id
}

// beginForm begins a form as the patient, and says which.
func beginForm(t *testing.T, p *program, patient string) string {
	t.Helper()
	var form struct {
		ID string `json:"intake_id"`
	}
	signIn(t, p.Address, login(t, p, "patient")).must(http.MethodPost, "/v1/intakes", m{"patient_id": patient}, &form)
	return form.ID
}

// pagePatterns are the addresses of all pages that the gateway has.
func pagePatterns(t *testing.T) (mux *http.ServeMux, patterns map[string]bool) {
	t.Helper()
	g, err := gateway.New(t.Context(), gateway.Config{}, gateway.Kit{Peer: func(string) grpc.ClientConnInterface { return (*grpc.ClientConn)(nil) }})
	if err != nil {
		t.Fatal(err)
	}
	mux, patterns = http.NewServeMux(), map[string]bool{}
	for _, path := range g.Paths() {
		if path.Method == http.MethodGet && !path.API && !strings.HasPrefix(path.Pattern, "/static/") && !strings.HasPrefix(path.Pattern, "/diary/assets/") {
			mux.Handle("GET "+path.Pattern, http.NotFoundHandler())
			patterns[path.Pattern] = true
		}
	}
	return mux, patterns
}

// walker goes through the pages by their links.
type walker struct {
	t    *testing.T
	ctx  context.Context
	base string
	mux  *http.ServeMux
	// left are the pages to which nobody came yet, been how often this one came to each.
	left  map[string]bool
	been  map[string]int
	queue []string
}

// links are where the links of the page that is open lead, on this site.
const links = `[...document.querySelectorAll('a[href]')].filter((e) => e.origin === location.origin && !e.closest('nav[aria-label="Services"]')).map((e) => e.pathname + e.search)`

// visit looks at one page and takes down where it leads.
func (w *walker) visit(path string) {
	w.t.Helper()
	kind := w.kind(path)
	if w.been[path] > 0 || kind == "" || w.been[kind] >= 2 && path != kind {
		return
	}
	w.been[path]++
	w.been[kind]++
	if strings.HasPrefix(elsewhere[kind], "a file") || kind == "/diary/{$}" {
		return
	}
	var wrong, next []string
	var at string
	do(w.t, w.ctx, path, chromedp.Navigate(w.base+path), chromedp.Evaluate(structure, &wrong), chromedp.Evaluate(links, &next), chromedp.Evaluate(`location.pathname + location.search`, &at))
	delete(w.left, kind)
	kind = w.kind(at) // it may have led to another
	for _, fault := range wrong {
		w.t.Errorf("%s: %s", path, fault)
	}
	if w.left[kind] {
		accessible(w.t, w.ctx, w.t.Name()+" "+kind)
	}
	delete(w.left, kind)
	w.queue = append(w.queue, next...)
}

// kind is the pattern that an address belongs to, "" for what is no page.
func (w *walker) kind(path string) string {
	u, err := url.Parse(path)
	if err != nil {
		w.t.Fatal(err)
	}
	_, pattern := w.mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
	return strings.TrimPrefix(pattern, "GET ")
}
