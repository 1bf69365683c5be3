package intake_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const (
	chiropractic = typev1.Discipline_DISCIPLINE_CHIROPRACTIC
	acupuncture  = typev1.Discipline_DISCIPLINE_ACUPUNCTURE
	massage      = typev1.Discipline_DISCIPLINE_MASSAGE
	injection    = typev1.Discipline_DISCIPLINE_FACET_JOINT_INJECTION
)

func TestGateExpiresByBeingRead(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_NOT_SCREENED || g.GetVersion() != 0 || len(g.GetAllowed()) != 0 {
			t.Errorf("nobody asked yet: %v", g)
		}
		i := w.triaged(map[string]any{"duration": "6to12w", "bone_risk": []any{"osteoporosis"}, "onset": "gradual"})
		g := w.gate(patient)
		if g.GetState() != intakev1.BookingGate_STATE_SCREENED || g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_CLINICIAN_REVIEW || g.GetIntakeId() != i.GetIntakeId() {
			t.Fatalf("%v", g)
		}
		want := []*intakev1.GateAllowance{{Kind: typev1.VisitKind_VISIT_KIND_INITIAL_ASSESSMENT}}
		if d := cmp.Diff(want, g.GetAllowed(), protocmp.Transform()); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]*intakev1.GateBlock{{Discipline: chiropractic, ContraindicationIds: []string{"X-MANIP-1"}}}, g.GetBlocked(), protocmp.Transform()); d != "" {
			t.Error(d)
		}
		w.clock.Advance(14*24*time.Hour - time.Microsecond)
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_SCREENED {
			t.Errorf("a moment before: %v", g.GetState())
		}
		w.clock.Advance(time.Microsecond)
		g = w.gate(patient)
		if g.GetState() != intakev1.BookingGate_STATE_EXPIRED || g.GetVersion() != 1 || len(g.GetAllowed()) != 0 || len(g.GetBlocked()) != 1 {
			t.Errorf("after 14 days: %v", g)
		}
	})
}

func TestSelfCareAllowsOnlinePhysiotherapy(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	w.triaged(nil)
	want := []*intakev1.GateAllowance{
		{Kind: typev1.VisitKind_VISIT_KIND_INITIAL_ASSESSMENT},
		{
			Kind: typev1.VisitKind_VISIT_KIND_TREATMENT, Disciplines: []typev1.Discipline{typev1.Discipline_DISCIPLINE_PHYSIOTHERAPY},
			Modes: []typev1.VisitMode{typev1.VisitMode_VISIT_MODE_ONLINE},
		},
	}
	if d := cmp.Diff(want, w.gate(patient).GetAllowed(), protocmp.Transform()); d != "" {
		t.Error(d)
	}
}

// fact records a fact as a clinician and returns the gate's version.
func (w *world) fact(question string, value *structpb.Value) int64 {
	w.t.Helper()
	got, err := w.triage.RecordClinicalFact(w.clinician(), &intakev1.RecordClinicalFactRequest{
		PatientId: patient, QuestionId: question, Value: value, SaidBy: "EXAMINATION",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetGateVersion()
}

// F037: an injury blocks manipulation until a clinician records the examination; and what
// is known keeps watching after the form.
func TestF037FactsChangeTheGate(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(map[string]any{"trauma": "minor", "trauma_days": 3, "trauma_assessed": "no"})
		if g := w.gate(patient); len(g.GetBlocked()) != 1 || g.GetBlocked()[0].GetContraindicationIds()[0] != "X-MANIP-8" {
			t.Fatalf("%v", g)
		}
		if v := w.fact("trauma_assessed", structpb.NewStringValue("yes")); v != 2 {
			t.Errorf("version %d", v)
		}
		if g := w.gate(patient); len(g.GetBlocked()) != 0 || g.GetVersion() != 2 || g.GetIntakeId() != i.GetIntakeId() {
			t.Errorf("examined: %v", g)
		}
		w.fact("anticoagulant", structpb.NewStringValue("yes"))
		g := w.gate(patient)
		var waiting []typev1.Discipline
		for _, b := range g.GetReleaseNeeded() {
			waiting = append(waiting, b.GetDiscipline())
		}
		if d := cmp.Diff([]typev1.Discipline{acupuncture, chiropractic, injection, massage}, waiting); d != "" {
			t.Error(d)
		}
		got, err := w.triage.ListClinicalFacts(w.clinician(), &intakev1.ListClinicalFactsRequest{PatientId: patient, IncludeHistory: true})
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, f := range got.GetFacts() {
			if f.GetQuestionId() == "trauma_assessed" {
				said = append(said, f.GetSaidBy()+" "+f.GetValue().GetStringValue())
			}
		}
		if d := cmp.Diff([]string{"EXAMINATION yes", "PATIENT no"}, said); d != "" || got.GetGateVersion() != 3 {
			t.Error(d, got.GetGateVersion())
		}
		tail := names(w.events())
		if d := cmp.Diff([]string{"FactsChanged", "FactsChanged"}, tail[len(tail)-2:]); d != "" {
			t.Error(d)
		}
		// A new form says so as well; what it does not ask any more is not known any more.
		w.triaged(map[string]any{"anticoagulant": "no"})
		if g := w.gate(patient); len(g.GetReleaseNeeded()) != 0 {
			t.Errorf("%v", g)
		}
		w.triaged(map[string]any{"trauma": "minor", "trauma_days": 1, "trauma_assessed": "unsure"})
		if g := w.gate(patient); len(g.GetBlocked()) != 1 {
			t.Errorf("a new injury is not examined: %v", g)
		}
		// What a form leaves open is not known any more, whatever was known before.
		w.fact("trauma_assessed", structpb.NewStringValue("yes"))
		w.triaged(map[string]any{"trauma": "minor", "collapse": "yes"})
		if g := w.gate(patient); len(g.GetBlocked()) != 1 {
			t.Errorf("an injury whose examination was not asked about: %v", g)
		}
	})
}

