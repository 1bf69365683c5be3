package gateway_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/platform/fault"
)

const booked = `{"appointment_type_id":"atype_first","patient_id":"pat_1","practitioner_id":"prac_1","start_time":"2026-11-25T17:00:00Z"}`

func TestBookingThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/v1/appointments", reception, booked, "Idempotency-Key", "key-1")
	var got map[string]any
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != 200 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if got["appointment_id"] != "apt_3" || got["state"] != "BOOKED" || got["local_start"] != "2026-11-25T09:00" {
		t.Errorf("%v", got)
	}
	if _, ok := got["override"]; !ok {
		t.Error("a field without value is left out")
	}
	if a.header.Get("Etag") != `"1"` {
		t.Errorf("ETag %q", a.header.Get("Etag"))
	}
	if again := w.do("POST", "/v1/appointments", reception, booked, "Idempotency-Key", "key-1"); again.body == "" || hash(again.body) != hash(a.body) {
		t.Errorf("a retry: %d %s", again.status, again.body)
	}
	if diff := cmp.Diff([]string{"key-1", "key-1"}, w.book.seen); diff != "" {
		t.Errorf("request ids: %s", diff)
	}
}

func TestRequestThatIsWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	deep := strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100)
	for name, tc := range map[string]struct {
		method, path, body, kind string
		status                   int
		reason                   string
		fields                   []string
	}{
		"unknown field":         {"POST", "/v1/appointments", `{"patient_id":"pat_1","colour":"red"}`, "", 400, "INVALID_ARGUMENT", []string{"colour"}},
		"unknown in a message":  {"POST", "/v1/appointments", `{"override":{"reason":"abc","who":"me"}}`, "", 400, "INVALID_ARGUMENT", []string{"override.who"}},
		"several":               {"POST", "/v1/appointments", `{"patient_id":5,"start_time":"soon","duration_minutes":"x","zz":1}`, "", 400, "INVALID_ARGUMENT", []string{"duration_minutes", "patient_id", "start_time", "zz"}},
		"wrong type in a body":  {"POST", "/v1/patients", `{"given_name":["a"]}`, "", 400, "INVALID_ARGUMENT", []string{"patient.given_name"}},
		"in a list":             {"POST", "/v1/plans", `{"patient_id":"pat_1","goals":[{"code":"PAIN"},{"code":7}]}`, "", 400, "INVALID_ARGUMENT", []string{"goals[1].code"}},
		"not an object":         {"POST", "/v1/appointments", `[]`, "", 400, "INVALID_ARGUMENT", []string{""}},
		"no JSON":               {"POST", "/v1/appointments", `{"patient_id":`, "", 400, "MALFORMED_JSON", nil},
		"something after it":    {"POST", "/v1/appointments", `{} {}`, "", 400, "MALFORMED_JSON", nil},
		"twice":                 {"POST", "/v1/appointments", `{"patient_id":"a","patient_id":"b"}`, "", 400, "INVALID_ARGUMENT", nil},
		"too deep":              {"POST", "/v1/appointments", deep, "", 400, "JSON_TOO_DEEP", nil},
		"too deep, to one rpc":  {"PATCH", "/v1/intakes/int_1", `{"answers":` + deep + `}`, "", 400, "JSON_TOO_DEEP", nil},
		"too large":             {"POST", "/v1/appointments", `{"patient_id":"` + strings.Repeat("a", 1<<20) + `"}`, "", 413, "BODY_TOO_LARGE", nil},
		"too large for a patch": {"PATCH", "/v1/shifts/shf_1", `{"time_zone":"` + strings.Repeat("a", 1<<20) + `"}`, "", 413, "BODY_TOO_LARGE", nil},
		"form":                  {"POST", "/v1/appointments", `patient_id=pat_1`, "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE", nil},
		"breaks a limit":        {"POST", "/v1/appointments", `{"appointment_type_id":"` + strings.Repeat("a", 65) + `"}`, "", 400, "", nil},
		"unknown parameter":     {"GET", "/v1/appointments?colour=red", "", "", 400, "INVALID_ARGUMENT", []string{"colour"}},
		"parameter twice":       {"GET", "/v1/appointments?date=2026-11-24&date=2026-11-25", "", "", 400, "INVALID_ARGUMENT", []string{"date"}},
		"parameter of a type":   {"GET", "/v1/appointments?page_size=ten", "", "", 400, "INVALID_ARGUMENT", []string{"page_size"}},
		"parameter beside body": {"POST", "/v1/appointments?patient_id=pat_1", `{}`, "", 400, "INVALID_ARGUMENT", []string{"patient_id"}},
		"parameter of the path": {"GET", "/v1/appointments/apt_1?appointment_id=apt_2", "", "", 400, "INVALID_ARGUMENT", []string{"appointment_id"}},
		"broken query":          {"GET", "/v1/appointments?%zz", "", "", 400, "BAD_REQUEST", nil},
		"no such path":          {"GET", "/v1/nothing", "", "", 404, "ROUTE_NOT_FOUND", nil},
		"no such method":        {"DELETE", "/v1/appointments", "", "", 405, "METHOD_NOT_ALLOWED", nil},
		"no such verb":          {"POST", "/v1/appointments/apt_1:dance", "", "", 405, "METHOD_NOT_ALLOWED", nil},
		"doubled slash":         {"GET", "/v1//appointments", "", "", 404, "ROUTE_NOT_FOUND", nil},
		"hidden slash":          {"GET", "/v1%2Fappointments", "", "", 404, "ROUTE_NOT_FOUND", nil},
		"dots":                  {"GET", "/v1/appointments/%2e%2e/patients", "", "", 404, "ROUTE_NOT_FOUND", nil},
		"other case":            {"GET", "/V1/Appointments", "", "", 404, "ROUTE_NOT_FOUND", nil},
		"not there":             {"GET", "/v1/appointments/apt_99", "", "", 404, "NOT_FOUND", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var headers []string
			if tc.kind != "" {
				headers = []string{"Content-Type", tc.kind}
			}
			a := w.do(tc.method, tc.path, clinician, tc.body, headers...)
			doc := a.problem(t)
			if a.status != tc.status || doc["status"] != float64(tc.status) || (tc.reason != "" && doc["reason"] != tc.reason) {
				t.Errorf("%d %v, want %d %s: %s", a.status, doc["reason"], tc.status, tc.reason, a.body)
			}
			if tc.fields != nil {
				if diff := cmp.Diff(tc.fields, fields(doc)); diff != "" {
					t.Error(diff)
				}
			}
			if doc["request_id"] == "" || doc["request_id"] != a.header.Get("X-Request-Id") {
				t.Errorf("request_id %v, header %q", doc["request_id"], a.header.Get("X-Request-Id"))
			}
			if tc.status == 405 && a.header.Get("Allow") == "" {
				t.Error("no Allow header")
			}
		})
	}
	t.Cleanup(func() {
		if len(w.book.requests)+len(w.book.shifts) != 0 {
			t.Errorf("%d wrong requests reached the service", len(w.book.requests)+len(w.book.shifts))
		}
	})
}

