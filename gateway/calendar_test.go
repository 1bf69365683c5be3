package gateway_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/upright-clinic/upright/gateway"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// secret is the part of a calendar's address that nobody can guess.
const secret = "KANARIENVOGEL2345KANARIENV"

func (b *booking) CreateCalendarFeed(_ context.Context, in *bookingv1.CreateCalendarFeedRequest) (*bookingv1.CreateCalendarFeedResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := &bookingv1.CalendarFeed{CalendarFeedId: "feed_1", SubjectKind: in.GetSubjectKind(), SubjectId: in.GetSubjectId(), ShowNames: in.GetShowNames()}
	if b.feed == nil {
		f.Path = "/calendar/" + secret + ".ics"
	}
	b.feed = f
	return &bookingv1.CreateCalendarFeedResponse{CalendarFeed: f}, nil
}

func (b *booking) ListCalendarFeeds(context.Context, *bookingv1.ListCalendarFeedsRequest) (*bookingv1.ListCalendarFeedsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := &bookingv1.ListCalendarFeedsResponse{}
	if b.feed != nil {
		out.CalendarFeeds = append(out.CalendarFeeds, b.feed)
	}
	return out, nil
}

func (b *booking) DeleteCalendarFeed(context.Context, *bookingv1.DeleteCalendarFeedRequest) (*bookingv1.DeleteCalendarFeedResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.feed = nil
	return &bookingv1.DeleteCalendarFeedResponse{}, nil
}

func (b *booking) ReadCalendar(_ context.Context, in *bookingv1.ReadCalendarRequest) (*bookingv1.ReadCalendarResponse, error) {
	if in.GetSecret() != secret {
		return nil, fault.NotFoundf("calendar")
	}
	return &bookingv1.ReadCalendarResponse{Content: []byte("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n"), Etag: `"v1"`}, nil
}

// TestCalendar: a feed needs no session, is not sent again to who has it, and an address that
// opens nothing is like one that never was. The secret is in no log, span or metric.
func TestCalendar(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var logged strings.Builder
	watched, err := telemetry.New(t.Context(), telemetry.Config{Service: "gateway", LogWriter: &logged, TraceFile: filepath.Join(dir, "spans")})
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(_ *gateway.Config, kit *gateway.Kit) { kit.Telemetry, kit.Log = watched, watched.Log() })
	got := w.do("GET", "/calendar/"+secret+".ics", "", "").wants(t, 200, "BEGIN:VCALENDAR\r\n")
	if got.header.Get("Content-Type") != "text/calendar; charset=utf-8" || got.header.Get("Etag") != `"v1"` || got.header.Get("Cache-Control") != "private, no-cache" {
		t.Errorf("headers %v", got.header)
	}
	for tag, status := range map[string]int{`"v1"`: 304, `W/"v1"`: 304, `"v0", "v1"`: 304, "*": 304, `"v0"`: 200, "v1": 200} {
		if got := w.do("GET", "/calendar/"+secret+".ics", "", "", "If-None-Match", tag); got.status != status || status == 304 && got.body != "" {
			t.Errorf("If-None-Match %s: %d", tag, got.status)
		}
	}
	if got := w.do("HEAD", "/calendar/"+secret+".ics", "", ""); got.status != 200 || got.body != "" {
		t.Errorf("HEAD: %d", got.status)
	}
	never := w.do("GET", "/calendar/"+strings.Repeat("B", 26)+".ics", "", "")
	never.wants(t, 404, "NOT_FOUND")
	for path, status := range map[string]int{
		"/calendar/" + secret: 404, "/calendar/.ics": 404, "/calendar/": 404, "/calendar/" + strings.Repeat("A", 80) + ".ics": 404,
		"/calendar/" + secret + ".ics/x": 404,
	} {
		w.do("GET", path, "", "").wants(t, status)
	}
	w.do("POST", "/calendar/"+secret+".ics", "", "{}").wants(t, 405)
	metrics := httptest.NewRecorder()
	watched.MetricsHandler().ServeHTTP(metrics, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody))
	if err := watched.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans, err := os.ReadFile(filepath.Join(dir, "spans"))
	if err != nil || !strings.Contains(string(spans), "/calendar/{file}") || !strings.Contains(metrics.Body.String(), "/calendar/{file}") {
		t.Errorf("the route is not in spans and metrics: %v", err)
	}
	for where, text := range map[string]string{"log": logged.String(), "spans": string(spans), "metrics": metrics.Body.String()} {
		if strings.Contains(text, secret) {
			t.Errorf("the secret is in the %s", where)
		}
	}
}

// TestCalendarPages: a person makes an address, sees it once, and switches it off.
func TestCalendarPages(t *testing.T) {
	t.Parallel()
	for who, base := range map[string]string{patient: "/me", reception: "/staff"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			b := w.browser(who)
			page := b.get(base+"/calendar").wants(t, 200, "Make an address").lacks(t, secret)
			form := with(page.hidden(t, base+"/calendar"), "names", "yes")
			b.post(base+"/calendar", form).wants(t, 200, w.url+"/calendar/"+secret+".ics", `href="webcal://`)
			if !w.book.feed.GetShowNames() || w.book.feed.GetSubjectId() == "" {
				t.Errorf("made %v", w.book.feed)
			}
			b.post(base+"/calendar", form).wants(t, 200, "shown once already").lacks(t, secret)
			page = b.get(base+"/calendar").wants(t, 200, "Shows names", "Switch off").lacks(t, secret)
			revoke := base + "/calendar/feed_1/revoke"
			b.post(revoke, page.hidden(t, revoke)).wants(t, 200, "The address is switched off.")
			if w.book.feed != nil {
				t.Error("not revoked")
			}
		})
	}
	w := newWorld(t)
	w.browser(patient).post("/staff/calendar", url.Values{}).wants(t, 403)
}

func (d *directory) ListRooms(context.Context, *directoryv1.ListRoomsRequest) (*directoryv1.ListRoomsResponse, error) {
	return &directoryv1.ListRoomsResponse{Rooms: []*directoryv1.Room{{RoomId: "room_1", DisplayName: "Room 1"}}}, nil
}
