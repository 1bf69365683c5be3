package intake_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// formCalls calls every method of FormService that names a form, and returns the errors.
func (w *world) formCalls(ctx context.Context, id string) []error {
	var all []error
	note := func(_ any, err error) { all = append(all, err) }
	note(w.form.SetWriter(ctx, &intakev1.SetWriterRequest{IntakeId: id, Relation: "CARER", Name: "Kim"}))
	note(w.form.CreateResumeLink(ctx, &intakev1.CreateResumeLinkRequest{IntakeId: id}))
	note(w.form.ListConsents(ctx, &intakev1.ListConsentsRequest{IntakeId: id}))
	note(w.form.SignConsent(ctx, w.consentOf(id)))
	note(w.form.AddPicture(ctx, &intakev1.AddPictureRequest{IntakeId: id, Kind: "OTHER", Content: photo(w.t)}))
	note(w.form.ListPictures(ctx, &intakev1.ListPicturesRequest{IntakeId: id}))
	note(w.form.GetPicture(ctx, &intakev1.GetPictureRequest{IntakeId: id, PictureId: "pic_none"}))
	note(w.form.DeletePicture(ctx, &intakev1.DeletePictureRequest{IntakeId: id, PictureId: "pic_none"}))
	return all
}

// consentOf is a signature under the first text in force.
func (w *world) consentOf(id string) *intakev1.SignConsentRequest {
	w.t.Helper()
	i := w.start(w.patient())
	got, err := w.form.ListConsents(w.patient(), &intakev1.ListConsentsRequest{IntakeId: i.GetIntakeId()})
	if err != nil {
		w.t.Fatal(err)
	}
	c := got.GetConsents()[0]
	return &intakev1.SignConsentRequest{IntakeId: id, ConsentId: c.GetConsentId(), Version: c.GetVersion(), TextHash: c.GetTextHash(), TypedName: "R. Rahman"}
}

// photo is a small JPEG.
func photo(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 4, 3)), nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// ask 55: what does not fit its question is kept as it was typed, and a good answer beside
// it is saved; the question is open until an answer fits.
func TestWhatDoesNotFitIsKept(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		t.Run("ask 55 an invalid input drops nothing", func(t *testing.T) {
			i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"age": 40})
			give := func(i *intakev1.Intake, answers map[string]any, typed map[string][]string) (*intakev1.Intake, error) {
				in := &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Etag: i.GetEtag(), Answers: values(t, answers), Typed: map[string]*intakev1.TypedAnswer{}}
				for id, v := range typed {
					in.Typed[id] = &intakev1.TypedAnswer{Values: v}
				}
				got, err := w.intakes.UpdateIntake(w.patient(), in)
				return got.GetIntake(), err
			}
			i, err := give(i, map[string]any{"fever": "no"}, map[string][]string{"age": {" about 40\n"}, "aortic_risk": {"-none-", "family_aortic"}})
			if err != nil {
				t.Fatal(err)
			}
			if i.GetAnswers()["fever"].GetStringValue() != "no" || i.GetAnswers()["age"] != nil {
				t.Errorf("answers %v", i.GetAnswers())
			}
			if d := cmp.Diff([]string{" about 40\n"}, i.GetTyped()["age"].GetValues()); d != "" {
				t.Error(d)
			}
			same, err := give(i, nil, map[string][]string{"age": {" about 40\n"}})
			if err != nil || same.GetEtag() != i.GetEtag() {
				t.Errorf("the same again is a change: %v, %v", same.GetEtag(), err)
			}
			if i, err = give(i, map[string]any{"age": 41}, nil); err != nil || len(i.GetTyped()) != 1 {
				t.Errorf("%v, %v", i.GetTyped(), err)
			}
			got, err := w.intakes.ListAnswerRevisions(w.clinician(), &intakev1.ListAnswerRevisionsRequest{IntakeId: i.GetIntakeId()})
			if err != nil {
				t.Fatal(err)
			}
			var told []string
			for _, r := range got.GetRevisions() {
				if r.GetQuestionId() == "age" {
					told = append(told, fmt.Sprint(r.GetRevision(), r.GetValue().AsInterface(), r.GetTyped().GetValues()))
				}
			}
			if d := cmp.Diff([]string{"1 40 []", "2 <nil> [ about 40\n]", "3 41 []"}, told); d != "" {
				t.Error(d)
			}
			for name, typed := range map[string]map[string][]string{
				"unknown question": {"shoe_size": {"x"}}, "no values": {"age": {}}, "too long": {"age": {strings.Repeat("x", 1001)}}, "answered as well": {"nrs": {"x"}},
			} {
				if _, err := give(i, map[string]any{"nrs": 3}, typed); !fault.IsKind(err, fault.InvalidArgument) {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	})
}

