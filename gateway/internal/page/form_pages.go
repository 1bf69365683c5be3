package page

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// uploadPattern is the one path that takes a file; maxUpload bounds the request, a little
// more than the largest picture.
const (
	uploadPattern = "/intake/{intake_id}/pictures"
	maxUpload     = 8<<20 + 64<<10
)

// formRoutes are what belongs to a form besides its topics.
func (s *Site) formRoutes() []route.Route {
	upload := s.row("POST "+uploadPattern, filling, s.pictureAdd)
	upload.Body = maxUpload
	rows := []route.Route{
		upload,
		s.row("GET "+uploadPattern, filling, s.pictures),
		s.row("GET /intake/{intake_id}/pictures/{picture_id}", filling, s.picture),
		s.row("POST /intake/{intake_id}/pictures/{picture_id}/delete", filling, s.pictureDelete),
		s.row("GET /staff/intakes/{intake_id}/pictures/{picture_id}", treating, s.picture),
		s.row("GET /intake/{intake_id}/who", filling, s.who),
		s.row("POST /intake/{intake_id}/who", filling, s.whoSave),
		s.row("GET /intake/{intake_id}/saved", filling, s.saved),
		s.row("GET /intake/{intake_id}/consent", filling, s.consents),
		s.row("POST /intake/{intake_id}/consent", filling, s.consentSign),
		s.row("GET "+secretPath+"{token}", anybody, s.resumeLink),
		s.row("GET /f", anybody, s.resumeForm),
		s.strict("POST /f", s.resumeOpen),
	}
	if s.cfg.Outgoing {
		rows = append(rows, s.row("GET /staff/outgoing", desk, s.outgoing))
	}
	return rows
}

// relations are who may fill a form in for a patient.
var relations = []string{"PARENT", "GUARDIAN", "CARER", "RELATIVE", "INTERPRETER", "OTHER"}

// whoPage asks who fills the form in.
type whoPage struct {
	*form
	Fields []Field
}

// writerFields ask for name and relation of somebody who fills a form in for a patient.
func (c *call) writerFields(w *wrongs, now *intakev1.Writer) []Field {
	name := c.input(w, "text", "writer_name", "who.name")
	relation := c.input(w, "select", "writer_relation", "who.relation")
	name.Autocomplete = "name"
	if w == nil {
		name.Value, relation.Value = now.GetName(), now.GetRelation()
	}
	relation.Options = []Option{{Value: "", Label: c.cat.T("who.choose")}}
	for _, r := range relations {
		relation.Options = append(relation.Options, Option{Value: r, Label: c.cat.T("relation." + r)})
	}
	return []Field{name, relation}
}

func (c *call) whoView(f *form, w *wrongs) *view {
	v := c.view(c.cat.T("who.title"), whoPage{form: f, Fields: c.writerFields(w, f.GetWriter())})
	v.Back = f.resume()
	return v
}

// who asks who fills the form in.
func (s *Site) who(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	return c.show("who", c.whoView(f, nil))
}

// whoSave keeps who fills the form in from now on.
func (s *Site) whoSave(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	w := c.wrongs()
	relation := c.form("writer_relation")
	if c.form("self") != "" {
		relation = "SELF"
	} else {
		w.need("writer_name", c.form("writer_name"), "who.need_name")
		if !slices.Contains(relations, relation) {
			w.field("writer_relation", c.cat.T("who.need_relation"))
		}
	}
	if w.any() {
		return c.again("who", c.whoView(f, w), w)
	}
	_, err = s.clients.forms.SetWriter(c.ctx(), &intakev1.SetWriterRequest{
		IntakeId: f.GetIntakeId(), Name: c.form("writer_name"), Relation: relation, RequestId: c.requestID(),
	})
	if err != nil {
		if w.refused(err, nil) {
			return c.again("who", c.whoView(f, w), w)
		}
		return err
	}
	return c.redirect(f.resume())
}

