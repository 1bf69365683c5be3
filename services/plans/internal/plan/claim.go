package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Session is a session of a plan as it stands in the ledger.
type Session struct {
	ID       string // of the claim
	CourseID string
	Date     civil.Date
	Start    time.Time
	// Counts: it uses one of the course's sessions (held, booked, delivered, or missed
	// under a policy that counts those).
	Counts bool
	// Delivered: it was given.
	Delivered bool
}

// Ask is one session that a booking wants.
type Ask struct {
	ID       string
	Date     civil.Date // at the treating site
	Start    time.Time
	Minutes  int    // 0: not known, not checked
	Replaces string // the claim that this one takes the place of; empty for none
	// ReplacesRecord is that claim's injection record, under the id it has in
	// Situation.Injections; empty for other kinds of care.
	ReplacesRecord string
	// Practitioner would give this one; without a profession it is the situation's.
	Practitioner Practitioner
}

// Blocks are what intake knows against kinds of care for a patient, by discipline: ids of
// the contraindications.
type Blocks struct {
	Hard map[string][]string // must not be given
	Soft map[string][]string // waits for a clinician's release
}

// And gives what is known by either.
func (b Blocks) And(o Blocks) Blocks {
	union := func(x, y map[string][]string) map[string][]string {
		out := map[string][]string{}
		for _, m := range []map[string][]string{x, y} {
			for care, ids := range m {
				all := append(slices.Clone(out[care]), ids...)
				slices.Sort(all)
				out[care] = slices.Compact(all)
			}
		}
		return out
	}
	return Blocks{Hard: union(b.Hard, o.Hard), Soft: union(b.Soft, o.Soft)}
}

// against gives what is known against any of the kinds of care, each id once.
func (b Blocks) against(kinds []string) (hard, soft []string) {
	for _, k := range kinds {
		hard, soft = append(hard, b.Hard[k]...), append(soft, b.Soft[k]...)
	}
	slices.Sort(hard)
	slices.Sort(soft)
	return slices.Compact(hard), slices.Compact(soft)
}

// Against gives the contraindications that forbid sessions of a course, and those that wait
// for a release: of its kind of care and of every procedure within.
func (b Blocks) Against(c Course) (hard, soft []string) { return b.against(c.kinds()) }

// kinds are the kinds of care whose contraindications hold for the course.
func (c Course) kinds() []string {
	out := []string{c.Discipline}
	for _, p := range c.Procedures {
		if p.Modality != "" {
			out = append(out, p.Modality)
		}
	}
	return out
}

func (b Blocks) judge(c Course) error {
	discipline := c.Discipline
	hard, soft := b.Against(c)
	if ids := hard; len(ids) > 0 {
		return refuse("CONTRAINDICATED", "A contraindication forbids this kind of care until the fact behind it changes.").
			With("rule", strings.Join(ids, ",")).With("blocking", strings.Join(ids, ",")).With("discipline", discipline)
	}
	if ids := soft; len(ids) > 0 {
		return refuse("RELEASE_NEEDED", "This kind of care waits for a clinician's release.").
			With("rule", strings.Join(ids, ",")).With("blocking", strings.Join(ids, ",")).With("discipline", discipline)
	}
	return nil
}

// Practitioner is what directory says of who gives a session.
type Practitioner struct {
	Profession  string
	Credentials []Credential
}

// Credential is a document of a practitioner.
type Credential struct {
	Kind string `json:"kind"`
	// ExpireDate is the last day on which it is good; zero when it does not expire.
	ExpireDate civil.Date `json:"expire_date,omitzero"`
}

// Situation is what decides about sessions of one course.
type Situation struct {
	Plan       Plan
	Course     Course
	Discipline Discipline // its limits
	// Asked is the kind of care that the appointment gives.
	Asked string
	// Practitioner is who would give it; without a profession it is not known, and then left
	// to whoever books.
	Practitioner Practitioner
	Blocks       Blocks
	// Today is the civil date at the clinic.
	Today civil.Date
	// Sessions are those of the course.
	Sessions []Session
	// Stalled: the outcomes show that the sessions since the last review have changed nothing.
	Stalled bool
	// Injections is the patient's ledger, whatever the plan; used for counted care.
	Injections []injection.Record
	Policy     injection.Policy
}

