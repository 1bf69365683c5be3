package intake_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const ours = "mill-lane-intake"

// copyForm makes a draft of the form that ships with the program.
func (w *world) copyForm() *intakev1.QuestionnaireVersion {
	w.t.Helper()
	got, err := w.vers.CopyQuestionnaireVersion(w.clinician(), &intakev1.CopyQuestionnaireVersionRequest{
		QuestionnaireId: "upright-intake", Version: 1, NewQuestionnaireId: ours,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetQuestionnaireVersion()
}

// edit changes one entry of a list of the document, found by its id.
func edit(v *intakev1.QuestionnaireVersion, list, id, field string, value any) *structpb.Struct {
	doc := v.GetDocument().AsMap()
	for _, e := range doc[list].([]any) {
		if m := e.(map[string]any); m["id"] == id {
			m[field] = value
		}
	}
	out, err := structpb.NewStruct(doc)
	if err != nil {
		panic(err)
	}
	return out
}

func (w *world) saveForm(v *intakev1.QuestionnaireVersion, doc *structpb.Struct) *intakev1.QuestionnaireVersion {
	w.t.Helper()
	got, err := w.vers.UpdateQuestionnaireVersion(w.clinician(), &intakev1.UpdateQuestionnaireVersionRequest{
		QuestionnaireId: v.GetQuestionnaireId(), Version: v.GetVersion(), Document: doc, Etag: v.GetEtag(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetQuestionnaireVersion()
}

func (w *world) approveForm(v *intakev1.QuestionnaireVersion, accept bool) (*intakev1.QuestionnaireVersion, error) {
	got, err := w.vers.ApproveQuestionnaireVersion(w.clinicianOf(typev1.Profession_PROFESSION_PHYSICIAN), &intakev1.ApproveQuestionnaireVersionRequest{
		QuestionnaireId: v.GetQuestionnaireId(), Version: v.GetVersion(), Etag: v.GetEtag(), Note: "looked at every change", AcceptLowered: accept,
	})
	return got.GetQuestionnaireVersion(), err
}

func (w *world) activate(id string, version int64, day string) (*intakev1.QuestionnaireVersion, error) {
	got, err := w.vers.ActivateQuestionnaireVersion(w.as(typev1.Role_ROLE_ADMIN, clinic), &intakev1.ActivateQuestionnaireVersionRequest{
		QuestionnaireId: id, Version: version, StartDate: day,
	})
	return got.GetQuestionnaireVersion(), err
}

// A clinic copies the rules, changes one, sees what that does, has it approved, and switches
// it on from a day; what was answered before stays with the version that it answered (I17).
func TestClinicChangesItsRules(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		before := w.start(w.patient())
		v := w.copyForm()
		if v.GetState() != "DRAFT" || v.GetVersion() != 1 || v.GetCopiedFromQuestionnaireId() != "upright-intake" || len(v.GetProblems()) != 0 || v.GetInForce() {
			t.Fatalf("%v", v)
		}
		// Pain in both legs is an emergency at this clinic (clinical reference 4.8).
		v = w.saveForm(v, edit(v, "rules", "U06", "level", "EMERGENCY_NOW"))
		compared, err := w.vers.CompareQuestionnaireVersion(w.clinician(), &intakev1.CompareQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})
		if err != nil || compared.GetBaseQuestionnaireId() != "upright-intake" || compared.GetVignettes() < 90 || len(compared.GetChanges()) == 0 {
			t.Fatalf("%v, %v", compared, err)
		}
		for _, c := range compared.GetChanges() {
			if c.GetLevelBefore() != "URGENT_SAME_DAY" || c.GetLevelAfter() != "EMERGENCY_NOW" || c.GetLowered() || c.GetStory() == "" {
				t.Errorf("%v", c)
			}
		}
		_, err = w.activate(ours, 1, "")
		refused(t, err, fault.FailedPrecondition, "QUESTIONNAIRE_NOT_APPROVED")
		approved, err := w.approveForm(v, false)
		if err != nil || approved.GetState() != "APPROVED" || approved.GetApproval().GetClinicianName() != "Name of acc_PROFESSION_PHYSICIAN" ||
			approved.GetApproval().GetProfession() != "PHYSICIAN" {
			t.Fatalf("%v, %v", approved, err)
		}
		_, err = w.vers.UpdateQuestionnaireVersion(w.clinician(), &intakev1.UpdateQuestionnaireVersionRequest{
			QuestionnaireId: ours, Version: 1, Document: approved.GetDocument(), Etag: approved.GetEtag(),
		})
		refused(t, err, fault.FailedPrecondition, "QUESTIONNAIRE_APPROVED")
		_, err = w.approveForm(approved, false)
		refused(t, err, fault.FailedPrecondition, "QUESTIONNAIRE_APPROVED")

		on, err := w.activate(ours, 1, "2026-03-29")
		if err != nil || on.GetInForce() || !slices.Equal(on.GetInForceFrom(), []string{"2026-03-29"}) {
			t.Fatalf("%v, %v", on, err)
		}
		legs := map[string]any{"leg_symptoms_both": "pain_only"}
		if i := w.triaged(legs); i.GetQuestionnaireId() != "upright-intake" || i.GetLevel() != "URGENT_SAME_DAY" {
			t.Errorf("the day before: %s %s", i.GetQuestionnaireId(), i.GetLevel())
		}
		w.clock.Advance(39 * time.Hour) // midnight at the clinic between Saturday and Sunday
		if i := w.triaged(legs); i.GetQuestionnaireId() != ours || i.GetLevel() != "EMERGENCY_NOW" {
			t.Errorf("from the day on: %s %s", i.GetQuestionnaireId(), i.GetLevel())
		}
		all := harmless(t)
		all["leg_symptoms_both"] = "pain_only"
		if i := w.answer(w.patient(), before, all); i.GetQuestionnaireId() != "upright-intake" || i.GetLevel() != "URGENT_SAME_DAY" {
			t.Errorf("a form started before: %s %s", i.GetQuestionnaireId(), i.GetLevel())
		}
		// The old one stays readable, and can be switched back on.
		old, err := w.vers.GetQuestionnaireVersion(w.clinician(), &intakev1.GetQuestionnaireVersionRequest{QuestionnaireId: "upright-intake", Version: 1})
		if err != nil || old.GetQuestionnaireVersion().GetState() != "SHIPPED" || old.GetQuestionnaireVersion().GetDocument() == nil {
			t.Errorf("%v", err)
		}
		if back, err := w.activate("upright-intake", 1, ""); err != nil || !back.GetInForce() {
			t.Errorf("%v, %v", back, err)
		}
		if i := w.start(w.patient()); i.GetQuestionnaireId() != "upright-intake" {
			t.Errorf("switched back: %s", i.GetQuestionnaireId())
		}
	})
}

// What lowers a level is approved only by a clinician who says so; what has problems is not
// approved at all, and the refusal names every place.
func TestApprovalLooksAtWhatItDoes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.copyForm()
		v = w.saveForm(v, edit(v, "rules", "E01", "when", []any{"=", "chest_pain", "a lot"}))
		if len(v.GetProblems()) != 1 || v.GetProblems()[0].GetPlace() != "rules[E01].when" || v.GetRuleSetVersion() != "" {
			t.Fatalf("%v", v.GetProblems())
		}
		_, err := w.approveForm(v, true)
		if f := refusal(t, err, fault.FailedPrecondition, "QUESTIONNAIRE_NOT_USABLE"); len(f.Fields) != 1 || f.Fields[0].Field != "rules[E01].when" {
			t.Errorf("%+v", f.Fields)
		}
		_, err = w.vers.CompareQuestionnaireVersion(w.clinician(), &intakev1.CompareQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})
		refused(t, err, fault.FailedPrecondition, "QUESTIONNAIRE_NOT_USABLE")
		doc := edit(v, "rules", "E01", "when", []any{"=", "chest_pain", "yes"})
		v.Document = doc
		stale := v
		v = w.saveForm(v, edit(v, "rules", "C05", "level", "SELF_CARE"))
		_, err = w.vers.UpdateQuestionnaireVersion(w.clinician(), &intakev1.UpdateQuestionnaireVersionRequest{
			QuestionnaireId: ours, Version: 1, Document: doc, Etag: stale.GetEtag(),
		})
		refused(t, err, fault.Aborted, "VERSION_MISMATCH")
		_, err = w.approveForm(v, false)
		if f := refusal(t, err, fault.FailedPrecondition, "VIGNETTES_LOWERED"); !strings.Contains(f.Facts["vignette_ids"], "T") {
			t.Errorf("%+v", f)
		}
		if got, err := w.approveForm(v, true); err != nil || got.GetState() != "APPROVED" {
			t.Fatalf("%v, %v", got, err)
		}
		next, err := w.vers.CopyQuestionnaireVersion(w.clinician(), &intakev1.CopyQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})
		if err != nil || next.GetQuestionnaireVersion().GetVersion() != 2 || next.GetQuestionnaireVersion().GetState() != "DRAFT" ||
			next.GetQuestionnaireVersion().GetApproval() != nil {
			t.Errorf("%v, %v", next, err)
		}
		list, err := w.vers.ListQuestionnaireVersions(w.clinician(), &intakev1.ListQuestionnaireVersionsRequest{})
		if err != nil || len(list.GetQuestionnaireVersions()) != 3 || list.GetQuestionnaireVersions()[1].GetDocument() != nil {
			t.Errorf("%v, %v", list, err)
		}
	})
}

