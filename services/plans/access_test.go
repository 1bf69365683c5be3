package plans_test

import (
	"context"
	"strings"
	"testing"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite, start, plans.Config{})
	w.run()
	rpctest.AccessMatrix(t, w.served)
}

// Another clinic's and another patient's objects are not there, in the words for missing
// ones.
func TestForeignObjectsAreMissing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active("pat_other", "acupuncture")
		foreign := authn.With(t.Context(), rpctest.Person(clinicB, typev1.Role_ROLE_CLINICIAN))
		patientB := authn.With(t.Context(), rpctest.Person(clinicB, typev1.Role_ROLE_PATIENT))
		words := func(err error) string { f := fault.From(err); return f.Kind.String() + f.Reason + f.Message }
		get := func(ctx context.Context, id string) string {
			_, err := w.plans.GetPlan(ctx, &plansv1.GetPlanRequest{PlanId: id})
			return words(err)
		}
		missing := get(w.physio(), "pln_missing")
		for name, ctx := range map[string]context.Context{"another clinic": foreign, "another patient": w.patient(), "another clinic's patient": patientB} {
			if got := get(ctx, p.GetPlanId()); got != missing {
				t.Errorf("%s: %q, a missing one: %q", name, got, missing)
			}
		}
	})
}

func TestWhatIsNotThereIsNotFound(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active("pat_other", "acupuncture")
		foreign := authn.With(t.Context(), rpctest.Person(clinicB, typev1.Role_ROLE_CLINICIAN))
		claimChanged := func(change func(*plansv1.ClaimSessionsRequest)) error {
			r := claimOf(p, session(1, "2027-01-05"))
			change(r)
			_, err := w.claim(r)
			return err
		}
		for name, call := range map[string]func() error{
			"list": func() error {
				_, err := w.plans.ListPlans(w.patient(), &plansv1.ListPlansRequest{PatientId: "pat_other"})
				return err
			},
			"ledger": func() error {
				_, err := w.injections.ListInjections(w.patient(), &plansv1.ListInjectionsRequest{PatientId: "pat_other"})
				return err
			},
			"check": func() error {
				_, err := w.injections.CheckInjection(w.patient(), &plansv1.CheckInjectionRequest{PatientId: "pat_other", Date: "2027-01-01"})
				return err
			},
			"record": func() error {
				_, err := w.injections.RecordInjection(w.physician(), complete("pat_unknown", "2027-01-01"))
				return err
			},
			"create": func() error {
				_, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: "pat_unknown", TemplateId: "massage"})
				return err
			},
			"issues": func() error {
				_, err := w.issues.ListIssues(w.physio(), &plansv1.ListIssuesRequest{PatientId: "pat_unknown"})
				return err
			},
			"issue": func() error {
				_, err := w.issues.GetIssue(w.physio(), &plansv1.GetIssueRequest{IssueId: "iss_x"})
				return err
			},
			"close": func() error {
				_, err := w.plans.ClosePlan(foreign, &plansv1.ClosePlanRequest{PlanId: p.GetPlanId()})
				return err
			},
			"claim in another clinic":   func() error { return claimChanged(func(r *plansv1.ClaimSessionsRequest) { r.ClinicId = clinicB }) },
			"claim for another patient": func() error { return claimChanged(func(r *plansv1.ClaimSessionsRequest) { r.PatientId = patient }) },
			"person of another clinic behind booking": func() error {
				ctx := rpctest.Person(clinicB, typev1.Role_ROLE_RECEPTIONIST)
				ctx.Service = "booking"
				_, err := w.entitlements.ListEntitlements(authn.With(t.Context(), ctx), &plansv1.ListEntitlementsRequest{ClinicId: clinic, PatientId: patient})
				return err
			},
		} {
			if err := call(); !fault.IsKind(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// The front desk sees counts and no clinical content; the patient sees the own plan
// without notes, once it is no draft; each look leaves an audit row.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "physiotherapy")
		draft, err := w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "massage", Note: "canary-note"})
		if err != nil {
			t.Fatal(err)
		}
		before := w.rows(`SELECT count(*) FROM audit_log WHERE action = 'plan.read'`)
		desk, err := w.plans.GetPlan(w.reception(), &plansv1.GetPlanRequest{PlanId: p.GetPlanId()})
		if err != nil {
			t.Fatal(err)
		}
		d := desk.GetPlan()
		if len(d.GetCauseCodes()) != 0 || len(d.GetGoals()) != 0 || d.GetDecision() != nil || d.GetNote() != "" || d.GetCourses()[0].GetSessions().GetLeft() != 16 {
			t.Errorf("the front desk sees %v", d)
		}
		mine, err := w.plans.GetPlan(w.patient(), &plansv1.GetPlanRequest{PlanId: p.GetPlanId()})
		if err != nil || len(mine.GetPlan().GetGoals()) == 0 || mine.GetPlan().GetNote() != "" {
			t.Errorf("the patient sees %v, %v", mine, err)
		}
		if n := w.rows(`SELECT count(*) FROM audit_log WHERE action = 'plan.read'`); n != before+2 {
			t.Errorf("%d looks left %d audit rows", 2, n-before)
		}
		_, err = w.plans.GetPlan(w.patient(), &plansv1.GetPlanRequest{PlanId: draft.GetPlan().GetPlanId()})
		if !fault.IsKind(err, fault.NotFound) {
			t.Errorf("a draft: %v", err)
		}
		list, err := w.plans.ListPlans(w.patient(), &plansv1.ListPlansRequest{})
		if err != nil || len(list.GetPlans()) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		w.recorded(complete(patient, "2027-01-04"))
		ledger, err := w.injections.ListInjections(w.patient(), &plansv1.ListInjectionsRequest{PatientId: patient})
		if err != nil || len(ledger.GetInjections()) != 1 || ledger.GetInjections()[0].GetNote() != "" {
			t.Errorf("the patient's ledger: %v, %v", ledger, err)
		}
		_, err = w.plans.CreatePlan(w.physio(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "facet_joint_injection", CauseCodes: []string{"FACET"}})
		if f := refused(t, err, "PROFESSION_REQUIRED"); f.Kind != fault.PermissionDenied {
			t.Errorf("F120: %s", f.Kind)
		}
	})
}

func TestPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for range 3 {
			w.active(patient, "acupuncture")
			w.external(patient, "2020-01-01")
		}
		plansSeen, token := 0, ""
		for range 3 {
			got, err := w.plans.ListPlans(w.physio(), &plansv1.ListPlansRequest{PatientId: patient, PageSize: 2, PageToken: token})
			if err != nil {
				t.Fatal(err)
			}
			plansSeen += len(got.GetPlans())
			if token = got.GetNextPageToken(); token == "" {
				break
			}
		}
		first, err := w.injections.ListInjections(w.physio(), &plansv1.ListInjectionsRequest{PatientId: patient, PageSize: 2})
		if err != nil || len(first.GetInjections()) != 2 {
			t.Fatalf("%v, %v", first, err)
		}
		rest, err := w.injections.ListInjections(w.physio(), &plansv1.ListInjectionsRequest{PatientId: patient, PageSize: 2, PageToken: first.GetNextPageToken()})
		if err != nil || len(rest.GetInjections()) != 1 || rest.GetNextPageToken() != "" || plansSeen != 3 {
			t.Errorf("%d plans; %v, %v", plansSeen, rest, err)
		}
		_, err = w.plans.ListPlans(w.physio(), &plansv1.ListPlansRequest{PatientId: patient, PageToken: "garbage!"})
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "page_token" {
			t.Errorf("fields %v", f.Fields)
		}
	})
}

// Names, notes and reasons are in no log line and no event.
func TestNothingOfThePatientLeaks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		const canary = "canary-"
		p := w.active(patient, "facet_joint_injection")
		made := w.recorded(complete(patient, "2027-01-04"))
		_, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
			PatientId: patient, InjectionId: made.GetInjectionId(), Etag: "9", Action: "MARK_ENTERED_IN_ERROR", Reason: "canary-reason",
		})
		refused(t, err, "VERSION_MISMATCH")
		_, err = w.plans.CreatePlan(w.physician(), &plansv1.CreatePlanRequest{PatientId: patient, TemplateId: "canary-template", Note: "canary-note", Goals: []*plansv1.Goal{{Code: "PAIN", Text: "canary-goal"}}})
		refused(t, err, "NOT_FOUND")
		bad := claimOf(p, session(1, "2027-02-28"))
		bad.Sessions[0].LocalDate = "2027-02-31"
		_, err = w.claim(bad)
		refused(t, err, "INVALID_ARGUMENT")
		if log := w.logged.String(); strings.Contains(log, canary) {
			t.Errorf("the log holds a canary:\n%s", log)
		}
		for _, m := range w.events() {
			if s := m.ProtoReflect().Interface(); strings.Contains(stringOf(s), canary) {
				t.Errorf("an event holds a canary: %v", s)
			}
		}
		if n := w.rows(`SELECT count(*) FROM audit_log WHERE facts LIKE '%canary-%'`); n != 0 {
			t.Errorf("%d audit rows hold a canary", n)
		}
	})
}
