package protocolmodel

import "testing"

// The protocol as it is built never books more than the limit allows, whatever happens in
// whatever order, and its two services always come to agree.
func TestTheProtocolHolds(t *testing.T) {
	t.Parallel()
	for _, layout := range []Layout{{}, {Elsewhere: true}} {
		for name, property := range map[string]Property{"within the limit": WithinLimit, "agreeing": Agreeing} {
			states, found := Explore(Protocol{}, layout, property)
			t.Logf("%s, %+v: %d states explored, %d attempts, limit %d", name, layout, states, Attempts, Limit)
			if found != nil {
				t.Errorf("not %s after %d steps: %+v", name, found.Steps, found.State)
			}
			if states < 10_000 {
				t.Errorf("%d states are too few for the model to mean something", states)
			}
		}
	}
}

// Each safeguard is needed: without it the model finds what goes wrong.
func TestEverySafeguardIsNeeded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		without  Protocol
		layout   Layout
		property Property
	}{
		"release by clock":                       {Protocol{ReleaseByClock: true}, Layout{}, WithinLimit},
		"ask, then release without a VOID":       {Protocol{ReleaseWithoutVoid: true}, Layout{}, WithinLimit},
		"VOID is not final":                      {Protocol{VoidIsNotFinal: true}, Layout{}, WithinLimit},
		"a grant is good twice":                  {Protocol{ReuseAfterCancel: true}, Layout{}, WithinLimit},
		"the old one is freed first":             {Protocol{FreeOldFirst: true}, Layout{}, WithinLimit},
		"everybody leaves the old one out":       {Protocol{LeaveOutForAll: true}, Layout{Elsewhere: true}, WithinLimit},
		"what has taken place is moved":          {Protocol{MoveWhatIsOver: true}, Layout{}, WithinLimit},
		"the last event wins, whatever its rank": {Protocol{LastEventWins: true}, Layout{}, Agreeing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, found := Explore(c.without, c.layout, c.property)
			if found == nil {
				t.Fatalf("nothing found in %d states", states)
			}
			t.Logf("found after %d steps and %d states: %+v", found.Steps, states, found.State)
		})
	}
}