// A clinic's own forms are its own.
func TestFormsOfAnotherClinicAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	v := w.copyForm()
	if _, err := w.approveForm(v, false); err != nil {
		t.Fatal(err)
	}
	if _, err := w.activate(ours, 1, ""); err != nil {
		t.Fatal(err)
	}
	ctx := w.as(typev1.Role_ROLE_CLINICIAN, clinicB)
	for name, err := range map[string]error{
		"get":      second(w.vers.GetQuestionnaireVersion(ctx, &intakev1.GetQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})),
		"copy":     second(w.vers.CopyQuestionnaireVersion(ctx, &intakev1.CopyQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})),
		"update":   second(w.vers.UpdateQuestionnaireVersion(ctx, &intakev1.UpdateQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1, Document: v.GetDocument(), Etag: "1"})),
		"compare":  second(w.vers.CompareQuestionnaireVersion(ctx, &intakev1.CompareQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})),
		"approve":  second(w.vers.ApproveQuestionnaireVersion(ctx, &intakev1.ApproveQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1, Etag: "1", Note: "x"})),
		"activate": second(w.vers.ActivateQuestionnaireVersion(ctx, &intakev1.ActivateQuestionnaireVersionRequest{QuestionnaireId: ours, Version: 1})),
		"language": second(w.vers.ApproveQuestionnaireLanguage(ctx, &intakev1.ApproveQuestionnaireLanguageRequest{QuestionnaireId: ours, Version: 1, LanguageCode: "es"})),
		"show":     second(w.forms.GetQuestionnaire(ctx, &intakev1.GetQuestionnaireRequest{QuestionnaireId: ours})),
		"evaluate": second(w.triage.EvaluateTriage(ctx, &intakev1.EvaluateTriageRequest{QuestionnaireId: ours})),
	} {
		if f := fault.From(err); err == nil || f.Kind != fault.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	got, err := w.forms.ListQuestionnaires(ctx, &intakev1.ListQuestionnairesRequest{})
	if err != nil || len(got.GetQuestionnaires()) != 1 || got.GetQuestionnaires()[0].GetQuestionnaireId() != "upright-intake" {
		t.Errorf("%v, %v", got, err)
	}
	_, err = w.vers.CopyQuestionnaireVersion(w.clinician(), &intakev1.CopyQuestionnaireVersionRequest{QuestionnaireId: "upright-intake", Version: 1})
	refused(t, err, fault.AlreadyExists, "QUESTIONNAIRE_SHIPPED")
	_, err = w.activate(ours, 1, "2026-03-26")
	refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
}

