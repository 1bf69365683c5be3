package schedule

// Pack returns the starts whose visit costs a session: with it, fewer visits of the same shape
// fit into the run of free time around it than with the best other start. part is what a visit
// that starts at slot 0 takes of the practitioner, free is the practitioner's free time, and
// starts are those that can be had, other resources considered.
//
// It is the answer to a diary in which a start in the middle of a free afternoon turned three
// sessions into two. In every run with a start at all, some start costs nothing.
func Pack(starts, free Bits, part Span) (costly Bits) {
	costly = NewBits(starts.Span())
	var run []Slot
	end := Slot(0) // of the run of free time
	flush := func() {
		packRun(run, part, costly)
		run = run[:0]
	}
	for s := range starts.Slots() {
		if len(run) > 0 && s+part.From >= end {
			flush()
		}
		if len(run) == 0 {
			end = freeUntil(free, s+part.From)
		}
		run = append(run, s)
	}
	flush()
	return costly
}

// freeUntil is the end of the run of free time that s is in.
func freeUntil(free Bits, s Slot) Slot {
	for s < free.Span().To && free.Has(s) {
		s++
	}
	return s
}

// packRun marks the costly ones among the starts of one run. Visits are of one length, so the
// most that fit before a start are found by always taking the earliest that can be had, and
// after it by always taking the latest.
func packRun(run []Slot, part Span, costly Bits) {
	length := part.To - part.From
	before, after := make([]int, len(run)), make([]int, len(run))
	n, taken, i := 0, Slot(-1<<40), 0 // visits that end by run[k]
	for k, s := range run {
		for ; i < k && run[i]+length <= s; i++ {
			if run[i] >= taken {
				n, taken = n+1, run[i]+length
			}
		}
		before[k] = n
	}
	n, taken, i = 0, Slot(1<<40), len(run)-1 // visits that begin when run[k]'s has ended
	for k := len(run) - 1; k >= 0; k-- {
		for ; i > k && run[i] >= run[k]+length; i-- {
			if run[i]+length <= taken {
				n, taken = n+1, run[i]
			}
		}
		after[k] = n
	}
	best := 0
	for k := range run {
		best = max(best, before[k]+after[k])
	}
	for k, s := range run {
		if before[k]+after[k] < best {
			costly.Set(Span{s, s + 1})
		}
	}
}

// KeepPacked clears from wanted the starts that cost a session, unless nothing else is wanted
// of that run of free time: somebody who can come at one hour only is not sent away for it.
func KeepPacked(wanted, costly, free Bits, part Span) {
	var run []Slot
	end, good := Slot(0), false
	flush := func() {
		if good {
			for _, s := range run {
				wanted.Clear(Span{s, s + 1})
			}
		}
		run, good = run[:0], false
	}
	for s := range wanted.Clone().Slots() {
		if s+part.From >= end {
			flush()
			end = freeUntil(free, s+part.From)
		}
		if costly.Has(s) {
			run = append(run, s)
		} else {
			good = true
		}
	}
	flush()
}
