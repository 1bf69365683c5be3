package protocolmodel

// steps gives every state that one step leads to.
func (r Run) steps(s State) []State {
	var out []State
	add := func(n State) {
		if n != s {
			out = append(out, n)
		}
	}
	for i := range s {
		if s[i].use == idle && (i != mover || s[moved].use == booked) {
			n := s
			n[i].use = pending
			add(n)
		}
		if s[i].use != idle { // the claim was sent: it may arrive now, also long after
			add(r.arrive(s, i))
		}
		if s[i].granted {
			add(r.decide(s, i))
		}
		if s[i].use == pending { // refused, given up, or recovered after a crash
			n := s
			n[i].use = void
			add(n)
		}
		if s[i].use == booked {
			n := s
			n[i].use = cancelled
			add(n)
			n[i].use = completed
			add(n)
		}
		for _, event := range []use{booked, void, cancelled, completed} {
			if s[i].emitted(event) {
				add(r.hear(s, i, event))
			}
		}
		if s[i].claim == held {
			add(r.recover(s, i))
		}
	}
	return out
}

// arrive is ClaimSessions at plans: count what counts, then hold or refuse. A claim that is
// known is answered again.
func (r Run) arrive(s State, i int) State {
	if s[i].claim != unknown {
		s[i].granted = s[i].granted || s[i].claim != released
		return s
	}
	n := 0
	for j, a := range s {
		leftOut := j == moved && (i == mover || r.LeaveOutForAll && s[mover].claim == held)
		if (a.claim == held || a.claim == confirmed) && !leftOut && r.inWindow(j) {
			n++
		}
	}
	if n >= Limit && r.inWindow(i) {
		return s
	}
	s[i].claim, s[i].granted = held, true
	if i == mover && r.FreeOldFirst {
		s[moved].claim = released
	}
	return s
}

// decide is booking's own transaction, step 3: the first row of entitlement_use decides. A
// move flips both outcomes if the old one is still BOOKED; else the new one is VOID.
func (r Run) decide(s State, i int) State {
	switch s[i].use {
	case pending:
	case void:
		if !r.VoidIsNotFinal {
			return s
		}
	case cancelled:
		if !r.ReuseAfterCancel {
			return s
		}
	case idle, booked, completed:
		return s
	}
	if i != mover {
		s[i].use = booked
		return s
	}
	switch {
	case s[moved].use == booked:
		s[moved].use, s[i].use = cancelled, booked
	case s[moved].use == completed && r.MoveWhatIsOver:
		s[i].use = booked
	case s[i].use == pending:
		s[i].use = void
	}
	return s
}

// emitted reports whether booking has told of an outcome. A booking that has ended told of
// both.
func (a attempt) emitted(event use) bool {
	return a.use == event || event == booked && (a.use == cancelled || a.use == completed)
}

// hear is plans' handler of an outcome: it only ever moves a claim on. One that plans does
// not know becomes a tombstone or a fact.
func (r Run) hear(s State, i int, event use) State {
	switch {
	case event == void || event == cancelled:
		s[i].claim = released
	case s[i].claim != released || r.LastEventWins:
		s[i].claim = confirmed
	}
	return s
}

// recover is plans' question about a claim that it has held for long. Booking records VOID
// if there is no outcome, and answers with what is recorded; the answer reaches plans like
// the event does.
func (r Run) recover(s State, i int) State {
	switch {
	case r.ReleaseByClock:
		s[i].claim = released
	case s[i].use == pending && r.ReleaseWithoutVoid:
		s[i].claim = released
	case s[i].use == pending:
		s[i].use = void
	}
	return s
}
