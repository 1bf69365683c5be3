package rpc

import (
	"context"
	"sync"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// drain counts calls under way, so that a server can stop taking new ones and wait for
// these, on the network and in the process alike.
type drain struct {
	mu       sync.Mutex
	calls    int
	stopping bool
	idle     chan struct{} // closed when stopping and no call is left
}

// enter counts a call and returns what to call when it is over. It refuses with
// UNAVAILABLE / STOPPING once the server stops.
func (d *drain) enter() (func(), error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stopping {
		return nil, fault.New(fault.Unavailable, "STOPPING", "The service is stopping; try again.")
	}
	d.calls++
	return d.leave, nil
}

// leave ends a call.
func (d *drain) leave() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	if d.stopping && d.calls == 0 {
		close(d.idle)
	}
}

// stop refuses new calls and waits until the others are over or the context ends, whose
// error it then returns.
func (d *drain) stop(ctx context.Context) error {
	d.mu.Lock()
	if !d.stopping {
		d.stopping, d.idle = true, make(chan struct{})
		if d.calls == 0 {
			close(d.idle)
		}
	}
	idle := d.idle
	d.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