// Two devices: what one typed that does not fit is not overwritten by the other.
func TestTypedAnswersMergeByQuestion(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.start(w.patient())
	first := &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Etag: i.GetEtag(), Typed: map[string]*intakev1.TypedAnswer{"age": {Values: []string{"x"}}}}
	if _, err := w.intakes.UpdateIntake(w.patient(), first); err != nil {
		t.Fatal(err)
	}
	_, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Etag: i.GetEtag(), Answers: values(t, map[string]any{"age": 40})})
	if f := refusal(t, err, fault.Aborted, "VERSION_MISMATCH"); len(f.Fields) != 1 || f.Fields[0].Field != "answers.age" {
		t.Errorf("fields %v", f.Fields)
	}
	if got := w.answer(w.patient(), i, map[string]any{"nrs": 2}); got.GetTyped()["age"] == nil {
		t.Error("the other device's input is gone")
	}
}

// Name and relation of a carer go with each answer given after they were told, for the
// account that told them alone.
func TestWriterGoesWithEachAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"age": 9})
		set := func(name, relation string) error {
			_, err := w.form.SetWriter(w.patient(), &intakev1.SetWriterRequest{IntakeId: i.GetIntakeId(), Name: name, Relation: relation})
			return err
		}
		refused(t, set(" ", "PARENT"), fault.InvalidArgument, "INVALID_ARGUMENT")
		if err := set("Kim Rahman ", "PARENT"); err != nil {
			t.Fatal(err)
		}
		i = w.answer(w.patient(), i, map[string]any{"fever": "no"})
		if i.GetWriter().GetName() != "Kim Rahman" || i.GetWriter().GetRelation() != "PARENT" {
			t.Errorf("writer %v", i.GetWriter())
		}
		w.answer(w.clinicianOf(typev1.Profession_PROFESSION_PHYSICIAN), i, map[string]any{"unwell": "no"})
		if err := set("", "SELF"); err != nil {
			t.Fatal(err)
		}
		w.answer(w.patient(), i, map[string]any{"collapse": "no"})
		got, err := w.intakes.ListAnswerRevisions(w.clinician(), &intakev1.ListAnswerRevisionsRequest{IntakeId: i.GetIntakeId()})
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]string{}
		for _, r := range got.GetRevisions() {
			told[r.GetQuestionId()] = r.GetAnsweredAs() + " " + r.GetWriter().GetName() + " " + r.GetWriter().GetRelation()
		}
		want := map[string]string{"age": "PATIENT  ", "fever": "PATIENT Kim Rahman PARENT", "unwell": "CLINICIAN  ", "collapse": "PATIENT  "}
		if d := cmp.Diff(want, told); d != "" {
			t.Error(d)
		}
	})
}

// link makes a link and returns its secret, which only the waiting message holds.
func (w *world) link(id string) string {
	w.t.Helper()
	if _, err := w.form.CreateResumeLink(w.reception(), &intakev1.CreateResumeLinkRequest{IntakeId: id}); err != nil {
		w.t.Fatal(err)
	}
	waiting := w.waiting()
	if len(waiting) == 0 {
		w.t.Fatal("no message waits")
	}
	return strings.TrimPrefix(waiting[0].GetLink(), "/f/")
}

// waiting are the messages that carry links, newest first, as what sends them reads them.
func (w *world) waiting() []*intakev1.OutgoingMessage {
	w.t.Helper()
	got, err := w.form.ListOutgoingMessages(authn.WithService(w.t.Context(), "gateway", ""), &intakev1.ListOutgoingMessagesRequest{ClinicId: clinic})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetMessages()
}

func (w *world) open(secret, name, born string) (*intakev1.OpenResumeLinkResponse, error) {
	return w.form.OpenResumeLink(authn.WithService(w.t.Context(), "gateway", ""), &intakev1.OpenResumeLinkRequest{Token: secret, FamilyName: name, BirthDate: born})
}

// within is who calls in a form session.
func (w *world) within(token string) context.Context {
	w.t.Helper()
	s, err := w.form.ResolveFormSession(authn.WithService(w.t.Context(), "gateway", ""), &intakev1.ResolveFormSessionRequest{Token: token})
	if err != nil {
		w.t.Fatal(err)
	}
	return authn.With(w.t.Context(), authn.Principal{
		Subject: s.GetSessionId(), ClinicID: s.GetClinicId(), Roles: []typev1.Role{typev1.Role_ROLE_PATIENT}, PatientIDs: []string{s.GetPatientId()},
	})
}

