// Package floor maps the workload to the floor server (limits floor-serve): the least work
// that is still right and durable, behind the same HTTP as the peers. It stands for what
// this machine can do at best.
package floor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/upright-clinic/upright/tools/bench/httpx"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

type m = map[string]any

// Target drives one floor server.
type Target struct {
	c *httpx.Client
	d *workload.Dataset
}

func New(base string, maxConns int) (*Target, error) {
	c, err := httpx.New(base, maxConns)
	return &Target{c: c}, err
}

func (t *Target) Name() string { return "floor" }

func (t *Target) Mapping() map[string]string {
	return map[string]string{
		"intake": "POST /v1/intakes", "search": "GET /v1/slots (one call)", "book": "POST /v1/bookings",
		"daysheet": "GET /v1/days/..", "plan": "POST /v1/plans",
	}
}

func (t *Target) Version(context.Context) (string, error) { return "floor", nil }

func (t *Target) Seed(ctx context.Context, d *workload.Dataset, _ func(string, ...any)) error {
	t.d = d
	for c, days := range d.Booked {
		for day, idx := range days {
			for _, i := range idx {
				err := t.Book(ctx, workload.Booking{Slot: workload.Slot{Clinician: c, Day: day, Index: i}, Patient: i})
				if err != nil && err != workload.ErrTaken {
					return err
				}
			}
		}
	}
	return nil
}

func (t *Target) call(ctx context.Context, method, path string, in any, want int) ([]byte, error) {
	st, b, err := t.c.Do(ctx, method, path, "application/json", in)
	if err == nil && st != want {
		err = fmt.Errorf("%s %s: %d %.200s", method, path, st, b)
	}
	return b, err
}

func (t *Target) SubmitIntake(ctx context.Context, patient int, as []workload.Answer) error {
	items := make([]m, len(as))
	for i, a := range as {
		items[i] = m{"id": a.Question.LinkID, "text": a.Text, "bool": a.Bool, "int": a.Int}
	}
	_, err := t.call(ctx, "POST", "/v1/intakes", m{"patient": patient, "answers": items}, 201)
	return err
}

func (t *Target) AssignPlan(ctx context.Context, patient int, p workload.Plan) error {
	_, err := t.call(ctx, "POST", "/v1/plans", m{"patient": patient, "plan": p}, 201)
	return err
}

func (t *Target) SearchSlots(ctx context.Context, from, to time.Time) (int, error) {
	b, err := t.call(ctx, "GET", fmt.Sprintf("/v1/slots?from=%d&days=%d", from.Unix(), int(to.Sub(from).Hours()/24)), nil, 200)
	if err != nil {
		return 0, err
	}
	return httpx.CountNumbers(b, `"starts":[`), nil
}

func (t *Target) Book(ctx context.Context, b workload.Booking) error {
	start, _ := t.d.Times(b.Slot)
	st, body, err := t.c.Do(ctx, "POST", "/v1/bookings", "application/json", m{"clinician": b.Slot.Clinician, "patient": b.Patient, "start": start.Unix()})
	switch {
	case err != nil:
		return err
	case st == 201:
		return nil
	case st == 409:
		return workload.ErrTaken
	}
	return fmt.Errorf("book: %d %.200s", st, body)
}

func (t *Target) DaySheet(ctx context.Context, day time.Time) (int, error) {
	b, err := t.call(ctx, "GET", fmt.Sprint("/v1/days/", day.Unix()), nil, 200)
	if err != nil {
		return 0, err
	}
	return bytes.Count(b, []byte(`{"ID":"`)), nil
}

func (t *Target) CountAt(ctx context.Context, s workload.Slot) (int, error) {
	start, _ := t.d.Times(s)
	b, err := t.call(ctx, "GET", fmt.Sprint("/v1/days/", start.Truncate(24*time.Hour).Unix()), nil, 200)
	if err != nil {
		return 0, err
	}
	var list []struct {
		Clinician int
		Start     time.Time
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return 0, err
	}
	n := 0
	for _, a := range list {
		if a.Clinician == s.Clinician && a.Start.Equal(start) {
			n++
		}
	}
	return n, nil
}
