package gateway_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"log/slog"
	"maps"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/upright-clinic/upright/gateway"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// formParts is what the small form has besides its answers.
type formParts struct {
	consents []*intakev1.Consent
	pictures []*intakev1.Picture
	content  []byte
	links    int
	sessions map[string]*intakev1.ResolveFormSessionResponse
}

// linkSecret opens the form int_1 of somebody called Rivera; canaries in it must be in no
// address and no log.
const linkSecret = "SECRETOFALINK"

func (s *intake) SetWriter(_ context.Context, in *intakev1.SetWriterRequest) (*intakev1.SetWriterResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &intakev1.Writer{Name: in.GetName(), Relation: in.GetRelation()}
	if in.GetRelation() == "SELF" {
		w = nil
	}
	s.intakes[in.GetIntakeId()].Writer = w
	return &intakev1.SetWriterResponse{Writer: w}, nil
}

func (s *intake) CreateResumeLink(context.Context, *intakev1.CreateResumeLinkRequest) (*intakev1.CreateResumeLinkResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links++
	return &intakev1.CreateResumeLinkResponse{MessageId: "msg_1"}, nil
}

func (s *intake) OpenResumeLink(_ context.Context, in *intakev1.OpenResumeLinkRequest) (*intakev1.OpenResumeLinkResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in.GetToken() != linkSecret || in.GetFamilyName() != "Rivera" || in.GetBirthDate() != "1985-03-27" {
		return nil, fault.New(fault.Unauthenticated, "RESUME_REFUSED", "no")
	}
	token := fmt.Sprintf("frm_%d", len(s.sessions)+1)
	if s.sessions == nil {
		s.sessions = map[string]*intakev1.ResolveFormSessionResponse{}
	}
	s.sessions[token] = &intakev1.ResolveFormSessionResponse{
		SessionId: "fls_1", ClinicId: "cln_1", PatientId: "pat_1", IntakeId: "int_1", ExpireTime: timestamppb.New(noon.Add(time.Hour)),
	}
	return &intakev1.OpenResumeLinkResponse{SessionToken: token, IntakeId: "int_1"}, nil
}

func (s *intake) ResolveFormSession(_ context.Context, in *intakev1.ResolveFormSessionRequest) (*intakev1.ResolveFormSessionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if got, ok := s.sessions[in.GetToken()]; ok {
		return got, nil
	}
	return nil, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "sign in first")
}

func (s *intake) CloseFormSession(_ context.Context, in *intakev1.CloseFormSessionRequest) (*intakev1.CloseFormSessionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, in.GetToken())
	return &intakev1.CloseFormSessionResponse{}, nil
}

func (s *intake) ListConsents(context.Context, *intakev1.ListConsentsRequest) (*intakev1.ListConsentsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &intakev1.ListConsentsResponse{}
	for _, c := range s.consents {
		out.Consents = append(out.Consents, clone(c))
	}
	return out, nil
}

func (s *intake) SignConsent(_ context.Context, in *intakev1.SignConsentRequest) (*intakev1.SignConsentResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.consents {
		if c.GetConsentId() == in.GetConsentId() && c.GetVersion() == in.GetVersion() && c.GetTextHash() == in.GetTextHash() {
			c.Signature = &intakev1.ConsentSignature{ConsentId: in.GetConsentId(), TypedName: in.GetTypedName()}
			return &intakev1.SignConsentResponse{Signature: c.GetSignature()}, nil
		}
	}
	return nil, fault.New(fault.FailedPrecondition, "CONSENT_CHANGED", "read it again")
}

func (s *intake) AddPicture(_ context.Context, in *intakev1.AddPictureRequest) (*intakev1.AddPictureResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !bytes.HasPrefix(in.GetContent(), []byte("\x89PNG")) {
		return nil, fault.New(fault.InvalidArgument, "PICTURE_REFUSED", "no").OnField("content", "is no picture")
	}
	p := &intakev1.Picture{PictureId: fmt.Sprintf("pic_%d", len(s.pictures)+1), Kind: in.GetKind(), MediaType: "image/png"}
	s.pictures, s.content = append(s.pictures, p), in.GetContent()
	return &intakev1.AddPictureResponse{Picture: p}, nil
}

func (s *intake) ListPictures(context.Context, *intakev1.ListPicturesRequest) (*intakev1.ListPicturesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &intakev1.ListPicturesResponse{Pictures: s.pictures}, nil
}

func (s *intake) GetPicture(ctx context.Context, in *intakev1.GetPictureRequest) (*intakev1.GetPictureResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.find(ctx, in.GetIntakeId()); err != nil || len(s.pictures) == 0 {
		return nil, fault.NotFoundf("picture")
	}
	return &intakev1.GetPictureResponse{Picture: s.pictures[0], Content: s.content}, nil
}

func (s *intake) DeletePicture(context.Context, *intakev1.DeletePictureRequest) (*intakev1.DeletePictureResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pictures = nil
	return &intakev1.DeletePictureResponse{}, nil
}