// Grant judges the sessions in the order of their dates, each beside the ones granted
// before it. It returns nil when all are allowed, else the first refusal, with the claim
// ("entitlement_id") and date that it is about.
//
// What any of them takes the place of is left out for all: booking decides them together, so
// either every old one stands or every new one.
func (s Situation) Grant(asks []Ask) error {
	if err := s.standing(); err != nil {
		return err
	}
	var refused error
	s.eachTogether(asks, func(_ int, err error) bool {
		refused = err
		return err == nil
	})
	return refused
}

// Together judges the sessions as Grant does, and goes on after a refusal as if the refused
// one had not been asked for: an answer for each, in the order asked.
func (s Situation) Together(asks []Ask) []error {
	out := make([]error, len(asks))
	if err := s.standing(); err != nil {
		for i := range out {
			out[i] = err
		}
		return out
	}
	s.eachTogether(asks, func(i int, err error) bool {
		out[i] = err
		return true
	})
	return out
}

// eachTogether judges the sessions by time, each beside the allowed ones before it, until
// answer returns false.
func (s Situation) eachTogether(asks []Ask, answer func(i int, err error) bool) {
	order := make([]int, len(asks))
	for i, a := range asks {
		order[i] = i
		s = s.without(a)
	}
	slices.SortStableFunc(order, func(a, b int) int { return asks[a].Start.Compare(asks[b].Start) })
	for _, i := range order {
		err := s.judge(asks[i])
		if !answer(i, err) {
			return
		}
		if err == nil {
			s.take(asks[i])
		}
	}
}

// Judge answers for one session alone: nil or the refusal.
func (s Situation) Judge(a Ask) error {
	if err := s.standing(); err != nil {
		return err
	}
	return s.judge(a)
}

// take counts a granted session for those after it.
func (s *Situation) take(a Ask) {
	s.Sessions = append(slices.Clip(s.Sessions), Session{ID: a.ID, CourseID: s.Course.ID, Date: a.Date, Start: a.Start, Counts: true})
	if s.Discipline.Counted {
		s.Injections = append(slices.Clip(s.Injections), injection.Record{
			ID: a.ID, Span: injection.On(a.Date), State: injection.Reserved, Kind: injection.FacetJoint,
		})
	}
}

// standing is what holds for every date: the plan, the kind of care, who gives it, what is
// known against it.
func (s Situation) standing() error {
	p := s.Plan
	switch {
	case p.State != Active:
		return s.refuse("PLAN_NOT_ACTIVE", "The plan is "+words[p.State]+".").With("state", string(p.State))
	case s.Asked != "" && s.Asked != s.Course.Discipline:
		return s.refuse("WRONG_DISCIPLINE", "The course is of another kind of care.").
			With("discipline", s.Course.Discipline).With("asked", s.Asked)
	}
	if err := s.mayGive(s.Practitioner.Profession); err != nil {
		return err
	}
	return s.Blocks.judge(s.Course)
}

// mayGive refuses a profession that does not give the care; one that is not known is left to
// whoever books.
func (s Situation) mayGive(profession string) error {
	if profession == "" || len(s.Discipline.Professions) == 0 || slices.Contains(s.Discipline.Professions, profession) {
		return nil
	}
	return s.refuse("WRONG_PROFESSION", "Somebody of another profession gives this kind of care.").
		With("professions", strings.Join(s.Discipline.Professions, ","))
}

// judge is what depends on the date. The injection limit comes first: when several rules
// refuse, that is the one to hear of.
func (s Situation) judge(a Ask) error {
	if err := s.mayGive(a.Practitioner.Profession); err != nil {
		return s.about(a, err)
	}
	beside := s.without(a)
	if s.Discipline.Counted {
		if v := beside.limit(a.Date); !v.Allowed {
			v.Next = beside.earliest(a, v.Next)
			return s.about(a, limitRefusal(s.Policy, v, a.Date))
		}
	}
	if err := beside.validity(a); err != nil {
		return s.about(a, err)
	}
	if err := s.qualified(a); err != nil {
		return s.about(a, err)
	}
	if err := beside.length(a); err != nil {
		return s.about(a, err)
	}
	if rule, due := beside.reviewDue(); due {
		return s.about(a, s.refuse("REVIEW_DUE", "A review is due before more sessions are booked.").
			With("rule", rule).With("delivered", strconv.Itoa(beside.delivered())))
	}
	if left := s.Course.Sessions - beside.used(); left <= 0 {
		return s.about(a, beside.withNext(a, s.refuse("PLAN_LIMIT", "All sessions of the course are booked or used. One more needs a review that adds it, or one that is cancelled.").
			With("rule", "SESSIONS").With("max", strconv.Itoa(s.Course.Sessions)).With("sessions_left", "0").
			With("blocking", strings.Join(beside.countingIDs(), ","))))
	}
	return s.about(a, beside.spacing(a))
}

