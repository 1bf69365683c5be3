package page

import (
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/exchange"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// Fail answers for a page that cannot be shown, in words. Somebody who is not signed in is
// taken to the sign-in page and back; a form that was sent after the session ended is kept
// and sent again after signing in.
func (s *Site) Fail(w http.ResponseWriter, r *http.Request, f *fault.Error) {
	c := s.call(w, r)
	if c.x.Session != nil {
		c.speakKnown(c.who().ClinicID)
	}
	problem.SetHeaders(w.Header(), f)
	if f.Kind == fault.Internal {
		s.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "page failed",
			slog.String("route", exchange.From(r.Context()).Route), slog.String("reason", f.Reason), slog.String("cause", causeOf(f)))
	}
	if f.Kind == fault.Unauthenticated {
		w.Header().Del("WWW-Authenticate") // browsers would show a dialog of their own
		c.x.Session = nil
		if err := c.signInFirst(); err == nil {
			return
		}
	}
	status := problem.Status(f)
	key := "error." + f.Reason
	if !c.cat.Has(key + ".title") {
		key = "error.kind." + f.Kind.String()
	}
	if !c.cat.Has(key + ".title") {
		key = "error.other"
	}
	v := c.view(c.cat.T(key+".title"), errorPage{Text: c.cat.T(key + ".text"), RequestID: c.x.RequestID})
	v.Errors = nil
	if err := c.showStatus(status, "error", v); err != nil {
		s.cfg.Log.LogAttrs(r.Context(), slog.LevelError, "error page failed", slog.String("cause", telemetry.Scrub(err.Error())))
		http.Error(w, c.cat.T(key+".title"), status)
	}
}

// causeOf is the private cause of a fault, without values: an error of a template may name
// what it was to show.
func causeOf(f *fault.Error) string {
	if cause := f.Unwrap(); cause != nil {
		return telemetry.Scrub(cause.Error())
	}
	return ""
}

// errorPage is what the error page shows.
type errorPage struct{ Text, RequestID string }

// signInFirst takes somebody who is not signed in to the sign-in page.
func (c *call) signInFirst() error {
	if c.r.Method == http.MethodGet || c.r.Method == http.MethodHead {
		return c.redirect(address("/sign-in", "next", local(c.r.URL.RequestURI(), "/")))
	}
	if err := c.read(); err != nil {
		return err
	}
	v := c.signInView(nil)
	v.Errors = []mistake{{Text: c.cat.T("sign_in.ended")}}
	d, ok := v.D.(*signInPage)
	if !ok {
		return fault.From(nil)
	}
	d.Next = local(c.r.URL.RequestURI(), "/")
	d.Kept = c.kept("")
	return c.showStatus(http.StatusUnauthorized, "sign_in", v)
}

// keepPrefix marks the fields of a form that waits for its sender to sign in.
const keepPrefix = "keep."

// pair is a field that is kept.
type pair struct{ Name, Value string }

// kept lists the fields of the form that was sent, those with the prefix, without it. A
// password is never among them.
func (c *call) kept(prefix string) (fields []pair) {
	for _, name := range slices.Sorted(maps.Keys(c.r.PostForm)) {
		plain, ok := strings.CutPrefix(name, prefix)
		if !ok || strings.Contains(plain, "password") {
			continue
		}
		for _, value := range c.r.PostForm[name] {
			fields = append(fields, pair{plain, value})
		}
	}
	return fields
}
