package page

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/words"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

// languageCookie holds the language that a reader chose; nothing else is in it.
const languageCookie = "language"

// languageTTL is how long a clinic's languages are kept.
const languageTTL = 10 * time.Second

type cachedLanguages struct {
	codes []string
	until time.Time
}

// languageRoutes are where a language is chosen.
func (s *Site) languageRoutes() []route.Route {
	return []route.Route{s.row("POST /language", anybody, s.languageChoose)}
}

// wish is what a reader asks for: the language chosen here before, or else what the browser
// says.
func languageWish(r *http.Request) string {
	if cookie, err := r.Cookie(languageCookie); err == nil && len(cookie.Value) <= 35 {
		return cookie.Value
	}
	return r.Header.Get("Accept-Language")
}

// speak picks the language of a page about a clinic: one that a named clinician of it has
// approved for its patients, so that nobody reads a clinical sentence that nobody checked.
// The staff's pages are in the source language.
func (c *call) speak(clinicID string) {
	if c.who().IsStaff() {
		c.cat = c.library.Match("")
		return
	}
	c.open = c.openLanguages(clinicID)
	c.cat = c.library.MatchAmong(languageWish(c.r), c.open)
}

// speakKnown is speak for a request that was refused: nothing is asked on behalf of it.
func (c *call) speakKnown(clinicID string) {
	if c.who().IsStaff() {
		c.cat = c.library.Match("")
		return
	}
	c.mu.Lock()
	c.open = c.spoken[clinicID].codes
	c.mu.Unlock()
	c.cat = c.library.MatchAmong(languageWish(c.r), c.open)
}

// openLanguages are the languages in which a clinic's patients may fill in its form. When
// that cannot be asked, it is the source language alone.
func (c *call) openLanguages(clinicID string) []string {
	now := c.cfg.Clock.Now()
	c.mu.Lock()
	had, ok := c.spoken[clinicID]
	c.mu.Unlock()
	if ok && now.Before(had.until) {
		return had.codes
	}
	// What is asked is what any patient of the clinic may know.
	ctx := authn.With(c.ctx(), authn.Principal{Subject: "visitor", ClinicID: clinicID, Roles: []typev1.Role{typev1.Role_ROLE_PATIENT}})
	got, err := c.clients.questionnaires.ListQuestionnaires(ctx, &intakev1.ListQuestionnairesRequest{})
	if err != nil || len(got.GetQuestionnaires()) == 0 {
		return []string{words.Source}
	}
	codes := got.GetQuestionnaires()[0].GetLanguages()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.spoken) > 1000 {
		clear(c.spoken)
	}
	c.spoken[clinicID] = cachedLanguages{codes: codes, until: now.Add(languageTTL)}
	return codes
}

// Tongue is one language to choose.
type Tongue struct {
	Lang, Dir, Name string
	Current         bool
}

// tongues lists the languages that the page could be in; none when there is no choice.
func (c *call) tongues() (all []Tongue) {
	for _, cat := range c.library.Catalogs() {
		if slices.Contains(c.open, cat.Lang) {
			all = append(all, Tongue{cat.Lang, cat.Dir, cat.Name, cat.Lang == c.cat.Lang})
		}
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

// languageChoose keeps the language that was chosen in this browser, and goes back.
func (s *Site) languageChoose(c *call) error {
	chosen := c.form("language")
	if slices.ContainsFunc(s.library.Catalogs(), func(cat *words.Catalog) bool { return cat.Lang == chosen }) {
		cookie := http.Cookie{ //nolint:gosec // Secure whenever browsers come over TLS
			Name: languageCookie, Value: chosen, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: s.cfg.Cookies.Secure,
			SameSite: http.SameSiteLaxMode,
		}
		c.w.Header().Add("Set-Cookie", cookie.String())
	}
	back := local(c.form("back"), "/")
	if strings.HasPrefix(back, "/language") {
		back = "/"
	}
	return c.redirect(back)
}
