package schedule

import (
	"iter"
	"math/bits"
)

// wordSlots is how many slots one word holds.
const wordSlots = 64

// Bits is a bitmap over a run of slots. Outside that run every bit is clear. The zero value
// covers nothing.
type Bits struct {
	first Slot // multiple of wordSlots
	words []uint64
}

// NewBits returns a clear bitmap that covers at least the span.
func NewBits(s Span) Bits {
	if s.Empty() {
		return Bits{first: floorWord(s.From)}
	}
	first := floorWord(s.From)
	n := (s.To - first + wordSlots - 1) / wordSlots
	return Bits{first: first, words: make([]uint64, n)}
}

// NewBitsBlock returns n clear bitmaps that cover at least the span, in one allocation.
func NewBitsBlock(s Span, n int) []Bits {
	one := NewBits(s)
	size := len(one.words)
	words := make([]uint64, size*n)
	block := make([]Bits, n)
	for i := range block {
		block[i] = Bits{first: one.first, words: words[i*size : (i+1)*size : (i+1)*size]}
	}
	return block
}

// BitsAt returns a bitmap over words that the caller keeps: bit i of word n stands for slot
// first+64n+i. first must be a multiple of 64.
func BitsAt(first Slot, words []uint64) Bits { return Bits{first: first, words: words} }

func floorWord(s Slot) Slot {
	r := s % wordSlots
	if r < 0 {
		r += wordSlots
	}
	return s - r
}

// Span is the run of slots that the bitmap covers.
func (b Bits) Span() Span { return Span{b.first, b.first + Slot(len(b.words))*wordSlots} }

// Words gives the bitmap's own words, the first of which starts at Span().From.
func (b Bits) Words() []uint64 { return b.words }

// Clone returns an independent copy.
func (b Bits) Clone() Bits { return Bits{b.first, append([]uint64(nil), b.words...)} }

// Has reports whether the slot's bit is set.
func (b Bits) Has(s Slot) bool {
	if i := s - b.first; i >= 0 && i < Slot(len(b.words))*wordSlots {
		return b.words[i/wordSlots]>>(uint(i)%wordSlots)&1 == 1
	}
	return false
}

// masks calls f for each word that the span touches, with the mask of its bits there.
func (b Bits) masks(s Span, f func(word int, mask uint64)) {
	from, to := max(s.From, b.first)-b.first, min(s.To, b.Span().To)-b.first
	for from < to {
		word, bit := int(from/wordSlots), uint(from)%wordSlots
		n := min(wordSlots-Slot(bit), to-from)
		f(word, ^uint64(0)>>(wordSlots-uint(n))<<bit)
		from += n
	}
}

// Set sets the span's bits, as far as the bitmap covers them.
func (b Bits) Set(s Span) { b.masks(s, func(w int, m uint64) { b.words[w] |= m }) }

// Clear clears the span's bits.
func (b Bits) Clear(s Span) { b.masks(s, func(w int, m uint64) { b.words[w] &^= m }) }

// All reports whether every bit of the span is set; an empty span has none that is not.
func (b Bits) All(s Span) bool {
	if s.Empty() {
		return true
	}
	if !b.Span().Contains(s) {
		return false
	}
	all := true
	b.masks(s, func(w int, m uint64) { all = all && b.words[w]&m == m })
	return all
}

// Any reports whether a bit of the span is set.
func (b Bits) Any(s Span) bool {
	found := false
	b.masks(s, func(w int, m uint64) { found = found || b.words[w]&m != 0 })
	return found
}

// word returns the 64 bits from the slot at, a multiple of wordSlots.
func (b Bits) word(at Slot) uint64 {
	if i := (at - b.first) / wordSlots; at >= b.first && int(i) < len(b.words) {
		return b.words[i]
	}
	return 0
}

// copy makes b equal to o, as far as b covers it.
func (b Bits) copy(o Bits) {
	if b.first == o.first && len(b.words) <= len(o.words) {
		copy(b.words, o.words)
		return
	}
	for i := range b.words {
		b.words[i] = o.word(b.first + Slot(i)*wordSlots)
	}
}

// covers reports whether every bit of o is set in b too.
func (b Bits) covers(o Bits) bool {
	for i, w := range o.words {
		if w&^b.word(o.first+Slot(i)*wordSlots) != 0 {
			return false
		}
	}
	return true
}

// And keeps the bits that are also set in o.
func (b Bits) And(o Bits) {
	for i := range b.words {
		b.words[i] &= o.word(b.first + Slot(i)*wordSlots)
	}
}

// AndNot clears the bits that are set in o.
func (b Bits) AndNot(o Bits) {
	for i := range b.words {
		b.words[i] &^= o.word(b.first + Slot(i)*wordSlots)
	}
}

// Or sets the bits that are set in o, as far as b covers them.
func (b Bits) Or(o Bits) {
	for i := range b.words {
		b.words[i] |= o.word(b.first + Slot(i)*wordSlots)
	}
}

// Erode keeps bit s only if the n bits from s on are all set: where a run of n slots fits,
// its first slot stays. It needs about log2(n) passes, not n.
func (b Bits) Erode(n Slot) {
	// After a pass, bit s stands for `have` set bits from s on.
	for have := Slot(1); have < n; {
		step := min(have, n-have)
		b.andAhead(step)
		have += step
	}
}

// andAhead keeps bit s only if bit s+n is set too.
func (b Bits) andAhead(n Slot) {
	skip, shift := int(n/wordSlots), uint(n%wordSlots)
	at := func(i int) uint64 {
		if i < len(b.words) {
			return b.words[i]
		}
		return 0
	}
	if shift == 0 {
		for i := range b.words {
			b.words[i] &= at(i + skip)
		}
		return
	}
	for i := range b.words {
		b.words[i] &= at(i+skip)>>shift | at(i+skip+1)<<(wordSlots-shift)
	}
}

// Delay moves every bit n slots later; what leaves the bitmap is lost.
func (b Bits) Delay(n Slot) {
	if n <= 0 {
		return
	}
	skip, shift := int(n/wordSlots), uint(n%wordSlots)
	at := func(i int) uint64 {
		if i >= 0 {
			return b.words[i]
		}
		return 0
	}
	for i := len(b.words) - 1; i >= 0; i-- {
		w := at(i-skip) << shift
		if shift > 0 {
			w |= at(i-skip-1) >> (wordSlots - shift)
		}
		b.words[i] = w
	}
}

// Slots yields the slots whose bit is set, in order.
func (b Bits) Slots() iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for i, w := range b.words {
			for ; w != 0; w &= w - 1 {
				if !yield(b.first + Slot(i*wordSlots+bits.TrailingZeros64(w))) {
					return
				}
			}
		}
	}
}

// Next returns the first set slot at s or later.
func (b Bits) Next(s Slot) (Slot, bool) {
	at := max(s, b.first)
	for i := int((at - b.first) / wordSlots); i < len(b.words); i++ {
		w := b.words[i]
		if base := b.first + Slot(i)*wordSlots; base < at {
			w &= ^uint64(0) << uint(at-base)
		}
		if w != 0 {
			return b.first + Slot(i*wordSlots+bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

// Count is the number of set bits.
func (b Bits) Count() int {
	n := 0
	for _, w := range b.words {
		n += bits.OnesCount64(w)
	}
	return n
}
