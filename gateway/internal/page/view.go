package page

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"html/template"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/words"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// view is what a template gets: the language, the frame around the page, and in D what
// the page itself shows.
type view struct {
	*words.Catalog
	// Title is the page's one heading, and its title in the browser.
	Title string
	// Site is the clinic's name.
	Site string
	// Home is where the clinic's name leads.
	Home string
	// Nav are the links in the head of the page.
	Nav []link
	// SignedIn shows the way out.
	SignedIn bool
	// Wide is for lists, Narrow for everything else.
	Wide bool
	// Back leads to the page before; empty: no link.
	Back string
	// Done is a sentence about what was just done.
	Done string
	// Errors are what is wrong with a form.
	Errors []mistake
	// Alarm are the numbers to call, shown on every page of a person who needs them.
	Alarm []*directoryv1.EmergencyNumber
	// Tongues are the languages to choose from; none when there is no choice.
	Tongues []Tongue
	// Here is the address of the page, to come back to.
	Here string
	// D is the page's own.
	D any

	asset func(string) string
	path  string
}

// link is a link in the head of the page.
type link struct {
	Href, Text string
	Current    bool
}

// mistake is one line of the error summary: a sentence, and the id of the field.
type mistake struct{ Field, Text string }

// Asset is the address of a static file.
func (v *view) Asset(name string) string { return v.asset(name) }

// Nonce is the part of a form's request id that makes it another form each time it is
// shown.
func (v *view) Nonce() string { return rand.Text() }

// Tel makes a link that dials.
func (v *view) Tel(number string) template.URL { return tel(number) }

// PerWeek says how many sessions a week there are to be; 0 is no limit.
func (v *view) PerWeek(least, most int32) string {
	switch {
	case most == 0 && least == 0:
		return ""
	case most == 0:
		return v.T("per_week.least", "min", least)
	case least == 0:
		return v.T("per_week.most", "max", most)
	case least == most:
		return v.T("per_week.exact", "n", most)
	}
	return v.T("per_week.range", "min", least, "max", most)
}

// Code says a code of the services in words, such as NO_SHOW; an unknown code comes back
// in lower case.
func (v *view) Code(kind, code string) string { return say(v.Catalog, kind, code) }

// say is the text "kind.CODE", or the code made readable.
func say(c *words.Catalog, kind, code string) string {
	if code == "" {
		return ""
	}
	return c.Or(kind+"."+code, strings.ToLower(strings.ReplaceAll(code, "_", " ")))
}

// scoped is the view with something else to show.
type scoped struct {
	*view
	D any
}

// functions are what templates can call besides the view's own methods.
var functions = template.FuncMap{
	// in hands a shared part the view along with what it shows.
	"in": func(v any, d any) (scoped, error) {
		switch v := v.(type) {
		case *view:
			return scoped{v, d}, nil
		case scoped:
			return scoped{v.view, d}, nil
		}
		return scoped{}, fmt.Errorf("in: a %T is no view", v)
	},
	// dict makes a map of names and values in turns.
	"dict": func(items ...any) (map[string]any, error) {
		if len(items)%2 != 0 {
			return nil, fmt.Errorf("dict: a name without a value")
		}
		m := make(map[string]any, len(items)/2)
		for i := 0; i < len(items); i += 2 {
			m[fmt.Sprint(items[i])] = items[i+1]
		}
		return m, nil
	},
	// deref gives what a pointer to a number points to.
	"deref": func(v any) any {
		if p := reflect.ValueOf(v); p.Kind() == reflect.Pointer && !p.IsNil() {
			return p.Elem().Interface()
		}
		return v
	},
	"list": func(items ...string) []string { return items },
	"join": func(items []string) string { return strings.Join(items, ", ") },
}

