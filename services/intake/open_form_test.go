package intake_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// set changes what directory says, while nobody asks.
func (d *directory) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

// The form does not open to patients of a clinic without an emergency number or a named
// clinical safety officer, whatever program asks (clinical reference 4.8); staff may fill it
// in, and a form that was begun goes on.
func TestFormIsClosedToPatients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		begun := w.start(w.patient())
		create := func(ctx context.Context) error {
			_, err := w.intakes.CreateIntake(ctx, &intakev1.CreateIntakeRequest{PatientId: patient})
			return err
		}
		for _, tc := range []struct {
			noNumber, noOfficer bool
			missing             string
		}{
			{true, false, "emergency_numbers"}, {false, true, "clinical_safety_officer"}, {true, true, "emergency_numbers,clinical_safety_officer"},
		} {
			w.dir.set(func() { w.dir.noNumber, w.dir.noOfficer = tc.noNumber, tc.noOfficer })
			f := refusal(t, create(w.patient()), fault.FailedPrecondition, "FORM_CLOSED")
			if f.Facts["missing"] != tc.missing {
				t.Errorf("missing %q, want %q", f.Facts["missing"], tc.missing)
			}
			for name, ctx := range map[string]context.Context{"reception": w.reception(), "clinician": w.clinician()} {
				if err := create(ctx); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			w.answer(w.patient(), begun, map[string]any{"nrs": 3})
		}
		w.dir.set(func() { w.dir.noNumber, w.dir.noOfficer = false, false })
		if err := create(w.patient()); err != nil {
			t.Error(err)
		}
	})
}

