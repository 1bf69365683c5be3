package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// calendarRoute is where calendar programs read feeds. The secret in the path is the only key:
// whoever has it reads, and it is in no log, span or metric, since those have the pattern.
func (g *Gateway) calendarRoute() route.Route {
	return route.Route{
		Method: "GET", Pattern: "/calendar/{file}", Access: route.Public(), Form: route.API, Handler: http.HandlerFunc(g.calendar),
	}
}

// calendar serves a feed, or 304 to a program that has it already.
func (g *Gateway) calendar(w http.ResponseWriter, r *http.Request) {
	secret, found := strings.CutSuffix(r.PathValue("file"), ".ics")
	if !found || secret == "" || len(secret) > 64 {
		g.fail(w, r, route.API, problem.RouteNotFound())
		return
	}
	got, err := bookingv1.NewCalendarServiceClient(g.kit.Peer("booking")).
		ReadCalendar(authn.WithService(r.Context(), "gateway", ""), &bookingv1.ReadCalendarRequest{Secret: secret})
	if err != nil {
		g.failAPI(w, r, fault.From(err))
		return
	}
	h := w.Header()
	h["Etag"] = []string{got.GetEtag()}
	h["Cache-Control"] = []string{"private, no-cache"} // keep it, and ask each time
	h["Referrer-Policy"] = []string{"no-referrer"}
	if has(r.Header.Values("If-None-Match"), got.GetEtag()) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h["Content-Type"] = []string{"text/calendar; charset=utf-8"}
	h["Content-Disposition"] = []string{`inline; filename="appointments.ics"`}
	h["Content-Length"] = []string{strconv.Itoa(len(got.GetContent()))}
	_, _ = w.Write(got.GetContent()) // a client that went away is no failure of ours
}

// has reports whether one of the entity tags of If-None-Match is this one. A cache on the way
// may have made it weak.
func has(fields []string, etag string) bool {
	for _, field := range fields {
		for tag := range strings.SplitSeq(field, ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
	}
	return false
}
