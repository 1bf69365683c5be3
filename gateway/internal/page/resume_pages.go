package page

import (
	"net/http"
	"strings"
	"time"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	// secretPath begins the address of a link; its secret follows, and is taken out of the
	// address at once.
	secretPath = "/f/"
	// linkCookie holds the secret of a link until its patient has said who it is.
	linkCookie = "form_link"
	// linkCookieLife is how long that may take.
	linkCookieLife = 30 * time.Minute
)

// resumeLink takes the secret of a link out of the address, so that it is in no other page's
// address, in no history entry that is shared, and in no referrer.
func (s *Site) resumeLink(c *call) error {
	s.setLink(c, c.path("token"), int(linkCookieLife.Seconds()))
	return c.redirect("/f")
}

func (s *Site) setLink(c *call, token string, age int) {
	cookie := http.Cookie{ //nolint:gosec // Secure whenever browsers come over TLS
		Name: linkCookie, Value: token, Path: "/f", MaxAge: age, HttpOnly: true, Secure: s.cfg.Cookies.Secure, SameSite: http.SameSiteLaxMode,
	}
	c.w.Header().Add("Set-Cookie", cookie.String())
}

// resumePage asks who opens a link.
type resumePage struct{ Fields []Field }

func (c *call) resumeView(w *wrongs) *view {
	name := c.input(w, "text", "family_name", "register.family_name")
	name.Autocomplete = "family-name"
	birth := c.input(w, "date3", "birth_date", "register.birth_date")
	birth.Autocomplete, birth.Values = "bday", c.date3Values("birth_date")
	return c.view(c.cat.T("link.title"), resumePage{Fields: []Field{name, birth}})
}

// resumeForm asks who opens a link. It says nothing about whether the link is good.
func (s *Site) resumeForm(c *call) error { return c.show("link", c.resumeView(nil)) }

// resumeOpen begins a session for the one form, or says that something is not right, and
// always in the same words.
func (s *Site) resumeOpen(c *call) error {
	w := c.wrongs()
	w.need("family_name", c.form("family_name"), "register.need_family_name")
	birth := c.date3(w, "birth_date", "register.need_birth_date")
	if w.any() {
		return c.again("link", c.resumeView(w), w)
	}
	token := ""
	if cookie, err := c.r.Cookie(linkCookie); err == nil && len(cookie.Value) <= 128 {
		token = cookie.Value
	}
	got, err := s.clients.forms.OpenResumeLink(authn.WithService(c.ctx(), "gateway", ""), &intakev1.OpenResumeLinkRequest{
		Token: token, FamilyName: c.form("family_name"), BirthDate: birth,
	})
	if err != nil {
		if f := fault.From(err); f.Reason == "RESUME_REFUSED" {
			w.refuse = f
			w.list = append(w.list, mistake{Field: "family_name", Text: c.cat.T("reason.RESUME_REFUSED")})
			return c.again("link", c.resumeView(w), w)
		}
		if w.refused(err, nil) {
			return c.again("link", c.resumeView(w), w)
		}
		return err
	}
	if c.x.Token != "" {
		s.cfg.Sessions.Forget(c.x.Token)
	}
	s.setLink(c, "", -1)
	s.cfg.Cookies.Set(c.w.Header(), got.GetSessionToken())
	return c.redirect("/intake/" + got.GetIntakeId())
}

// later makes a link to go on with, which is sent to the patient, and says so.
func (c *call) later(f *form) error {
	_, err := c.clients.forms.CreateResumeLink(c.ctx(), &intakev1.CreateResumeLinkRequest{IntakeId: f.GetIntakeId(), RequestId: c.requestID()})
	if err != nil {
		return err
	}
	if c.x.Session.Form != "" {
		return c.redirect(f.url("saved"))
	}
	return c.redirect("/me?done=intake_saved")
}

// saved says that the answers are kept and a link is on its way.
func (s *Site) saved(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	v := c.view(c.cat.T("saved.title"), f)
	return c.show("saved", v)
}

// outgoingPage lists messages that wait.
type outgoingPage struct{ Messages []outgoingMessage }

// outgoingMessage is a message with the words that it will have.
type outgoingMessage struct {
	*intakev1.OutgoingMessage
	Patient string
}

// outgoing shows the messages that wait, in a demonstration where nothing is sent.
func (s *Site) outgoing(c *call) error {
	ctx := authn.WithService(c.ctx(), "gateway", c.who().ClinicID)
	got, err := s.clients.forms.ListOutgoingMessages(ctx, &intakev1.ListOutgoingMessagesRequest{ClinicId: c.who().ClinicID})
	if err != nil {
		return err
	}
	d := outgoingPage{}
	ids := make([]string, 0, len(got.GetMessages()))
	for _, m := range got.GetMessages() {
		ids = append(ids, m.GetPatientId())
	}
	names, err := c.patientNames(ids)
	if err != nil {
		return err
	}
	for _, m := range got.GetMessages() {
		if strings.HasPrefix(m.GetLink(), secretPath) {
			d.Messages = append(d.Messages, outgoingMessage{m, patientName(names[m.GetPatientId()])})
		}
	}
	v := c.view(c.cat.T("outgoing.title"), d)
	v.Wide = true
	return c.show("outgoing", v)
}