// signAll signs every consent in force under a form.
func (w *world) signAll(ctx context.Context, id string) {
	w.t.Helper()
	got, err := w.form.ListConsents(ctx, &intakev1.ListConsentsRequest{IntakeId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, c := range got.GetConsents() {
		_, err := w.form.SignConsent(ctx, &intakev1.SignConsentRequest{
			IntakeId: id, ConsentId: c.GetConsentId(), Version: c.GetVersion(), TextHash: c.GetTextHash(), TypedName: "R. Rahman",
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// Without a signed consent the public form is not taken: in the session of a link, when the
// pages ask for it, and everywhere where the clinic says so. A program that follows the
// contract alone, and staff, are not held up, and the intake says what is open.
func TestConsentBeforeSubmission(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		whole := func(ctx context.Context) *intakev1.Intake { return w.answer(ctx, w.start(w.patient()), harmless(t)) }
		submit := func(ctx context.Context, i *intakev1.Intake, asked bool) (*intakev1.Intake, error) {
			got, err := w.intakes.SubmitIntake(ctx, &intakev1.SubmitIntakeRequest{IntakeId: i.GetIntakeId(), ConsentRequired: asked})
			return got.GetIntake(), err
		}
		closed := func(ctx context.Context, i *intakev1.Intake, asked bool) {
			t.Helper()
			_, err := submit(ctx, i, asked)
			f := refusal(t, err, fault.FailedPrecondition, "CONSENT_REQUIRED")
			if d := cmp.Diff("use-of-answers", f.Facts["consent_ids"]); d != "" {
				t.Error(d)
			}
		}
		open := func(ctx context.Context, i *intakev1.Intake, asked bool, unsigned int) {
			t.Helper()
			got, err := submit(ctx, i, asked)
			if err != nil || got.GetState() != "SUBMITTED" || len(got.GetUnsignedConsentIds()) != unsigned {
				t.Errorf("%v, %v", got, err)
			}
		}
		// The literal contract, by a patient and by a clinician; a signature may follow.
		literal := whole(w.patient())
		open(w.patient(), literal, false, 1)
		w.signAll(w.patient(), literal.GetIntakeId())
		open(w.patient(), literal, false, 0)
		open(w.clinician(), whole(w.patient()), true, 1)
		// The pages say that they asked.
		i := whole(w.patient())
		closed(w.patient(), i, true)
		w.signAll(w.patient(), i.GetIntakeId())
		open(w.patient(), i, true, 0)
		// The session of a link.
		i = whole(w.patient())
		opened, err := w.openAsPatient(i.GetIntakeId())
		if err != nil {
			t.Fatal(err)
		}
		linked := w.within(opened)
		closed(linked, i, false)
		w.signAll(linked, i.GetIntakeId())
		open(linked, i, false, 0)
		// The clinic's settings.
		w.onDuty(&intakev1.TriageSettings{ConsentRequired: true})
		i = whole(w.patient())
		closed(w.patient(), i, false)
		open(w.clinicianOf(typev1.Profession_PROFESSION_PHYSICIAN), i, false, 1)
	})
}

// openAsPatient opens a form by a link and returns the secret of its session.
func (w *world) openAsPatient(id string) (string, error) {
	got, err := w.open(w.link(id), "Rahman", "1980-02-29")
	return got.GetSessionToken(), err
}

// not asked: staff may say why the six questions were not asked; it is kept and changes
// nothing. A patient may not leave them out.
func TestMiniScreenNotAsked(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.triaged(nil)
		before := w.gate(patient).GetVersion()
		record := func(ctx context.Context, in *intakev1.RecordMiniScreenRequest) (*intakev1.RecordMiniScreenResponse, error) {
			in.PatientId = patient
			return w.triage.RecordMiniScreen(ctx, in)
		}
		all := map[string]bool{"chest_pain": false, "breathing": false, "limbs": false, "bladder_bowel_saddle": false, "fever": false, "injury": false}
		_, err := record(w.patient(), &intakev1.RecordMiniScreenRequest{NotAskedBecause: "NOT_ASKED_YET"})
		refused(t, err, fault.PermissionDenied, "STAFF_ONLY")
		for name, in := range map[string]*intakev1.RecordMiniScreenRequest{
			"nothing said":         {},
			"a reason and answers": {NotAskedBecause: "NOT_ASKED_YET", Answers: all},
			"other, without why":   {NotAskedBecause: "OTHER", Note: " "},
			"an unknown reason":    {NotAskedBecause: "BUSY"},
		} {
			if _, err := record(w.reception(), in); !fault.IsKind(err, fault.InvalidArgument) {
				t.Errorf("%s: %v", name, err)
			}
		}
		got, err := record(w.reception(), &intakev1.RecordMiniScreenRequest{NotAskedBecause: "CALLER_NOT_PATIENT"})
		if err != nil || got.GetClear() || got.GetLevel() != "" || got.GetTaskId() != "" || got.GetAdvice() != nil || got.GetNotAskedBecause() != "CALLER_NOT_PATIENT" {
			t.Errorf("%v, %v", got, err)
		}
		if got, err = record(w.patient(), &intakev1.RecordMiniScreenRequest{Answers: all}); err != nil || !got.GetClear() {
			t.Errorf("%v, %v", got, err)
		}
		if _, err = record(w.reception(), &intakev1.RecordMiniScreenRequest{NotAskedBecause: "OTHER", Note: " line went dead "}); err != nil {
			t.Error(err)
		}
		if v := w.gate(patient).GetVersion(); v != before || len(w.tasks()) != 0 {
			t.Errorf("the gate moved from %d to %d; tasks %v", before, v, w.tasks())
		}
		list, err := w.triage.ListMiniScreens(w.clinician(), &intakev1.ListMiniScreensRequest{PatientId: patient})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, m := range list.GetMiniScreens() {
			told = append(told, m.GetNotAskedBecause()+"|"+m.GetNote()+"|"+map[bool]string{true: "answered"}[len(m.GetAnswers()) == 6])
		}
		if d := cmp.Diff([]string{"OTHER|line went dead|", "||answered", "CALLER_NOT_PATIENT||"}, told); d != "" {
			t.Error(d)
		}
	})
}

// What the patient is told is in the language of whoever answers, once it is open to the
// clinic's patients.
func TestMiniScreenAdviceInTheCallersLanguage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	record := func(language string) *intakev1.Advice {
		got, err := w.triage.RecordMiniScreen(w.patient(), &intakev1.RecordMiniScreenRequest{PatientId: patient, LanguageCode: language, Answers: map[string]bool{
			"chest_pain": false, "breathing": true, "limbs": false, "bladder_bowel_saddle": false, "fever": false, "injury": false,
		}})
		if err != nil {
			t.Fatal(err)
		}
		return got.GetAdvice()
	}
	english := record("")
	if closed := record("es"); english.GetText() == "" || closed.GetText() != english.GetText() {
		t.Errorf("%v, before Spanish is open: %v", english, closed)
	}
	_, err := w.vers.ApproveQuestionnaireLanguage(w.clinicianOf(typev1.Profession_PROFESSION_PHYSICIAN), &intakev1.ApproveQuestionnaireLanguageRequest{
		QuestionnaireId: "upright-intake", Version: 1, LanguageCode: "es", Note: "read by a test",
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := record("es"); got.GetText() == english.GetText() || got.GetTitle() == english.GetTitle() || got.GetText() == "" {
		t.Errorf("in Spanish: %v", got)
	}
}
