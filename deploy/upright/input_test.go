package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInput sends what no client should: each is refused with a problem that names the
// field, and stores nothing. What was sent of patients is in no log, event, message or
// trace.
func TestInput(t *testing.T) {
	t.Parallel()
	s := newStack(t, "one")
	stranger := s.addAdmin("elsewhere")
	s.startAll()
	in := newInput(t, s, stranger)
	s.quiet()
	before := s.rows()
	for _, c := range in.cases() {
		in.refused(c)
	}
	for _, c := range in.foreign() {
		in.notFound(c)
	}
	in.tooMuch()
	s.quiet()
	if diff := cmp.Diff(before, s.rows()); diff != "" {
		t.Errorf("rows of tables, before and after (-want +got):\n%s", diff)
	}
	in.notFound(foreign{"another patient's plan", http.MethodPost, "/v1/appointments", in.h.reception, in.plan, func(id string) any { return in.with("plan_id", id) }})
	s.quiet()
	s.auditBooking(1) // this one goes as far as an attempt, which is void
	log := s.programs["upright"].log
	payloads := s.payloads()
	s.stop()
	findCanaries(t, "the log", []byte(log.String()))
	findCanaries(t, "an event", payloads)
	findCanariesInFiles(t, s.dir)
}

// input is a clinic with a patient of whom everything is a canary, and another clinic.
type input struct {
	t                    *testing.T
	s                    *stack
	h                    *house
	patient, other, plan string
	intake, etag, apt    string
	strangers            *client
	strangersPatient     string
	bird                 *client // the patient's own account
}

func newInput(t *testing.T, s *stack, stranger account) *input {
	t.Helper()
	in := &input{t: t, s: s, h: buildHouse(t, s.base, s.admin), strangers: signIn(t, s.base, stranger)}
	var made struct {
		PatientID string `json:"patient_id"`
		IntakeID  string `json:"intake_id"`
		Etag      string `json:"etag"`
	}
	in.h.reception.must(http.MethodPost, "/v1/patients", m{
		"given_name": "Canariette", "family_name": "Kanarienvogel", "birth_date": "1980-02-03", "phone": "+49 30 5550142857",
		"email": "canary@nest.example", "address": m{"lines": []string{"Canary Lane 7"}},
	}, &made)
	in.patient, in.other = made.PatientID, in.h.patient("Other")
	in.h.reception.must(http.MethodPost, "/v1/patients:search", m{"query": "Kanarienvogel"}, nil)
	in.strangersAccount(t, &made.PatientID)
	in.strangersPatient = made.PatientID
	in.plan = in.h.plan(in.h.physio, in.patient, "physiotherapy")
	in.h.physio.must(http.MethodPost, "/v1/intakes", m{"patient_id": in.patient}, &made)
	in.intake, in.etag = made.IntakeID, made.Etag
	submitIntake(t, in.h.physio, in.patient, deskPain)
	injection := injectionOn(-30)
	injection["note"], injection["drugs"] = "CanaryNote", []m{{"drug": "methylprednisolone", "dose_mg": 40, "lot": "CanaryLot"}}
	in.h.physician.must(http.MethodPost, "/v1/patients/"+in.patient+"/injections", injection, nil)
	s.quiet()
	body := in.h.booking("Physiotherapy", in.patient, in.h.physioID, inDays(3), in.plan)
	body["override"] = m{"reason": "CanaryReason"}
	var apt appointment
	in.h.reception.must(http.MethodPost, "/v1/appointments", body, &apt)
	in.apt = apt.ID
	in.h.admin.must(http.MethodPost, "/v1/accounts", m{
		"account":  m{"email": "canary@nest.example", "display_name": "Canariette", "roles": []string{"PATIENT"}, "patient_id": in.patient},
		"password": "seven-grey-herons-at-noon",
	}, nil)
	in.bird = signIn(t, s.base, account{Email: "canary@nest.example", Password: "seven-grey-herons-at-noon"})
	return in
}

