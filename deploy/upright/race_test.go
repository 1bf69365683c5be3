package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// crowd is how many ask at the same time.
const crowd = 64

// TestRaces has many clients want the same at the same time, over HTTP.
func TestRaces(t *testing.T) {
	t.Parallel()
	eachStack(t, func(t *testing.T, s *stack) {
		h := buildHouse(t, s.base, s.admin)
		raceForOneSlot(t, s, h)
		raceForTheThirdInjection(t, s, h)
		raceInAnyOrder(t, s, h)
		raceOfNeighbours(t, h)
		raceOfOneRequest(t, s, h)
		s.quiet()
		for _, name := range slices.Sorted(maps.Keys(s.programs)) {
			if p := s.programs[name]; p.ended() {
				t.Errorf("%s has ended", name)
			}
		}
	})
}

// ended says whether the program is gone.
func (p *program) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// atOnce calls f n times, all released together.
func atOnce(n int, f func(i int) error) []error {
	errs := make([]error, n)
	release := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() {
			<-release
			errs[i] = f(i)
		})
	}
	close(release)
	group.Wait()
	return errs
}

// reasons counts answers by reason, "" for those that succeeded. What is not an answer of
// the program's own, or one that blames itself, fails the test.
func reasons(t *testing.T, errs []error) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, err := range errs {
		if err == nil {
			out[""]++
			continue
		}
		p, ok := err.(*problem) //nolint:errorlint // call returns it bare
		if !ok || p.Status >= 500 || p.Reason == "BUSY" {
			t.Errorf("answered %v", err)
			continue
		}
		out[p.Reason]++
	}
	return out
}

func (h *house) patients(n int, name string) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = h.patient(name + " " + strconv.Itoa(i))
	}
	return ids
}

// book books and gives the appointment.
func (h *house) book(t *testing.T, body m) (apt appointment, err error) {
	err = h.reception.call(t.Context(), http.MethodPost, "/v1/appointments", body, &apt)
	return apt, err
}

// raceForOneSlot: every client has another patient, all want the same half hour.
func raceForOneSlot(t *testing.T, s *stack, h *house) {
	t.Helper()
	patients, start := h.patients(crowd, "Slot"), inDays(2)
	got := reasons(t, atOnce(crowd, func(i int) error {
		_, err := h.book(t, h.booking("Physiotherapy", patients[i], h.physioID, start, ""))
		return err
	}))
	if diff := cmp.Diff(map[string]int{"": 1, "SLOT_TAKEN": crowd - 1}, got); diff != "" {
		t.Errorf("one slot (-want +got):\n%s", diff)
	}
	if n := s.value("booking", `SELECT count(*) FROM appointments WHERE starts_at = $1`, start.UnixMicro()); n != 1 {
		t.Errorf("%d appointments in one slot", n)
	}
}

// raceForTheThirdInjection: two are recorded, and every client wants another day.
func raceForTheThirdInjection(t *testing.T, s *stack, h *house) {
	t.Helper()
	patient := h.patient("Third")
	for _, days := range []int{-60, -30} {
		h.physician.must(http.MethodPost, "/v1/patients/"+patient+"/injections", injectionOn(days), nil)
	}
	plan := h.plan(h.physician, patient, "facet_joint_injection")
	s.quiet()
	errs := atOnce(crowd, func(i int) error {
		_, err := h.book(t, h.booking("Injection", patient, h.physicianID, inDays(5+i), plan))
		return err
	})
	if diff := cmp.Diff(map[string]int{"": 1, "INJECTION_LIMIT": crowd - 1}, reasons(t, errs)); diff != "" {
		t.Errorf("third injection (-want +got):\n%s", diff)
	}
	for _, err := range errs {
		if p, ok := err.(*problem); ok && p.Metadata["next_eligible_date"] == "" { //nolint:errorlint // call returns it bare
			t.Errorf("refused without a next date: %v %v", err, p.Metadata)
			break
		}
	}
	s.quiet()
	if n := s.value("plans", `SELECT count(*) FROM ledger WHERE patient_id = $1 AND state IN ('HELD', 'CONFIRMED', 'ADMINISTERED')`, patient); n != 3 {
		t.Errorf("%d injections count, want 3", n)
	}
}

// team gives three more physiotherapists, two couches, and a type that needs one of each.
func (h *house) team(t *testing.T) (practitioners []string) {
	t.Helper()
	practitioners = []string{h.physioID}
	var made struct {
		PractitionerID string `json:"practitioner_id"`
		TypeID         string `json:"appointment_type_id"`
	}
	for _, name := range []string{"Ada", "Bea", "Cid"} {
		h.admin.must(http.MethodPost, "/v1/practitioners", m{
			"given_name": name, "family_name": "Test", "profession": "PHYSIOTHERAPIST", "disciplines": []string{"PHYSIOTHERAPY"},
			"credentials": []m{{"kind": "PHYSIOTHERAPY", "expire_date": "2040-01-01"}},
		}, &made)
		h.admin.must(http.MethodPost, "/v1/shifts", m{
			"practitioner_id": made.PractitionerID, "location_id": h.location, "start_local_time": "00:00", "end_local_time": "24:00",
			"weekdays":   []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
			"start_date": "2020-01-01",
		}, nil)
		practitioners = append(practitioners, made.PractitionerID)
	}
	for _, name := range []string{"Couch 1", "Couch 2"} {
		h.admin.must(http.MethodPost, "/v1/equipment", m{"display_name": name, "location_id": h.location, "capabilities": []string{"TRACTION"}}, nil)
	}
	h.admin.must(http.MethodPost, "/v1/appointment-types", m{
		"display_name": "Traction", "kind": "TREATMENT", "discipline": "PHYSIOTHERAPY", "duration_minutes": 30, "modes": []string{"IN_PERSON"},
		"equipment_capabilities": []string{"TRACTION"}, "staff_horizon_days": 1096, "patient_horizon_days": 84,
	}, &made)
	h.types["Traction"] = made.TypeID
	return practitioners
}

