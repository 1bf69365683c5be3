package main

import (
	"errors"
	"net/http"
	"testing"
)

// careExaminations: F108 over HTTP, with every service at work. Whoever has recorded that a
// reflex is abnormal finds the very next massage refused, without a plan and without waiting.
func careExaminations(t *testing.T, h *house) {
	id := h.patient("Reflex")
	var made struct {
		PractitionerID string `json:"practitioner_id"`
		TypeID         string `json:"appointment_type_id"`
	}
	h.admin.must(http.MethodPost, "/v1/practitioners", m{
		"given_name": "Mara", "family_name": "Test", "profession": "MASSAGE_THERAPIST", "disciplines": []string{"MASSAGE"},
		"credentials": []m{{"kind": "MASSAGE", "expire_date": "2040-01-01"}},
	}, &made)
	h.admin.must(http.MethodPost, "/v1/shifts", m{
		"practitioner_id": made.PractitionerID, "location_id": h.location, "start_local_time": "00:00", "end_local_time": "24:00",
		"weekdays":   []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
		"start_date": "2020-01-01",
	}, nil)
	h.admin.must(http.MethodPost, "/v1/appointment-types", m{
		"display_name": "Massage", "kind": "TREATMENT", "discipline": "MASSAGE", "duration_minutes": 30, "modes": []string{"IN_PERSON"}, "staff_horizon_days": 365,
	}, &made)
	h.types["Massage"] = made.TypeID
	book := func(days int) error {
		var apt appointment
		return h.reception.call(t.Context(), http.MethodPost, "/v1/appointments", h.booking("Massage", id, made.PractitionerID, inDays(days), ""), &apt)
	}
	if err := book(3); err != nil {
		t.Fatalf("before the examination: %v", err)
	}
	var exam struct {
		ID       string `json:"examination_id"`
		Etag     string `json:"etag"`
		Blocking bool   `json:"blocking"`
	}
	examinations := "/v1/patients/" + id + "/examinations"
	h.physio.must(http.MethodPost, examinations, m{"kind": "NEURO", "neuro": m{"strength": "NORMAL", "sensation": "NORMAL", "reflexes": "ABNORMAL"}}, &exam)
	var refusal *problem
	if err := book(4); !exam.Blocking || !errors.As(err, &refusal) || refusal.Reason != "CONTRAINDICATED" || refusal.Code != "FAILED_PRECONDITION" {
		t.Errorf("F108: %+v, %v", exam, err)
	}
	h.physician.must(http.MethodPost, examinations+"/"+exam.ID+":clear", m{"etag": exam.Etag, "reason": "seen by a neurologist"}, nil)
	if err := book(4); err != nil {
		t.Errorf("F108 cleared: %v", err)
	}
}
