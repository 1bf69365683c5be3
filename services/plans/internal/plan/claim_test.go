package plan

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

var monday = civil.MustParse("2027-01-04")

// situation is an active plan with one course of the template, from monday on.
func situation(t *testing.T, template string) Situation {
	t.Helper()
	p := drafted(t, Wish{TemplateID: template, CauseCodes: map[string][]string{"chiropractic": {"POSTURE"}}[template]})
	p.State, p.StartDate = Active, monday
	p.ExpireDate = monday.AddDays(7 * p.ValidityWeeks)
	d, _ := StandardCatalogue().Discipline(p.Courses[0].Discipline)
	return Situation{Plan: p, Course: p.Courses[0], Discipline: d, Policy: injection.StandardPolicy()}
}

func ask(id string, day, hour int) Ask {
	d := monday.AddDays(day)
	return Ask{ID: id, Date: d, Start: d.At(hour, 0, time.UTC)}
}

func (s Situation) having(asks ...Ask) Situation {
	for _, a := range asks {
		s.take(a)
	}
	return s
}

func delivered(s Situation, n int) Situation {
	for i := range n {
		s = s.having(ask(fmt.Sprintf("d%d", i), i*2, 9))
		s.Sessions[len(s.Sessions)-1].Delivered = true
	}
	return s
}

func TestClaimRefusals(t *testing.T) {
	t.Parallel()
	physio, chiro, massage, inj := situation(t, "physiotherapy"), situation(t, "chiropractic"), situation(t, "massage"), situation(t, "facet_joint_injection")
	full := massage.having(ask("a", 0, 9), ask("b", 1, 9), ask("c", 7, 9), ask("d", 8, 9))
	week := physio.having(ask("a", 0, 9), ask("b", 2, 9), ask("c", 4, 9))
	three := inj.having(ask("a", 0, 9), ask("b", 31, 9), ask("c", 62, 9))
	change := func(s Situation, f func(*Situation)) Situation { f(&s); return s }
	minutes := func(a Ask, n int) Ask { a.Minutes = n; return a }
	for _, c := range []struct {
		name   string
		s      Situation
		ask    Ask
		reason string
		facts  map[string]string
	}{
		{"paused", change(physio, func(s *Situation) { s.Plan.State = Paused }), ask("x", 1, 9), "PLAN_NOT_ACTIVE", map[string]string{"state": "PAUSED"}},
		{"before the start", physio, ask("x", -1, 9), "PLAN_NOT_ACTIVE", map[string]string{"next_eligible_date": "2027-01-04"}},
		{"after the end", physio, ask("x", 85, 9), "PLAN_EXPIRED", map[string]string{"expire_date": "2027-03-29"}},
		{"another kind of care", change(physio, func(s *Situation) { s.Asked = "MASSAGE" }), ask("x", 1, 9), "WRONG_DISCIPLINE", nil},
		{"another profession", change(physio, func(s *Situation) { s.Practitioner.Profession = "CHIROPRACTOR" }), ask("x", 1, 9), "WRONG_PROFESSION", nil},
		{"X-MANIP-8 blocks (F037)", change(chiro, func(s *Situation) { s.Blocks.Hard = map[string][]string{"CHIROPRACTIC": {"X-MANIP-8"}} }), ask("x", 1, 9), "CONTRAINDICATED", map[string]string{"blocking": "X-MANIP-8"}},
		{"waits for release", change(chiro, func(s *Situation) { s.Blocks.Soft = map[string][]string{"CHIROPRACTIC": {"X-MANIP-5"}} }), ask("x", 1, 9), "RELEASE_NEEDED", map[string]string{"blocking": "X-MANIP-5"}},
		{"F152: fourth in a week", week, ask("x", 6, 9), "PLAN_FREQUENCY", map[string]string{"next_eligible_date": "2027-01-11", "blocking": "a,b,c", "rule": "PER_WEEK_MAX"}},
		{"twice on a day", physio.having(ask("a", 1, 9)), ask("x", 1, 15), "PLAN_GAP", map[string]string{"next_eligible_date": "2027-01-06", "blocking": "a"}},
		{"all sessions used", full, ask("x", 20, 9), "PLAN_LIMIT", map[string]string{"max": "4", "blocking": "a,b,c,d", "rule": "SESSIONS", "next_eligible_date": "2027-01-24"}},
		{"F154: EMS with a pacemaker (X-ELEC-1)", change(physio, func(s *Situation) {
			s.Course.Procedures = []Procedure{{Code: "EMS", Modality: "ELECTROTHERAPY"}}
			s.Blocks.Hard = map[string][]string{"ELECTROTHERAPY": {"X-ELEC-1"}}
		}), ask("x", 1, 9), "CONTRAINDICATED", map[string]string{"blocking": "X-ELEC-1"}},
		{"F162: credential expired yesterday", change(situation(t, "acupuncture"), func(s *Situation) {
			s.Practitioner = Practitioner{Profession: "PHYSIOTHERAPIST", Credentials: []Credential{{Kind: "ACUPUNCTURE", ExpireDate: monday}}}
		}), ask("x", 1, 9), "CREDENTIAL_EXPIRED", map[string]string{"expire_date": "2027-01-04", "credential": "ACUPUNCTURE"}},
		{"F162: no credential", change(situation(t, "acupuncture"), func(s *Situation) { s.Practitioner.Profession = "PHYSIOTHERAPIST" }), ask("x", 1, 9), "CREDENTIAL_MISSING", nil},
		{"review after the third (F143)", delivered(chiro, 3), ask("x", 10, 9), "REVIEW_DUE", map[string]string{"rule": "REVIEW_AFTER_3"}},
		{"F131: first massage of an hour", massage, minutes(ask("x", 1, 9), 60), "SESSION_LENGTH", map[string]string{"minutes": "30"}},
		{"massage of 50 minutes", massage.having(ask("a", 0, 9)), minutes(ask("x", 1, 9), 50), "SESSION_LENGTH", nil},
		{"fourth injection", three, ask("x", 90, 9), "INJECTION_LIMIT", map[string]string{"next_eligible_date": "2027-07-04", "blocking": "a,b,c", "policy_version": "1"}},
		{"fourth beyond the plan's sessions is refused for the limit", three, ask("x", 180, 9), "INJECTION_LIMIT", map[string]string{"window_start": "2027-01-04"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.s.Judge(c.ask)
			if !fault.Is(err, c.reason) || !fault.IsKind(err, fault.FailedPrecondition) {
				t.Fatalf("error %v, want %s", err, c.reason)
			}
			for k, want := range c.facts {
				if got := fault.From(err).Facts[k]; got != want {
					t.Errorf("fact %s is %q, want %q", k, got, want)
				}
			}
		})
	}
}

