// Package upright maps the workload to Upright's public API, over HTTP with a bearer token,
// as a receptionist's program would use it.
package upright

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/upright-clinic/upright/tools/bench/fill"
	"github.com/upright-clinic/upright/tools/bench/httpx"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

type m = map[string]any

// Target drives one Upright.
type Target struct {
	c             *httpx.Client
	email, secret string
	d             *workload.Dataset
	physio        string // a clinician's token, for plans
	practitioners []string
	rooms         []string
	patients      []string
	typ           string
	requests      atomic.Int64
	checked       sync.Map // what answers were read in full, see checkOnce
	plans         planned
}

// New signs in later, when it seeds: the base address must be on loopback.
func New(base string, maxConns int, email, password string) (*Target, error) {
	c, err := httpx.New(base, maxConns)
	return &Target{c: c, email: email, secret: password}, err
}

// Name of the system.
func (t *Target) Name() string { return "upright" }

// Version says what is measured.
func (t *Target) Version(context.Context) (string, error) { return "upright", nil }

// Mapping names the calls.
func (t *Target) Mapping() map[string]string {
	return map[string]string{
		"search": "GET /v1/openings?view=COMPACT (one call)", "book": "POST /v1/appointments with an Idempotency-Key",
		"bookplan": "POST /v1/appointments with a plan", "daysheet": "GET /v1/appointments?date=",
	}
}

// People are those who can be booked.
func (t *Target) People() fill.People {
	return fill.People{Practitioners: t.practitioners, Rooms: t.rooms, Patients: t.patients}
}

