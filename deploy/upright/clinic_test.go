package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// house is a small clinic that a test built through the public API: one of everybody the
// journey meets.
type house struct {
	admin, reception, physio, physician *client
	location                            string
	physioID, physicianID               string
	types                               map[string]string // by display name
}

// buildHouse makes the clinic's people, places, appointment types and shifts as its
// administrator would. Shifts run on every day, so that tests do not depend on today's.
func buildHouse(t *testing.T, base string, admin account) *house {
	t.Helper()
	h := &house{admin: signIn(t, base, admin), types: map[string]string{}}
	var place struct {
		LocationID     string `json:"location_id"`
		PractitionerID string `json:"practitioner_id"`
	}
	h.admin.must(http.MethodPost, "/v1/locations", m{"display_name": "Main house"}, &place)
	h.location = place.LocationID
	for _, room := range []m{{"display_name": "Room 1"}, {"display_name": "Room 2"}, {"display_name": "Procedure room", "capabilities": []string{"FLUOROSCOPY"}}} {
		room["location_id"] = h.location
		h.admin.must(http.MethodPost, "/v1/rooms", room, nil)
	}
	practitioner := func(given, profession string, disciplines, credentials []string) string {
		body := m{"given_name": given, "family_name": "Test", "profession": profession, "disciplines": disciplines}
		var kinds []m
		for _, kind := range credentials {
			kinds = append(kinds, m{"kind": kind, "expire_date": "2040-01-01"})
		}
		body["credentials"] = kinds
		h.admin.must(http.MethodPost, "/v1/practitioners", body, &place)
		h.admin.must(http.MethodPost, "/v1/shifts", m{
			"practitioner_id": place.PractitionerID, "location_id": h.location, "start_local_time": "00:00", "end_local_time": "24:00",
			"weekdays":   []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
			"start_date": "2020-01-01",
		}, nil)
		return place.PractitionerID
	}
	h.physioID = practitioner("Pia", "PHYSIOTHERAPIST", []string{"PHYSIOTHERAPY"}, []string{"PHYSIOTHERAPY"})
	h.physicianID = practitioner("Phil", "PHYSICIAN", []string{"MEDICAL", "FACET_JOINT_INJECTION"}, []string{"MEDICINE", "FACET_JOINT_INJECTION"})
	for _, typ := range []m{
		{"display_name": "Physiotherapy", "kind": "TREATMENT", "discipline": "PHYSIOTHERAPY", "duration_minutes": 30, "modes": []string{"IN_PERSON"}, "patient_bookable": true},
		{"display_name": "Injection", "kind": "INJECTION", "discipline": "FACET_JOINT_INJECTION", "duration_minutes": 30, "recovery_minutes": 30, "modes": []string{"IN_PERSON"}, "room_capabilities": []string{"FLUOROSCOPY"}, "plan_required": true},
		{"display_name": "Telephone review", "kind": "TELEPHONE_REVIEW", "duration_minutes": 15, "modes": []string{"TELEPHONE"}, "no_room": true},
	} {
		typ["staff_horizon_days"], typ["patient_horizon_days"] = 1096, 84
		var made struct {
			ID string `json:"appointment_type_id"`
		}
		h.admin.must(http.MethodPost, "/v1/appointment-types", typ, &made)
		h.types[typ["display_name"].(string)] = made.ID
	}
	h.reception = h.account(t, base, "RECEPTIONIST", "")
	h.physio = h.account(t, base, "CLINICIAN", h.physioID)
	h.physician = h.account(t, base, "CLINICIAN", h.physicianID)
	return h
}

// account makes an account and signs in with it.
func (h *house) account(t *testing.T, base, role, practitioner string) *client {
	t.Helper()
	const password = "seven-grey-herons-at-noon"
	email := strings.ToLower(fmt.Sprintf("%s%s@test.clinic", role, practitioner))
	h.admin.must(http.MethodPost, "/v1/accounts", m{
		"account": m{"email": email, "display_name": role, "roles": []string{role}, "practitioner_id": practitioner}, "password": password,
	}, nil)
	return signIn(t, base, account{Email: email, Password: password})
}

// patient registers a patient at the desk.
func (h *house) patient(given string) string {
	var p struct {
		ID string `json:"patient_id"`
	}
	h.reception.must(http.MethodPost, "/v1/patients", m{"given_name": given, "family_name": "Journey", "birth_date": "1980-02-03"}, &p)
	return p.ID
}

// plan assigns and activates a plan from a template.
func (h *house) plan(by *client, patient, template string, courses ...m) string {
	var plan struct {
		ID   string `json:"plan_id"`
		Etag string `json:"etag"`
	}
	cause := "NONSPECIFIC"
	if template == "facet_joint_injection" {
		cause = "FACET"
	}
	body := m{
		"patient_id": patient, "template_id": template, "cause_codes": []string{cause},
		"goals":    []m{{"code": "PAIN", "text": "Less pain", "measure": "NPRS", "baseline": 6, "target": 3}},
		"decision": m{"options_shown": []string{"Exercise", "Treatment"}, "chosen": "Treatment", "decided_by": "TOGETHER", "step_up_reason": "Physiotherapy elsewhere helped only in part"},
	}
	if len(courses) > 0 {
		body["courses"] = courses
	}
	by.must(http.MethodPost, "/v1/plans", body, &plan)
	by.must(http.MethodPost, "/v1/plans/"+plan.ID+":activate", m{"etag": plan.Etag}, &plan)
	return plan.ID
}

// appointment is what the tests read of one.
type appointment struct {
	ID             string `json:"appointment_id"`
	State          string `json:"state"`
	LocalDate      string `json:"local_date"`
	PractitionerID string `json:"practitioner_id"`
	RoomID         string `json:"room_id"`
	Etag           string `json:"etag"`
}

// site is where the tests' clinics are: a zone in which it is about noon now, so that no
// test comes near midnight, whenever it runs.
var site = func() *time.Location {
	name := "UTC"
	if ahead := time.Now().UTC().Hour() - 12; ahead != 0 {
		name = fmt.Sprintf("Etc/GMT%+d", ahead) // the sign of these names is turned round
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return loc
}()

// inDays gives about noon at the site, n days from today.
func inDays(n int) time.Time {
	return time.Now().In(site).Truncate(5 * time.Minute).Add(time.Duration(n)*24*time.Hour + 15*time.Minute)
}

func date(t time.Time) string { return t.In(site).Format(time.DateOnly) }

func (h *house) booking(typ, patient, practitioner string, start time.Time, plan string) m {
	return m{
		"appointment_type_id": h.types[typ], "patient_id": patient, "practitioner_id": practitioner,
		"start_time": start.Format(time.RFC3339), "plan_id": plan,
	}
}
