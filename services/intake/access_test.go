package intake_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	rpctest.AccessMatrix(t, w.served)
}

// Another clinic's and another patient's objects are not there, for everybody and with the
// same words as what does not exist.
func TestForeignObjectsAreNotThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.triaged(map[string]any{"chest_pain": "yes"})
	task := w.tasks()[0].GetTaskId()
	stranger := rpctest.Person(clinic, typev1.Role_ROLE_PATIENT)
	stranger.Subject, stranger.PatientIDs = "acc_stranger", []string{other}
	callers := map[string]context.Context{
		"another patient":       authn.With(t.Context(), stranger),
		"another clinic's":      w.as(typev1.Role_ROLE_PATIENT, clinicB),
		"another clinic's desk": w.as(typev1.Role_ROLE_RECEPTIONIST, clinicB),
		"another clinician":     w.as(typev1.Role_ROLE_CLINICIAN, clinicB),
	}
	for name, ctx := range callers {
		p, _ := authn.From(ctx)
		missing := func(err error) {
			t.Helper()
			if f := fault.From(err); err == nil || (f.Kind != fault.NotFound && f.Reason != "ACCESS_DENIED") {
				t.Errorf("%s: %v", name, err)
			}
		}
		id := i.GetIntakeId()
		got, err := w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: id})
		missing(err)
		_, same := w.intakes.GetIntake(ctx, &intakev1.GetIntakeRequest{IntakeId: "int_none"})
		if err.Error() != same.Error() || got != nil {
			t.Errorf("%s can tell a foreign intake from a missing one: %v, %v", name, err, same)
		}
		_, err = w.intakes.UpdateIntake(ctx, &intakev1.UpdateIntakeRequest{IntakeId: id, Etag: "1", Answers: values(t, map[string]any{"nrs": 1})})
		missing(err)
		_, err = w.intakes.SubmitIntake(ctx, &intakev1.SubmitIntakeRequest{IntakeId: id})
		missing(err)
		_, err = w.intakes.ReportWorsening(ctx, &intakev1.ReportWorseningRequest{IntakeId: id})
		missing(err)
		_, err = w.intakes.ListIntakes(ctx, &intakev1.ListIntakesRequest{PatientId: patient})
		missing(err)
		_, err = w.intakes.CreateIntake(ctx, &intakev1.CreateIntakeRequest{PatientId: patient})
		missing(err)
		_, err = w.funnel.RecordPageReached(ctx, &intakev1.RecordPageReachedRequest{IntakeId: id, PageId: "location"})
		missing(err)
		_, err = w.intakes.ListAnswerRevisions(ctx, &intakev1.ListAnswerRevisionsRequest{IntakeId: id})
		missing(err)
		for _, err := range w.formCalls(ctx, id) {
			missing(err)
		}
		_, err = w.triage.OverrideTriage(ctx, &intakev1.OverrideTriageRequest{IntakeId: id, Level: "EMERGENCY_NOW", Reason: "x"})
		missing(err)
		_, err = w.triage.GetTriageTask(ctx, &intakev1.GetTriageTaskRequest{TaskId: task})
		missing(err)
		_, err = w.triage.AcknowledgeTriageTask(ctx, &intakev1.AcknowledgeTriageTaskRequest{TaskId: task})
		missing(err)
		_, err = w.triage.DecideTriageTask(ctx, &intakev1.DecideTriageTaskRequest{TaskId: task, Level: "EMERGENCY_NOW", Reason: "x"})
		missing(err)
		_, err = w.triage.ListClinicalFacts(ctx, &intakev1.ListClinicalFactsRequest{PatientId: patient})
		missing(err)
		_, err = w.triage.RecordMiniScreen(ctx, &intakev1.RecordMiniScreenRequest{PatientId: patient, Answers: allNo()})
		missing(err)
		if !p.IsStaff() {
			_, err = w.triage.GetBookingGate(ctx, &intakev1.GetBookingGateRequest{PatientId: patient})
			missing(err)
		}
		tasks, err := w.triage.ListTriageTasks(ctx, &intakev1.ListTriageTasksRequest{})
		if err == nil && len(tasks.GetTasks()) != 0 {
			t.Errorf("%s lists %v", name, tasks)
		}
	}
	// Another clinic's desk may ask about any id, and learns nothing of this clinic's gate.
	got, err := w.triage.GetBookingGate(callers["another clinic's desk"], &intakev1.GetBookingGateRequest{PatientId: patient})
	if err != nil || got.GetGate().GetState() != intakev1.BookingGate_STATE_NOT_SCREENED {
		t.Errorf("%v, %v", got, err)
	}
	_, err = w.triage.GetBookingGate(callers["another clinic's desk"], &intakev1.GetBookingGateRequest{PatientId: patient, ClinicId: clinic})
	refused(t, err, fault.NotFound, "NOT_FOUND")
	_, err = w.triage.GetBookingGate(w.booking(), &intakev1.GetBookingGateRequest{PatientId: patient})
	refused(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
}

