package page

import (
	"slices"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// publicClinic returns what a clinic shows to everybody.
func (c *call) publicClinic() (*directoryv1.Clinic, error) {
	got, err := c.clients.places.GetClinicBySlug(c.ctx(), &directoryv1.GetClinicBySlugRequest{Slug: c.path("clinic")})
	if fault.IsKind(err, fault.InvalidArgument) {
		return nil, fault.NotFoundf("clinic") // no clinic has such a name
	}
	if err == nil {
		c.speak(got.GetClinic().GetClinicId())
	}
	return got.GetClinic(), err
}

// clinicView starts a page of a clinic that need not be the visitor's own.
func (c *call) clinicView(title string, clinic *directoryv1.Clinic, d any) *view {
	v := c.view(title, d)
	v.Site, v.Home = clinic.GetPublicName(), "/c/"+clinic.GetSlug()
	return v
}

// clinicPage is a clinic's public page: what to do in an emergency first.
func (s *Site) clinicPage(c *call) error {
	clinic, err := c.publicClinic()
	if err != nil {
		return err
	}
	d := struct {
		Clinic          *directoryv1.Clinic
		Numbers, Others []*directoryv1.EmergencyNumber
	}{clinic, numbers(clinic, "EMERGENCY"), nil}
	for _, n := range clinic.GetEmergencyNumbers() {
		if !slices.Contains(d.Numbers, n) {
			d.Others = append(d.Others, n)
		}
	}
	return c.show("clinic", c.clinicView(clinic.GetPublicName(), clinic, d))
}

// numbers lists a clinic's numbers to call of some kinds, in the order of the kinds; when
// it has none of them, all that it has.
func numbers(clinic *directoryv1.Clinic, kinds ...string) (found []*directoryv1.EmergencyNumber) {
	for _, kind := range kinds {
		for _, n := range clinic.GetEmergencyNumbers() {
			if n.GetKind() == kind {
				found = append(found, n)
			}
		}
	}
	if len(found) == 0 {
		return clinic.GetEmergencyNumbers()
	}
	return found
}

// registerPage is what the registration page shows.
type registerPage struct {
	Clinic *directoryv1.Clinic
	Fields []Field
}

// registerView makes the registration page.
func (c *call) registerView(w *wrongs, clinic *directoryv1.Clinic) *view {
	field := func(kind, name, auto string) Field {
		f := c.input(w, kind, name, "register."+name)
		f.Autocomplete = auto
		return f
	}
	birth := field("date3", "birth_date", "bday")
	birth.Values = c.date3Values("birth_date")
	phone := field("tel", "phone", "tel")
	phone.Optional = true
	password := field("password", "password", "new-password")
	password.Value = ""
	return c.clinicView(c.cat.T("register.title"), clinic, registerPage{Clinic: clinic, Fields: []Field{
		field("text", "given_name", "given-name"), field("text", "family_name", "family-name"), birth,
		field("email", "email", "email"), phone, password,
	}})
}

// registerForm shows the registration page.
func (s *Site) registerForm(c *call) error {
	clinic, err := c.publicClinic()
	if err != nil {
		return err
	}
	return c.show("register", c.registerView(nil, clinic))
}

// register makes the record and the account, and signs in with them. The answer is the
// same whether or not the person was known before.
func (s *Site) register(c *call) error {
	clinic, err := c.publicClinic()
	if err != nil {
		return err
	}
	w := c.wrongs()
	for _, name := range []string{"given_name", "family_name", "email"} {
		w.need(name, c.form(name), "register.need_"+name)
	}
	birth := c.date3(w, "birth_date", "register.need_birth_date")
	w.need("password", c.r.PostForm.Get("password"), "register.need_password")
	if w.any() {
		return c.again("register", c.registerView(w, clinic), w)
	}
	_, err = s.clients.patients.RegisterPatient(c.ctx(), &directoryv1.RegisterPatientRequest{
		RequestId: c.requestID(), Clinic: clinic.GetSlug(),
		GivenName: c.form("given_name"), FamilyName: c.form("family_name"), BirthDate: birth,
		Phone: c.form("phone"), Email: c.form("email"), Password: c.r.PostForm.Get("password"), Language: c.cat.Lang,
	})
	if err != nil {
		if w.refused(err, nil) {
			return c.again("register", c.registerView(w, clinic), w)
		}
		return err
	}
	got, err := s.clients.accounts.SignIn(c.ctx(), &directoryv1.SignInRequest{
		Email: c.form("email"), Password: c.r.PostForm.Get("password"), Clinic: clinic.GetSlug(),
	})
	if err != nil { // the address has another account here: nobody is told which
		return c.redirect("/sign-in?done=registered")
	}
	s.cfg.Cookies.Set(c.w.Header(), got.GetToken())
	return c.redirect("/intake?done=registered")
}