// view starts a page with the frame for whoever is signed in.
func (c *call) view(title string, d any) *view {
	v := &view{
		Catalog: c.cat, Title: title, Site: "Upright", Home: "/", D: d,
		SignedIn: c.x.Session != nil && c.grant == nil, asset: c.cfg.Asset, path: c.r.URL.Path, Tongues: c.tongues(), Here: "/",
	}
	if c.r.Method == http.MethodGet && c.grant == nil && !strings.HasPrefix(v.path, secretPath) {
		v.Here = c.r.URL.RequestURI()
	}
	if v.SignedIn {
		if clinic, err := c.clinic(); err == nil {
			v.Site = clinic.GetPublicName()
		}
		v.Nav = c.nav()
	}
	if c.grant != nil {
		if clinic, err := c.clinic(); err == nil {
			v.Site, v.Home = clinic.GetPublicName(), "/c/"+clinic.GetSlug()
		}
	}
	if done := c.query("done"); done != "" {
		v.Done = c.cat.Or("done."+done, "")
	}
	if reason := c.query("problem"); reason != "" {
		v.Errors = append(v.Errors, mistake{Text: c.cat.Or("reason."+reason, c.cat.T("reason.other"))})
	}
	return v
}

// nav lists where the person can go.
func (c *call) nav() []link {
	var links []link
	add := func(href, key string) {
		current := c.r.URL.Path == href || (href != "/me" && strings.HasPrefix(c.r.URL.Path, href+"/"))
		links = append(links, link{Href: href, Text: c.cat.T(key), Current: current})
	}
	if c.x.Session != nil && c.x.Session.Form != "" {
		return nil
	}
	if c.is(typev1.Role_ROLE_PATIENT) {
		add("/me", "nav.me")
		add("/me/book", "nav.book")
		add("/intake", "nav.intake")
	}
	if c.is(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN) {
		add("/staff/day", "nav.day")
		if c.cfg.Diary {
			add("/diary/", "nav.diary")
		}
		add("/staff/book", "nav.book")
		add("/staff/patients", "nav.patients")
		add("/staff/tasks", "nav.tasks")
		add(waitlistPath, "waitlist.nav")
		if c.cfg.Outgoing {
			add("/staff/outgoing", "nav.outgoing")
		}
	}
	if c.is(typev1.Role_ROLE_ADMIN) {
		add("/staff/rules", "nav.rules")
		add("/staff/reports/intake", "nav.report")
		add("/staff/templates", "template.nav")
		add("/staff/medicine-rules", "medicine_rule.nav")
		add(importPath, "import.nav")
		add(policyPath, "policy.nav")
		add(holidaysPath, "holidays.nav")
	}
	return links
}

// show answers with a page.
func (c *call) show(name string, v *view) error { return c.showStatus(http.StatusOK, name, v) }

// again answers with the form that was sent and what is wrong with it. What was typed is
// kept.
func (c *call) again(name string, v *view, wrong *wrongs) error {
	v.Errors = append(v.Errors, wrong.list...)
	return c.showStatus(wrong.status(), name, v)
}

// showStatus answers with a page and a status. The page is made in full before a byte is
// sent, so that a mistake in a template does not leave half of one.
func (c *call) showStatus(status int, name string, v *view) error {
	pages := c.pages
	if c.cfg.Reload {
		fresh, err := parse(c.cfg.Files)
		if err != nil {
			return err
		}
		pages = fresh
	}
	t, err := pages.get(name)
	if err != nil {
		return err
	}
	var body bytes.Buffer
	if err := t.ExecuteTemplate(&body, "layout", v); err != nil {
		return fmt.Errorf("page %s: %w", name, err)
	}
	h := c.w.Header()
	h["Content-Type"] = []string{"text/html; charset=utf-8"}
	h["Content-Length"] = []string{strconv.Itoa(body.Len())}
	h["Content-Language"] = []string{v.Lang}
	h["Vary"] = []string{"Accept-Language, Cookie"}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body.Bytes()) // a client that went away is no failure of ours
	return nil
}