func TestFaultsOfServices(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault  *fault.Error
		status int
	}{
		"taken":       {fault.New(fault.Aborted, "SLOT_TAKEN", "taken").With("resource_kind", "ROOM"), 409},
		"rule":        {fault.New(fault.FailedPrecondition, "INJECTION_LIMIT", "three").With("next_eligible_date", "2027-02-14"), 409},
		"other body":  {fault.New(fault.InvalidArgument, "REQUEST_ID_REUSED", "other body"), 422},
		"old version": {fault.New(fault.Aborted, "VERSION_MISMATCH", "changed"), 412},
		"full":        {fault.New(fault.ResourceExhausted, "TOO_MANY_HOLDS", "too many"), 429},
		"down":        {fault.New(fault.Unavailable, "CATCHING_UP", "later"), 503},
		"broken":      {fault.New(fault.Internal, "INTERNAL", "sorry"), 500},
		"late":        {fault.New(fault.DeadlineExceeded, "DEADLINE_EXCEEDED", "late"), 504},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.book.refuse = tc.fault.OnField("start_time", "not then")
			a := w.do("POST", "/v1/appointments", reception, booked)
			doc := a.problem(t)
			want := map[string]any{}
			for k, v := range tc.fault.Facts {
				want[k] = v
			}
			if a.status != tc.status || doc["reason"] != tc.fault.Reason || doc["code"] != tc.fault.Kind.String() || doc["detail"] != tc.fault.Message {
				t.Errorf("%d %s", a.status, a.body)
			}
			if diff := cmp.Diff(want, doc["metadata"]); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{"start_time"}, fields(doc)); diff != "" {
				t.Error(diff)
			}
			if (tc.status == 429 || tc.status == 503) && a.header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		})
	}
}