// strangersAccount lets the other clinic's reception register a patient.
func (in *input) strangersAccount(t *testing.T, patient *string) {
	t.Helper()
	const email, password = "desk@elsewhere.clinic", "seven-grey-herons-at-noon"
	in.strangers.must(http.MethodPost, "/v1/accounts", m{
		"account": m{"email": email, "display_name": "Desk", "roles": []string{"RECEPTIONIST"}}, "password": password,
	}, nil)
	in.strangers = signIn(t, in.s.base, account{Email: email, Password: password})
	var made struct {
		ID string `json:"patient_id"`
	}
	in.strangers.must(http.MethodPost, "/v1/patients", m{"given_name": "Far", "family_name": "Away", "birth_date": "1970-01-01"}, &made)
	*patient = made.ID
}

// badRequest is one of which the answer names the field that is wrong, by its path in the
// call (a body may be only one field of it, such as the patient).
type badRequest struct {
	name         string
	by           *client
	method, path string
	body         any // a string is sent as it is
	field        string
}

// with gives a booking with one field changed; nil takes it away.
func (in *input) with(field string, value any) m {
	body := in.h.booking("Physiotherapy", in.other, in.h.physioID, inDays(9), "")
	if body[field] = value; value == nil {
		delete(body, field)
	}
	return body
}

func (in *input) cases() []badRequest {
	const post, patch = http.MethodPost, http.MethodPatch
	h := in.h
	bird := func(field string, value any) m {
		body := m{"given_name": "Canariette", "family_name": "Kanarienvogel", "birth_date": "1980-02-03", "phone": "5550142857"}
		body[field] = value
		return body
	}
	injection := func(field string, value any) m {
		body := injectionOn(-10)
		body["note"] = "CanaryNote"
		body[field] = value
		return body
	}
	answers := func(a m) m { return m{"answers": a, "etag": in.etag} }
	form, needle := "/v1/intakes/"+in.intake, "/v1/patients/"+in.patient+"/injections"
	return []badRequest{
		{"unknown field", h.reception, post, "/v1/appointments", in.with("Canariette", 1), "Canariette"},
		{"unknown field inside", h.reception, post, "/v1/appointments", in.with("override", m{"why": "CanaryReason"}), "override.why"},
		{"number for a text", h.reception, post, "/v1/appointments", in.with("patient_id", 7), "patient_id"},
		{"text for a number", h.reception, post, "/v1/appointments", in.with("duration_minutes", "CanaryNote"), "duration_minutes"},
		{"list for a text", h.reception, post, "/v1/appointments", in.with("mode", []string{"ONLINE"}), "mode"},
		{"no type", h.reception, post, "/v1/appointments", in.with("appointment_type_id", nil), "appointment_type_id"},
		{"no practitioner", h.reception, post, "/v1/appointments", in.with("practitioner_id", nil), "practitioner_id"},
		{"no patient", h.reception, post, "/v1/appointments", in.with("patient_id", nil), "patient_id"},
		{"no time", h.reception, post, "/v1/appointments", in.with("start_time", nil), "start_time"},
		{"no such day", h.reception, post, "/v1/appointments", in.with("start_time", "2027-02-30T10:00:00Z"), "start_time"},
		{"no such hour", h.reception, post, "/v1/appointments", in.with("start_time", "2027-02-20T25:00:00Z"), "start_time"},
		{"between the minutes", h.reception, post, "/v1/appointments", in.with("start_time", inDays(9).Add(61e9).Format("2006-01-02T15:04:05Z07:00")), "start_time"},
		{"no such mode", h.reception, post, "/v1/appointments", in.with("mode", "canary_option"), "mode"},
		{"long id", h.reception, post, "/v1/appointments", in.with("plan_id", strings.Repeat("x", 65)), "plan_id"},
		{"no such date in a list", h.reception, http.MethodGet, "/v1/appointments?date=2027-02-30", nil, "date"},
		{"no name", h.reception, post, "/v1/patients", bird("given_name", ""), "patient.given_name"},
		{"no such birthday", h.reception, post, "/v1/patients", bird("birth_date", "1981-02-29"), "patient.birth_date"},
		{"birthday to come", h.reception, post, "/v1/patients", bird("birth_date", "2999-01-01"), "patient.birth_date"},
		{"long name", h.reception, post, "/v1/patients", bird("family_name", strings.Repeat("Kanarienvogel", 20)), "patient.family_name"},
		{"control characters", h.reception, post, "/v1/patients", bird("given_name", "Canariette\x00\n"), "patient.given_name"},
		{"name of another kind", h.reception, post, "/v1/patients", bird("phone", m{"number": "5550142857"}), "patient.phone"},
		{"no such option", h.physio, patch, form, answers(m{"trigger": "canary_option"}), "answers.trigger"},
		{"no such question", h.physio, patch, form, answers(m{"stomach_sleeping_canary": "yes"}), "answers.stomach_sleeping_canary"},
		{"injection in an answer", h.physio, patch, form, answers(m{"trigger": "'); DROP TABLE patients; -- canary"}), "answers.trigger"},
		{"number out of range", h.physio, patch, form, answers(m{"nrs": 11}), "answers.nrs"},
		{"no such zone", h.admin, post, "/v1/locations", m{"display_name": "Moon", "time_zone": "Moon/Canary"}, "location.time_zone"},
		{"no such zone of a check", h.physician, post, needle + ":check", m{"start_time": "2027-02-20T10:00:00Z", "time_zone": "Moon/Canary"}, "time_zone"},
		{"no such date of a check", h.physician, post, needle + ":check", m{"date": "2027-02-30"}, "date"},
		{"no such date of an injection", h.physician, post, needle, injection("local_date", "2026-02-30"), "local_date"},
		{"no such level", h.physician, post, needle, injection("levels", []string{"CanaryNote"}), "levels[0]"},
		{"dose below nothing", h.physician, post, needle, injection("drugs", []m{{"drug": "x", "dose_mg": -1, "lot": "CanaryLot"}}), "drugs[0].dose_mg"},
		{"no patient of a plan", h.physio, post, "/v1/plans", m{"template_id": "physiotherapy", "goals": []m{{"code": "PAIN", "text": "CanaryGoal"}}}, "patient_id"},
		{"no such weekday", h.admin, post, "/v1/shifts", m{
			"practitioner_id": h.physioID, "location_id": h.location, "start_local_time": "08:00", "end_local_time": "12:00",
			"weekdays": []string{"CANARYDAY"}, "start_date": "2027-01-01",
		}, "shift.weekdays[0]"},
		{"no such time of day", h.admin, post, "/v1/shifts", m{
			"practitioner_id": h.physioID, "location_id": h.location, "start_local_time": "25:00", "end_local_time": "26:00",
			"weekdays": []string{"MONDAY"}, "start_date": "2027-01-01",
		}, "shift.start_local_time"},
		{"long query", h.reception, post, "/v1/patients:search", m{"query": strings.Repeat("CanaryQuery", 100)}, "query"},
		{"not JSON", h.reception, post, "/v1/patients", `{"given_name": "Canariette", `, ""},
		{"not an object", h.reception, post, "/v1/patients", `["Canariette"]`, ""},
		{"nested without end", h.reception, post, "/v1/patients", strings.Repeat(`{"address":`, 5000), ""},
		{"text that is not UTF-8", h.reception, post, "/v1/patients", "{\"given_name\": \"Canariette\xff\xfe\", \"family_name\": \"K\", \"birth_date\": \"1980-02-03\"}", ""},
	}
}