func TestReleases(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.triaged(map[string]any{"anticoagulant": "yes", "lung_disease": "yes"})
		release := func(ctx context.Context, id string) error {
			_, err := w.triage.ReleaseContraindication(ctx, &intakev1.ReleaseContraindicationRequest{
				PatientId: patient, ContraindicationId: id, Reason: "dose is stable",
			})
			return err
		}
		needs := func(id string) bool {
			return slices.ContainsFunc(w.gate(patient).GetReleaseNeeded(), func(b *intakev1.GateBlock) bool {
				return slices.Contains(b.GetContraindicationIds(), id)
			})
		}
		physio := w.clinicianOf(typev1.Profession_PROFESSION_PHYSIOTHERAPIST)
		acupuncturist := w.clinicianOf(typev1.Profession_PROFESSION_ACUPUNCTURIST)
		physician := w.clinicianOf(typev1.Profession_PROFESSION_PHYSICIAN)
		refused(t, release(physio, "X-ACU-2"), fault.PermissionDenied, "PROFESSION_REQUIRED")
		refused(t, release(acupuncturist, "X-INJ-4"), fault.PermissionDenied, "PROFESSION_REQUIRED")
		refused(t, release(physician, "X-ACU-1"), fault.FailedPrecondition, "HARD_CONTRAINDICATION")
		refused(t, release(physician, "X-ACU-5"), fault.FailedPrecondition, "NOT_CONTRAINDICATED")
		refused(t, release(physician, "X-NONE"), fault.InvalidArgument, "INVALID_ARGUMENT")
		for ctx, id := range map[context.Context]string{acupuncturist: "X-ACU-2", physician: "X-INJ-4"} {
			if err := release(ctx, id); err != nil {
				t.Fatal(err)
			}
			if needs(id) {
				t.Errorf("%s is still needed", id)
			}
		}
		if !needs("X-ACU-3") || !needs("X-MANIP-5") {
			t.Error("other contraindications went with it")
		}
		// It does not outlive what it was given for.
		w.clock.Advance(time.Hour)
		w.fact("location", structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("neck")}}))
		if needs("X-ACU-2") {
			t.Error("an answer that has no part in it ended the release")
		}
		if err := release(acupuncturist, "X-ACU-3"); err != nil {
			t.Fatal(err)
		}
		w.fact("location", structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("mid_back")}}))
		if !needs("X-ACU-3") {
			t.Error("other answers behind it do not need a new release")
		}
		w.fact("anticoagulant", structpb.NewStringValue("no"))
		w.fact("anticoagulant", structpb.NewStringValue("yes"))
		if !needs("X-ACU-2") {
			t.Error("stopped and taken again does not need a new release")
		}
	})
}

func TestMiniScreen(t *testing.T) {
	t.Parallel()
	no := func(yes ...string) map[string]bool {
		out := map[string]bool{}
		for _, id := range []string{"chest_pain", "breathing", "limbs", "bladder_bowel_saddle", "fever", "injury"} {
			out[id] = slices.Contains(yes, id)
		}
		return out
	}
	each(t, func(t *testing.T, w *world) {
		w.triaged(map[string]any{"duration": "6to12w"})
		ask := func(answers map[string]bool) *intakev1.RecordMiniScreenResponse {
			got, err := w.triage.RecordMiniScreen(w.reception(), &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: answers})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		if got := ask(no()); !got.GetClear() || got.GetAdvice() != nil || got.GetGateVersion() != 1 || w.gate(patient).GetState() != intakev1.BookingGate_STATE_SCREENED {
			t.Errorf("all no: %v", got)
		}
		got := ask(no("injury"))
		if got.GetClear() || got.GetLevel() != "CLINICIAN_REVIEW" || got.GetTaskId() == "" || got.GetAdvice().GetTitle() == "" {
			t.Errorf("injury: %v", got)
		}
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_EXPIRED || len(g.GetBlocked()) != 1 {
			t.Errorf("voided: %v", g)
		}
		got = ask(no("chest_pain", "fever"))
		g := w.gate(patient)
		if got.GetLevel() != "EMERGENCY_NOW" || g.GetState() != intakev1.BookingGate_STATE_SCREENED || len(g.GetAllowed()) != 0 {
			t.Errorf("chest pain: %v, %v", got, g)
		}
		ask(no("injury"))
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_SCREENED || g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_EMERGENCY_NOW {
			t.Errorf("asking again must not open what is closed: %v", g)
		}
		decided, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: got.GetTaskId(), Level: "CONSERVATIVE_CARE", Reason: "seen in the emergency department"})
		if err != nil || decided.GetTask().GetState() != "DECIDED" {
			t.Fatalf("%v, %v", decided, err)
		}
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_SCREENED || g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE {
			t.Errorf("decided: %v", g)
		}
		_, err = w.triage.RecordMiniScreen(w.reception(), &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: map[string]bool{"fever": true}})
		refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
		bad := no()
		bad["weather"] = true
		_, err = w.triage.RecordMiniScreen(w.reception(), &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: bad})
		if f := refusal(t, err, fault.InvalidArgument, "INVALID_ARGUMENT"); f.Fields[0].Field != "answers.weather" {
			t.Errorf("%v", f.Fields)
		}
	})
}