func allNo() map[string]bool {
	return map[string]bool{"chest_pain": false, "breathing": false, "limbs": false, "bladder_bowel_saddle": false, "fever": false, "injury": false}
}

// The front desk sees status and level, never answers and never findings.
func TestFrontDeskSeesNoAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.triaged(map[string]any{"self_harm": "yes", "cancer": "past"})
	draft := w.answer(w.patient(), w.start(w.patient()), map[string]any{"self_harm": "yes"})
	var seen []proto.Message
	for _, id := range []string{i.GetIntakeId(), draft.GetIntakeId()} {
		for _, view := range []string{"", "FULL", "BASIC"} {
			got, err := w.intakes.GetIntake(w.reception(), &intakev1.GetIntakeRequest{IntakeId: id, View: view})
			if err != nil || got.GetIntake().GetView() != "BASIC" || got.GetIntake().GetLevel() != "URGENT_SAME_DAY" {
				t.Fatalf("%v, %v", got, err)
			}
			seen = append(seen, got)
		}
	}
	started, err := w.intakes.CreateIntake(w.reception(), &intakev1.CreateIntakeRequest{PatientId: patient})
	if err != nil {
		t.Fatal(err)
	}
	list, err := w.intakes.ListIntakes(w.reception(), &intakev1.ListIntakesRequest{PatientId: patient})
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := w.triage.ListTriageTasks(w.reception(), &intakev1.ListTriageTasksRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(seen, started, list, tasks) {
		text := protojson.Format(m)
		for _, word := range []string{"self_harm", "cancer", "U16", "fired", "because", "answers\"", "missing"} {
			if strings.Contains(text, word) {
				t.Errorf("the front desk sees %q in\n%s", word, text)
			}
		}
	}
	_, err = w.intakes.UpdateIntake(w.reception(), &intakev1.UpdateIntakeRequest{IntakeId: draft.GetIntakeId(), Etag: "1", Answers: values(t, map[string]any{"nrs": 1})})
	refused(t, err, fault.PermissionDenied, "ACCESS_DENIED")
	_, err = w.intakes.ListAnswerRevisions(w.reception(), &intakev1.ListAnswerRevisionsRequest{IntakeId: i.GetIntakeId()})
	refused(t, err, fault.PermissionDenied, "ACCESS_DENIED")
	for _, role := range []typev1.Role{typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER} {
		_, err = w.intakes.GetIntake(w.as(role, clinic), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
		refused(t, err, fault.PermissionDenied, "ACCESS_DENIED")
	}
}

// Patients read what to do and never the name of a disease; clinicians read why (F009).
func TestPatientsReadActionsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	i := w.triaged(map[string]any{"cancer": "active", "fever": "yes", "self_harm": "yes"})
	text := strings.ToLower(protojson.Format(i.GetTriage()))
	for _, word := range []string{"metastatic", "oncology", "infection", "tumour", "nice", "ifompt", "meningitis"} {
		if strings.Contains(text, word) {
			t.Errorf("the patient reads %q", word)
		}
	}
	if !strings.Contains(text, "crisis line") || i.GetTriage().GetAdvice().GetText() == "" {
		t.Errorf("the patient is not told what to do: %s", text)
	}
	got, err := w.intakes.GetIntake(w.clinician(), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
	if err != nil {
		t.Fatal(err)
	}
	r := got.GetIntake().GetTriage()
	if f := r.GetFiredRules()[0]; f.GetWhy() == "" || f.GetSource() == "" || len(f.GetBecause()) == 0 || len(r.GetCauseHints()) == 0 {
		t.Errorf("the clinician reads %v", r)
	}
	gate, err := w.triage.GetBookingGate(w.patient(), &intakev1.GetBookingGateRequest{PatientId: patient})
	if err != nil || len(gate.GetGate().GetBlocked()) == 0 || strings.Contains(protojson.Format(gate), "X-") {
		t.Errorf("%v, %v", gate, err)
	}
}

// auditRows counts the audit rows of an action about a patient.
func (w *world) auditRows(action string) (n int) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`SELECT count(*) FROM audit_log WHERE clinic_id = $1 AND action = $2 AND patient_id = $3`, clinic, action, patient).Scan(&n)
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