// validity refuses dates outside the plan's.
func (s Situation) validity(a Ask) error {
	if a.Date.Before(s.Plan.StartDate) {
		return s.refuse("PLAN_NOT_ACTIVE", "The plan starts later.").With("rule", "START_DATE").
			With("start_date", s.Plan.StartDate.String()).With(nextEligible, s.earliest(a, s.Plan.StartDate).String())
	}
	if a.Date.After(s.Plan.ExpireDate) {
		return s.refuse("PLAN_EXPIRED", "The plan does not reach to that date.").With("rule", "EXPIRE_DATE").
			With("expire_date", s.Plan.ExpireDate.String())
	}
	return nil
}

// qualified refuses a practitioner whose credential for the care has expired by the date, or
// who has none and needs one (F162).
func (s Situation) qualified(a Ask) error {
	d, p := s.Discipline, s.Practitioner
	if a.Practitioner.Profession != "" {
		p = a.Practitioner
	}
	if d.Credential == "" || p.Profession == "" {
		return nil
	}
	held := false
	var last civil.Date
	for _, c := range p.Credentials {
		if c.Kind != d.Credential {
			continue
		}
		if c.ExpireDate.IsZero() || !c.ExpireDate.Before(a.Date) {
			return nil
		}
		held = true
		if c.ExpireDate.After(last) {
			last = c.ExpireDate
		}
	}
	switch {
	case held:
		return s.refuse("CREDENTIAL_EXPIRED", "The practitioner's credential has expired by then.").
			With("rule", "CREDENTIAL").With("credential", d.Credential).With("expire_date", last.String())
	case len(d.Professions) > 0 && p.Profession != d.Professions[0]:
		return s.refuse("CREDENTIAL_MISSING", "The practitioner lacks the credential for this kind of care.").
			With("rule", "CREDENTIAL").With("credential", d.Credential)
	}
	return nil
}

// length refuses a first session that is not as long as first sessions are (F131).
func (s Situation) length(a Ask) error {
	if a.Minutes == 0 {
		return nil
	}
	earlier := func(o Session) bool { return o.Counts && o.Start.Before(a.Start) }
	if first := s.Course.FirstMinutes; first > 0 && a.Minutes != first && !slices.ContainsFunc(s.Sessions, earlier) {
		return s.refuse("SESSION_LENGTH", fmt.Sprintf("The first session takes %d minutes.", first)).
			With("rule", "FIRST_SESSION_MINUTES").With("minutes", strconv.Itoa(first))
	}
	if len(s.Course.Minutes) > 0 && !slices.Contains(s.Course.Minutes, a.Minutes) {
		return s.refuse("SESSION_LENGTH", "A session of the course has another length.").
			With("rule", "SESSION_MINUTES").With("minutes", strings.Trim(fmt.Sprint(s.Course.Minutes), "[]"))
	}
	return nil
}

// spacing refuses a session too many in an ISO week, or too close to another.
func (s Situation) spacing(a Ask) error {
	if ids := s.sameWeek(a.Date); s.Course.PerWeekMax > 0 && len(ids) >= s.Course.PerWeekMax {
		return s.withNext(a, s.refuse("PLAN_FREQUENCY", fmt.Sprintf("The course has at most %d sessions in a week.", s.Course.PerWeekMax)).
			With("rule", "PER_WEEK_MAX").With("max", strconv.Itoa(s.Course.PerWeekMax)).With("blocking", strings.Join(ids, ",")))
	}
	if ids := s.tooClose(a.Start); len(ids) > 0 {
		return s.withNext(a, s.refuse("PLAN_GAP", fmt.Sprintf("Sessions of the course start at least %d hours apart.", s.Course.MinGapHours)).
			With("rule", "MIN_GAP_HOURS").With("min_gap_hours", strconv.Itoa(s.Course.MinGapHours)).With("blocking", strings.Join(ids, ",")))
	}
	return nil
}

func (s Situation) refuse(reason, message string) *fault.Error {
	return refuse(reason, message).With("plan_id", s.Plan.ID).With("course_id", s.Course.ID)
}

// about adds which claim and date a refusal is about.
func (s Situation) about(a Ask, err error) error {
	if err == nil {
		return nil
	}
	return fault.From(err).With("plan_id", s.Plan.ID).With("course_id", s.Course.ID).
		With("entitlement_id", a.ID).With("date", a.Date.String())
}