func TestIfMatch(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		path, body, header string
		status             int
	}{
		"the right version":     {"/v1/appointments/apt_1:cancel", `{}`, `"1"`, 200},
		"no body":               {"/v1/appointments/apt_1:cancel", ``, `"1"`, 200},
		"weak":                  {"/v1/appointments/apt_1:cancel", `{}`, `W/"1"`, 200},
		"not quoted":            {"/v1/appointments/apt_1:cancel", `{}`, `1`, 200},
		"any":                   {"/v1/appointments/apt_1:cancel", `{}`, `*`, 200},
		"an old version":        {"/v1/appointments/apt_1:cancel", `{}`, `"0"`, 412},
		"the body says another": {"/v1/appointments/apt_1:cancel", `{"etag":"1"}`, `"0"`, 400},
		"both the same":         {"/v1/appointments/apt_1:cancel", `{"etag":"1"}`, `"1"`, 200},
		"where it cannot go":    {"/v1/patients:search", `{"query":"x"}`, `"1"`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if a := w.do("POST", tc.path, reception, tc.body, "If-Match", tc.header); a.status != tc.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tc.status)
			}
		})
	}
}

func TestHEADIsGETWithoutBody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	get, head := w.do("GET", "/v1/appointments/apt_1", reception, ""), w.do("HEAD", "/v1/appointments/apt_1", reception, "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("%d %q, length %s instead of %s", head.status, head.body, head.header.Get("Content-Length"), get.header.Get("Content-Length"))
	}
}

func TestHeadersOfClientsGoNoFurther(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/v1/appointments", reception, booked,
		"Grpc-Metadata-Upright-Principal-Bin", "AAAA", "Grpc-Metadata-Idempotency-Key", "smuggled", "Grpc-Timeout", "1n", "X-Http-Method-Override", "GET")
	if a.status != 200 || len(w.book.seen) != 1 || w.book.seen[0] != "" {
		t.Errorf("%d %s %q", a.status, a.body, w.book.seen)
	}
}

func TestPatchSaysWhichFields(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("PATCH", "/v1/patients/pat_2", reception, `{"phone":"+1 604 555 0111","etag":"1"}`)
	if a.status != 200 || !strings.Contains(a.body, `555 0111`) || !strings.Contains(a.body, "Haddad") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := w.do("PATCH", "/v1/patients/pat_2", reception, `{"phone":"1","etag":"1"}`); a.status != http.StatusPreconditionFailed {
		t.Errorf("an old version: %d %s", a.status, a.body)
	}
}

func TestSlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.gw.Server()
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 30*time.Second || s.WriteTimeout != time.Minute || s.IdleTimeout != 2*time.Minute || s.MaxHeaderBytes != 64<<10 {
		t.Errorf("%+v", s)
	}
}