func TestReviewLetsTheCourseGoOn(t *testing.T) {
	t.Parallel()
	s := delivered(situation(t, "chiropractic"), 3)
	s.Plan.Reviews = []Review{{CourseID: s.Course.ID, AtSessions: 2}}
	if err := s.Judge(ask("x", 10, 9)); !fault.Is(err, "REVIEW_DUE") {
		t.Errorf("a review made after the second session: %v, want REVIEW_DUE", err)
	}
	s.Plan.Reviews = append(s.Plan.Reviews, Review{CourseID: s.Course.ID, AtSessions: 3})
	if err := s.Judge(ask("x", 10, 9)); err != nil {
		t.Errorf("after the review: %v", err)
	}
}

// F102: six weeks after the first session a review is due, one made in the week before will
// do, and an early one will not.
func TestReviewAtWeekSix(t *testing.T) {
	t.Parallel()
	s := delivered(situation(t, "physiotherapy"), 2)
	for _, c := range []struct {
		today, review int // days after the first session; a review at 0 is none
		due           bool
	}{{41, 0, false}, {42, 0, true}, {42, 20, true}, {42, 35, false}, {60, 44, false}} {
		s.Today, s.Plan.Reviews = monday.AddDays(c.today), nil
		if c.review > 0 {
			s.Plan.Reviews = []Review{{CourseID: s.Course.ID, AtSessions: 2, Date: monday.AddDays(c.review)}}
		}
		err := s.Judge(ask("x", 62, 9))
		if got := fault.Is(err, "REVIEW_DUE"); got != c.due || got && fault.From(err).Facts["rule"] != "REVIEW_WEEK_6" {
			t.Errorf("day %d, review on day %d: %v, want due %v", c.today, c.review, err, c.due)
		}
	}
}

func TestReplacedClaimIsLeftOut(t *testing.T) {
	t.Parallel()
	s := situation(t, "physiotherapy").having(ask("a", 0, 9), ask("b", 2, 9), ask("c", 4, 9))
	move := ask("x", 5, 9)
	if err := s.Judge(move); !fault.Is(err, "PLAN_FREQUENCY") {
		t.Fatalf("fourth in the week: %v", err)
	}
	move.Replaces = "c"
	if err := s.Judge(move); err != nil {
		t.Errorf("moved within the week: %v", err)
	}
	s.Sessions[2].Delivered = true
	if err := s.Judge(move); !fault.Is(err, "PLAN_FREQUENCY") {
		t.Errorf("a delivered session cannot be replaced: %v", err)
	}
}