// startWriter keeps who fills in a form that was just started: what the start page was told,
// or else what the account is to the patient.
func (c *call) startWriter(intakeID, patientID string) error {
	name, relation := c.form("writer_name"), c.form("writer_relation")
	if name == "" || !slices.Contains(relations, relation) {
		name, relation = c.proxyWriter(patientID)
	}
	if name == "" {
		return nil
	}
	_, err := c.clients.forms.SetWriter(c.ctx(), &intakev1.SetWriterRequest{
		IntakeId: intakeID, Name: name, Relation: relation, RequestId: c.requestID(),
	})
	return err
}

// proxyWriter is who the account is, when it acts for the patient; empty for the patient's
// own.
func (c *call) proxyWriter(patientID string) (name, relation string) {
	got, err := c.clients.accounts.GetMe(c.ctx(), &directoryv1.GetMeRequest{})
	if err != nil {
		return "", ""
	}
	for _, p := range got.GetPatients() {
		switch {
		case p.GetRelation() == "SELF":
			name = p.GetDisplayName()
		case p.GetPatientId() != patientID:
		case slices.Contains(relations, p.GetRelation()):
			relation = p.GetRelation()
		default:
			relation = "OTHER"
		}
	}
	if relation == "" || name == "" {
		return "", ""
	}
	return name, relation
}

// consentPage shows the texts to agree to.
type consentPage struct {
	*form
	Consents []*intakev1.Consent
	Open     bool
	Name     Field
	Error    string
}

// consentsOf reads the texts in force, and whether one is not signed yet.
func (c *call) consentsOf(f *form) (all []*intakev1.Consent, open bool, err error) {
	got, err := c.clients.forms.ListConsents(c.ctx(), &intakev1.ListConsentsRequest{IntakeId: f.GetIntakeId(), LanguageCode: c.cat.Lang})
	if err != nil {
		return nil, false, err
	}
	open = slices.ContainsFunc(got.GetConsents(), func(one *intakev1.Consent) bool { return one.GetSignature() == nil })
	return got.GetConsents(), open, nil
}

func (c *call) consentView(f *form, w *wrongs) (*view, error) {
	all, open, err := c.consentsOf(f)
	if err != nil {
		return nil, err
	}
	name := c.input(w, "text", "typed_name", "consent.name")
	name.Autocomplete = "name"
	v := c.view(c.cat.T("consent.title"), consentPage{form: f, Consents: all, Open: open, Name: name, Error: w.of("agree")})
	v.Back = f.url("check")
	return v, c.alarm(v, f.GetTriage())
}

// consents shows the texts to agree to.
func (s *Site) consents(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	v, err := c.consentView(f, nil)
	if err != nil {
		return err
	}
	return c.show("consent", v)
}

// consentSign signs every text that was shown, with the name that was typed.
func (s *Site) consentSign(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	w := c.wrongs()
	if c.form("agree") == "" {
		w.field("agree", c.cat.T("consent.need_agree"))
	}
	w.need("typed_name", c.form("typed_name"), "consent.need_name")
	for i, shown := range c.forms("consent") {
		if w.any() {
			break
		}
		id, rest, _ := strings.Cut(shown, "@")
		version, hash, _ := strings.Cut(rest, "@")
		n, _ := strconv.ParseInt(version, 10, 64)
		_, err := s.clients.forms.SignConsent(c.ctx(), &intakev1.SignConsentRequest{
			IntakeId: f.GetIntakeId(), ConsentId: id, Version: n, TextHash: hash, LanguageCode: c.cat.Lang, TypedName: c.form("typed_name"),
			RequestId: c.requestID() + "-" + strconv.Itoa(i),
		})
		if err != nil && !w.refused(err, nil) {
			return err
		}
	}
	if w.any() {
		v, err := c.consentView(f, w)
		if err != nil {
			return err
		}
		return c.again("consent", v, w)
	}
	return c.redirect(f.url("check"))
}

// picturesPage lists the pictures of a form.
type picturesPage struct {
	*form
	Pictures []*intakev1.Picture
	Kinds    []Option
	Error    string
	Return   string
}