// problem is an answer that says why not.
type problem struct {
	status int
	Reason string `json:"reason"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string { return fmt.Sprintf("%d %s: %s", p.status, p.Reason, p.Detail) }

// call sends one request; anything but 2xx is a problem.
func (t *Target) call(ctx context.Context, method, path string, in, out any) error {
	status, body, err := t.c.Do(ctx, method, path, "application/json", in)
	switch {
	case err != nil:
		return err
	case status/100 != 2:
		p := &problem{status: status}
		_ = json.Unmarshal(body, p)
		return p
	case out == nil:
		return nil
	}
	return json.Unmarshal(body, out)
}

func (t *Target) signIn(ctx context.Context, email, password string) (string, error) {
	var s struct{ Token string }
	err := t.call(ctx, http.MethodPost, "/v1/sessions", m{"email": email, "password": password}, &s)
	return s.Token, err
}

func (t *Target) as(token string) { t.c.Header.Set("Authorization", "Bearer "+token) }

// account makes an account as the administrator and signs in with it.
func (t *Target) account(ctx context.Context, role, practitioner string) (string, error) {
	err := t.call(ctx, http.MethodPost, "/v1/accounts", m{
		"account": m{"email": emailOf(role), "display_name": role, "roles": []string{role}, "practitioner_id": practitioner}, "password": accountPassword,
	}, nil)
	if err != nil {
		return "", err
	}
	return t.signIn(ctx, emailOf(role), accountPassword)
}

// accountPassword is that of every account that the bench makes.
const accountPassword = "quiet-copper-lantern-42"

func emailOf(role string) string { return strings.ToLower(role) + "@bench.clinic" }

// Seed makes the workload's clinic: practitioners who work from nine to five on every day,
// in UTC, and the booked half of the window.
func (t *Target) Seed(ctx context.Context, d *workload.Dataset, _ func(string, ...any)) error {
	t.d = d
	admin, err := t.signIn(ctx, t.email, t.secret)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	t.as(admin)
	if err := t.seedPlaces(ctx, d.Clinicians); err != nil {
		return err
	}
	if t.physio, err = t.account(ctx, "CLINICIAN", t.practitioners[0]); err != nil {
		return fmt.Errorf("clinician: %w", err)
	}
	desk, err := t.account(ctx, "RECEPTIONIST", "")
	if err != nil {
		return fmt.Errorf("receptionist: %w", err)
	}
	t.as(desk)
	if t.patients, err = t.makePatients(ctx, d.Patients); err != nil {
		return err
	}
	return t.seedDiary(ctx)
}

// seedPlaces makes the practitioners of the dataset, who work from nine to five on every day,
// and as many rooms as are asked for.
func (t *Target) seedPlaces(ctx context.Context, rooms int) error {
	var made struct {
		LocationID     string `json:"location_id"`
		RoomID         string `json:"room_id"`
		PractitionerID string `json:"practitioner_id"`
		TypeID         string `json:"appointment_type_id"`
	}
	if err := t.call(ctx, http.MethodPost, "/v1/locations", m{"display_name": "Bench"}, &made); err != nil {
		return err
	}
	for i := range rooms {
		if err := t.call(ctx, http.MethodPost, "/v1/rooms", m{"display_name": fmt.Sprint("Room ", i), "location_id": made.LocationID}, &made); err != nil {
			return err
		}
		t.rooms = append(t.rooms, made.RoomID)
	}
	for i := range t.d.Clinicians {
		err := t.call(ctx, http.MethodPost, "/v1/practitioners", m{
			"given_name": "Pat", "family_name": fmt.Sprint("Bench ", i), "profession": "PHYSIOTHERAPIST", "disciplines": []string{"PHYSIOTHERAPY"},
			"credentials": []m{{"kind": "PHYSIOTHERAPY", "expire_date": "2060-01-01"}},
		}, &made)
		if err != nil {
			return err
		}
		t.practitioners = append(t.practitioners, made.PractitionerID)
		err = t.call(ctx, http.MethodPost, "/v1/shifts", m{
			"practitioner_id": made.PractitionerID, "location_id": made.LocationID, "start_local_time": "09:00", "end_local_time": "17:00",
			"weekdays":   []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
			"start_date": "2026-01-01", "time_zone": "UTC",
		}, nil)
		if err != nil {
			return err
		}
	}
	err := t.call(ctx, http.MethodPost, "/v1/appointment-types", m{
		"display_name": "Physiotherapy", "kind": "TREATMENT", "discipline": "PHYSIOTHERAPY", "required_credential": "PHYSIOTHERAPY",
		"duration_minutes": 30, "start_step_minutes": 30, "modes": []string{"IN_PERSON"}, "staff_horizon_days": 1096, "patient_horizon_days": 84,
	}, &made)
	t.typ = made.TypeID
	return err
}

// makePatients registers n patients, several at once.
func (t *Target) makePatients(ctx context.Context, n int) ([]string, error) {
	ids := make([]string, n)
	err := each(n, func(i int) error {
		var p struct {
			ID string `json:"patient_id"`
		}
		err := t.call(ctx, http.MethodPost, "/v1/patients", m{
			"given_name": fmt.Sprint("Given ", i), "family_name": fmt.Sprint("Family ", t.requests.Add(1)), "birth_date": "1980-01-01",
		}, &p)
		ids[i] = p.ID
		return err
	})
	return ids, err
}

func (t *Target) seedDiary(ctx context.Context) error {
	var slots []workload.Booking
	for c, days := range t.d.Booked {
		for day, taken := range days {
			for _, i := range taken {
				// A patient of one's own for each clinician and slot: nobody is in two places.
				slots = append(slots, workload.Booking{Slot: workload.Slot{Clinician: c, Day: day, Index: i}, Patient: c*t.d.SlotsPerDay + i})
			}
		}
	}
	return each(len(slots), func(i int) error {
		if err := t.Book(ctx, slots[i]); err != nil {
			return fmt.Errorf("book %+v: %w", slots[i], err)
		}
		return nil
	})
}

// each runs f for 0 to n-1, sixteen at a time, and returns the first error.
func each(n int, f func(i int) error) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, 16)
	for w := range errs {
		wg.Go(func() {
			for {
				i := int(next.Add(1) - 1)
				if i >= n || errs[w] != nil {
					return
				}
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// SearchSlots asks for all openings of the type.
func (t *Target) SearchSlots(ctx context.Context, from, to time.Time) (int, error) {
	return t.openings(ctx, from, int(to.Sub(from).Hours()/24), "")
}

// window names the type and the days that a search is for.
func (t *Target) window(from time.Time, days int) string {
	return "appointment_type_id=" + t.typ + "&start_date=" + from.Format(time.DateOnly) + "&end_date=" + from.AddDate(0, 0, days-1).Format(time.DateOnly)
}

// openings counts the starts of a compact search. The first answer of all is also
// read in full, and must say the same.
func (t *Target) openings(ctx context.Context, from time.Time, days int, more string) (int, error) {
	body, err := t.get(ctx, "/v1/openings?view=COMPACT&"+t.window(from, days)+more)
	if err != nil {
		return 0, err
	}
	if !bytes.Contains(body, []byte(`"next_page_token":""`)) {
		return 0, errors.New("the answer has another page")
	}
	n := httpx.CountNumbers(body, `"offset_minutes":[`)
	return n, t.checkOnce("openings", func() error {
		var out struct {
			Groups []struct {
				Offsets []int `json:"offset_minutes"`
			} `json:"groups"`
		}
		err := json.Unmarshal(body, &out)
		have := 0
		for _, g := range out.Groups {
			have += len(g.Offsets)
		}
		if err == nil && n != have {
			err = fmt.Errorf("the answer was counted as %d and has %d", n, have)
		}
		return err
	})
}

// checkOnce runs a check the first time that it is asked to by this name: the generator
// shares the machine with the server, so it reads answers in full once and counts then on.
func (t *Target) checkOnce(name string, check func() error) error {
	if _, done := t.checked.LoadOrStore(name, true); done {
		return nil
	}
	return check()
}

// get asks and returns the answer as it came.
func (t *Target) get(ctx context.Context, path string) ([]byte, error) {
	status, body, err := t.c.Do(ctx, http.MethodGet, path, "", nil)
	if err == nil && status != http.StatusOK {
		p := &problem{status: status}
		_ = json.Unmarshal(body, p)
		err = p
	}
	return body, err
}

// Book books a slot without a plan, with a request id of its own.
func (t *Target) Book(ctx context.Context, b workload.Booking) error {
	start, _ := t.d.Times(b.Slot)
	return t.book(ctx, m{
		"appointment_type_id": t.typ, "practitioner_id": t.practitioners[b.Slot.Clinician], "patient_id": t.patients[b.Patient%len(t.patients)],
		"start_time": start.Format(time.RFC3339), "request_id": strconv.FormatInt(t.requests.Add(1), 36),
	})
}

func (t *Target) book(ctx context.Context, body m) error {
	err := t.call(ctx, http.MethodPost, "/v1/appointments", body, nil)
	var p *problem
	if errors.As(err, &p) && (p.Reason == "SLOT_TAKEN" || p.Reason == "PATIENT_BUSY" || p.Reason == "NO_ROOM") {
		return workload.ErrTaken
	}
	return err
}

// day lists a day's appointments.
func (t *Target) day(ctx context.Context, date string) (list []booked, err error) {
	var out struct {
		Appointments []booked `json:"appointments"`
	}
	err = t.call(ctx, http.MethodGet, "/v1/appointments?date="+date, nil, &out)
	return out.Appointments, err
}

type booked struct {
	PractitionerID string    `json:"practitioner_id"`
	Start          time.Time `json:"start_time"`
	State          string    `json:"state"`
}

// DaySheet counts a day's appointments. The first answer is also read in full.
func (t *Target) DaySheet(ctx context.Context, day time.Time) (int, error) {
	body, err := t.get(ctx, "/v1/appointments?date="+day.Format(time.DateOnly))
	if err != nil {
		return 0, err
	}
	n := bytes.Count(body, []byte(`{"appointment_id":"`))
	return n, t.checkOnce("daysheet", func() error {
		list, err := t.day(ctx, day.Format(time.DateOnly))
		if err == nil && len(list) != n {
			err = fmt.Errorf("the answer was counted as %d and has %d", n, len(list))
		}
		return err
	})
}

// CountAt counts the live appointments in a slot.
func (t *Target) CountAt(ctx context.Context, s workload.Slot) (n int, err error) {
	start, _ := t.d.Times(s)
	list, err := t.day(ctx, start.Format(time.DateOnly))
	for _, a := range list {
		if a.PractitionerID == t.practitioners[s.Clinician] && a.Start.Equal(start) && a.State != "CANCELLED" {
			n++
		}
	}
	return n, err
}

// SubmitIntake and AssignPlan of the workload have no like in Upright's forms: its own
// questionnaire and templates are measured by its tests.
func (t *Target) SubmitIntake(context.Context, int, []workload.Answer) error {
	return workload.ErrUnsupported
}

// AssignPlan is not part of the comparison; see SubmitIntake.
func (t *Target) AssignPlan(context.Context, int, workload.Plan) error {
	return workload.ErrUnsupported
}
