package gateway

import (
	"context"
	"encoding/json"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/asset"
	"github.com/upright-clinic/upright/gateway/internal/live"
	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/gateway/web"
	openapi "github.com/upright-clinic/upright/proto"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// staff are those who may watch the clinic's screens.
var staff = route.People(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER)

// readyPatience bounds one check of /readyz.
const readyPatience = 2 * time.Second

// routes are the paths that are neither pages nor methods of a service.
func (g *Gateway) routes(static *asset.Set, dist fs.FS) []route.Route {
	rows := []route.Route{
		{Method: "GET", Pattern: "/healthz", Access: route.Public(), Form: route.API, Handler: http.HandlerFunc(g.health)},
		{Method: "GET", Pattern: "/readyz", Access: route.Public(), Form: route.API, Handler: http.HandlerFunc(g.readiness)},
		{Method: "GET", Pattern: "/metrics", Access: route.Operators(), Form: route.API, Handler: g.kit.Telemetry.MetricsHandler()},
		{Method: "GET", Pattern: "/openapi.json", Access: route.Public(), Form: route.API, Handler: http.HandlerFunc(g.document)},
		{Method: "GET", Pattern: "/static/{file...}", Access: route.Public(), Form: route.File, Handler: static.Handler(true, g.failAPI)},
		{Method: "GET", Pattern: "/v1/events:watch", Access: staff, Form: route.Stream, Handler: &live.Stream{
			Hub: g.hub, Fail: g.failAPI, Heartbeat: g.cfg.Heartbeat,
			Check: func(ctx context.Context, token string) (*session.Session, error) {
				return g.sessions.Resolve(ctx, token, true)
			},
		}},
	}
	if !web.Built(dist) {
		return append(rows, route.Route{
			Method: "GET", Pattern: "/diary/{$}", Access: staff, Form: route.Page, Handler: http.RedirectHandler("/staff/day", http.StatusSeeOther),
		})
	}
	diary := asset.New(dist, "/diary/", g.cfg.Dev != "")
	return append(rows,
		route.Route{Method: "GET", Pattern: "/diary/{$}", Access: staff, Form: route.Page, Handler: diary.Page("index.html", g.failAPI)},
		// Vite puts a hash into the names of these files. There is nothing of the clinic in them.
		route.Route{
			Method: "GET", Pattern: "/diary/assets/{file...}", Access: route.Public(), Form: route.File,
			Handler: asset.New(sub(dist, "assets"), "/diary/assets/", g.cfg.Dev != "").Handler(false, g.failAPI),
		})
}

// sub is a folder of a file system; its name is fixed and valid.
func sub(files fs.FS, dir string) fs.FS {
	s, err := fs.Sub(files, dir)
	if err != nil {
		panic(err)
	}
	return s
}

// health says that the program runs.
func (g *Gateway) health(w http.ResponseWriter, _ *http.Request) {
	w.Header()["Content-Type"] = []string{"application/json"}
	_, _ = w.Write([]byte(`{"status":"ok"}` + "\n")) // a client that went away is no failure of ours
}

// document serves the OpenAPI document.
func (g *Gateway) document(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"public, max-age=60"}
	h["Content-Length"] = []string{strconv.Itoa(len(openapi.Document))}
	_, _ = w.Write(openapi.Document) // a client that went away is no failure of ours
}

// Ready reports what is missing: the first check that fails, or nil.
func (g *Gateway) Ready(ctx context.Context) error {
	for _, err := range g.check(ctx) {
		if err != nil {
			return err
		}
	}
	return nil
}

// check runs every check at once.
func (g *Gateway) check(ctx context.Context) map[string]error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	found := make(map[string]error, len(g.kit.Ready))
	for name, ready := range g.kit.Ready {
		all.Go(func() {
			err := ready(ctx)
			mu.Lock()
			defer mu.Unlock()
			found[name] = err
		})
	}
	all.Wait()
	return found
}

// readiness says whether requests can be served, with each dependency by its name. Why one
// is missing is a code: addresses and texts are for the log. Without the event bus
// everything works, only later, so that it is told and does not count.
func (g *Gateway) readiness(w http.ResponseWriter, r *http.Request) {
	answer := struct {
		Status       string            `json:"status"`
		Dependencies map[string]string `json:"dependencies"`
	}{"ready", map[string]string{}}
	status := http.StatusOK
	for name, err := range g.check(r.Context()) {
		answer.Dependencies[name] = "ok"
		if err != nil {
			answer.Dependencies[name] = fault.From(err).Reason
			answer.Status, status = "not ready", http.StatusServiceUnavailable
		}
	}
	if g.kit.Bus != nil {
		answer.Dependencies["bus"] = "ok"
		if !g.kit.Bus.Connected() {
			answer.Dependencies["bus"] = "DISCONNECTED"
		}
	}
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		return // a client that went away is no failure of ours
	}
}
