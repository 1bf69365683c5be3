package main

import (
	"net/http"
	"testing"
	"time"
)

// TestCourseOverHTTP: a course is proposed, and booked exactly as it was proposed, against the
// real plans; then the plan has no session left and says so.
func TestCourseOverHTTP(t *testing.T) {
	t.Parallel()
	eachStack(t, func(t *testing.T, s *stack) {
		h := buildHouse(t, s.base, s.admin)
		plan := h.plan(h.physio, h.patient("Cleo"), "physiotherapy")
		var proposal struct {
			CourseID    string `json:"course_id"`
			Occurrences []m    `json:"occurrences"`
			Unplaced    []m    `json:"unplaced"`
		}
		ask := m{
			"plan_id": plan, "start_date": date(inDays(2)), "conflict_policy": "SKIP",
			"preferences": m{"days": []string{"TUESDAY", "THURSDAY"}, "from": "16:00", "to": "18:00", "practitioner_id": h.physioID},
		}
		h.reception.must(http.MethodPost, "/v1/courses:propose", ask, &proposal)
		if len(proposal.Occurrences) != 16 || len(proposal.Unplaced) != 0 {
			t.Fatalf("ask 20 %d placed, unplaced %v", len(proposal.Occurrences), proposal.Unplaced)
		}
		for _, o := range proposal.Occurrences {
			start, err := time.Parse("2006-01-02T15:04", o["local_start"].(string))
			if d := start.Weekday(); err != nil || d != time.Tuesday && d != time.Thursday || start.Hour() < 16 || o["alternatives"] == nil {
				t.Errorf("ask 25 %v %v", o, err)
			}
		}
		var booked struct {
			Appointments []appointment `json:"appointments"`
		}
		h.reception.must(http.MethodPost, "/v1/courses:book", m{"plan_id": plan, "course_id": proposal.CourseID, "occurrences": proposal.Occurrences}, &booked)
		if len(booked.Appointments) != 16 {
			t.Fatalf("%d booked", len(booked.Appointments))
		}
		s.quiet()
		if c := counts(t, h.physio, plan); c.Booked != 16 || c.Left != 0 {
			t.Errorf("the plan counts %+v", c)
		}
		h.reception.must(http.MethodPost, "/v1/courses:propose", m{"plan_id": plan}, &proposal)
		if len(proposal.Occurrences) != 0 || len(proposal.Unplaced) != 1 || proposal.Unplaced[0]["reason"] != "PLAN_LIMIT" {
			t.Errorf("with none left: %v %v", proposal.Occurrences, proposal.Unplaced)
		}
		s.audit(16)

		// Injections: the plan's own limit decides about all of them together.
		plan = h.plan(h.physician, h.patient("Ines"), "facet_joint_injection", m{"discipline": "FACET_JOINT_INJECTION", "sessions": 4, "weeks": 26})
		h.reception.must(http.MethodPost, "/v1/courses:propose", m{"plan_id": plan, "conflict_policy": "PROPOSE"}, &proposal)
		if n := len(proposal.Occurrences); n != 3 || len(proposal.Unplaced) != 1 {
			t.Errorf("F125 %d of four injections within six months placed, unplaced %v", n, proposal.Unplaced)
		}
	})
}
