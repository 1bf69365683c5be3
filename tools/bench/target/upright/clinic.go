package upright

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/tools/bench/httpx"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

// Clinic drives one Upright with a large clinic, as its reception would.
type Clinic struct {
	*Target
	w workload.Clinic
}

// NewClinic makes the clinic's people and places, and books one appointment, which is the
// pattern for all that fill.Folder adds.
func NewClinic(ctx context.Context, base string, maxConns int, email, password string, w workload.Clinic) (c *Clinic, appointmentID string, err error) {
	t, err := New(base, maxConns, email, password)
	if err != nil {
		return nil, "", err
	}
	t.d = &workload.Dataset{Config: workload.Config{Start: w.Start, Clinicians: w.Practitioners}}
	c = &Clinic{Target: t, w: w}
	if err := c.settle(ctx); err != nil {
		return nil, "", err
	}
	appointmentID, err = c.first(ctx)
	return c, appointmentID, err
}

func (c *Clinic) settle(ctx context.Context) error {
	admin, err := c.signIn(ctx, c.email, c.secret)
	if err != nil {
		return fmt.Errorf("sign in: %w", err)
	}
	c.as(admin)
	if err := c.seedPlaces(ctx, c.w.Rooms); err != nil {
		return err
	}
	desk, err := c.account(ctx, "RECEPTIONIST", "")
	if err != nil {
		return fmt.Errorf("receptionist: %w", err)
	}
	c.as(desk)
	c.patients, err = c.makePatients(ctx, c.w.Patients)
	return err
}

// first books on the last day before those that measurements book.
func (c *Clinic) first(ctx context.Context) (string, error) {
	v := c.w.Free(0)
	v.Day--
	var made struct {
		ID string `json:"appointment_id"`
	}
	err := c.call(ctx, http.MethodPost, "/v1/appointments", c.booking(v), &made)
	return made.ID, err
}

// At is the same clinic in another server, started on a copy of the data folder.
func (c *Clinic) At(ctx context.Context, base string, maxConns int, w workload.Clinic) (*Clinic, error) {
	h, err := httpx.New(base, maxConns)
	if err != nil {
		return nil, err
	}
	other := &Clinic{Target: &Target{c: h, typ: c.typ, practitioners: c.practitioners, rooms: c.rooms, patients: c.patients}, w: w}
	token, err := other.signIn(ctx, emailOf("RECEPTIONIST"), accountPassword)
	other.as(token)
	return other, err
}

func (c *Clinic) booking(v workload.Visit) m {
	start, _ := c.w.Times(v)
	return m{
		"appointment_type_id": c.typ, "practitioner_id": c.practitioners[v.Practitioner], "patient_id": c.patients[v.Patient],
		"start_time": start.Format(time.RFC3339), "request_id": "c" + strconv.Itoa(c.w.Appointments) + "-" + strconv.FormatInt(c.requests.Add(1), 36),
	}
}

// BookFree books the n-th of the visits that are free: a refusal is false.
func (c *Clinic) BookFree(ctx context.Context, n int) error {
	return c.book(ctx, c.booking(c.w.Free(n)))
}

// Openings searches the eight weeks of the whole clinic.
func (c *Clinic) Openings(ctx context.Context, _ int) error {
	return c.search(ctx, c.w.EightWeeks(), "", c.w.FreeEightWeeks())
}

// Search looks for one practitioner's openings of the fortnight for one patient.
func (c *Clinic) Search(ctx context.Context, n int) error {
	who := n % c.w.Practitioners
	return c.search(ctx, c.w.Fortnight(), "&practitioner_id="+c.practitioners[who]+"&patient_id="+c.patients[c.w.FreePatient(n)], c.w.FreeFortnight(who))
}

func (c *Clinic) search(ctx context.Context, days int, more string, want int) error {
	got, err := c.openings(ctx, c.w.Start, days, more)
	if err == nil && got != want {
		err = fmt.Errorf("search found %d starts, want %d", got, want)
	}
	return err
}

// FirstPage asks for the first hundred openings of the eight weeks, with place and time of
// each, as a screen shows them.
func (c *Clinic) FirstPage(ctx context.Context, _ int) error {
	const page = 100
	body, err := c.get(ctx, "/v1/openings?page_size="+strconv.Itoa(page)+"&"+c.window(c.w.Start, c.w.EightWeeks()))
	if n := bytes.Count(body, []byte(`"local_start":"`)); err == nil && n != page {
		err = fmt.Errorf("a page has %d openings, want %d", n, page)
	}
	return err
}

// Sheet reads a day of the fortnight.
func (c *Clinic) Sheet(ctx context.Context, n int) error {
	got, err := c.DaySheet(ctx, c.w.Start.AddDate(0, 0, n%c.w.Fortnight()))
	if err == nil && got != c.w.OnDay() {
		err = fmt.Errorf("day sheet has %d appointments, want %d", got, c.w.OnDay())
	}
	return err
}
