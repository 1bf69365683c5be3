package gate

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/civil"
)

var now = time.Date(2026, 3, 27, 22, 30, 0, 0, time.UTC) // a Friday; 23:30 in Berlin

func TestGateByLevel(t *testing.T) {
	t.Parallel()
	for level, want := range map[triage.Level][]Allowance{
		triage.EmergencyNow:    nil,
		triage.UrgentSameDay:   {{Kind: TelephoneReview, SameDayOnly: true}},
		triage.MedicalReferral: {{Kind: PhysicianAssessment}},
		triage.ClinicianReview: {{Kind: InitialAssessment}},
		triage.ConservativeCare: {
			{Kind: InitialAssessment}, {Kind: Treatment}, {Kind: TelephoneReview}, {Kind: PhysicianAssessment}, {Kind: Injection},
		},
		triage.SelfCare: {{Kind: InitialAssessment}, {Kind: Treatment, Disciplines: []string{Physiotherapy}, Modes: []string{Online}}},
	} {
		g := Of([]Own{{Level: level, IntakeID: "int_1", ExpireTime: now.Add(time.Second)}}, nil, nil, now)
		if d := cmp.Diff(want, g.Allowed); d != "" || g.State != Screened || g.Level != level || g.IntakeID != "int_1" {
			t.Errorf("%v: %+v\n%s", level, g, d)
		}
	}
}

func TestGateState(t *testing.T) {
	t.Parallel()
	live := func(l triage.Level) Own { return Own{Level: l, ExpireTime: now.Add(time.Hour)} }
	old := func(l triage.Level) Own { return Own{Level: l, ExpireTime: now} }
	voided := live(triage.ConservativeCare)
	voided.Voided = true
	for name, tc := range map[string]struct {
		own   []Own
		state State
		level triage.Level
	}{
		"nobody ever asked":          {nil, NotScreened, triage.NoLevel},
		"a row without a result":     {[]Own{{}}, NotScreened, triage.NoLevel},
		"in force":                   {[]Own{live(triage.SelfCare)}, Screened, triage.SelfCare},
		"expires at its instant":     {[]Own{old(triage.SelfCare)}, Expired, triage.SelfCare},
		"voided":                     {[]Own{voided}, Expired, triage.ConservativeCare},
		"merged: the higher":         {[]Own{live(triage.SelfCare), live(triage.UrgentSameDay)}, Screened, triage.UrgentSameDay},
		"merged: the other way":      {[]Own{live(triage.UrgentSameDay), live(triage.SelfCare)}, Screened, triage.UrgentSameDay},
		"merged: old does not count": {[]Own{old(triage.EmergencyNow), live(triage.SelfCare)}, Screened, triage.SelfCare},
		"merged: unscreened neither": {[]Own{{}, live(triage.SelfCare)}, Screened, triage.SelfCare},
		"merged: both old":           {[]Own{old(triage.SelfCare), old(triage.MedicalReferral)}, Expired, triage.MedicalReferral},
	} {
		g := Of(tc.own, nil, nil, now)
		if g.State != tc.state || g.Level != tc.level || (g.State != Screened && g.Allowed != nil) {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

func TestBlocksCountWhateverTheState(t *testing.T) {
	t.Parallel()
	hard := []triage.Block{{Modality: "MANIPULATION", Contraindications: []string{"X-MANIP-1"}}, {Modality: "ICE", Contraindications: []string{"X-ICE-1"}}}
	soft := []triage.Block{{Modality: "FACET_INJECTION", Contraindications: []string{"X-INJ-4"}}, {Modality: "ACUPUNCTURE", Contraindications: []string{"X-ACU-2"}}}
	g := Of(nil, hard, soft, now)
	if d := cmp.Diff([]Block{{Chiropractic, []string{"X-MANIP-1"}}}, g.Blocked); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]Block{{Acupuncture, []string{"X-ACU-2"}}, {FacetJointInjection, []string{"X-INJ-4"}}}, g.ReleaseNeeded); d != "" {
		t.Error(d)
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		rule triage.TaskRule
		want time.Time
	}{
		{triage.TaskRule{Due: "NOW"}, now},
		{triage.TaskRule{Due: "SAME_DAY"}, civil.MustParse("2026-03-28").At(0, 0, berlin)},
		// Friday evening: Monday and Tuesday, over the change to summer time.
		{triage.TaskRule{Due: "WORKING_DAYS", N: 2}, civil.MustParse("2026-04-01").At(0, 0, berlin)},
		{triage.TaskRule{Due: "DAYS", N: 14}, civil.MustParse("2026-04-11").At(0, 0, berlin)},
	} {
		if got := Due(&tc.rule, now, berlin); !got.Equal(tc.want) {
			t.Errorf("%+v: %v, want %v", tc.rule, got, tc.want)
		}
	}
	if got := ValidUntil(now, 14); !got.Equal(now.Add(14 * 24 * time.Hour)) {
		t.Errorf("valid until %v", got)
	}
}