func TestResumeByLink(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"nrs": 4})
		secret := w.link(i.GetIntakeId())
		opened, err := w.open(secret, "Rahman", "1980-02-29")
		if err != nil || opened.GetIntakeId() != i.GetIntakeId() {
			t.Fatalf("%v, %v", opened, err)
		}
		ctx := w.within(opened.GetSessionToken())
		got, err := w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
		if err != nil || got.GetIntake().GetAnswers()["nrs"].GetNumberValue() != 4 {
			t.Fatalf("%v, %v", got, err)
		}
		w.answer(ctx, got.GetIntake(), map[string]any{"fever": "no"})
		mine := w.start(w.patient()) // another form of the same patient is not the session's
		_, err = w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: mine.GetIntakeId()})
		refused(t, err, fault.NotFound, "NOT_FOUND")
		_, err = w.intakes.SubmitIntake(ctx, &intakev1.SubmitIntakeRequest{IntakeId: mine.GetIntakeId()})
		refused(t, err, fault.NotFound, "NOT_FOUND")

		if again, err := w.open(secret, "Rahman", "1980-02-29"); err != nil || again.GetSessionToken() == opened.GetSessionToken() {
			t.Errorf("a third device: %v, %v", again, err)
		}
		fresh := w.link(i.GetIntakeId())
		_, err = w.open(secret, "Rahman", "1980-02-29")
		refused(t, err, fault.Unauthenticated, "RESUME_REFUSED")
		if _, err := w.open(fresh, "Rahman", "1980-02-29"); err != nil {
			t.Errorf("the new link: %v", err)
		}
		if _, err := w.form.CloseFormSession(authn.WithService(t.Context(), "gateway", ""), &intakev1.CloseFormSessionRequest{Token: opened.GetSessionToken()}); err != nil {
			t.Fatal(err)
		}
		_, err = w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
		refused(t, err, fault.NotFound, "NOT_FOUND")
		w.nowhere(secret, fresh, opened.GetSessionToken())
	})
}

// nowhere checks that secrets are in no log, event or audit row, and in no table but the
// message that waits.
func (w *world) nowhere(secrets ...string) {
	w.t.Helper()
	var seen strings.Builder
	seen.WriteString(w.logged.String())
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		for _, q := range []string{
			`SELECT token_hash FROM resume_links`, `SELECT token_hash FROM form_sessions`,
			`SELECT action || resource_id || facts || actor FROM audit_log`, `SELECT resource_id FROM request_ids`,
		} {
			rows, err := tx.Query(q)
			if err != nil {
				return err
			}
			for rows.Next() {
				var s string
				if err := rows.Scan(&s); err != nil {
					return err
				}
				seen.WriteString(s + "\n")
			}
			if err := rows.Close(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range w.events() {
		fmt.Fprint(&seen, e)
	}
	for _, s := range secrets {
		if strings.Contains(seen.String(), s) {
			w.t.Error("a secret is outside of the message")
		}
	}
}

// Unknown, old and used-up links, wrong names and wrong dates are one answer, after the
// same one question to directory.
func TestLinksThatDoNotOpenAreOneAnswer(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		secret := w.link(i.GetIntakeId())
		var told []string
		refuse := func(secret, name, born string) {
			t.Helper()
			w.dir.mu.Lock()
			before := w.dir.verified
			w.dir.mu.Unlock()
			_, err := w.open(secret, name, born)
			refused(t, err, fault.Unauthenticated, "RESUME_REFUSED")
			told = append(told, err.Error())
			w.dir.mu.Lock()
			defer w.dir.mu.Unlock()
			if w.dir.verified != before+1 {
				t.Errorf("directory was asked %d times", w.dir.verified-before)
			}
		}
		refuse("nosuchlink", "Rahman", "1980-02-29")
		refuse("", "", "")
		refuse(secret, "Rahmann", "1980-02-29")
		refuse(secret, "Rahman", "1980-03-01")
		refuse(secret, "", "29.2.1980")
		if _, err := w.open(secret, "Rahman", "1980-02-29"); err != nil {
			t.Fatalf("after three wrong tries: %v", err)
		}
		for range 5 {
			refuse(secret, "Rahman", "1980-01-01")
		}
		refuse(secret, "Rahman", "1980-02-29") // used up
		secret = w.link(i.GetIntakeId())
		w.clock.Advance(7*24*time.Hour - time.Second)
		if _, err := w.open(secret, "Rahman", "1980-02-29"); err != nil {
			t.Errorf("before the week is over: %v", err)
		}
		w.clock.Advance(time.Second)
		refuse(secret, "Rahman", "1980-02-29") // too old
		for _, s := range told {
			if s != told[0] {
				t.Errorf("%q is not %q", s, told[0])
			}
		}
	})
}

