// Package diary judges a pain diary, purely: what counts for a day, where it is heading, and
// which entries a clinician must look at (clinical reference F083, F124, F126, F127, F129,
// F171). Its numbers are data, each with its source.
package diary

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Entry is what was noted at one time.
type Entry struct {
	ID           string
	Date         civil.Date
	At           time.Time // when it was noted
	Pain         *int      // nil: not said
	Interference *int
	Tags         []string
	Done         []Done
	Corrects     string // the entry that it takes the place of
}

// Done is an item of the home programme that was done.
type Done struct {
	Code    string `json:"code"`
	Side    string `json:"side,omitempty"`
	Minutes int    `json:"minutes,omitempty"`
}

// Day is one civil date of a diary.
type Day struct {
	Date         civil.Date
	Pain         *int // the last that was noted
	PainMax      *int
	Interference *int
	Entries      int
	Tags         []string
	Done         []Done
}

// Counting leaves out entries that others take the place of.
func Counting(entries []Entry) []Entry {
	gone := map[string]bool{}
	for _, e := range entries {
		gone[e.Corrects] = e.Corrects != ""
	}
	return slices.DeleteFunc(slices.Clone(entries), func(e Entry) bool { return gone[e.ID] })
}

// Days gives the days of a diary, oldest first, from its entries in any order. Of a day's
// pains the one noted last counts, and the entry's id decides between two of one instant.
func Days(entries []Entry) []Day {
	counting := Counting(entries)
	slices.SortFunc(counting, func(a, b Entry) int {
		return cmp.Or(a.Date.Compare(b.Date), a.At.Compare(b.At), cmp.Compare(a.ID, b.ID))
	})
	var days []Day
	for _, e := range counting {
		if n := len(days); n == 0 || days[n-1].Date != e.Date {
			days = append(days, Day{Date: e.Date})
		}
		d := &days[len(days)-1]
		d.Entries++
		d.Tags = append(d.Tags, e.Tags...)
		d.Done = append(d.Done, e.Done...)
		if e.Interference != nil {
			d.Interference = e.Interference
		}
		if e.Pain == nil {
			continue
		}
		d.Pain = e.Pain
		if d.PainMax == nil || *e.Pain > *d.PainMax {
			d.PainMax = e.Pain
		}
	}
	return days
}

// Has reports whether a word was noted on the day.
func (d Day) Has(tag string) bool { return slices.Contains(d.Tags, tag) }

// number is a threshold with where it comes from.
type number struct {
	Value  float64 `json:"value"`
	Source string  `json:"source"`
}

// Rules are the numbers of the diary's rules, as data.
type Rules struct {
	Version         int    `json:"version"`
	UsualDays       number `json:"usual_days"`
	WorseningPoints number `json:"worsening_points"`
	WorseningRun    number `json:"worsening_run"`
	SeverePain      number `json:"severe_pain"`
	ExpectedDays    number `json:"injection_expected_days"`
	WatchDays       number `json:"injection_watch_days"`
	ReliefPercent   number `json:"relief_percent"`
	TrendPoints     number `json:"trend_points_per_week"`
	RedFlags        struct {
		Value  []string `json:"value"`
		Source string   `json:"source"`
	} `json:"red_flag_tags"`
}

//go:embed rules.json
var standard []byte

// Standard gives the rules that ship.
func Standard() Rules {
	r, err := ParseRules(standard)
	if err != nil { // it is embedded, and a test reads it
		panic(err)
	}
	return r
}

// ParseRules reads rules. It fails for a number that is missing or without its source, and
// says which.
func ParseRules(data []byte) (Rules, error) {
	var r Rules
	if err := json.Unmarshal(data, &r); err != nil {
		return Rules{}, fmt.Errorf("diary rules: %w", err)
	}
	for name, n := range map[string]number{
		"usual_days": r.UsualDays, "worsening_points": r.WorseningPoints, "worsening_run": r.WorseningRun, "severe_pain": r.SeverePain,
		"injection_expected_days": r.ExpectedDays, "injection_watch_days": r.WatchDays, "relief_percent": r.ReliefPercent,
		"trend_points_per_week": r.TrendPoints,
	} {
		if n.Value <= 0 || n.Source == "" {
			return Rules{}, fmt.Errorf("diary rules: %s needs a value above 0 and a source", name)
		}
	}
	if len(r.RedFlags.Value) == 0 || r.RedFlags.Source == "" {
		return Rules{}, fmt.Errorf("diary rules: red_flag_tags needs values and a source")
	}
	if r.Version < 1 {
		return Rules{}, fmt.Errorf("diary rules: version is missing")
	}
	return r, nil
}

// Directions of a trend.
const (
	Falling = "FALLING"
	Rising  = "RISING"
	Steady  = "STEADY"
	Unknown = "UNKNOWN"
)

// Trend is where a diary is heading.
type Trend struct {
	Direction     string
	PointsPerWeek float64 // 0 when unknown
	Mean          float64
	PainDays      int // days on which pain was noted
}

// Trend gives the direction of the pain by least squares over the days on which it was
// noted; with fewer than three it is unknown.
func (r Rules) Trend(days []Day) Trend {
	var x, y []float64
	for _, d := range days {
		if d.Pain != nil {
			x = append(x, float64(days[0].Date.DaysUntil(d.Date)))
			y = append(y, float64(*d.Pain))
		}
	}
	t := Trend{Direction: Unknown, PainDays: len(y), Mean: mean(y)}
	if len(y) < 3 {
		return t
	}
	var top, bottom float64
	mx := mean(x)
	for i := range x {
		top += (x[i] - mx) * (y[i] - t.Mean)
		bottom += (x[i] - mx) * (x[i] - mx)
	}
	t.PointsPerWeek = math.Round(top/bottom*7*100) / 100
	t.Mean = math.Round(t.Mean*100) / 100
	switch {
	case t.PointsPerWeek >= r.TrendPoints.Value:
		t.Direction = Rising
	case t.PointsPerWeek <= -r.TrendPoints.Value:
		t.Direction = Falling
	default:
		t.Direction = Steady
	}
	return t
}

func mean(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}
