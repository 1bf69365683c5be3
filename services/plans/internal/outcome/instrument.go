// Package outcome scores what patients answer, purely: instruments as data with their
// licence, bands, the change that matters, when to ask again, and the rule that stops care
// which changes nothing (clinical reference 2.2, F102).
package outcome

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Ways of scoring.
const (
	Single     = "SINGLE"      // one item, its answer
	Sum        = "SUM"         // the sum of the items
	Mean       = "MEAN"        // their mean
	Activities = "ACTIVITIES"  // the mean of activities that the patient names
	ScoreEntry = "SCORE_ENTRY" // worked out elsewhere and entered
)

// Instrument is a measure, as data.
type Instrument struct {
	ID              string     `json:"instrument"`
	Version         int        `json:"version"`
	Name            string     `json:"name"`
	Licence         string     `json:"licence"`
	Attribution     string     `json:"attribution"`
	MayRedistribute bool       `json:"may_redistribute"`
	Scoring         string     `json:"scoring"`
	Items           []Item     `json:"items,omitempty"`
	Subscales       []Subscale `json:"subscales,omitempty"`
	ActivitiesMin   int        `json:"activities_min,omitempty"`
	ActivitiesMax   int        `json:"activities_max,omitempty"`
	MinScore        float64    `json:"min_score"`
	MaxScore        float64    `json:"max_score"`
	HigherIsBetter  bool       `json:"higher_is_better"`
	Bands           []Band     `json:"bands"`
	Points          float64    `json:"meaningful_points"`
	Percent         float64    `json:"meaningful_percent"`
	// PointsSingle replaces Points where no more than one activity is named.
	PointsSingle float64 `json:"meaningful_points_single,omitempty"`
	Source       string  `json:"source"`
	Schedule     []int   `json:"schedule_weeks"`
}

// Item is a question.
type Item struct {
	ID     string   `json:"id"`
	Text   string   `json:"text"`
	Min    int      `json:"min"`
	Max    int      `json:"max"`
	Labels []string `json:"labels,omitempty"`
}

// Subscale is the sum of some items; it is positive from a threshold on.
type Subscale struct {
	Name         string   `json:"name"`
	Items        []string `json:"items"`
	PositiveFrom float64  `json:"positive_from"`
}

// Band is what scores of a range stand for. Where two touch, the lower one has the border.
type Band struct {
	Code string  `json:"code"`
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
}

// StopRule asks for a review when so many sessions have changed nothing.
type StopRule struct {
	AfterSessions int      `json:"after_sessions"`
	Instruments   []string `json:"instruments"`
	Mode          string   `json:"mode"` // enforce, advise or off
	Source        string   `json:"source"`
	EvidenceNote  string   `json:"evidence_note"`
}

// Set is the instruments of a clinic and its stop rule.
type Set struct {
	Version     int          `json:"version"`
	Instruments []Instrument `json:"instruments"`
	Stop        StopRule     `json:"stop_rule"`
}

//go:embed instruments.json
var standard []byte

// Standard gives the instruments that ship. Every one may be passed on, or has no wording.
func Standard() Set {
	s, err := Parse(standard, false)
	if err != nil { // it is embedded, and a test reads it
		panic(err)
	}
	return s
}

// Parse reads a set and checks it; the error names the instrument and what is wrong. Unless
// licensed, which is for a pack that a clinic loads under its own licence, an instrument that
// may not be passed on must have no wording.
func Parse(data []byte, licensed bool) (Set, error) {
	var s Set
	if err := json.Unmarshal(data, &s); err != nil {
		return Set{}, fmt.Errorf("instruments: %w", err)
	}
	seen := map[string]bool{}
	var errs []error
	for _, i := range s.Instruments {
		if seen[i.ID] {
			errs = append(errs, fmt.Errorf("instrument %s is there twice", i.ID))
		}
		seen[i.ID] = true
		if err := i.check(licensed); err != nil {
			errs = append(errs, fmt.Errorf("instrument %s: %w", i.ID, err))
		}
	}
	return s, errors.Join(append(errs, s.Stop.check(s))...)
}