func (c *call) picturesView(f *form, w *wrongs) (*view, error) {
	got, err := c.clients.forms.ListPictures(c.ctx(), &intakev1.ListPicturesRequest{IntakeId: f.GetIntakeId()})
	if err != nil {
		return nil, err
	}
	d := picturesPage{form: f, Pictures: got.GetPictures(), Error: w.of("picture"), Return: f.resume()}
	if _, _, err := f.page(c.either("return")); err == nil {
		d.Return = f.url("page/" + c.either("return"))
	}
	for _, kind := range []string{"MEDICINE", "SKIN", "LETTER", "OTHER"} {
		d.Kinds = append(d.Kinds, Option{Value: kind, Label: c.cat.T("picture_kind." + kind)})
	}
	v := c.view(c.cat.T("pictures.title"), d)
	v.Back = d.Return
	return v, c.alarm(v, f.GetTriage())
}

// pictures lists the pictures of a form, with a way to add one.
func (s *Site) pictures(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	v, err := c.picturesView(f, nil)
	if err != nil {
		return err
	}
	return c.show("pictures", v)
}

// readUpload takes in a form with a file, all of it in memory: nothing of a patient is left
// in a folder for temporary files.
func (c *call) readUpload() error {
	if err := c.r.ParseMultipartForm(maxUpload); err != nil { //nolint:gosec // the edge bounds the body to the row's size
		if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
			return problem.BodyTooLarge(tooLarge.Limit)
		}
		return fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the form did not arrive in full").Because(err)
	}
	return nil
}

// pictureAdd adds a picture. Its name on the patient's device is not even read.
func (s *Site) pictureAdd(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	w := c.wrongs()
	content, err := c.file("picture")
	if err != nil {
		return err
	}
	if len(content) == 0 {
		w.field("picture", c.cat.T("pictures.need"))
	} else {
		_, err = s.clients.forms.AddPicture(c.ctx(), &intakev1.AddPictureRequest{
			IntakeId: f.GetIntakeId(), Kind: c.form("kind"), Content: content, RequestId: c.requestID(),
		})
		if err != nil && !w.refused(err, map[string]string{"content": "picture"}) {
			return err
		}
	}
	if w.any() {
		v, err := c.picturesView(f, w)
		if err != nil {
			return err
		}
		return c.again("pictures", v, w)
	}
	return c.redirect(address(f.url("pictures"), "return", c.form("return"), "done", "picture_added"))
}

// file reads a file of the form; nothing when none was chosen.
func (c *call) file(name string) ([]byte, error) {
	if c.r.MultipartForm == nil {
		return nil, nil
	}
	defer c.r.MultipartForm.RemoveAll() //nolint:errcheck // all of it is in memory
	files := c.r.MultipartForm.File[name]
	if len(files) == 0 {
		return nil, nil
	}
	file, err := files[0].Open()
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // read only
	return io.ReadAll(file)
}

// pictureDelete takes a picture away again.
func (s *Site) pictureDelete(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	_, err = s.clients.forms.DeletePicture(c.ctx(), &intakev1.DeletePictureRequest{
		IntakeId: f.GetIntakeId(), PictureId: c.path("picture_id"), RequestId: c.requestID(),
	})
	if err != nil {
		return err
	}
	return c.redirect(address(f.url("pictures"), "return", c.form("return"), "done", "picture_deleted"))
}

// picture answers with a picture as a file to keep, never as something to show in this
// site: whatever is in it, no browser runs it with the rights of a page of ours.
func (s *Site) picture(c *call) error {
	if only := c.x.Session.Form; only != "" && only != c.path("intake_id") {
		return fault.NotFoundf("picture")
	}
	got, err := s.clients.forms.GetPicture(c.ctx(), &intakev1.GetPictureRequest{IntakeId: c.path("intake_id"), PictureId: c.path("picture_id")})
	if err != nil {
		return err
	}
	ending := map[string]string{"image/jpeg": ".jpg", "image/png": ".png"}[got.GetPicture().GetMediaType()]
	h := c.w.Header()
	h.Set("Content-Type", got.GetPicture().GetMediaType())
	h.Set("Content-Disposition", `attachment; filename="`+got.GetPicture().GetPictureId()+ending+`"`)
	h.Set("Content-Length", strconv.Itoa(len(got.GetContent())))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(got.GetContent()) // a client that went away is no failure of ours
	return nil
}
