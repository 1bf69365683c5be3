// Package protocolmodel is a small exhaustive model of how a booking obeys a plan
// (architecture section 6): booking and plans with a database each, a network that delays,
// repeats, reorders and loses what they send, and processes that stop at any point and come
// back. It says by trying everything, breadth first, whether more sessions can be booked
// than a limit allows, and whether the two always come to agree.
//
// Every message that was sent once may arrive at any later time and any number of times;
// that a message is lost, or a process dies before its next step, is the same as the step
// not being taken. So crashes, retries, duplicates and reordering need no steps of their
// own. All sessions fall into one window, the hardest case for the limit.
package protocolmodel

import "slices"

// Attempts is how many bookings are tried; the last one moves the first one.
const Attempts = 5

// Limit is how many may be booked at once.
const Limit = 3

// moved and mover are the appointment that is rescheduled, and the attempt that does it.
const (
	moved = 0
	mover = Attempts - 1
)

// use is what booking has recorded of an attempt: its row of entitlement_use.
type use uint8

const (
	idle      use = iota // not tried yet
	pending              // the attempt is recorded, its claim sent; no outcome
	booked               // outcome BOOKED
	void                 // outcome VOID
	cancelled            // outcome BOOKED, then CANCELLED
	completed            // outcome BOOKED, then COMPLETED: it has taken place
)

// claim is the state of an entitlement at plans.
type claim uint8

const (
	unknown claim = iota
	held
	confirmed
	released
)

// attempt is one booking as both sides see it.
type attempt struct {
	use     use
	claim   claim
	granted bool // a grant was sent; booking may act on it at any time from now on
}

// State is the whole system.
type State [Attempts]attempt

// Protocol is the protocol with its safeguards; each field takes one away. The zero value
// is the one that is built.
type Protocol struct {
	// ReleaseByClock: plans frees a held claim when it is old, whatever booking has recorded.
	ReleaseByClock bool
	// ReleaseWithoutVoid: plans asks booking, hears that there is no outcome, and frees the
	// claim, but booking records nothing.
	ReleaseWithoutVoid bool
	// VoidIsNotFinal: an attempt whose outcome is VOID can be booked with its old grant.
	VoidIsNotFinal bool
	// ReuseAfterCancel: a grant can be used a second time after its booking was cancelled.
	ReuseAfterCancel bool
	// FreeOldFirst: a claim that replaces another frees it at once, before it is booked.
	FreeOldFirst bool
	// LeaveOutForAll: once a claim replaces another, every check leaves the old one out.
	LeaveOutForAll bool
	// MoveWhatIsOver: booking books the new time of an appointment that has taken place
	// meanwhile, although its claim was granted in place of the old one.
	MoveWhatIsOver bool
	// LastEventWins: plans applies outcomes in the order they arrive, not by rank.
	LastEventWins bool
}

// Layout says where the moved appointment goes.
type Layout struct {
	// Elsewhere: to a date outside the window that all others are in.
	Elsewhere bool
}

// Finding is the first state, in number of steps, that breaks a property.
type Finding struct {
	// Steps is how many it took.
	Steps int
	// State is the state.
	State State
}

// Run is one exploration: a protocol with the layout it is tried in.
type Run struct {
	Protocol
	Layout
}

// Property is what must hold in every state.
type Property func(r Run, s State) bool

// Explore tries everything and returns how many different states there are, and the first
// that breaks the property, nil when none does.
func Explore(p Protocol, l Layout, holds Property) (states int, found *Finding) {
	r := Run{p, l}
	start := State{}
	seen := map[State]struct{}{start: {}}
	level := []State{start}
	for steps := 0; len(level) > 0; steps++ {
		var next []State
		for _, s := range level {
			if !holds(r, s) {
				return len(seen), &Finding{Steps: steps, State: s}
			}
			for _, n := range r.steps(s) {
				n = canonical(n)
				if _, ok := seen[n]; !ok {
					seen[n] = struct{}{}
					next = append(next, n)
				}
			}
		}
		level = next
	}
	return len(seen), nil
}

// canonical sorts the attempts that are alike: all but the moved one and its mover.
func canonical(s State) State {
	slices.SortFunc(s[moved+1:mover], func(a, b attempt) int { return a.order() - b.order() })
	return s
}

func (a attempt) order() int {
	n := int(a.use)*8 + int(a.claim)*2
	if a.granted {
		n++
	}
	return n
}

// WithinLimit holds while no more are booked or have taken place in the window than the
// limit allows.
func WithinLimit(r Run, s State) bool {
	n := 0
	for i, a := range s {
		if (a.use == booked || a.use == completed) && r.inWindow(i) {
			n++
		}
	}
	return n <= Limit
}

// Agreeing holds while, after booking has ended its open attempts and every event has
// arrived, in whichever order, plans holds nothing and knows what is booked.
func Agreeing(r Run, s State) bool {
	for i := range s {
		for _, order := range [][]use{{booked, cancelled, void, completed}, {completed, void, cancelled, booked}} {
			t := s
			if t[i].use == pending {
				t[i].use = void
			}
			for _, event := range order {
				if t[i].emitted(event) {
					t = r.hear(t, i, event)
				}
			}
			live := t[i].use == booked || t[i].use == completed
			if live != (t[i].claim == confirmed) || t[i].claim == held {
				return false
			}
		}
	}
	return true
}

// inWindow reports whether the attempt's session is in the window of the limit.
func (l Layout) inWindow(i int) bool { return i != mover || !l.Elsewhere }
