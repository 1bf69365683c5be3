package telemetry_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// front is a small HTTP front with the middleware around it.
func front(t *testing.T, trust bool) (http.Handler, *tracetest.InMemoryExporter, *telemetry.Telemetry) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	tel := start(t, telemetry.Config{Service: "gateway", Exporter: spans})
	middleware, err := telemetry.HTTP(telemetry.HTTPConfig{Telemetry: tel, TrustParent: trust})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/patients/{patient_id}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, telemetry.TraceID(r.Context()))
	})
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		telemetry.SetRoute(r.Context(), "/v1/inner/{id}")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusBadGateway)
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	return middleware(mux), spans, tel
}

func TestHTTPSpansAndMetricsNameRoutesNotPaths(t *testing.T) {
	t.Parallel()
	handler, spans, tel := front(t, false)
	tests := []struct{ method, path, span string }{
		{"GET", "/v1/patients/" + canary, "GET /v1/patients/{patient_id}"},
		{"POST", "/v1/other/" + canary, "POST /v1/inner/{id}"},
		{"GET", "/" + canary, "GET unmatched"},
		{strings.ToUpper(canary), "/stream?" + canary, "_OTHER /stream"},
	}
	var want, got []string
	for _, test := range tests {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest(test.method, test.path, nil))
		want = append(want, test.span)
		if answer.Header().Get(telemetry.RequestIDHeader) == "" {
			t.Errorf("%s: no request id", test.span)
		}
	}
	var text strings.Builder
	for _, span := range spans.GetSpans() {
		got = append(got, span.Name)
		for _, attr := range span.Attributes {
			text.WriteString(attr.Value.String() + "\n")
		}
		if failed := span.Status.Code == codes.Error; failed != (span.Name == "POST /v1/inner/{id}") {
			t.Errorf("%s: failed %t", span.Name, failed)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("span names (-want +got):\n%s", diff)
	}
	answer := httptest.NewRecorder()
	tel.MetricsHandler().ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	text.WriteString(answer.Body.String())
	if strings.Contains(strings.ToLower(text.String()), strings.ToLower(canary)) {
		t.Error("a path, a query or a method shows in attributes or labels")
	}
	want200 := `http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/v1/patients/{patient_id}"} 1`
	if !strings.Contains(text.String(), want200) {
		t.Errorf("metrics lack %s", want200)
	}
}

func TestHTTPTraceParent(t *testing.T) {
	t.Parallel()
	const outside = "0af7651916cd43dd8448eb211c80319c"
	for _, trust := range []bool{false, true} {
		handler, spans, _ := front(t, trust)
		request := httptest.NewRequest("GET", "/v1/patients/pat_1", nil)
		request.Header.Set("traceparent", "00-"+outside+"-b7ad6b7169203331-01")
		request.Header.Set(telemetry.RequestIDHeader, canary)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		span := spans.GetSpans()[0]
		inside := span.SpanContext.TraceID().String()
		if answer.Body.String() != inside || answer.Header().Get(telemetry.RequestIDHeader) != inside {
			t.Errorf("trust %t: the handler saw %s, the caller %s, the span has %s",
				trust, answer.Body, answer.Header().Get(telemetry.RequestIDHeader), inside)
		}
		if trust != (inside == outside) {
			t.Errorf("trust %t: in trace %s", trust, inside)
		}
		if linked := len(span.Links) == 1 && span.Links[0].SpanContext.TraceID().String() == outside; linked == trust {
			t.Errorf("trust %t: links %+v", trust, span.Links)
		}
	}
}

func TestHTTPPanicEndsTheSpanAndGoesOn(t *testing.T) {
	t.Parallel()
	handler, spans, _ := front(t, false)
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // the very value must come out
			t.Error("the panic was swallowed")
		}
		if got := spans.GetSpans(); len(got) != 1 || got[0].Name != "GET /panic" || got[0].Status.Code != codes.Error {
			t.Errorf("spans: %+v", got)
		}
	}()
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/panic", nil))
}