func TestAWholeCourseIsJudgedTogether(t *testing.T) {
	t.Parallel()
	s := situation(t, "physiotherapy")
	var course []Ask
	for week := range 8 {
		course = append(course, ask(fmt.Sprintf("m%d", week), week*7, 9), ask(fmt.Sprintf("t%d", week), week*7+3, 9))
	}
	if err := s.Grant(course); err != nil {
		t.Fatalf("16 sessions, two a week: %v", err)
	}
	if err := s.Grant(append(course, ask("x", 60, 9))); !fault.Is(err, "PLAN_LIMIT") {
		t.Errorf("a 17th: %v, want PLAN_LIMIT", err)
	}
	if len(s.Sessions) != 0 {
		t.Errorf("judging left %d sessions behind", len(s.Sessions))
	}
}

// A series that moves as one leaves all its old times together: a session is not refused
// because of the old time of another that moves too.
func TestASeriesMovesTogether(t *testing.T) {
	t.Parallel()
	s := situation(t, "physiotherapy").having(ask("a", 0, 9), ask("b", 2, 9), ask("c", 4, 9))
	var moved []Ask
	for i, old := range []string{"a", "b", "c"} {
		m := ask("new "+old, 2*i+1, 9)
		m.Replaces = old
		moved = append(moved, m)
	}
	if err := s.Grant(moved); err != nil {
		t.Errorf("three to the days after: %v", err)
	}
	if err := s.Grant(moved[:1]); err != nil {
		t.Errorf("one alone: %v", err)
	}
	if err := s.Grant(append(moved, ask("d", 6, 9))); !fault.Is(err, "PLAN_FREQUENCY") {
		t.Errorf("a fourth in the week beside them: %v", err)
	}
}

func TestTogetherGoesOnAfterARefusal(t *testing.T) {
	t.Parallel()
	s := situation(t, "physiotherapy")
	got := s.Together([]Ask{ask("d", 6, 9), ask("a", 0, 9), ask("b", 2, 9), ask("c", 4, 9), ask("e", 7, 9)})
	for i, reason := range []string{"PLAN_FREQUENCY", "", "", "", ""} {
		if (reason == "") != (got[i] == nil) || reason != "" && !fault.Is(got[i], reason) {
			t.Errorf("session %d: %v, want %q", i, got[i], reason)
		}
	}
	chiro := ask("f", 9, 9)
	chiro.Practitioner.Profession = "CHIROPRACTOR"
	if err := s.Grant([]Ask{ask("a", 0, 9), chiro}); !fault.Is(err, "WRONG_PROFESSION") {
		t.Errorf("one session with another profession: %v", err)
	}
}

// Whatever is granted keeps every rule, in whatever order it is asked; and the date that a
// refusal names is allowed, and no earlier one is.
func TestGrantsKeepEveryRule(t *testing.T) {
	t.Parallel()
	templates := []string{"physiotherapy", "massage", "facet_joint_injection", "acupuncture"}
	base := map[string]Situation{}
	for _, id := range templates {
		base[id] = situation(t, id)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := base[rapid.SampledFrom(templates).Draw(t, "template")]
		for i := range rapid.IntRange(1, 20).Draw(t, "asks") {
			a := ask(fmt.Sprintf("s%d", i), rapid.IntRange(0, 60).Draw(t, "day"), rapid.IntRange(8, 17).Draw(t, "hour"))
			err := s.Judge(a)
			if err == nil {
				s = s.having(a)
				continue
			}
			named := fault.From(err).Facts[nextEligible]
			if named == "" || fault.Is(err, "PLAN_LIMIT") {
				continue
			}
			next := civil.MustParse(named)
			for d := a.Date; !d.After(next); d = d.AddDays(1) {
				if s.used() >= s.Course.Sessions || d.After(s.Plan.ExpireDate) {
					break
				}
				try := Ask{ID: "try", Date: d, Start: shift(a, d)}
				if got := s.Judge(try); (got == nil) != (d == next) {
					t.Fatalf("%v names %s, but %s: %v", err, next, d, got)
				}
			}
		}
		keepsRules(t, s)
	})
}

func keepsRules(t *rapid.T, s Situation) {
	if s.used() > s.Course.Sessions {
		t.Fatalf("%d sessions of %d", s.used(), s.Course.Sessions)
	}
	if s.Discipline.Counted && len(s.Policy.Breaches(s.Injections)) > 0 {
		t.Fatalf("a window holds four: %v", s.Injections)
	}
	for i, a := range s.Sessions {
		if s.Course.PerWeekMax > 0 && len(s.sameWeek(a.Date)) > s.Course.PerWeekMax {
			t.Fatalf("week of %s holds %v", a.Date, s.sameWeek(a.Date))
		}
		for _, b := range slices.Delete(slices.Clone(s.Sessions), i, i+1) {
			if gap := a.Start.Sub(b.Start).Abs(); gap < time.Duration(s.Course.MinGapHours)*time.Hour {
				t.Fatalf("%s and %s are %s apart", a.ID, b.ID, gap)
			}
		}
	}
}