// Tries made at the same moment do not share a free one, and an outage costs none.
func TestTriesAtALinkAreCounted(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		secret := w.link(w.start(w.patient()).GetIntakeId())
		w.dir.mu.Lock()
		w.dir.down = true
		w.dir.mu.Unlock()
		for range 7 {
			if _, err := w.open(secret, "Rahman", "1980-02-29"); !fault.IsKind(err, fault.Unavailable) {
				t.Fatalf("directory down: %v", err)
			}
		}
		w.dir.mu.Lock()
		w.dir.down = false
		w.dir.mu.Unlock()
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() { _, _ = w.open(secret, "Nobody", "1980-02-29") })
		}
		group.Wait()
		_, err := w.open(secret, "Rahman", "1980-02-29")
		refused(t, err, fault.Unauthenticated, "RESUME_REFUSED")
	})
}

func TestConsentIsSignedOnceAndForEver(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		in := w.consentOf(i.GetIntakeId())
		wrong := func(change func(in *intakev1.SignConsentRequest), kind fault.Kind, reason string) {
			t.Helper()
			other := w.consentOf(i.GetIntakeId())
			change(other)
			_, err := w.form.SignConsent(w.patient(), other)
			refused(t, err, kind, reason)
		}
		wrong(func(in *intakev1.SignConsentRequest) { in.TypedName = "   " }, fault.InvalidArgument, "INVALID_ARGUMENT")
		wrong(func(in *intakev1.SignConsentRequest) { in.Version = 99 }, fault.FailedPrecondition, "CONSENT_CHANGED")
		wrong(func(in *intakev1.SignConsentRequest) { in.TextHash = strings.Repeat("0", 64) }, fault.FailedPrecondition, "CONSENT_CHANGED")
		wrong(func(in *intakev1.SignConsentRequest) { in.ConsentId = "soul" }, fault.NotFound, "NOT_FOUND")
		first, err := w.form.SignConsent(w.patient(), in)
		if err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(time.Hour)
		in.TypedName = "Somebody Else"
		again, err := w.form.SignConsent(w.patient(), in)
		if d := cmp.Diff(first, again, protocmp.Transform()); err != nil || d != "" || first.GetSignature().GetTypedName() != "R. Rahman" {
			t.Errorf("%v %s", err, d)
		}
		for _, q := range []string{
			`UPDATE consent_signatures SET typed_name = 'x'`, `UPDATE consent_signatures SET signed_at = 1`, `DELETE FROM consent_signatures`,
		} {
			err := w.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := tx.Exec(q); return err })
			if err == nil || !strings.Contains(err.Error(), "takes no changes") {
				t.Errorf("%s: %v", q, err)
			}
		}
		got, err := w.form.ListConsents(w.clinician(), &intakev1.ListConsentsRequest{IntakeId: i.GetIntakeId(), LanguageCode: "xx"})
		if err != nil || got.GetConsents()[0].GetSignature().GetTextHash() != in.GetTextHash() || len(got.GetSignatures()) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestPictures(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		id := i.GetIntakeId()
		add := func(content []byte) (*intakev1.Picture, error) {
			got, err := w.form.AddPicture(w.patient(), &intakev1.AddPictureRequest{IntakeId: id, Kind: "MEDICINE", Content: content})
			return got.GetPicture(), err
		}
		var big bytes.Buffer
		if err := png.Encode(&big, image.NewGray(image.Rect(0, 0, 9000, 9000))); err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{
			"a page": []byte("<html><script>alert(1)</script>"), "a page that says it is a picture": []byte("GIF89a<script>"), "a torn picture": photo(t)[:20],
			"a name alone": []byte("photo.jpg"), "a program": []byte("\x7fELF\x02\x01\x01"), "a drawing with script": []byte("<svg xmlns='http://www.w3.org/2000/svg'/>"),
			"too many pixels": big.Bytes(),
		} {
			_, err := add(content)
			if f := fault.From(err); err == nil || f.Reason != "PICTURE_REFUSED" {
				t.Errorf("%s: %v", name, err)
			}
		}
		p, err := add(photo(t))
		if err != nil || p.GetMediaType() != "image/jpeg" || p.GetWidth() != 4 || p.GetHeight() != 3 {
			t.Fatalf("%v, %v", p, err)
		}
		got, err := w.form.GetPicture(w.clinician(), &intakev1.GetPictureRequest{IntakeId: id, PictureId: p.GetPictureId()})
		if err != nil || !bytes.Equal(got.GetContent(), photo(t)) {
			t.Errorf("%v", err)
		}
		w.keepsNoPlace(id)
		_, err = w.form.GetPicture(w.patient(), &intakev1.GetPictureRequest{IntakeId: w.start(w.patient()).GetIntakeId(), PictureId: p.GetPictureId()})
		refused(t, err, fault.NotFound, "NOT_FOUND") // a picture is found under its own form alone
		for range 5 {
			if _, err := add(photo(t)); err != nil {
				t.Fatal(err)
			}
		}
		_, err = add(photo(t))
		refused(t, err, fault.ResourceExhausted, "TOO_MANY_PICTURES")
		if _, err := w.form.DeletePicture(w.patient(), &intakev1.DeletePictureRequest{IntakeId: id, PictureId: p.GetPictureId()}); err != nil {
			t.Fatal(err)
		}
		list, err := w.form.ListPictures(w.patient(), &intakev1.ListPicturesRequest{IntakeId: id})
		if err != nil || len(list.GetPictures()) != 5 {
			t.Errorf("%d pictures, %v", len(list.GetPictures()), err)
		}
	})
}