func (s *intake) ListAnswerRevisions(context.Context, *intakev1.ListAnswerRevisionsRequest) (*intakev1.ListAnswerRevisionsResponse, error) {
	return &intakev1.ListAnswerRevisionsResponse{Revisions: []*intakev1.AnswerRevision{
		{QuestionId: "nrs", Revision: 1, Writer: &intakev1.Writer{Name: "Kim", Relation: "CARER"}},
	}}, nil
}

func TestWhatDoesNotFitIsShownBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("injury", "a.trauma", "minor")
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "about <3>", "later", "1").wants(t, 200, "Your answers are saved.")
	b.get("/intake/int_1/page/injury").wants(t, 200, `value="about &lt;3&gt;"`, "Enter a whole number from 0 to 36500", `aria-invalid="true"`)
	b.topic("bad", "a.nrs", "6", "a.where", "-none-", "a.where", "neck", "later", "1").wants(t, 200, "Your answers are saved.")
	b.get("/intake/int_1/page/bad").wants(t, 200, "only when you have none of them", `value="neck" checked`, `value="-none-" checked`)
	b.topic("injury", "a.trauma", "minor", "a.trauma_days", "٣").wants(t, 200, "How bad it is")
	if got := w.in.intakes["int_1"].GetAnswers()["trauma_days"].GetNumberValue(); got != 3 {
		t.Errorf("a number in Arabic digits is %v", got)
	}
	if w.in.links != 2 {
		t.Errorf("%d links were made, want one each time", w.in.links)
	}
}

// TestTickBesideNoneIsTheTick: an emergency is not overlooked because "None of these" is
// ticked as well.
func TestTickBesideNoneIsTheTick(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("now", "none", "1", "tick", "chest_pain").wants(t, 200, "Get emergency help now")
	if a := w.in.intakes["int_1"].GetAnswers(); a["chest_pain"].GetStringValue() != "yes" || a["breathing"] != nil {
		t.Errorf("stored %v", a)
	}
}

func TestWriterIsAskedAndShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	a := b.get("/intake").wants(t, 200, "I fill it in for somebody else")
	b.post("/intake", with(a.hidden(t, "/intake"), "writer_name", "Kim <Noor>", "writer_relation", "CARER")).wants(t, 200, "Filled in by Kim &lt;Noor&gt;.")
	a = b.get("/intake/int_1/who").wants(t, 200, `value="Kim &lt;Noor&gt;"`, `value="CARER" selected`)
	hidden := a.hidden(t, "/intake/int_1/who")
	b.post("/intake/int_1/who", with(maps.Clone(hidden), "writer_name", "", "writer_relation", "KING")).wants(t, 422, "Enter your name", "Choose who you are")
	b.post("/intake/int_1/who", with(maps.Clone(hidden), "self", "1")).wants(t, 200, "Are you filling this in for somebody else?")
	w.browser(clinician).get("/staff/intakes/int_1").wants(t, 200, "Filled in by Kim (Carer)")
}

func TestConsentComesBeforeSending(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.consents = []*intakev1.Consent{{ConsentId: "use", Version: 2, Title: "How we use it", Paragraphs: []string{"We keep <it>."}, TextHash: strings.Repeat("a", 64), LanguageCode: "en"}}
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	b.topic("now", "none", "1")
	b.topic("injury", "a.trauma", "none")
	b.topic("bad", "a.nrs", "6", "a.where", "neck")
	b.topic("hard", "a.self_harm", "no").wants(t, 200, "please read and agree", "/intake/int_1/consent").lacks(t, "Send the form")
	b.post("/intake/int_1/check", nil).wants(t, 200, "We keep &lt;it&gt;.", "Type your full name")
	fresh := func() url.Values { return b.get("/intake/int_1/consent").hidden(t, "/intake/int_1/consent") }
	hidden := fresh()
	b.post("/intake/int_1/consent", with(maps.Clone(hidden))).wants(t, 422, "Tick the box if you agree", "Type your name")
	b.post("/intake/int_1/consent", with(maps.Clone(hidden), "typed_name", "Ana Rivera")).wants(t, 422, "Tick the box", `value="Ana Rivera"`)
	changed := with(fresh(), "typed_name", "Ana Rivera", "agree", "1")
	changed.Set("consent", "use@1@"+strings.Repeat("b", 64))
	b.post("/intake/int_1/consent", changed).wants(t, 409, "The text changed while you read it")
	a := b.post("/intake/int_1/consent", with(fresh(), "typed_name", "Ana Rivera", "agree", "1")).wants(t, 200, "Send the form")
	b.post("/intake/int_1/check", a.hidden(t, "/intake/int_1/check")).wants(t, 200, "Treatment at our clinic suits you")
}

