package page

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/exchange"
	"github.com/upright-clinic/upright/gateway/internal/pass"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/words"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// call is one request for a page.
type call struct {
	*Site
	w   http.ResponseWriter
	r   *http.Request
	x   *exchange.Exchange
	cat *words.Catalog
	// grant is the link that opened the page, and acting whoever it lets act; nil when
	// somebody is signed in or nobody is.
	grant  *pass.Grant
	acting authn.Principal
	// open are the languages that the page could be in.
	open []string
}

func (s *Site) call(w http.ResponseWriter, r *http.Request) *call {
	return &call{Site: s, w: w, r: r, x: exchange.From(r.Context()), cat: s.library.Match(languageWish(r))}
}

// read takes in the form of a POST.
func (c *call) read() error {
	if c.r.Method != http.MethodPost {
		return nil
	}
	kind, _, _ := strings.Cut(c.r.Header.Get("Content-Type"), ";")
	if kind == "multipart/form-data" && c.x.Route == uploadPattern {
		return c.readUpload()
	}
	if kind == "multipart/form-data" && slices.Contains([]string{importPath, holidaysPath}, c.r.URL.Path) {
		return c.readFile()
	}
	if kind != "application/x-www-form-urlencoded" && c.r.ContentLength != 0 {
		return fault.New(fault.InvalidArgument, problem.ReasonUnsupportedMedia, "this page takes forms")
	}
	if err := c.r.ParseForm(); err != nil {
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return problem.BodyTooLarge(tooLarge.Limit)
		}
		return fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the form did not arrive in full").Because(err)
	}
	return nil
}

// ctx is the context of calls to services.
func (c *call) ctx() context.Context { return c.r.Context() }

// who is the person who is signed in, or whoever acts by the link that opened the page; a
// zero principal when there is neither.
func (c *call) who() authn.Principal {
	if c.grant != nil {
		return c.acting
	}
	if c.x.Session == nil {
		return authn.Principal{}
	}
	return c.x.Session.Principal
}

// is reports whether the person has one of the roles.
func (c *call) is(roles ...typev1.Role) bool { return c.who().Is(roles...) }

// clinician reports whether the person treats patients.
func (c *call) clinician() bool { return c.is(typev1.Role_ROLE_CLINICIAN) }

// physician reports whether the person may record what only physicians give.
func (c *call) physician() bool {
	return c.clinician() && c.who().Profession == typev1.Profession_PROFESSION_PHYSICIAN
}

// path returns a part of the path by its name.
func (c *call) path(name string) string { return c.r.PathValue(name) }

// query returns a parameter of the address.
func (c *call) query(name string) string { return c.r.URL.Query().Get(name) }

// form returns a field of the form that was sent, without the space around it.
func (c *call) form(name string) string { return strings.TrimSpace(c.r.PostForm.Get(name)) }

// forms returns every value of a field.
func (c *call) forms(name string) []string { return c.r.PostForm[name] }

// either returns a value from the form, or else from the address.
func (c *call) either(name string) string {
	if v := c.form(name); v != "" {
		return v
	}
	return c.query(name)
}

// requestID is the same for the same form with the same content, and for no other: a form
// that is sent twice is done once, and one that was changed is not taken for a retry. The
// form's own part is a number drawn when it was shown.
func (c *call) requestID() string {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.r.PostForm)) {
		for _, value := range c.r.PostForm[name] {
			h.Write([]byte(url.QueryEscape(name) + "=" + url.QueryEscape(value) + "&"))
		}
	}
	h.Write([]byte(c.r.URL.Path))
	return "page-" + hex.EncodeToString(h.Sum(nil)[:24])
}

// redirect sends the browser to a page with GET.
func (c *call) redirect(to string) error {
	http.Redirect(c.w, c.r, to, http.StatusSeeOther) //nolint:gosec // paths of ours, or checked by localPath
	return nil
}

// local returns an address of this site that a request asks to go to, or the fallback:
// never another site's.
func local(to, fallback string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(to, "//") ||
		strings.ContainsAny(to, "\\\r\n\t") {
		return fallback
	}
	return to
}

// address makes an address of a path and the parameters that are not empty, which are
// names and values in turns.
func address(path string, params ...string) string {
	q := url.Values{}
	for i := 0; i+1 < len(params); i += 2 {
		if params[i+1] != "" {
			q.Set(params[i], params[i+1])
		}
	}
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// clinicTTL is how long a clinic's settings are kept: name, zone, numbers to call.
const clinicTTL = 10 * time.Second

type cachedClinic struct {
	clinic *directoryv1.Clinic
	until  time.Time
}

// clinic returns the clinic of the person who is signed in.
func (c *call) clinic() (*directoryv1.Clinic, error) {
	id := c.who().ClinicID
	now := c.cfg.Clock.Now()
	c.mu.Lock()
	had, ok := c.clinics[id]
	c.mu.Unlock()
	if ok && now.Before(had.until) {
		return had.clinic, nil
	}
	got, err := c.clients.places.GetClinic(c.ctx(), &directoryv1.GetClinicRequest{})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.clinics) > 1000 {
		clear(c.clinics)
	}
	c.clinics[id] = cachedClinic{clinic: got.GetClinic(), until: now.Add(clinicTTL)}
	return got.GetClinic(), nil
}

// today is the civil date at the clinic.
func (c *call) today(clinic *directoryv1.Clinic) civil.Date {
	return civil.Of(c.cfg.Clock.Now(), c.zone(clinic.GetTimeZone()))
}

// date reads a civil date, or returns the fallback.
func date(s string, fallback civil.Date) civil.Date {
	d, err := civil.Parse(s)
	if err != nil {
		return fallback
	}
	return d
}

// tel makes a link that dials a number. html/template does not know the scheme, so the
// number is reduced to what a number may have.
func tel(number string) template.URL {
	return template.URL("tel:" + strings.Map(func(r rune) rune { //nolint:gosec // digits and plus only
		if (r >= '0' && r <= '9') || r == '+' {
			return r
		}
		return -1
	}, number))
}

// split takes "METHOD /path" apart.
func split(pattern string) (method, path string) {
	method, path, _ = strings.Cut(pattern, " ")
	return method, path
}

// faultOf is the fault of an error of a handler.
func faultOf(err error) *fault.Error { return fault.From(err) }

// withParam sets one parameter of an address of this site, in place of what an earlier
// page may have left there.
func withParam(to, name, value string) string {
	u, err := url.Parse(to)
	if err != nil {
		return to
	}
	q := u.Query()
	q.Del("done")
	q.Del("problem")
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
