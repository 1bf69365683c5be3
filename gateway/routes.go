package gateway

import (
	"context"
	"io/fs"
	"net/http"
	"strconv"

	"github.com/upright-clinic/upright/gateway/internal/asset"
	"github.com/upright-clinic/upright/gateway/internal/live"
	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/gateway/web"
	openapi "github.com/upright-clinic/upright/proto"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

// staff are those who may watch the clinic's screens.
var staff = route.People(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_ADMIN, typev1.Role_ROLE_PRIVACY_OFFICER)

// routes are the paths that are neither pages nor methods of a service.
func (g *Gateway) routes(static *asset.Set, dist fs.FS) []route.Route {
	probes := daemon.Probes(func() []daemon.Check { return g.kit.Checks }, nil)
	rows := []route.Route{
		{Method: "GET", Pattern: "/healthz", Access: route.Public(), Form: route.API, Handler: probes},
		{Method: "GET", Pattern: "/readyz", Access: route.Public(), Form: route.API, Handler: probes},
		{Method: "GET", Pattern: "/metrics", Access: route.Operators(), Form: route.API, Handler: g.kit.Telemetry.MetricsHandler()},
		{Method: "GET", Pattern: "/openapi.json", Access: route.Public(), Form: route.API, Handler: http.HandlerFunc(g.document)},
		{Method: "GET", Pattern: "/static/{file...}", Access: route.Public(), Form: route.File, Handler: static.Handler(true, g.failAPI)},
		g.calendarRoute(),
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

// document serves the OpenAPI document.
func (g *Gateway) document(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Cache-Control"] = []string{"public, max-age=60"}
	h["Content-Length"] = []string{strconv.Itoa(len(openapi.Document))}
	_, _ = w.Write(openapi.Document) // a client that went away is no failure of ours
}

// Ready reports what is missing: the first required check that fails, or nil.
func (g *Gateway) Ready(ctx context.Context) error {
	for _, c := range g.kit.Checks {
		if !c.Required {
			continue
		}
		if err := c.Probe(ctx); err != nil {
			return err
		}
	}
	return nil
}