// F031: a SELF_CARE result; four days later the patient gets worse.
func TestF031GettingWorse(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(nil)
		w.clock.Advance(4 * 24 * time.Hour)
		in := &intakev1.ReportWorseningRequest{IntakeId: i.GetIntakeId(), RequestId: "worse"}
		got, err := w.intakes.ReportWorsening(w.patient(), in)
		if err != nil {
			t.Fatal(err)
		}
		fresh := got.GetIntake()
		if fresh.GetIntakeId() == i.GetIntakeId() || fresh.GetState() != "DRAFT" || fresh.GetAnswers()["course"].GetStringValue() != "worsening" {
			t.Errorf("%v", fresh)
		}
		if g := w.gate(patient); g.GetState() != intakev1.BookingGate_STATE_EXPIRED {
			t.Errorf("%v", g)
		}
		again, err := w.intakes.ReportWorsening(w.patient(), in)
		if err != nil || again.GetIntake().GetIntakeId() != fresh.GetIntakeId() {
			t.Errorf("%v, %v", again, err)
		}
		_, err = w.intakes.ReportWorsening(w.patient(), &intakev1.ReportWorseningRequest{IntakeId: fresh.GetIntakeId()})
		refused(t, err, fault.FailedPrecondition, "NOT_SUBMITTED")
	})
}

// Merged records are one person: the stricter result, and whatever speaks against a
// treatment in either; a merge taken back restores both.
func TestMergesOfPatients(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		w.triaged(map[string]any{"bone_risk": []any{"osteoporosis"}})
		_, err := w.intakes.CreateIntake(w.reception(), &intakev1.CreateIntakeRequest{PatientId: other})
		if err != nil {
			t.Fatal(err)
		}
		before := w.gate(other)
		w.dir.tell(t, other, 1, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: other, MergedPatientId: patient})
		eventually(t, func() bool { return w.gate(other).GetVersion() > before.GetVersion() })
		g, same := w.gate(other), w.gate(patient)
		if d := cmp.Diff(g, same, protocmp.Transform()); d != "" {
			t.Errorf("the records have different gates:\n%s", d)
		}
		if g.GetPatientId() != other || g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_CLINICIAN_REVIEW || len(g.GetBlocked()) != 1 || g.GetVersion() < 2 {
			t.Errorf("merged: %v", g)
		}
		list, err := w.intakes.ListIntakes(w.reception(), &intakev1.ListIntakesRequest{PatientId: other})
		if err != nil || len(list.GetIntakes()) != 2 {
			t.Errorf("%v, %v", list, err)
		}
		// The patient's account still names the merged record, and goes on with the form.
		w.triaged(map[string]any{"duration": "6to12w"})
		if g := w.gate(other); g.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE {
			t.Errorf("a new result of the merged record: %v", g)
		}
		merged := w.gate(other).GetVersion()
		w.dir.tell(t, other, 2, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: other, RestoredPatientId: patient})
		eventually(t, func() bool { return w.gate(patient).GetPatientId() == patient })
		g, apart := w.gate(other), w.gate(patient)
		if g.GetState() != intakev1.BookingGate_STATE_NOT_SCREENED || g.GetVersion() <= merged || len(g.GetBlocked()) != 0 {
			t.Errorf("the survivor alone: %v", g)
		}
		if apart.GetLevel() != typev1.TriageLevel_TRIAGE_LEVEL_CONSERVATIVE_CARE || apart.GetVersion() <= merged {
			t.Errorf("the restored record alone: %v", apart)
		}
	})
}

// eventually waits, asking again and again, until the test's patience ends.
func eventually(t testing.TB, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	for !done() {
		select {
		case <-ticker.C:
		case <-deadline.C:
			t.Fatal("it did not happen")
		}
	}
}
