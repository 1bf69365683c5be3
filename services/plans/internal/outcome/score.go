package outcome

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Activity is something that the patient named, and how well it goes.
type Activity struct {
	Name  string `json:"name"`
	Score int    `json:"score"`
}

// Answers are what was answered: by item, by activity, or a score worked out elsewhere.
type Answers struct {
	Items      map[string]int
	Activities []Activity
	Score      *float64
}

// Result is a scored answer.
type Result struct {
	Score     float64
	Subscales map[string]float64
	Positive  []string
	Band      string
}

// Score scores answers. INVALID_ARGUMENT names the item that is missing, unknown or out of
// range; SCORE_ENTRY_ONLY when the wording of the instrument is not here.
func (i Instrument) Score(a Answers) (Result, error) {
	switch i.Scoring {
	case ScoreEntry:
		if len(a.Items) > 0 || len(a.Activities) > 0 {
			return Result{}, fault.New(fault.FailedPrecondition, "SCORE_ENTRY_ONLY", "The wording of this instrument is not here. Enter its score.").
				With("instrument", i.ID)
		}
		if a.Score == nil {
			return Result{}, fault.Invalid("score", "is needed")
		}
		return i.entered("score", *a.Score)
	case Activities:
		return i.activities(a)
	}
	if len(a.Activities) > 0 {
		return Result{}, fault.Invalid("activities", "this instrument asks for none")
	}
	if i.Scoring == Single && a.Score != nil && len(a.Items) == 0 {
		if *a.Score != math.Trunc(*a.Score) {
			return Result{}, fault.Invalid("score", "is a whole number")
		}
		return i.entered("score", *a.Score)
	}
	if a.Score != nil {
		return Result{}, fault.Invalid("score", "is worked out from the answers")
	}
	return i.items(a.Items)
}

// entered takes a score as it is.
func (i Instrument) entered(field string, score float64) (Result, error) {
	if math.IsNaN(score) || score < i.MinScore || score > i.MaxScore {
		return Result{}, fault.Invalid(field, "is from "+text(i.MinScore)+" to "+text(i.MaxScore))
	}
	return Result{Score: score, Band: i.band(score)}, nil
}

func (i Instrument) items(answers map[string]int) (Result, error) {
	known := map[string]bool{}
	total := 0
	for _, it := range i.Items {
		n, ok := answers[it.ID]
		known[it.ID] = true
		switch {
		case !ok:
			return Result{}, fault.Invalid("answers."+it.ID, "is needed")
		case n < it.Min || n > it.Max:
			return Result{}, fault.Invalid("answers."+it.ID, "is from "+strconv.Itoa(it.Min)+" to "+strconv.Itoa(it.Max))
		}
		total += n
	}
	for id := range answers {
		if !known[id] {
			return Result{}, fault.Invalid("answers", "there is a question that this instrument does not ask")
		}
	}
	score := float64(total)
	if i.Scoring == Mean {
		score = round(score / float64(len(i.Items)))
	}
	r := Result{Score: score, Band: i.band(score)}
	for _, s := range i.Subscales {
		sum := 0.0
		for _, id := range s.Items {
			sum += float64(answers[id])
		}
		if r.Subscales == nil {
			r.Subscales = map[string]float64{}
		}
		r.Subscales[s.Name] = sum
		if sum >= s.PositiveFrom {
			r.Positive = append(r.Positive, s.Name)
		}
	}
	return r, nil
}

func (i Instrument) activities(a Answers) (Result, error) {
	switch n := len(a.Activities); {
	case a.Score != nil || len(a.Items) > 0:
		return Result{}, fault.Invalid("activities", "this instrument is scored from activities")
	case n < i.ActivitiesMin || n > i.ActivitiesMax:
		return Result{}, fault.Invalid("activities", "there are "+strconv.Itoa(i.ActivitiesMin)+" to "+strconv.Itoa(i.ActivitiesMax)+" of them")
	}
	total := 0
	var names []string
	for _, x := range a.Activities {
		name := strings.ToLower(strings.TrimSpace(x.Name))
		switch {
		case name == "":
			return Result{}, fault.Invalid("activities.name", "is needed")
		case slices.Contains(names, name):
			return Result{}, fault.Invalid("activities.name", "is there twice")
		case x.Score < i.Items[0].Min || x.Score > i.Items[0].Max:
			return Result{}, fault.Invalid("activities.score", "is from 0 to 10")
		}
		names = append(names, name)
		total += x.Score
	}
	score := round(float64(total) / float64(len(names)))
	return Result{Score: score, Band: i.band(score)}, nil
}

