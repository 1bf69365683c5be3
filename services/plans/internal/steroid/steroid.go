// Package steroid adds up the corticosteroid that a person was injected with, by any route,
// as milligrams of methylprednisolone (clinical reference 2.4). It is apart from the count
// of injections and advises only: nothing is refused for it. Equivalents and limits are
// data (limits.json) with their sources.
package steroid

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Table is the equivalents and the advisory limits.
type Table struct {
	Version           int64        `json:"version"`
	ReferenceDrug     string       `json:"reference_drug"`
	Equivalents       []Equivalent `json:"equivalents"`
	EquivalentsSource string       `json:"equivalents_source"`
	// OtherSteroids are recognised as corticosteroids without a known equivalent.
	OtherSteroids []string `json:"other_steroids"`
	Limits        []Limit  `json:"limits"`
}

// Equivalent is how much of a drug has the effect of the same line's others, in milligrams.
type Equivalent struct {
	Drug string  `json:"drug"`
	Mg   float64 `json:"mg"`
}

// Limit is an advisory limit over a period of calendar months, in milligrams of the
// reference drug.
type Limit struct {
	Months int     `json:"months"`
	Mg     float64 `json:"mg"`
	Source string  `json:"source"`
}

//go:embed limits.json
var standard []byte

// Standard is the table that ships.
func Standard() Table {
	t, err := Parse(standard)
	if err != nil {
		panic(err) // the file is part of the program and a test reads it
	}
	return t
}

// Parse reads a table and refuses one that lacks the reference drug, a number or a source.
func Parse(data []byte) (Table, error) {
	var t Table
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return Table{}, fmt.Errorf("steroid table: %w", err)
	}
	if t.EquivalentsSource == "" {
		return Table{}, errors.New("steroid table: equivalents_source: is missing")
	}
	for i, e := range t.Equivalents {
		if e.Drug == "" || e.Mg <= 0 {
			return Table{}, fmt.Errorf("steroid table: equivalents[%d]: needs a drug and milligrams above 0", i)
		}
	}
	for i, l := range t.Limits {
		if l.Months < 1 || l.Mg <= 0 || l.Source == "" {
			return Table{}, fmt.Errorf("steroid table: limits[%d]: needs months, milligrams and a source", i)
		}
	}
	if _, ok := t.equivalent(t.ReferenceDrug); !ok {
		return Table{}, errors.New("steroid table: reference_drug: has no line among the equivalents")
	}
	return t, nil
}

// equivalent finds the drug's line by its generic name, whatever the salt: the longest name
// that the text contains, so that methylprednisolone is not taken for prednisolone.
func (t Table) equivalent(drug string) (float64, bool) {
	drug = strings.ToLower(drug)
	best := Equivalent{}
	for _, e := range t.Equivalents {
		if strings.Contains(drug, e.Drug) && len(e.Drug) > len(best.Drug) {
			best = e
		}
	}
	return best.Mg, best.Drug != ""
}

// IsSteroid reports whether the drug is a corticosteroid, with or without a known
// equivalent.
func (t Table) IsSteroid(drug string) bool {
	if _, ok := t.equivalent(drug); ok {
		return true
	}
	drug = strings.ToLower(drug)
	return slices.ContainsFunc(t.OtherSteroids, func(s string) bool { return strings.Contains(drug, s) })
}

// AsReference gives a dose in milligrams of the reference drug; false when no equivalent is
// known.
func (t Table) AsReference(drug string, mg float64) (float64, bool) {
	per, ok := t.equivalent(drug)
	if !ok {
		return 0, false
	}
	reference, _ := t.equivalent(t.ReferenceDrug)
	return mg * reference / per, true
}

// Dose is the corticosteroid of one injection.
type Dose struct {
	InjectionID string
	// Date is when; the last day of the month when no more is known, so that it counts for
	// as long as it may.
	Date civil.Date
	Drug string
	Mg   float64
}

// Total is what was injected in the period that ends with a date.
type Total struct {
	Limit Limit
	// Start is the first date in the period.
	Start civil.Date
	// Mg of the reference drug.
	Mg float64
}

// Above reports whether the total is above its limit.
func (t Total) Above() bool { return t.Mg > t.Limit.Mg }

// Totals adds up the doses for every limit, up to and including the date. A dose belongs to
// the period until the day of the month on which it was given comes round: as with the
// injection limit, that day is free again.
func (t Table) Totals(doses []Dose, date civil.Date) []Total {
	out := make([]Total, len(t.Limits))
	for i, l := range t.Limits {
		start := date.AddMonths(-l.Months)
		for !start.AddMonths(l.Months).After(date) {
			start = start.AddDays(1)
		}
		out[i] = Total{Limit: l, Start: start}
		for _, d := range doses {
			if mg, ok := t.AsReference(d.Drug, d.Mg); ok && !d.Date.Before(start) && !d.Date.After(date) {
				out[i].Mg += mg
			}
		}
	}
	return out
}
