package injection

import (
	"slices"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// Flag is a future session that now sits in a window with too many.
type Flag struct {
	// ID is the record.
	ID string
	// Date is when it is booked.
	Date civil.Date
	// Earliest is the first date, not before its own, to which it alone could be moved.
	Earliest civil.Date
}

// Impact is what a fact does to the ledger: empty when nothing overflows.
type Impact struct {
	// Windows hold too many, the fact included.
	Windows []Window
	// Flagged are the sessions from today on that sit in one of them, by date.
	Flagged []Flag
}

// Overflows reports whether an issue must be raised.
func (i Impact) Overflows() bool { return len(i.Windows) > 0 }

// Records gives the ids of all records in the overflowing windows, each once.
func (i Impact) Records() []string {
	return Verdict{Windows: i.Windows}.Blocking()
}

// Record says what follows from a fact that is recorded whatever the limit says: an
// injection given late, elsewhere or on another date than booked (reference 3.4, vectors
// H01 to H05). The records are the others of the person, without the fact.
func (p Policy) Record(records []Record, fact Record, today civil.Date) Impact {
	if !p.Counts(fact) {
		return Impact{}
	}
	counted := p.counting(records, fact.Region)
	var windows []Window
	for _, limit := range p.Caps {
		windows = append(windows, overflows(counted, fact.Span, limit)...)
	}
	for i := range windows {
		windows[i].Records = append(windows[i].Records, fact.ID)
	}
	return p.impact(append(counted, fact), windows, today)
}

// Merge says what follows from two charts turning out to be one person's: the windows
// that overflow in the union and did not in either chart (vectors G01 to G04).
func (p Policy) Merge(a, b []Record, today civil.Date) Impact {
	known := append(p.Breaches(a), p.Breaches(b)...)
	var fresh []Window
	for _, w := range p.Breaches(append(slices.Clone(a), b...)) {
		same := func(k Window) bool {
			return k.Start == w.Start && k.Count == w.Count && k.Months == w.Months
		}
		if !slices.ContainsFunc(known, same) {
			fresh = append(fresh, w)
		}
	}
	return p.impact(append(slices.Clone(a), b...), fresh, today)
}

// Review says what a change of the policy does to sessions that are booked: the windows
// with too many in which one of them sits, and when each could be at the earliest. They are
// flagged, never cancelled.
func (p Policy) Review(records []Record, today civil.Date) Impact {
	all := p.impact(records, p.Breaches(records), today)
	flagged := func(id string) bool {
		return slices.ContainsFunc(all.Flagged, func(f Flag) bool { return f.ID == id })
	}
	all.Windows = slices.DeleteFunc(all.Windows, func(w Window) bool { return !slices.ContainsFunc(w.Records, flagged) })
	return all
}

// Standing says which windows hold too many as the records stand, and which sessions to come
// sit in them.
func (p Policy) Standing(records []Record, today civil.Date) Impact {
	return p.impact(records, p.Breaches(records), today)
}

// Breaches gives every window that starts with a session and holds too many, by cap and
// start. A ledger that only ever held accepted sessions has none.
func (p Policy) Breaches(records []Record) []Window {
	var out []Window
	for _, region := range p.regions(records) {
		counted := p.counting(records, region)
		for _, limit := range p.Caps {
			for i, r := range counted {
				if i > 0 && counted[i-1].Span.Last == r.Span.Last {
					continue
				}
				w := Window{Start: r.Span.Last, End: r.Span.Last.AddMonths(limit.Months), Max: limit.Max, Months: limit.Months}
				for _, o := range counted {
					if o.Span.touches(w.Start, w.End) {
						w.Count++
						w.Records = append(w.Records, o.ID)
					}
				}
				if w.Count > limit.Max {
					out = append(out, w)
				}
			}
		}
	}
	return out
}

// regions gives the regions that are judged apart: one, empty, when the scope is the person.
func (p Policy) regions(records []Record) []string {
	if p.Scope == ScopePatient {
		return []string{""}
	}
	var out []string
	for _, r := range records {
		if r.Region != "" {
			out = append(out, r.Region)
		}
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(out) == 0 {
		out = []string{""}
	}
	return out
}

// impact adds to the windows the sessions from today on that sit in them.
func (p Policy) impact(all []Record, windows []Window, today civil.Date) Impact {
	out := Impact{Windows: windows}
	for i, r := range all {
		if !r.State.Open() || r.Span.Last.Before(today) || !p.Counts(r) {
			continue
		}
		inside := func(w Window) bool { return slices.Contains(w.Records, r.ID) }
		if !slices.ContainsFunc(windows, inside) {
			continue
		}
		others := slices.Delete(slices.Clone(all), i, i+1)
		out.Flagged = append(out.Flagged, Flag{
			ID: r.ID, Date: r.Span.First, Earliest: p.nextEligible(p.counting(others, r.Region), r.Span.First),
		})
	}
	slices.SortStableFunc(out.Flagged, func(a, b Flag) int { return a.Date.Compare(b.Date) })
	return out
}

// Series judges a whole series of dates, all or nothing, in the order given and each
// beside the ones before it. It returns -1 when every date is allowed, else the index of
// the first that is not, with its verdict: Verdict.Next is the date to suggest
// (vectors P01 to P06).
func (p Policy) Series(records []Record, dates []civil.Date, region string) (int, Verdict) {
	beside := slices.Clone(records)
	for i, d := range dates {
		v := p.Check(beside, d, region)
		if !v.Allowed {
			return i, v
		}
		beside = append(beside, Record{Span: On(d), State: Reserved, Kind: p.CountedKinds[0], Region: region})
	}
	return -1, Verdict{Allowed: true}
}

// Without gives the records but for one: a session that moves does not count against its
// own new date (vectors M01 to M03).
func Without(records []Record, id string) []Record {
	return slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.ID == id })
}