// band gives the first band whose end the score does not pass.
func (i Instrument) band(score float64) string {
	for _, b := range i.Bands {
		if score <= b.Max {
			return b.Code
		}
	}
	return ""
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

func text(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Verdicts about a change.
const (
	Better       = "BETTER"
	Worse        = "WORSE"
	NoChange     = "NO_MEANINGFUL_CHANGE"
	NotKnown     = "UNKNOWN"
	maxWeekAhead = 1
)

// Point is one score in time.
type Point struct {
	ID         string
	Date       civil.Date
	Score      float64
	Activities []Activity
}

// Change compares a score with the first.
type Change struct {
	Baseline     float64
	BaselineDate civil.Date
	// Improvement is in points, and negative when it is worse.
	Improvement float64
	// Percent is the same of the first score; 0 when that is 0.
	Percent float64
	Verdict string
}

// Compare gives the change from the first score to another. Activities are compared by name,
// those only that both have. A change matters when it reaches the instrument's points, or its
// percent of the first score.
func (i Instrument) Compare(first, now Point) Change {
	from, to, points := first.Score, now.Score, i.Points
	if i.Scoring == Activities {
		n := 0
		if from, to, n = paired(first.Activities, now.Activities); n == 0 {
			return Change{Baseline: first.Score, BaselineDate: first.Date, Verdict: NotKnown}
		} else if n == 1 && i.PointsSingle > 0 {
			points = i.PointsSingle
		}
	}
	c := Change{Baseline: from, BaselineDate: first.Date, Improvement: round(from - to), Verdict: NoChange}
	if i.HigherIsBetter {
		c.Improvement = round(to - from)
	}
	if from != 0 {
		c.Percent = round(c.Improvement / math.Abs(from) * 100)
	}
	size := math.Abs(c.Improvement)
	matters := points > 0 && size >= points || i.Percent > 0 && from != 0 && math.Abs(c.Percent) >= i.Percent && size > 0
	switch {
	case i.Points == 0 && i.Percent == 0:
		c.Verdict = NotKnown
	case matters && c.Improvement > 0:
		c.Verdict = Better
	case matters:
		c.Verdict = Worse
	}
	return c
}

// paired gives the means of the activities that both lists have, and how many those are.
func paired(first, now []Activity) (from, to float64, n int) {
	for _, a := range first {
		for _, b := range now {
			if strings.EqualFold(strings.TrimSpace(a.Name), strings.TrimSpace(b.Name)) {
				from, to, n = from+float64(a.Score), to+float64(b.Score), n+1
				break
			}
		}
	}
	if n == 0 {
		return 0, 0, 0
	}
	return round(from / float64(n)), round(to / float64(n)), n
}

// MeaningfulScore gives the score from which on a patient who started at the first one is
// meaningfully better, within the instrument's range; false when it is not known, or the
// range has no room for it.
func (i Instrument) MeaningfulScore(first float64) (float64, bool) {
	need := math.Inf(1)
	if i.Points > 0 {
		need = i.Points
	}
	if i.Percent > 0 && first != 0 {
		need = min(need, math.Abs(first)*i.Percent/100)
	}
	score := round(first - need)
	if i.HigherIsBetter {
		score = round(first + need)
	}
	return score, !math.IsInf(need, 1) && score >= i.MinScore && score <= i.MaxScore
}

// Due is an instrument that is to be answered.
type Due struct {
	Instrument string
	Week       int
	Date       civil.Date
}

// DueNext gives what is to be answered under a plan that started on a date: of each instrument
// the first week of its schedule for which there is no answer from a week before it on.
func (s Set) DueNext(start, expire civil.Date, asked []string, answered func(instrument string) []civil.Date) []Due {
	var out []Due
	for _, i := range s.Instruments {
		if len(i.Schedule) == 0 || !slices.Contains(asked, i.ID) {
			continue
		}
		dates := answered(i.ID)
		for n, week := range i.Schedule {
			due := start.AddDays(7 * week)
			if due.After(expire) {
				break
			}
			from := due.AddDays(-7 * maxWeekAhead)
			late := func(d civil.Date) bool { return !d.Before(from) }
			if n == 0 {
				late = func(d civil.Date) bool { return !d.Before(start.AddDays(-28)) }
			}
			if !slices.ContainsFunc(dates, late) {
				out = append(out, Due{Instrument: i.ID, Week: week, Date: due})
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Due) int { return a.Date.Compare(b.Date) })
	return out
}

// Stalled reports whether the rule asks for a review: so many sessions were delivered since
// the last one, and of the instruments that were answered before and since, none shows a
// change for the better that matters. Without a second answer it says nothing.
func (s Set) Stalled(sessionsSince int, points map[string][]Point) bool {
	return s.Stop.Mode == "enforce" && sessionsSince >= s.Stop.AfterSessions && s.Verdict(points) == NoChange
}

// Verdict compares the first answers with the last: Better when one of the stop rule's
// instruments shows a change for the better that matters, NoChange when none of those that can
// tell does, NotKnown when none can tell.
func (s Set) Verdict(points map[string][]Point) string {
	verdict := NotKnown
	for _, id := range s.Stop.Instruments {
		i, _ := s.Instrument(id)
		list := points[id]
		if len(list) < 2 {
			continue
		}
		switch i.Compare(list[0], list[len(list)-1]).Verdict {
		case Better:
			return Better
		case NotKnown:
		default:
			verdict = NoChange
		}
	}
	return verdict
}