func TestReadingAnswersIsRecorded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		i := w.triaged(nil)
		for _, step := range []struct {
			action string
			do     func() error
		}{
			{"intake.read", func() error {
				_, err := w.intakes.GetIntake(w.clinician(), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId()})
				return err
			}},
			{"intake.read_revisions", func() error {
				_, err := w.intakes.ListAnswerRevisions(w.clinician(), &intakev1.ListAnswerRevisionsRequest{IntakeId: i.GetIntakeId()})
				return err
			}},
			{"clinical_facts.read", func() error {
				_, err := w.triage.ListClinicalFacts(w.clinician(), &intakev1.ListClinicalFactsRequest{PatientId: patient})
				return err
			}},
		} {
			before := w.auditRows(step.action)
			if err := step.do(); err != nil {
				t.Fatal(err)
			}
			if after := w.auditRows(step.action); after != before+1 {
				t.Errorf("%s: %d rows, then %d", step.action, before, after)
			}
		}
		before := w.auditRows("intake.read")
		if _, err := w.intakes.GetIntake(w.clinician(), &intakev1.GetIntakeRequest{IntakeId: i.GetIntakeId(), View: "BASIC"}); err != nil {
			t.Fatal(err)
		}
		if w.auditRows("intake.read") != before || w.auditRows("intake.submit") != 1 || w.auditRows("intake.update") != 1 || w.auditRows("intake.create") != 1 {
			t.Error("other rows than expected")
		}
	})
}

// Canaries: what a patient answers, and what people write, is in no log line, event, audit
// row or error.
func TestAnswersLeaveNoTraceOutside(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "sqlite")
	const canary = "xylophone"
	i := w.answer(w.patient(), w.start(w.patient()), map[string]any{"chest_pain": "yes", "age": 111, "implant": []any{"neurostimulator"}})
	for _, bad := range []map[string]any{
		{"fever": canary}, {"location": []any{canary}}, {"age": canary}, {canary: "no"}, {"fever": map[string]any{canary: canary}},
	} {
		_, err := w.intakes.UpdateIntake(w.patient(), &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Etag: i.GetEtag(), Answers: values(t, bad)})
		f := refusal(t, err, fault.InvalidArgument, "INVALID_ARGUMENT")
		if _, unknown := bad[canary]; !unknown && strings.Contains(f.Error()+f.Fields[0].Field+f.Fields[0].Description, canary) {
			t.Errorf("the error repeats the answer: %v", f.Fields)
		}
	}
	_, err := w.triage.DecideTriageTask(w.clinician(), &intakev1.DecideTriageTaskRequest{TaskId: i.GetTaskId(), Level: "URGENT_SAME_DAY", Reason: canary})
	if err != nil {
		t.Fatal(err)
	}
	w.fact("implant", structpb.NewListValue(&structpb.ListValue{Values: []*structpb.Value{structpb.NewStringValue("pacemaker_icd")}}))
	var outside strings.Builder
	outside.WriteString(w.logged.String())
	for _, e := range w.events() {
		outside.WriteString(protojson.Format(e))
	}
	err = w.db.Read(t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`SELECT action, resource_id, facts FROM audit_log`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var row [3]string
			if err := rows.Scan(&row[0], &row[1], &row[2]); err != nil {
				return err
			}
			line, err := json.Marshal(row)
			if err != nil {
				return err
			}
			outside.Write(line)
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(outside.String(), i.GetIntakeId()) {
		t.Fatal("nothing was looked at")
	}
	for _, word := range []string{canary, "111", "neurostimulator", "pacemaker", "\"yes\""} {
		if strings.Contains(outside.String(), word) {
			t.Errorf("%q is outside:\n%s", word, outside.String())
		}
	}
}
