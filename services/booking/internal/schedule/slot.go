package schedule

import "time"

// Grain is the length of a slot. Every start, length and buffer is a multiple of it: the
// shortest visits and buffers of the clinical reference (20, 30, 45 minutes) all are, and
// every zone's offset from 2024 to 2030 is a multiple of fifteen minutes.
const Grain = 5 * time.Minute

const grainMinutes = int(Grain / time.Minute)

// Slot counts grains since 1970-01-01T00:00Z. Slot s is the half-open five minutes that
// start at s.Time().
type Slot int64

// SlotAt returns the slot that t lies in.
func SlotAt(t time.Time) Slot {
	sec, grain := t.Unix(), int64(Grain/time.Second)
	s := sec / grain
	if sec%grain < 0 {
		s--
	}
	return Slot(s)
}

// slotCeil returns the first slot that starts at t or later.
func slotCeil(t time.Time) Slot {
	s := SlotAt(t)
	if s.Time().Before(t) {
		s++
	}
	return s
}

// Aligned reports whether t is the start of a slot.
func Aligned(t time.Time) bool { return SlotAt(t).Time().Equal(t) }

// Time is the instant at which the slot starts, UTC.
func (s Slot) Time() time.Time { return time.Unix(int64(s)*int64(Grain/time.Second), 0).UTC() }

// slots is a number of minutes in slots, rounded up.
func slots(minutes int) Slot { return Slot((minutes + grainMinutes - 1) / grainMinutes) }

// Span is a half-open run of slots: [10:00, 11:00) and [11:00, 12:00) do not overlap.
type Span struct{ From, To Slot }

// SpanOf is the smallest span that covers [start, end).
func SpanOf(start, end time.Time) Span { return Span{SlotAt(start), slotCeil(end)} }

// Start is the instant at which the span starts, UTC.
func (s Span) Start() time.Time { return s.From.Time() }

// End is the instant at which the span is over, UTC.
func (s Span) End() time.Time { return s.To.Time() }

// Empty reports whether the span holds no slot.
func (s Span) Empty() bool { return s.To <= s.From }

// Overlaps reports whether both hold a slot in common.
func (s Span) Overlaps(o Span) bool {
	return s.From < o.To && o.From < s.To && !s.Empty() && !o.Empty()
}

// Contains reports whether every slot of o is in s.
func (s Span) Contains(o Span) bool { return o.Empty() || s.From <= o.From && o.To <= s.To }

// Minus returns what is left of s without o: none, one or two spans in order.
func (s Span) Minus(o Span) []Span {
	if s.Empty() {
		return nil
	}
	if !s.Overlaps(o) {
		return []Span{s}
	}
	var left []Span
	if s.From < o.From {
		left = append(left, Span{s.From, o.From})
	}
	if o.To < s.To {
		left = append(left, Span{o.To, s.To})
	}
	return left
}

// Hull is the smallest span that contains both.
func (s Span) Hull(o Span) Span {
	if s.Empty() {
		return o
	}
	if o.Empty() {
		return s
	}
	return Span{min(s.From, o.From), max(s.To, o.To)}
}