// keepsNoPlace adds a picture in which a phone wrote where it was taken, reads what is
// stored, and takes the picture away again.
func (w *world) keepsNoPlace(id string) {
	w.t.Helper()
	const place = "GPS 51.5014N 0.1419W"
	exif := "Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00" + place
	content := append([]byte("\xff\xd8\xff\xe1\x00"+string(rune(len(exif)+2))+exif), photo(w.t)[2:]...)
	added, err := w.form.AddPicture(w.patient(), &intakev1.AddPictureRequest{IntakeId: id, Kind: "SKIN", Content: content})
	if err != nil || added.GetPicture().GetSizeBytes() != int64(len(photo(w.t))) {
		w.t.Fatalf("%v, %v", added, err)
	}
	var stored []byte
	err = w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`SELECT content FROM pictures WHERE picture_id = $1`, added.GetPicture().GetPictureId()).Scan(&stored)
	})
	if err != nil || bytes.Contains(stored, []byte(place)) || !bytes.Equal(stored, photo(w.t)) {
		w.t.Errorf("the place is kept: %v", err)
	}
	if _, err := w.form.DeletePicture(w.patient(), &intakev1.DeletePictureRequest{IntakeId: id, PictureId: added.GetPicture().GetPictureId()}); err != nil {
		w.t.Fatal(err)
	}
}

// After the form was handed in nothing of it changes any more.
func TestNothingIsAddedToASubmittedForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	id := w.triaged(nil).GetIntakeId()
	for _, err := range []error{
		func() error {
			_, err := w.form.AddPicture(w.patient(), &intakev1.AddPictureRequest{IntakeId: id, Kind: "OTHER", Content: photo(t)})
			return err
		}(),
		func() error {
			_, err := w.form.CreateResumeLink(w.patient(), &intakev1.CreateResumeLinkRequest{IntakeId: id})
			return err
		}(),
		func() error {
			_, err := w.form.SetWriter(w.patient(), &intakev1.SetWriterRequest{IntakeId: id, Relation: "SELF"})
			return err
		}(),
	} {
		refused(t, err, fault.FailedPrecondition, "INTAKE_SUBMITTED")
	}
}

// F001 The same codes come back to patient and clinician.
func TestBodyMapIsTheSameForPatientAndClinician(t *testing.T) {
	t.Parallel()
	t.Run("F001 between_shoulder_blades is stored in the location as well", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, "sqlite")
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"pain_map": []any{"between_shoulder_blades:middle:6", "neck:left"}})
		for _, ctx := range []context.Context{w.patient(), w.clinician()} {
			got, err := w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
			if err != nil {
				t.Fatal(err)
			}
			a := got.GetIntake().GetAnswers()
			if d := cmp.Diff([]any{"neck", "between_shoulder_blades"}, a["location"].AsInterface()); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]any{"between_shoulder_blades:middle:6", "neck:left"}, a["pain_map"].AsInterface()); d != "" {
				t.Error(d)
			}
		}
		q, err := w.forms.GetQuestionnaire(authn.With(t.Context(), rpctest.Person(clinic, typev1.Role_ROLE_CLINICIAN)), &intakev1.GetQuestionnaireRequest{QuestionnaireId: "upright-intake"})
		if err != nil || len(q.GetQuestionnaire().GetBodyMaps()) != 1 || q.GetQuestionnaire().GetBodyMaps()[0].GetSetsQuestionId() != "location" {
			t.Errorf("%v, %v", q.GetQuestionnaire().GetBodyMaps(), err)
		}
	})
}