// raceInAnyOrder: clients want overlapping times of clinicians, rooms, couches and patients
// in every combination, then move what they got onto each other's.
func raceInAnyOrder(t *testing.T, s *stack, h *house) {
	t.Helper()
	practitioners, patients := h.team(t), h.patients(12, "Order")
	var rooms struct {
		Rooms []struct {
			ID string `json:"room_id"`
		} `json:"rooms"`
	}
	h.admin.must(http.MethodGet, "/v1/rooms", nil, &rooms)
	s.quiet()
	start := inDays(4)
	allowed := []string{"", "SLOT_TAKEN", "PATIENT_BUSY", "NO_ROOM", "NO_EQUIPMENT"}
	check := func(what string, errs []error) {
		for reason, n := range reasons(t, errs) {
			if !slices.Contains(allowed, reason) {
				t.Errorf("%s: %d times %s", what, n, reason)
			}
		}
	}
	got := make([]appointment, crowd)
	check("booking", atOnce(crowd, func(i int) (err error) {
		body := h.booking("Traction", patients[i%len(patients)], practitioners[i%4], start.Add(time.Duration(i%5)*15*time.Minute), "")
		body["room_id"] = rooms.Rooms[i/4%len(rooms.Rooms)].ID
		got[i], err = h.book(t, body)
		return err
	}))
	got = slices.DeleteFunc(got, func(a appointment) bool { return a.ID == "" })
	if len(got) < 4 {
		t.Fatalf("only %d of %d were booked", len(got), crowd)
	}
	check("moving", atOnce(crowd, func(i int) error {
		return h.reception.call(t.Context(), http.MethodPost, "/v1/appointments/"+got[i%len(got)].ID+":reschedule", m{
			"start_time":      start.Add(time.Duration(i*7%5) * 15 * time.Minute).Format(time.RFC3339),
			"practitioner_id": practitioners[i*3%4], "room_id": rooms.Rooms[i*5%len(rooms.Rooms)].ID,
		}, nil)
	}))
	if n := s.value("booking", `SELECT count(*) FROM claims a JOIN claims b ON a.clinic_id = b.clinic_id AND a.resource_id = b.resource_id
		AND a.holder_id < b.holder_id AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at`); n != 0 {
		t.Errorf("%d overlaps", n)
	}
	s.auditBooking(s.value("booking", `SELECT count(*) FROM appointments WHERE state = 'BOOKED'`))
}

// raceOfNeighbours: intervals are half-open, so that two that touch are both booked.
func raceOfNeighbours(t *testing.T, h *house) {
	t.Helper()
	patients, start := h.patients(8, "Next"), inDays(6)
	errs := atOnce(len(patients), func(i int) error {
		_, err := h.book(t, h.booking("Physiotherapy", patients[i], h.physioID, start.Add(time.Duration(i)*30*time.Minute), ""))
		return err
	})
	if got := reasons(t, errs); got[""] != len(patients) {
		t.Errorf("neighbours: %v", got)
	}
}

// raceOfOneRequest: a client repeats its request before it has the answer, without a plan
// and under one; and uses the key again for something else.
func raceOfOneRequest(t *testing.T, s *stack, h *house) {
	t.Helper()
	for i, planned := range []bool{false, true} {
		patient, plan := h.patient("Again"), ""
		if planned {
			plan = h.plan(h.physio, patient, "physiotherapy")
			s.quiet()
		}
		body := h.booking("Physiotherapy", patient, h.physioID, inDays(8+i), plan)
		key := http.Header{"Idempotency-Key": {fmt.Sprint("again-", i)}}
		ids := make([]string, 50)
		got := reasons(t, atOnce(len(ids), func(i int) error {
			var apt appointment
			err := h.reception.callWith(t.Context(), key.Clone(), http.MethodPost, "/v1/appointments", body, &apt)
			ids[i] = apt.ID
			return err
		}))
		if ids = slices.Compact(ids); got[""] != 50 || len(ids) != 1 {
			t.Errorf("one request 50 times, planned %v: %v, appointments %v", planned, got, ids)
		}
		if n := s.value("booking", `SELECT count(*) FROM appointments WHERE patient_id = $1`, patient); n != 1 {
			t.Errorf("%d appointments of one request", n)
		}
		body["start_time"] = inDays(20).Format(time.RFC3339)
		err := h.reception.callWith(t.Context(), key.Clone(), http.MethodPost, "/v1/appointments", body, nil)
		p, ok := err.(*problem) //nolint:errorlint // call returns it bare
		if !ok || p.Status != http.StatusUnprocessableEntity || p.Reason != "REQUEST_ID_REUSED" {
			t.Errorf("the key of another request, planned %v: %v", planned, err)
		}
	}
}
