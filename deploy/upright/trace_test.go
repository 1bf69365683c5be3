package main

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// span is what the tests read of one that a program exported.
type span struct {
	Name        string
	SpanContext struct{ TraceID, SpanID string }
	Parent      struct{ SpanID string }
}

// checkTrace finds, among the spans that the programs wrote, the trace of the booking under
// a plan: from the HTTP request through both services and the event to its last consumer,
// each span with its parent in the same trace.
func checkTrace(t *testing.T, s *stack) {
	t.Helper()
	traces := map[string][]span{}
	files, err := filepath.Glob(filepath.Join(s.dir, "*.trace"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces in %s: %v", s.dir, err)
	}
	for _, file := range files {
		for _, sp := range readSpans(t, file) {
			traces[sp.SpanContext.TraceID] = append(traces[sp.SpanContext.TraceID], sp)
		}
	}
	want := []string{
		"POST /v1/appointments",
		"upright.booking.v1.AppointmentService/CreateAppointment",
		"upright.plans.v1.EntitlementService/ClaimSessions",
		"consume upright.booking.v1.AppointmentBooked",
	}
	for id, spans := range traces {
		if !slices.ContainsFunc(want, func(name string) bool { return !has(spans, name) }) {
			checkParents(t, id, spans)
			return
		}
	}
	t.Errorf("no trace of %d has all of %q", len(traces), want)
}

func has(spans []span, name string) bool {
	return slices.ContainsFunc(spans, func(s span) bool { return s.Name == name })
}

// checkParents makes sure that the trace hangs together.
func checkParents(t *testing.T, id string, spans []span) {
	t.Helper()
	known := map[string]bool{"0000000000000000": true, "": true}
	for _, s := range spans {
		known[s.SpanContext.SpanID] = true
	}
	for _, s := range spans {
		if !known[s.Parent.SpanID] {
			t.Errorf("trace %s: the parent of %s is missing", id, s.Name)
		}
	}
}

func readSpans(t *testing.T, file string) (spans []span) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var s span
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatalf("%s: %v", filepath.Base(file), err)
		}
		spans = append(spans, s)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return spans
}