// upload sends a file as a browser does.
func (b *browser) upload(path string, hidden url.Values, name string, content []byte) answer {
	b.w.t.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	for field := range hidden {
		_ = m.WriteField(field, hidden.Get(field))
	}
	part, err := m.CreateFormFile("picture", name)
	if err != nil {
		b.w.t.Fatal(err)
	}
	_, _ = part.Write(content)
	_ = m.Close()
	r, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, &body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", m.FormDataContentType())
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	res, err := b.client.Do(r)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

func TestPicturesAreFilesNotPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := w.browser(patient)
	b.post("/intake", url.Values{"patient": {"pat_1"}})
	const path = "/intake/int_1/pictures"
	hidden := with(b.get(path).hidden(t, path), "kind", "MEDICINE")
	b.upload(path, hidden, "x.png", nil).wants(t, 422, "Choose a photo")
	b.upload(path, hidden, "x.png", []byte("<script>alert(1)</script>")).wants(t, 400, "not a JPEG or PNG picture")
	b.upload(path, hidden, "x.png", make([]byte, 9<<20)).wants(t, 413, "That is too much")
	var photo bytes.Buffer
	if err := png.Encode(&photo, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	big := append(photo.Bytes(), make([]byte, 2<<20)...) // more than other pages take
	b.upload(path, hidden, "../../etc/passwd", big).wants(t, 200, "The photo is added.", "/intake/int_1/pictures/pic_1", "Medicine")
	for _, who := range []string{patient, clinician} {
		at := path + "/pic_1"
		if who == clinician {
			at = "/staff/intakes/int_1/pictures/pic_1"
		}
		a := w.do("GET", at, who, "", "Accept", "text/html")
		h := a.header
		if a.status != 200 || h.Get("Content-Type") != "image/png" || h.Get("Content-Disposition") != `attachment; filename="pic_1.png"` ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", at, a.status, h)
		}
	}
	if a := w.do("GET", "/staff/intakes/int_1/pictures/pic_1", reception, "", "Accept", "text/html"); a.status != 403 {
		t.Errorf("reception gets %d", a.status)
	}
	b.post("/intake/int_1/page/bad", nil) // other pages still take forms alone
	b.upload("/intake/int_1/page/bad", hidden, "x.png", photo.Bytes()).wants(t, 415)
}

func TestLinkOpensOneForm(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := newWorld(t, func(_ *gateway.Config, k *gateway.Kit) {
		k.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	w.browser(patient).post("/intake", url.Values{"patient": {"pat_1"}})
	w.browser(patient).post("/intake", url.Values{"patient": {"pat_1"}})
	b := w.browser("")
	a := b.get("/f/"+linkSecret).wants(t, 200, "Go on with your form", "Last name").lacks(t, linkSecret)
	if b.path != "/f" {
		t.Fatalf("the secret is still in the address %s", b.path)
	}
	hidden := a.hidden(t, "/f")
	b.post("/f", with(maps.Clone(hidden))).wants(t, 422, "Enter the last name", "Enter the date of birth")
	wrong := b.post("/f", with(maps.Clone(hidden), "family_name", "Riviera", "birth_date_day", "27", "birth_date_month", "3", "birth_date_year", "1985")).wants(t, 401, "is not right")
	wrong.lacks(t, linkSecret)
	unknown := w.browser("")
	unknown.get("/f/nosuchlink")
	unknown.post("/f", with(maps.Clone(hidden), "family_name", "Rivera", "birth_date_day", "27", "birth_date_month", "3", "birth_date_year", "1985")).wants(t, 401, "is not right")
	b.post("/f", with(maps.Clone(hidden), "family_name", "Rivera", "birth_date_day", "27", "birth_date_month", "3", "birth_date_year", "1985")).
		wants(t, 200, "How you are right now").lacks(t, linkSecret, "My visits")
	b.topic("bad", "a.nrs", "6", "later", "1").wants(t, 200, "We will send a new link")
	b.get("/").wants(t, 200, "How you are right now")
	for _, path := range []string{"/me", "/intake", "/me/book"} {
		b.get(path).wants(t, 403)
	}
	b.post("/intake", url.Values{"patient": {"pat_1"}}).wants(t, 403)
	b.get("/intake/int_2/page/now").wants(t, 404)
	b.get("/intake/int_2/pictures/pic_1").wants(t, 404)
	if a := w.do("GET", "/v1/intakes/int_1", "frm_1", ""); a.status != 403 {
		t.Errorf("the interface for programs answers %d", a.status)
	}
	b.post("/sign-out", nil).wants(t, 200, "You are signed out.")
	b.get("/intake/int_1/page/now").wants(t, 200, "Sign in")
	if strings.Contains(log.String(), linkSecret) {
		t.Error("the secret is in the log")
	}
}

// TestFormStaysClosed: a clinic that has named no number to call in an emergency, or nobody
// who answers for the safety of the form, starts none.
func TestFormStaysClosed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(c *directoryv1.Clinic){
		"no emergency number": func(c *directoryv1.Clinic) { c.EmergencyNumbers = nil },
		"no safety officer":   func(c *directoryv1.Clinic) { c.ClinicalSafetyOfficer = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.dir.change = change
			b := w.browser(patient)
			b.get("/intake").wants(t, 200, "cannot take the form online yet").lacks(t, ">Start<")
			b.post("/intake", url.Values{"patient": {"pat_1"}}).wants(t, 200, "cannot take the form online yet")
			if len(w.in.intakes) != 0 {
				t.Error("a form was started")
			}
		})
	}
}
