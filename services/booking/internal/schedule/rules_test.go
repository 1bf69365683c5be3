package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// reasons lists the reasons of refusals.
func reasons(refused []*fault.Error) string {
	var list []string
	for _, r := range refused {
		list = append(list, r.Reason)
	}
	return strings.Join(list, " ")
}

// TestVisitCheck gets one thing wrong at a time, and then many: every rule is named.
func TestVisitCheck(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)
	today := civil.MustParse("2026-11-20")
	for _, c := range []struct {
		name   string
		change func(*Visit)
		want   string
	}{
		{"nothing", func(*Visit) {}, ""},
		{"inactive type", func(v *Visit) { v.Type.Inactive = true }, "TYPE_INACTIVE"},
		{"not for patients", func(v *Visit) { v.By, v.Type.PatientBookable = Patient, false }, "NOT_BOOKABLE_ONLINE"},
		{"length", func(v *Visit) { v.Minutes = 20 }, "WRONG_DURATION"},
		{"other length", func(v *Visit) { v.Minutes = 45 }, ""},
		{"mode", func(v *Visit) { v.Mode = Online }, "WRONG_MODE"},
		{"plan", func(v *Visit) { v.Type.PlanRequired = true }, "PLAN_REQUIRED"},
		{"under a plan", func(v *Visit) { v.Type.PlanRequired, v.UnderPlan = true, true }, ""},
		{"first massage", func(v *Visit) { v.FirstMassage, v.Minutes = true, 45 }, "FIRST_MASSAGE"},
		{"first massage of 30", func(v *Visit) { v.FirstMassage = true }, ""},
		{"this instant", func(v *Visit) { v.Start = now }, ""},
		{"past", func(v *Visit) { v.Start = now.Add(-time.Microsecond) }, "IN_THE_PAST"},
		{"notice", func(v *Visit) { v.Type.StaffNotice, v.Start = 60, now.Add(59*time.Minute) }, "NOTICE_TOO_SHORT"},
		{"notice to the minute", func(v *Visit) { v.Type.StaffNotice, v.Start = 60, now.Add(time.Hour) }, ""},
		{"last day", func(v *Visit) { v.Type.StaffHorizonDays, v.Date = 3, today.AddDays(3) }, ""},
		{"horizon", func(v *Visit) { v.Type.StaffHorizonDays, v.Date = 3, today.AddDays(4) }, "BEYOND_HORIZON"},
		{"patients' horizon", func(v *Visit) { v.Type.PatientHorizonDays, v.Date = 3, today.AddDays(4) }, ""},
		{"gone", func(v *Visit) { v.Practitioner.Inactive = true }, "PRACTITIONER_INACTIVE"},
		{"discipline", func(v *Visit) { v.Practitioner.Disciplines = nil }, "WRONG_DISCIPLINE"},
		{"no credential", func(v *Visit) { v.Type.RequiredCredential = "X" }, "CREDENTIAL_MISSING"},
		{"credential's last day", func(v *Visit) { v.Type.RequiredCredential, v.Date = "LICENSE", today.AddDays(5) }, ""},
		{"credential's day after", func(v *Visit) { v.Type.RequiredCredential, v.Date = "LICENSE", today.AddDays(6) }, "CREDENTIAL_EXPIRED"},
		{"one of two is good", func(v *Visit) {
			v.Type.RequiredCredential, v.Date = "LICENSE", today.AddDays(6)
			v.Practitioner.Credentials = append(v.Practitioner.Credentials, Credential{Kind: "LICENSE"})
		}, ""},
		{"everything", func(v *Visit) {
			v.Type.Inactive, v.Minutes, v.Mode, v.Start, v.Practitioner.Inactive = true, 20, Online, now.Add(-time.Hour), true
		}, "TYPE_INACTIVE WRONG_DURATION WRONG_MODE IN_THE_PAST PRACTITIONER_INACTIVE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := Visit{
				Type: &Type{
					Kind: Treatment, Discipline: Massage, Duration: 30, OtherDurations: []int{45}, Modes: []Mode{InPerson},
					PatientBookable: true, PatientHorizonDays: 90, StaffHorizonDays: 700,
				},
				Practitioner: &Practitioner{Disciplines: []Discipline{Massage}, Credentials: []Credential{{"LICENSE", today.AddDays(5)}}},
				By:           Staff, Start: now.Add(24 * time.Hour), Date: today.AddDays(1), Today: today, Now: now,
			}
			c.change(&v)
			if got := reasons(v.Check()); got != c.want {
				t.Errorf("refused by %q, want %q", got, c.want)
			}
		})
	}
}

