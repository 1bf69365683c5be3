package intake_test

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestFormFromStartToResult(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		if i.GetState() != "DRAFT" || i.GetNextPageId() != "right_now" || i.GetTriage().GetStatus() != "INCOMPLETE" {
			t.Fatalf("a new form: %v", i)
		}
		i = w.answer(w.patient(), i, map[string]any{"pregnancy": "no", "location": []any{"neck"}})
		i = w.answer(w.patient(), i, map[string]any{"location": []any{}, "nrs": 4})
		if got := i.GetAnswers()["location"].GetListValue(); got == nil || len(got.GetValues()) != 0 {
			t.Errorf("none of these is an answer of its own: %v", i.GetAnswers())
		}
		all := harmless(t)
		all["duration"] = "6to12w"
		i = w.answer(w.patient(), i, all)
		if i.GetNextPageId() != "" || i.GetTriage().GetStatus() != "COMPLETE" || i.GetState() != "DRAFT" {
			t.Fatalf("a filled form: next %q, %v", i.GetNextPageId(), i.GetTriage())
		}
		i = w.submit(w.patient(), i)
		if i.GetState() != "SUBMITTED" || i.GetLevel() != "CONSERVATIVE_CARE" || i.GetComputedLevel() != "CONSERVATIVE_CARE" {
			t.Fatalf("submitted: %v", i)
		}
		advice := i.GetTriage().GetAdvice()
		if advice.GetRescreenDate() != "2026-04-10" || advice.GetSafetyNet() == "" || !slices.Contains(advice.GetHomeMeasures(), "LIGHT_MOVEMENT") {
			t.Errorf("advice: %v", advice)
		}
		if !i.GetExpireTime().AsTime().Equal(friday.Add(14 * 24 * time.Hour)) {
			t.Errorf("expires %v", i.GetExpireTime().AsTime())
		}
		if d := cmp.Diff([]string{"IntakeStarted", "IntakeSubmitted", "IntakeTriaged"}, names(w.events())); d != "" {
			t.Error(d)
		}
		triaged := &intakev1.IntakeTriaged{
			ClinicId: clinic, IntakeId: i.GetIntakeId(), PatientId: patient, Level: typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE, GateVersion: 1,
		}
		if d := cmp.Diff(triaged, w.events()[2], protocmp.Transform()); d != "" {
			t.Error(d)
		}
		if len(w.tasks()) != 0 {
			t.Errorf("tasks: %v", w.tasks())
		}
	})
}

// Every vignette gets its result through the API as well: dry, and submitted where the form
// is complete.
func TestVignettesThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	for _, file := range []string{"vignettes.json", "vignettes_own.json"} {
		data, err := os.ReadFile("internal/triage/testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Vignettes []struct {
				ID       string         `json:"id"`
				Replace  bool           `json:"answers_replace_defaults"`
				Answers  map[string]any `json:"answers"`
				Expected struct {
					Status      string   `json:"status"`
					Provisional bool     `json:"provisional"`
					Disposition *string  `json:"disposition"`
					Rules       []string `json:"rules_must_include"`
				} `json:"expected"`
			} `json:"vignettes"`
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		for _, v := range doc.Vignettes {
			answers := map[string]any{}
			if !v.Replace {
				answers = harmless(t)
			}
			maps.Copy(answers, v.Answers)
			got, err := w.triage.EvaluateTriage(w.reception(), &intakev1.EvaluateTriageRequest{Answers: values(t, answers)})
			if err != nil {
				t.Fatalf("%s: %v", v.ID, err)
			}
			i := w.submit(w.patient(), w.answer(w.patient(), w.start(w.patient()), answers))
			for name, r := range map[string]*intakev1.TriageResult{"dry": got.GetTriage(), "submitted": i.GetTriage()} {
				e := v.Expected
				if r.GetStatus() != e.Status || r.GetProvisional() != e.Provisional ||
					(r.GetDisposition() == nil) != (e.Disposition == nil) || (e.Disposition != nil && r.GetDisposition().GetValue() != *e.Disposition) {
					t.Errorf("%s %s: %v %v %v", v.ID, name, r.GetStatus(), r.GetProvisional(), r.GetDisposition())
				}
				for _, id := range e.Rules {
					if !slices.ContainsFunc(r.GetFiredRules(), func(f *intakev1.FiredRule) bool { return f.GetRuleId() == id }) {
						t.Errorf("%s %s: %s did not fire", v.ID, name, id)
					}
				}
			}
			if want := map[bool]string{true: "SUBMITTED", false: "DRAFT"}[v.Expected.Status == "COMPLETE"]; i.GetState() != want {
				t.Errorf("%s: %s", v.ID, i.GetState())
			}
		}
	}
}