// send gives status and body of a request.
func (in *input) send(c badRequest) (int, string, []byte) {
	in.t.Helper()
	var body io.Reader
	switch b := c.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			in.t.Fatal(err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(in.t.Context(), c.method, in.s.base+c.path, body)
	if err != nil {
		in.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.by.token)
	res, err := c.by.http.Do(req)
	if err != nil {
		in.t.Errorf("%s: %v", c.name, err)
		return 0, "", nil
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		in.t.Errorf("%s: %v", c.name, err)
	}
	return res.StatusCode, res.Header.Get("Content-Type"), text
}

// refused expects 400 with a problem that names the field and does not repeat its value.
func (in *input) refused(c badRequest) {
	in.t.Helper()
	status, kind, text := in.send(c)
	var p problem
	if err := json.Unmarshal(text, &p); err != nil || status != http.StatusBadRequest || kind != "application/problem+json" || p.Detail == "" {
		in.t.Errorf("%s: %d %s %s", c.name, status, kind, text)
		return
	}
	if c.field == "" {
		return
	}
	for _, v := range p.Violations {
		if v.Field == c.field && v.Description != "" {
			if said := strings.ReplaceAll(string(text), c.field, ""); c.body != nil {
				findCanaries(in.t, "the answer to "+c.name, []byte(said))
			}
			return
		}
	}
	in.t.Errorf("%s: the answer does not name %s: %s", c.name, c.field, text)
}

// foreign is a request for what is another clinic's or patient's.
type foreign struct {
	name, method, path string // %s is the id
	by                 *client
	id                 string
	body               func(id string) any
}

func (in *input) foreign() []foreign {
	const get, post = http.MethodGet, http.MethodPost
	return []foreign{
		{"another clinic's patient", get, "/v1/patients/%s", in.h.reception, in.strangersPatient, nil},
		{"our patient from elsewhere", get, "/v1/patients/%s", in.strangers, in.patient, nil},
		{"our appointment from elsewhere", get, "/v1/appointments/%s", in.strangers, in.apt, nil},
		{"cancelling it", post, "/v1/appointments/%s:cancel", in.strangers, in.apt, func(string) any { return m{} }},
		{"moving it", post, "/v1/appointments/%s:reschedule", in.strangers, in.apt, func(string) any { return m{"start_time": "2027-02-20T10:00:00Z"} }},
		{"our practitioner from elsewhere", get, "/v1/practitioners/%s", in.strangers, in.h.physioID, nil},
		{"another patient to a patient", get, "/v1/patients/%s", in.bird, in.other, nil},
		{"another clinic's patient to a patient", get, "/v1/patients/%s", in.bird, in.strangersPatient, nil},
		{"booking for another clinic's patient", post, "/v1/appointments", in.h.reception, in.strangersPatient, func(id string) any { return in.with("patient_id", id) }},
		{"a form for another clinic's patient", post, "/v1/intakes", in.h.physio, in.strangersPatient, func(id string) any { return m{"patient_id": id} }},
		{"a form for another patient", post, "/v1/intakes", in.bird, in.other, func(id string) any { return m{"patient_id": id} }},
		{"an injection of another clinic's patient", post, "/v1/patients/%s/injections", in.h.physician, in.strangersPatient, func(string) any { return injectionOn(-5) }},
		{"a plan for another clinic's patient", post, "/v1/plans", in.h.physio, in.strangersPatient, func(id string) any {
			return m{"patient_id": id, "template_id": "physiotherapy", "cause_codes": []string{"NONSPECIFIC"}}
		}},
	}
}

// notFound expects the same answer as for what does not exist.
func (in *input) notFound(c foreign) {
	in.t.Helper()
	ask := func(id string) (int, problem) {
		r := badRequest{name: c.name, by: c.by, method: c.method, path: c.path}
		if strings.Contains(c.path, "%s") {
			r.path = fmt.Sprintf(c.path, id)
		}
		if c.body != nil {
			r.body = c.body(id)
		}
		status, _, text := in.send(r)
		var p problem
		if err := json.Unmarshal(text, &p); err != nil {
			in.t.Errorf("%s: %d %s", c.name, status, text)
		}
		return status, p
	}
	status, theirs := ask(c.id)
	prefix, _, _ := strings.Cut(c.id, "_")
	_, missing := ask(prefix + "_01a1fd00000070008000000000000000")
	if status != http.StatusNotFound || theirs.Reason != "NOT_FOUND" {
		in.t.Errorf("%s: %d %s %s, want 404", c.name, status, theirs.Reason, theirs.Detail)
	}
	if diff := cmp.Diff(missing, theirs); diff != "" {
		in.t.Errorf("%s: not the same as one that is not there (-missing +foreign):\n%s", c.name, diff)
	}
}

// tooMuch sends a body that nobody needs.
func (in *input) tooMuch() {
	in.t.Helper()
	status, kind, text := in.send(badRequest{
		name: "huge body", by: in.h.reception, method: http.MethodPost, path: "/v1/patients",
		body: `{"given_name": "` + strings.Repeat("Canariette", 1<<18) + `"}`,
	})
	if status != http.StatusRequestEntityTooLarge || kind != "application/problem+json" || len(text) > 2000 {
		in.t.Errorf("huge body: %d %s, %d bytes", status, kind, len(text))
	}
}
