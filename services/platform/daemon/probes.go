package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// probeTimeout bounds one look at all dependencies.
const probeTimeout = 2 * time.Second

// Check is one dependency of a program as /readyz names it.
type Check struct {
	// Name is the dependency's, such as "database" or "peer plans".
	Name string
	// Required makes the whole program unready while the probe fails. Others are shown:
	// the program works without them, slower or in part.
	Required bool
	// Probe returns nil when the dependency is there. It must be quick.
	Probe func(ctx context.Context) error
}

// state is what /readyz says of one dependency.
type state struct {
	Name     string `json:"name"`
	Ready    bool   `json:"ready"`
	Required bool   `json:"required"`
	Reason   string `json:"reason,omitempty"`
}

// Readiness is the answer of /readyz.
type readiness struct {
	Ready  bool    `json:"ready"`
	Checks []state `json:"checks"`
}

// look probes every dependency, one after the other within one timeout.
func look(ctx context.Context, checks []Check) readiness {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	r := readiness{Ready: true}
	for _, c := range checks {
		s := state{Name: c.Name, Required: c.Required, Ready: true}
		if err := c.Probe(ctx); err != nil {
			s.Ready, s.Reason = false, reasonOf(err)
			r.Ready = r.Ready && !c.Required
		}
		r.Checks = append(r.Checks, s)
	}
	return r
}

// reasonOf is an error as /readyz and the log show it.
func reasonOf(err error) string {
	var f *fault.Error
	if errors.As(err, &f) {
		return f.Reason + ": " + telemetry.Scrub(f.Message)
	}
	return telemetry.Scrub(err.Error())
}

// Probes serves the three paths that operators and orchestrators ask: /healthz (the process
// runs), /readyz (200 when every required check passes, else 503, each check named with its
// state and reason) and /metrics. A nil metrics handler leaves /metrics out.
func Probes(checks func() []Check, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]bool{"alive": true})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ready := look(r.Context(), checks())
		status := http.StatusOK
		if !ready.Ready {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, ready)
	})
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	return mux
}

// answer writes JSON.
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone: nobody to tell
}