func second[T any](_ T, err error) error { return err }

// A language opens to patients only after a named clinician has approved it; staff may look
// at it before.
func TestLanguagesOpenByApproval(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		v := w.copyForm()
		v = w.saveForm(v, inTwoLanguages(v.GetDocument()))
		if len(v.GetProblems()) != 0 {
			t.Fatalf("%v", v.GetProblems())
		}
		if _, err := w.approveForm(v, false); err != nil {
			t.Fatal(err)
		}
		if _, err := w.activate(ours, 1, ""); err != nil {
			t.Fatal(err)
		}
		ask := func() *intakev1.Questionnaire {
			got, err := w.forms.GetQuestionnaire(w.patient(), &intakev1.GetQuestionnaireRequest{QuestionnaireId: ours, LanguageCode: "es"})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetQuestionnaire()
		}
		begin := func() string {
			got, err := w.intakes.CreateIntake(w.patient(), &intakev1.CreateIntakeRequest{PatientId: patient, LanguageCode: "es"})
			if err != nil {
				t.Fatal(err)
			}
			return got.GetIntake().GetLanguageCode()
		}
		if q := ask(); q.GetLanguageCode() != "en" || !slices.Equal(q.GetLanguages(), []string{"en"}) || begin() != "en" {
			t.Errorf("before: %s %v", q.GetLanguageCode(), q.GetLanguages())
		}
		staff, err := w.forms.GetQuestionnaire(w.clinician(), &intakev1.GetQuestionnaireRequest{QuestionnaireId: ours, LanguageCode: "es"})
		if err != nil || staff.GetQuestionnaire().GetLanguageCode() != "es" {
			t.Errorf("staff: %v, %v", staff.GetQuestionnaire().GetLanguageCode(), err)
		}
		open := &intakev1.ApproveQuestionnaireLanguageRequest{QuestionnaireId: ours, Version: 1, LanguageCode: "es", Note: "read by a native speaker"}
		got, err := w.vers.ApproveQuestionnaireLanguage(w.clinician(), open)
		if err != nil || len(got.GetQuestionnaireVersion().GetLanguages()) != 2 || !got.GetQuestionnaireVersion().GetLanguages()[1].GetOpen() ||
			got.GetQuestionnaireVersion().GetLanguages()[1].GetApproval().GetClinicianName() == "" {
			t.Fatalf("%v, %v", got, err)
		}
		if q := ask(); q.GetLanguageCode() != "es" || begin() != "es" {
			t.Errorf("after: %s", q.GetLanguageCode())
		}
		_, err = w.vers.WithdrawQuestionnaireLanguage(w.clinician(), &intakev1.WithdrawQuestionnaireLanguageRequest{QuestionnaireId: ours, Version: 1, LanguageCode: "es"})
		if err != nil || ask().GetLanguageCode() != "en" {
			t.Errorf("closed: %v", err)
		}
		for _, bad := range []string{"en", "hi"} {
			open.LanguageCode = bad
			_, err = w.vers.ApproveQuestionnaireLanguage(w.clinician(), open)
			refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
		}
	})
}

// inTwoLanguages writes every English text as Spanish too.
func inTwoLanguages(doc *structpb.Struct) *structpb.Struct {
	var walk func(v any)
	walk = func(v any) {
		switch x := v.(type) {
		case []any:
			for _, e := range x {
				walk(e)
			}
		case map[string]any:
			if text, ok := x["en"].(string); ok {
				x["es"] = text
			}
			for _, e := range x {
				walk(e)
			}
		}
	}
	m := doc.AsMap()
	walk(m)
	m["languages"] = []any{"en", "es"}
	out, err := structpb.NewStruct(m)
	if err != nil {
		panic(err)
	}
	return out
}
