package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// TestGate is the clinic's agreed rule of who may book what, as a table.
func TestGate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)
	today, tomorrow := civil.MustParse("2026-11-24"), civil.MustParse("2026-11-25")
	every := []Allowance{{Kind: InitialAssessment}, {Kind: TelephoneReview}, {Kind: PhysicianAssessment}, {Kind: Treatment}, {Kind: Injection}}
	notScreened := Gate{State: NotScreened}
	expired := Gate{State: Expired, Blocked: []Block{{Chiropractic, []string{"X-MANIP-1"}}}}
	care := Gate{State: Screened, Level: 2, Allowed: every, Blocked: []Block{{Chiropractic, []string{"X-MANIP-1"}}}, ReleaseNeeded: []Block{{Acupuncture, []string{"X-ACU-2"}}}}
	review := Gate{State: Screened, Level: 3, Allowed: []Allowance{{Kind: InitialAssessment}}}
	referral := Gate{State: Screened, Level: 4, Allowed: []Allowance{{Kind: PhysicianAssessment}}, ChangeTime: now.Add(-time.Hour)}
	urgent := Gate{State: Screened, Level: 5, Allowed: []Allowance{{Kind: TelephoneReview, SameDayOnly: true}}}
	emergency := Gate{State: Screened, Level: 6}
	selfCare := Gate{State: Screened, Level: 1, Allowed: []Allowance{{Kind: InitialAssessment}, {Kind: Treatment, Disciplines: []Discipline{Physiotherapy}, Modes: []Mode{Online}}}}

	for _, c := range []struct {
		name string
		gate Gate
		ask  GateAsk
		want string // reason, or flags after a plus
	}{
		{"not screened, staff, treatment", notScreened, GateAsk{Kind: Treatment, Discipline: Massage, By: Staff}, "+SCREENING_DUE"},
		{"not screened, staff, injection without plan", notScreened, GateAsk{Kind: Injection, Discipline: FacetJointInjection, By: Staff}, "GATE_CLOSED"},
		{"not screened, patient, assessment", notScreened, GateAsk{Kind: InitialAssessment, By: Patient}, "+SCREENING_DUE"},
		{"not screened, patient, treatment", notScreened, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient}, "GATE_CLOSED"},
		{"not screened, patient, treatment under plan", notScreened, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient, UnderPlan: true}, "+SCREENING_DUE"},
		{"expired, staff", expired, GateAsk{Kind: Treatment, Discipline: Massage, By: Staff}, "+SCREENING_DUE"},
		{"expired, patient", expired, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient}, "GATE_EXPIRED"},
		{"expired, blocks stay", expired, GateAsk{Kind: Treatment, Discipline: Chiropractic, By: Staff}, "CONTRAINDICATED"},
		{"care, allowed", care, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient}, "+"},
		{"care, blocked", care, GateAsk{Kind: Treatment, Discipline: Chiropractic, By: Patient}, "CONTRAINDICATED"},
		{"care, blocked even under plan", care, GateAsk{Kind: Treatment, Discipline: Chiropractic, By: Staff, UnderPlan: true, PlanTime: now}, "CONTRAINDICATED"},
		{"care, assessment by a blocked discipline", care, GateAsk{Kind: InitialAssessment, Discipline: Chiropractic, By: Patient}, "+"},
		{"care, release needed", care, GateAsk{Kind: Treatment, Discipline: Acupuncture, By: Staff}, "RELEASE_NEEDED"},
		{"care, released by the plan", care, GateAsk{Kind: Treatment, Discipline: Acupuncture, By: Staff, UnderPlan: true}, "+"},
		{"review, treatment", review, GateAsk{Kind: Treatment, Discipline: Massage, By: Staff}, "GATE_CLOSED"},
		{"review, treatment under plan", review, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient, UnderPlan: true}, "+"},
		{"referral, physician", referral, GateAsk{Kind: PhysicianAssessment, Discipline: Medical, By: Patient}, "+"},
		{"referral, older plan", referral, GateAsk{Kind: Injection, Discipline: FacetJointInjection, By: Staff, UnderPlan: true, PlanTime: now.Add(-2 * time.Hour)}, "GATE_CLOSED"},
		{"referral, newer plan", referral, GateAsk{Kind: Injection, Discipline: FacetJointInjection, By: Staff, UnderPlan: true, PlanTime: now}, "+"},
		{"referral, plan unheard of", referral, GateAsk{Kind: Injection, Discipline: FacetJointInjection, By: Staff, UnderPlan: true}, "GATE_CLOSED"},
		{"urgent, today", urgent, GateAsk{Kind: TelephoneReview, Date: today, By: Patient}, "+"},
		{"urgent, tomorrow", urgent, GateAsk{Kind: TelephoneReview, Date: tomorrow, By: Patient}, "GATE_CLOSED"},
		{"urgent, triaged yesterday, today", Gate{State: Screened, Level: 5, Allowed: urgent.Allowed, TriageDate: today.AddDays(-1)}, GateAsk{Kind: TelephoneReview, Date: today, By: Patient}, "GATE_CLOSED"},
		{"urgent, treatment by staff", urgent, GateAsk{Kind: Treatment, Discipline: Massage, Date: today, By: Staff}, "GATE_CLOSED"},
		{"emergency, anything", emergency, GateAsk{Kind: InitialAssessment, By: Staff}, "GATE_CLOSED"},
		{"emergency, under an older plan", emergency, GateAsk{Kind: Treatment, Discipline: Massage, By: Staff, UnderPlan: true}, "GATE_CLOSED"},
		{"self care, assessment", selfCare, GateAsk{Kind: InitialAssessment, By: Patient}, "+"},
		{"self care, online physiotherapy (F183)", selfCare, GateAsk{Kind: Treatment, Discipline: Physiotherapy, Mode: Online, By: Patient}, "+"},
		{"self care, physiotherapy in person", selfCare, GateAsk{Kind: Treatment, Discipline: Physiotherapy, Mode: InPerson, By: Patient}, "GATE_CLOSED"},
		{"result that has run out since it was asked for", Gate{State: Screened, Level: 2, Allowed: every, ExpireTime: now}, GateAsk{Kind: Treatment, Discipline: Massage, By: Patient}, "GATE_EXPIRED"},
		{"state from the future", Gate{State: GateState(9)}, GateAsk{Kind: InitialAssessment, By: Staff}, "GATE_CLOSED"},
		{"no state", Gate{}, GateAsk{Kind: InitialAssessment, By: Staff}, "GATE_CLOSED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.ask.Today, c.ask.Now = today, now
			flags, refusal := c.gate.Ask(c.ask)
			got := "+" + strings.Join(flags, ",")
			if refusal != nil {
				got = refusal.Reason
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if ids := refusal != nil && refusal.Facts["rule_ids"] != ""; ids && c.ask.By == Patient {
				t.Error("a patient is told ids of contraindications")
			}
		})
	}
}