// TestBookableAgreesWithCheck: the run of starts that openings come from is what the rules of
// time let through.
func TestBookableAgreesWithCheck(t *testing.T) {
	t.Parallel()
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 10, 24, 21, 58, 0, 0, time.UTC) // 23:58, the night the clocks go back
	today := civil.Of(now, berlin)
	typ := &Type{StaffNotice: 17, StaffHorizonDays: 2, Duration: 30, Modes: []Mode{InPerson}}
	span := typ.Bookable(Staff, now, today, berlin)
	for s := SlotAt(now) - 20; s < SlotAt(now)+4*288; s++ {
		v := Visit{Type: typ, By: Staff, Start: s.Time(), Date: civil.Of(s.Time(), berlin), Today: today, Now: now}
		if in := span.From <= s && s < span.To; in != (v.CheckTime() == nil) {
			t.Fatalf("%s: offered %v, refused by %v", s.Time(), in, v.CheckTime())
		}
	}
}

func TestFootprint(t *testing.T) {
	t.Parallel()
	typ := Type{BufferBefore: 10, BufferAfter: 15, Recovery: 30}
	want := Footprint{
		Visit: Span{100, 106}, Practitioner: Span{98, 109}, Room: Span{98, 112}, Equipment: Span{98, 109}, Patient: Span{100, 112},
	}
	if diff := cmp.Diff(want, typ.Footprint(100, 30)); diff != "" {
		t.Errorf("footprint (-want +got):\n%s", diff)
	}
	if got := want.Hull(); got != (Span{98, 112}) {
		t.Errorf("hull %v", got)
	}
}

// TestTypeDefaults: a type that names nothing starts on its own length where that divides the
// hour, else on quarters.
func TestTypeDefaults(t *testing.T) {
	t.Parallel()
	for duration, step := range map[int]int{5: 5, 15: 15, 20: 20, 25: 15, 30: 30, 45: 15, 60: 60, 90: 15} {
		if got := (Type{Duration: duration}).Normal(); got.Step != step || got.Modes[0] != InPerson || got.StaffHorizonDays == 0 {
			t.Errorf("%d minutes: %+v", duration, got)
		}
	}
	if !(Type{Kind: Injection}).Normal().PlanRequired {
		t.Error("an injection without a plan")
	}
}

// TestCredentialUntilAgreesWithCheck: what openings cut is what booking refuses, day by day.
func TestCredentialUntilAgreesWithCheck(t *testing.T) {
	t.Parallel()
	day := civil.MustParse("2026-11-20")
	for _, p := range []Practitioner{
		{Disciplines: []Discipline{Massage}},
		{Disciplines: []Discipline{Massage}, Credentials: []Credential{{"LICENSE", day.AddDays(2)}, {"OTHER", civil.Date{}}}},
		{Disciplines: []Discipline{Massage}, Credentials: []Credential{{"LICENSE", day.AddDays(-1)}, {"LICENSE", day.AddDays(4)}}},
		{Disciplines: []Discipline{Massage}, Credentials: []Credential{{"LICENSE", civil.Date{}}}},
		{Disciplines: []Discipline{Massage}, Credentials: []Credential{{"LICENSE", civil.Date{}}}, Inactive: true},
		{Credentials: []Credential{{"LICENSE", civil.Date{}}}},
	} {
		for _, required := range []string{"", "LICENSE"} {
			typ := &Type{Discipline: Massage, RequiredCredential: required}
			for from := range 7 {
				last, ok := CredentialUntil(typ, &p, day.AddDays(from))
				for on := from; on < 9; on++ {
					offered := ok && (last.IsZero() || !day.AddDays(on).After(last))
					if refused := CheckPractitioner(typ, &p, day.AddDays(on)); offered != (refused == nil) {
						t.Fatalf("%+v %q from day %d: day %d offered %v, refused by %v", p, required, from, on, offered, refused)
					}
				}
			}
		}
	}
}
