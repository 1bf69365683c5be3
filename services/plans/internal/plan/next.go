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

// nextEligible is the fact under which a refusal gives the first date that every rule
// would allow.
const nextEligible = "next_eligible_date"

// without gives the situation without the claim that the asked one takes the place of.
// Delivered sessions are never left out; nothing can take their place.
func (s Situation) without(a Ask) Situation {
	if a.Replaces == "" {
		return s
	}
	s.Sessions = slices.DeleteFunc(slices.Clone(s.Sessions), func(o Session) bool { return o.ID == a.Replaces && !o.Delivered })
	s.Injections = slices.DeleteFunc(slices.Clone(s.Injections), func(r injection.Record) bool {
		return r.ID == a.ReplacesRecord && r.State.Open()
	})
	return s
}

func (s Situation) limit(date civil.Date) injection.Verdict {
	return s.Policy.Check(s.Injections, date, "")
}

// used is how many of the course's sessions are claimed, booked, delivered, or missed and
// counted.
func (s Situation) used() int { return len(s.countingIDs()) }

func (s Situation) countingIDs() []string {
	var ids []string
	for _, o := range s.Sessions {
		if o.Counts {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

func (s Situation) delivered() int {
	n := 0
	for _, o := range s.Sessions {
		if o.Delivered {
			n++
		}
	}
	return n
}

// reviewDue gives the review point that has been reached without a review since.
func (s Situation) reviewDue() (rule string, due bool) {
	if rule, due = DueReview(s.Course, s.Plan.ReviewsOf(s.Course.ID), s.Sessions, s.Today); due {
		return rule, due
	}
	return "NO_MEANINGFUL_CHANGE", s.Stalled
}

// SinceReview is how many sessions were delivered since the last review, or at all when there
// was none.
func SinceReview(reviews []Review, sessions []Session) int {
	n, at := 0, 0
	for _, s := range sessions {
		if s.Delivered {
			n++
		}
	}
	for _, r := range reviews {
		at = max(at, r.AtSessions)
	}
	return max(0, n-at)
}

// DueReview gives the first review point of the course that has been reached and for which
// no review was recorded since: so many delivered sessions ("REVIEW_AFTER_3"), or so many
// weeks after the first delivered one ("REVIEW_WEEK_6").
func DueReview(c Course, reviews []Review, sessions []Session, today civil.Date) (rule string, due bool) {
	var first civil.Date
	delivered := 0
	for _, s := range sessions {
		if !s.Delivered {
			continue
		}
		delivered++
		if first.IsZero() || s.Date.Before(first) {
			first = s.Date
		}
	}
	for _, n := range c.ReviewAfter {
		done := func(r Review) bool { return r.AtSessions >= n }
		if delivered >= n && !slices.ContainsFunc(reviews, done) {
			return "REVIEW_AFTER_" + strconv.Itoa(n), true
		}
	}
	for _, n := range c.ReviewAfterWeeks {
		if first.IsZero() {
			break
		}
		reached := first.AddDays(7 * n)
		// A review in the week before the point is that point's review.
		done := func(r Review) bool { return !r.Date.Before(reached.AddDays(-7)) }
		if !today.Before(reached) && !slices.ContainsFunc(reviews, done) {
			return "REVIEW_WEEK_" + strconv.Itoa(n), true
		}
	}
	return "", false
}

// sameWeek gives the counting sessions of the date's ISO week.
func (s Situation) sameWeek(date civil.Date) []string {
	year, week := date.ISOWeek()
	var ids []string
	for _, o := range s.Sessions {
		if y, w := o.Date.ISOWeek(); o.Counts && y == year && w == week {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// ThinWeeks gives the ISO weeks ("2027-W02") from the course's first session to its last but
// one that have fewer sessions than a week of the course should (F152: a warning only). The
// last one may be thin because the course is over.
func ThinWeeks(c Course, sessions []Session) []string {
	perWeek := map[civil.Date]int{} // by the week's Monday
	var first, last civil.Date
	for _, s := range sessions {
		if !s.Counts {
			continue
		}
		monday := s.Date.AddDays(-(int(s.Date.Weekday()) + 6) % 7)
		perWeek[monday]++
		if first.IsZero() || monday.Before(first) {
			first = monday
		}
		if monday.After(last) {
			last = monday
		}
	}
	var out []string
	for w := first; c.PerWeekMin > 0 && w.Before(last); w = w.AddDays(7) {
		if perWeek[w] < c.PerWeekMin {
			year, week := w.ISOWeek()
			out = append(out, fmt.Sprintf("%04d-W%02d", year, week))
		}
	}
	return out
}

// tooClose gives the counting sessions that start nearer than the least gap.
func (s Situation) tooClose(start time.Time) []string {
	gap := time.Duration(s.Course.MinGapHours) * time.Hour
	var ids []string
	for _, o := range s.Sessions {
		if o.Counts && start.Sub(o.Start).Abs() < gap {
			ids = append(ids, o.ID)
		}
	}
	return ids
}

// earliest gives the first date, from the given one on, at the asked time of day, that
// every rule about dates allows. Each rule moves the date on to its own first free one,
// until none does; the sessions are finite, so some date is free.
func (s Situation) earliest(a Ask, from civil.Date) civil.Date {
	d := from
	for {
		next := d
		if next.Before(s.Plan.StartDate) {
			next = s.Plan.StartDate
		}
		if s.Discipline.Counted {
			next = s.limit(next).Next
		}
		for s.Course.PerWeekMax > 0 && len(s.sameWeek(next)) >= s.Course.PerWeekMax {
			next = next.AddDays(1)
		}
		for len(s.tooClose(shift(a, next))) > 0 {
			next = next.AddDays(1)
		}
		if next == d {
			return d
		}
		d = next
	}
}

// shift gives the asked start on another date, at the same time of day as far as days of
// 24 hours go: a change of the clocks in between moves it by an hour, which decides no date.
func shift(a Ask, to civil.Date) time.Time {
	return a.Start.Add(time.Duration(a.Date.DaysUntil(to)) * 24 * time.Hour)
}

// withNext adds the first date that would do, unless the plan ends before it.
func (s Situation) withNext(a Ask, err *fault.Error) *fault.Error {
	next := s.earliest(a, a.Date)
	if next.After(s.Plan.ExpireDate) {
		return err.With("expire_date", s.Plan.ExpireDate.String())
	}
	return err.With(nextEligible, next.String())
}

// limitRefusal words the refusal of the injection limit: the window, the records and the
// policy that decided.
func limitRefusal(p injection.Policy, v injection.Verdict, date civil.Date) *fault.Error {
	err := refuse("INJECTION_LIMIT", "A window would hold more injections than the limit allows.").
		With("rule", "INJECTION_LIMIT").With("policy_version", strconv.FormatInt(p.Version, 10)).
		With("date", date.String()).With(nextEligible, v.Next.String()).
		With("blocking", strings.Join(v.Blocking(), ","))
	if len(v.Windows) > 0 {
		w := v.Windows[0]
		return err.With("window_start", w.Start.String()).With("window_end", w.End.String()).
			With("count", strconv.Itoa(w.Count)).With("max", strconv.Itoa(w.Max))
	}
	return err.With("rule", "MIN_INTERVAL_DAYS").With("min_interval_days", strconv.Itoa(p.MinIntervalDays))
}