func TestUnfinishedFormStaysADraft(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"age": 49, "chest_pain": "no"})
		key := &intakev1.SubmitIntakeRequest{IntakeId: i.GetIntakeId(), RequestId: "k1"}
		got, err := w.intakes.SubmitIntake(w.patient(), key)
		if err != nil {
			t.Fatal(err)
		}
		r := got.GetIntake().GetTriage()
		if got.GetIntake().GetState() != "DRAFT" || r.GetStatus() != "INCOMPLETE" || r.GetDisposition() != nil || len(r.GetMissing()) == 0 {
			t.Fatalf("%v", got)
		}
		// The same key hands it in once it is complete, and repeats that.
		all := harmless(t)
		delete(all, "age")
		w.answer(w.patient(), got.GetIntake(), all)
		var last *intakev1.Intake
		for range 3 {
			got, err := w.intakes.SubmitIntake(w.patient(), key)
			if err != nil || got.GetIntake().GetState() != "SUBMITTED" {
				t.Fatalf("%v, %v", got, err)
			}
			if d := cmp.Diff(last, got.GetIntake(), protocmp.Transform()); last != nil && d != "" {
				t.Error(d)
			}
			last = got.GetIntake()
		}
	})
}

func TestSubmittedFormIsImmutable(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(nil)
		_, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{
			IntakeId: i.GetIntakeId(), Etag: i.GetEtag(), Answers: values(t, map[string]any{"nrs": 9}),
		})
		refused(t, err, fault.FailedPrecondition, "INTAKE_SUBMITTED")
		again := w.submit(w.patient(), i)
		if d := cmp.Diff(i, again, protocmp.Transform()); d != "" {
			t.Error(d)
		}
	})
}

func TestSubmittingInParallelHappensOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.answer(w.patient(), w.start(w.patient()), harmless(t))
		var group sync.WaitGroup
		for n := range 16 {
			group.Go(func() {
				in := &intakev1.SubmitIntakeRequest{IntakeId: i.GetIntakeId(), RequestId: []string{"", "same"}[n%2]}
				got, err := w.intakes.SubmitIntake(w.patient(), in)
				if err != nil || got.GetIntake().GetState() != "SUBMITTED" {
					t.Errorf("%v, %v", got, err)
				}
			})
		}
		group.Wait()
		if d := cmp.Diff([]string{"IntakeStarted", "IntakeSubmitted", "IntakeTriaged"}, names(w.events())); d != "" {
			t.Error(d)
		}
		if g := w.gate(patient); g.GetVersion() != 1 {
			t.Errorf("gate version %d", g.GetVersion())
		}
	})
}

func TestEveryAnswerHasItsRevision(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.start(w.patient())
		first := i.GetEtag()
		i = w.answer(w.patient(), i, map[string]any{"nrs": 3, "fever": "no"})
		i = w.answer(w.clinician(), i, map[string]any{"nrs": 5, "fever": "no"})
		i = w.answer(w.patient(), i, map[string]any{"nrs": nil})
		if _, ok := i.GetAnswers()["nrs"]; ok {
			t.Error("an answer taken back is still there")
		}
		got, err := w.intakes.ListAnswerRevisions(w.clinician(), &intakev1.ListAnswerRevisionsRequest{IntakeId: i.GetIntakeId()})
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, r := range got.GetRevisions() {
			v, err := r.GetValue().MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			lines = append(lines, r.GetQuestionId()+" "+string(v)+" "+r.GetAnsweredAs())
		}
		want := []string{`fever "no" PATIENT`, "nrs 3 PATIENT", "nrs 5 CLINICIAN", "nrs null PATIENT"}
		if d := cmp.Diff(want, lines); d != "" {
			t.Error(d)
		}
		// Two devices: another question merges, the same one is refused and named.
		merged, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{
			IntakeId: i.GetIntakeId(), Etag: first, Answers: values(t, map[string]any{"stiffness": "yes"}),
		})
		if err != nil || merged.GetIntake().GetAnswers()["stiffness"].GetStringValue() != "yes" {
			t.Fatalf("%v, %v", merged, err)
		}
		_, err = w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{
			IntakeId: i.GetIntakeId(), Etag: first, Answers: values(t, map[string]any{"fever": "yes", "trigger": "sport"}),
		})
		f := refusal(t, err, fault.Aborted, "VERSION_MISMATCH")
		if len(f.Fields) != 1 || f.Fields[0].Field != "answers.fever" {
			t.Errorf("fields %v", f.Fields)
		}
	})
}
