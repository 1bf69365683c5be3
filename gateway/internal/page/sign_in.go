package page

import (
	"net/http"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// home sends everybody where their work begins.
func (c *call) homeOf(roles []typev1.Role) string {
	for _, r := range roles {
		switch r {
		case typev1.Role_ROLE_RECEPTIONIST:
			return "/staff/day"
		case typev1.Role_ROLE_CLINICIAN:
			return "/staff/day?mine=1"
		case typev1.Role_ROLE_PATIENT:
			return "/me"
		case typev1.Role_ROLE_UNSPECIFIED, typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER:
		}
	}
	return ""
}

// home is the front door: the page where somebody's work begins, or who this is.
func (s *Site) home(c *call) error {
	if c.x.Session != nil && c.x.Session.Form != "" {
		return c.redirect("/intake/" + c.x.Session.Form)
	}
	if to := c.homeOf(c.who().Roles); to != "" {
		return c.redirect(to)
	}
	return c.show("home", c.view(c.cat.T("home.title"), nil))
}

// signInPage is what the sign-in page shows.
type signInPage struct {
	Next, Clinic string
	Fields       []Field
	Kept         []pair
}

// signInView makes the sign-in page; the password is never shown again.
func (c *call) signInView(w *wrongs) *view {
	email := c.input(w, "email", "email", "sign_in.email")
	email.Autocomplete = "username"
	password := c.input(w, "password", "password", "sign_in.password")
	password.Autocomplete, password.Value = "current-password", ""
	return c.view(c.cat.T("sign_in.title"), &signInPage{
		Next: local(c.either("next"), ""), Clinic: c.either("clinic"), Fields: []Field{email, password},
	})
}

// signInForm shows the sign-in page, or goes on when somebody is signed in already.
func (s *Site) signInForm(c *call) error {
	if c.x.Session != nil {
		return c.redirect(local(c.query("next"), "/"))
	}
	return c.show("sign_in", c.signInView(nil))
}

// signIn begins a session. A form that was waiting is shown once more, to be sent with one
// press: the password must not travel on to another page.
func (s *Site) signIn(c *call) error {
	w := c.wrongs()
	w.need("email", c.form("email"), "sign_in.need_email")
	w.need("password", c.r.PostForm.Get("password"), "sign_in.need_password")
	if w.any() {
		return c.signInAgain(w)
	}
	got, err := s.clients.accounts.SignIn(c.ctx(), &directoryv1.SignInRequest{
		Email: c.form("email"), Password: c.r.PostForm.Get("password"), Clinic: c.form("clinic"),
	})
	if err != nil {
		if fault.IsKind(err, fault.Unauthenticated) { // a wrong password; there was no session yet
			w.list = append(w.list, mistake{Field: "email", Text: c.cat.T("reason.SIGN_IN_FAILED")})
			w.refuse = fault.From(err)
			return c.signInAgain(w)
		}
		if w.refused(err, nil) {
			return c.signInAgain(w)
		}
		return err
	}
	if c.x.Token != "" {
		s.cfg.Sessions.Forget(c.x.Token)
	}
	s.cfg.Cookies.Set(c.w.Header(), got.GetToken())
	next := local(c.form("next"), "/")
	if kept := c.kept(keepPrefix); len(kept) > 0 {
		return c.show("resume", c.view(c.cat.T("resume.title"), &signInPage{Next: next, Kept: kept}))
	}
	return c.redirect(next)
}

// signInAgain shows the sign-in page with what is wrong.
func (c *call) signInAgain(w *wrongs) error {
	v := c.signInView(w)
	if d, ok := v.D.(*signInPage); ok {
		d.Kept = c.kept(keepPrefix)
	}
	return c.again("sign_in", v, w)
}

// signOutForm asks once more, for a link to it: a page that is only looked at must not
// sign anybody out.
func (s *Site) signOutForm(c *call) error {
	return c.show("sign_out", c.view(c.cat.T("sign_out.title"), nil))
}

// signOut ends the session, here at once and everywhere else within a second. What the
// browser kept of this site is cleared.
func (s *Site) signOut(c *call) error {
	if c.x.Session != nil && c.x.Session.Form != "" {
		_, err := s.clients.forms.CloseFormSession(authn.WithService(c.ctx(), "gateway", ""), &intakev1.CloseFormSessionRequest{Token: c.x.Token})
		if err != nil {
			return err
		}
		s.cfg.Sessions.Forget(c.x.Token)
	} else if c.x.Session != nil {
		if _, err := s.clients.accounts.SignOut(c.ctx(), &directoryv1.SignOutRequest{RequestId: c.requestID()}); err != nil {
			return err
		}
		s.cfg.Sessions.Forget(c.x.Token)
	}
	s.cfg.Cookies.Clear(c.w.Header())
	c.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	http.Redirect(c.w, c.r, "/sign-in?done=signed_out", http.StatusSeeOther)
	return nil
}