func (r StopRule) check(s Set) error {
	switch {
	case r.AfterSessions < 1:
		return errors.New("stop rule: after_sessions must be 1 or more")
	case !slices.Contains([]string{"enforce", "advise", "off"}, r.Mode):
		return fmt.Errorf("stop rule: mode %q is none of enforce, advise and off", r.Mode)
	case r.Source == "":
		return errors.New("stop rule: source is missing")
	}
	for _, id := range r.Instruments {
		i, ok := s.Instrument(id)
		if !ok {
			return fmt.Errorf("stop rule: there is no instrument %s", id)
		}
		if i.Points == 0 && i.Percent == 0 {
			return fmt.Errorf("stop rule: no meaningful change is known of %s", id)
		}
	}
	return nil
}

// check gives the first defect of an instrument.
func (i Instrument) check(licensed bool) error {
	switch {
	case i.ID == "" || i.Name == "" || i.Version < 1:
		return errors.New("needs id, name and version")
	case i.Licence == "" || i.Source == "":
		return errors.New("needs its licence and the source of its scoring")
	case len(i.Items) > 0 && !i.MayRedistribute && !licensed:
		return errors.New("may not be redistributed, so its wording must not be here")
	case (i.Scoring == ScoreEntry) != (len(i.Items) == 0):
		return errors.New("has items, or is of score entry, and never both")
	case i.MinScore >= i.MaxScore:
		return errors.New("the lowest score is not below the highest")
	case i.Points < 0 || i.Percent < 0 || i.PointsSingle < 0:
		return errors.New("a meaningful change is not negative")
	case !slices.IsSorted(i.Schedule) || len(i.Schedule) > 0 && i.Schedule[0] < 0:
		return errors.New("the schedule's weeks do not ascend from 0")
	}
	if err := i.checkItems(); err != nil {
		return err
	}
	return i.checkBands()
}

func (i Instrument) checkItems() error {
	switch i.Scoring {
	case ScoreEntry, Sum, Mean:
	case Single:
		if len(i.Items) != 1 {
			return errors.New("SINGLE takes one item")
		}
	case Activities:
		if len(i.Items) != 1 || i.ActivitiesMin < 1 || i.ActivitiesMax < i.ActivitiesMin {
			return errors.New("ACTIVITIES takes one item, and how many may be named")
		}
	default:
		return fmt.Errorf("cannot be scored by %q", i.Scoring)
	}
	ids := map[string]bool{}
	for _, it := range i.Items {
		if it.ID == "" || it.Text == "" || it.Min >= it.Max || ids[it.ID] || len(it.Labels) > 0 && len(it.Labels) != it.Max-it.Min+1 {
			return fmt.Errorf("item %q needs its own id, a text, a range, and a label for every answer or none", it.ID)
		}
		ids[it.ID] = true
	}
	for _, s := range i.Subscales {
		for _, id := range s.Items {
			if !ids[id] {
				return fmt.Errorf("subscale %s names %q, which is no item", s.Name, id)
			}
		}
	}
	return nil
}

// checkBands makes sure that whole scores have one band each, when there are bands.
func (i Instrument) checkBands() error {
	for n, b := range i.Bands {
		if b.Min > b.Max || n > 0 && b.Min < i.Bands[n-1].Max || n > 0 && b.Min > i.Bands[n-1].Max+1 {
			return fmt.Errorf("band %s leaves a gap or overlaps", b.Code)
		}
	}
	if n := len(i.Bands); n > 0 && (i.Bands[0].Min != i.MinScore || i.Bands[n-1].Max != i.MaxScore) {
		return errors.New("the bands do not reach from the lowest to the highest score")
	}
	return nil
}

// Instrument gives an instrument by its id.
func (s Set) Instrument(id string) (Instrument, bool) {
	for _, i := range s.Instruments {
		if i.ID == id {
			return i, true
		}
	}
	return Instrument{}, false
}
