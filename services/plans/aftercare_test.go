package plans_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// F124, F126, F128: check-ins after an injection, and what went wrong is coded and linked.
func TestAfterAnInjection(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		made := w.recorded(complete(patient, "2027-01-04"))
		due := map[string]string{}
		for _, f := range made.GetFollowUps() {
			due[f.GetCode()] = f.GetDueDate()
		}
		want := map[string]string{
			"HOURS_24": "2027-01-05", "HOURS_72": "2027-01-07", "DAY_3": "2027-01-07", "WEEKS_2": "2027-01-18", "WEEKS_6": "2027-02-15", "WEEKS_12": "2027-03-29",
		}
		if diff := cmp.Diff(want, due); diff != "" {
			t.Errorf("check-ins (-want +got)\n%s", diff)
		}
		r := &plansv1.RecordAdverseEventRequest{
			PatientId: patient, InjectionId: made.GetInjectionId(), Code: "MUSCLE_ATROPHY", LocalDate: "2027-01-20", Note: "canary-note", RequestId: "a1",
		}
		for range 2 {
			got, err := w.injections.RecordAdverseEvent(w.physio(), r)
			if err != nil || len(got.GetInjection().GetAdverseEvents()) != 1 || got.GetInjection().GetAdverseEvents()[0].GetCode() != "MUSCLE_ATROPHY" {
				t.Fatalf("%v, %v", got, err)
			}
		}
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "ADVERSE_EVENT" || open[0].GetCodes()[0] != "MUSCLE_ATROPHY" {
			t.Errorf("issues %v", open)
		}
		mine, err := w.injections.ListInjections(w.patient(), &plansv1.ListInjectionsRequest{PatientId: patient})
		if err != nil || mine.GetInjections()[0].GetAdverseEvents()[0].GetNote() != "" {
			t.Errorf("the patient sees %v, %v", mine, err)
		}
		for name, c := range map[string]struct {
			change func(*plansv1.RecordAdverseEventRequest)
			field  string
		}{
			"too early":   {func(r *plansv1.RecordAdverseEventRequest) { r.LocalDate = "2027-01-03" }, "local_date"},
			"no day":      {func(r *plansv1.RecordAdverseEventRequest) { r.LocalDate = "2027-02-30" }, "local_date"},
			"no code":     {func(r *plansv1.RecordAdverseEventRequest) { r.Code = "" }, "code"},
			"other, what": {func(r *plansv1.RecordAdverseEventRequest) { r.Code, r.Note = "OTHER", "" }, "note"},
		} {
			bad := proto.CloneOf(r)
			bad.RequestId = name
			c.change(bad)
			_, err := w.injections.RecordAdverseEvent(w.physio(), bad)
			if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v", name, f.Fields)
			}
		}
		r.InjectionId, r.RequestId = "inj_missing", "a2"
		if _, err := w.injections.RecordAdverseEvent(w.physio(), r); !fault.IsKind(err, fault.NotFound) {
			t.Errorf("of no injection: %v", err)
		}
	})
}

// The steroid of every kind of injection is added up; above the advisory limit there is an
// issue and no refusal.
func TestSteroidLedger(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		give := func(date, kind, drug string, mg float64) {
			w.recorded(&plansv1.RecordInjectionRequest{
				PatientId: patient, LocalDate: date, Kind: kind, Source: "EXTERNAL_DOCUMENTED", Drugs: []*plansv1.InjectedDrug{{Drug: drug, DoseMg: mg}},
			})
		}
		give("2025-12-01", "FACET_JOINT_INJECTION", "Triamcinolone", 100)
		give("2026-03-01", "EPIDURAL_STEROID_INJECTION", "Dexamethasone", 15)
		w.recorded(complete(patient, "2026-12-30"))
		ledger := func(date string) *plansv1.GetSteroidLedgerResponse {
			got, err := w.injections.GetSteroidLedger(w.physio(), &plansv1.GetSteroidLedgerRequest{PatientId: patient, Date: date})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		got := ledger("")
		if n := len(got.GetDoses()); n != 3 || got.GetTotals()[0].GetMethylprednisoloneMg() != 120 || got.GetTotals()[1].GetMethylprednisoloneMg() != 220 || got.GetIncomplete() {
			t.Errorf("%v", got)
		}
		if len(w.open(patient)) != 0 {
			t.Errorf("issues %v", w.open(patient))
		}
		give("2027-01-02", "OTHER_STEROID_INJECTION", "Betamethasone", 18)
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "STEROID_TOTAL" || open[0].GetCodes()[0] != "MONTHS_12" {
			t.Errorf("issues %v", open)
		}
		if now := ledger(""); !now.GetTotals()[0].GetAbove() || now.GetTotals()[1].GetAbove() {
			t.Errorf("%v", now)
		}
		w.external(patient, "2026-06-01")
		if !ledger("").GetIncomplete() {
			t.Error("an injection of which no drug is known leaves the ledger complete")
		}
	})
}

// A plan keeps every version that it has had, and ends by itself after its last day.
func TestVersionsAndExpiry(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{ResolveEvery: 10 * time.Millisecond})
			w.run()
			made, err := w.plans.CreatePlan(w.physio(), &plansv1.CreatePlanRequest{
				PatientId: patient, TemplateId: "physiotherapy", CauseCodes: []string{"OA"}, Decision: decided(), ExpireDate: "2027-02-01",
			})
			if err != nil {
				t.Fatal(err)
			}
			id := made.GetPlan().GetPlanId()
			if _, err := w.plans.ActivatePlan(w.physio(), &plansv1.ActivatePlanRequest{PlanId: id}); err != nil {
				t.Fatal(err)
			}
			w.granted(w.plan(id), session(2, "2027-01-28")) // whose question counts the rounds of housekeeping
			w.booking.setDown(true)
			w.clock.Set(time.Date(2027, 2, 1, 22, 30, 0, 0, time.UTC)) // 23:30 of the last day in Berlin
			before := w.booking.questions()
			w.until("two rounds are over", func() bool { return w.booking.questions() >= before+3 })
			if got := w.plan(id).GetState(); got != "ACTIVE" {
				t.Errorf("on its last day the plan is %s", got)
			}
			w.clock.Set(time.Date(2027, 2, 1, 23, 0, 0, 0, time.UTC))
			w.until("the plan is closed", func() bool { return w.plan(id).GetState() == "CLOSED" })
			got, err := w.plans.ListPlanVersions(w.physio(), &plansv1.ListPlanVersionsRequest{PlanId: id})
			if err != nil {
				t.Fatal(err)
			}
			var actions []string
			for _, v := range got.GetVersions() {
				actions = append(actions, v.GetAction()+" "+v.GetPlan().GetState()+" "+v.GetPlan().GetEtag())
			}
			if diff := cmp.Diff([]string{"plan.expire CLOSED 3", "plan.activate ACTIVE 2", "plan.create DRAFT 1"}, actions); diff != "" {
				t.Errorf("versions (-want +got)\n%s", diff)
			}
			if v := got.GetVersions()[0]; v.GetChangedBy() != "plans" || v.GetPlan().GetCloseReason() != "EXPIRED" || v.GetPlan().GetCourses()[0].GetSessions().GetPlanned() != 16 {
				t.Errorf("%v", v)
			}
		})
	}
}
