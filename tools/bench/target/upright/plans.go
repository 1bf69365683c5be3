package upright

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/upright-clinic/upright/tools/bench/workload"
)

// planned hands out bookings under plans, each of which its plan allows: a session a week
// for weeks weeks, a patient and a plan of their own for each column of the calendar.
type planned struct {
	bookings []m
	next     atomic.Int64
	block    int
}

// planWeeks is how many sessions of a plan are booked, one a week: fewer than at its half-way
// review.
const planWeeks = 4

// PreparePlans makes enough patients with an active plan for n bookings and plans the
// bookings; nothing of it is measured.
func (t *Target) PreparePlans(ctx context.Context, n int) error {
	var all []m
	for len(all) < n {
		bookings, err := t.planBlock(ctx, n-len(all))
		if err != nil {
			return err
		}
		all = append(all, bookings...)
	}
	t.plans.bookings = all
	t.plans.next.Store(0)
	return nil
}

// planDays are the days of a week that a block uses.
const planDays = 5

// planBlock books four weeks of the calendar: a patient for each practitioner, weekday and
// time of day, who comes once a week.
func (t *Target) planBlock(ctx context.Context, want int) ([]m, error) {
	columns := min(t.d.Clinicians*t.d.SlotsPerDay*planDays, (want+planWeeks-1)/planWeeks)
	first := PlansStart + t.plans.block*7*planWeeks
	if first+7*planWeeks > plansEnd {
		return nil, errors.New("the calendar has no room for more plans: fewer rounds, please")
	}
	t.plans.block++
	patients, err := t.makePatients(ctx, columns)
	if err != nil {
		return nil, err
	}
	plans := make([]string, columns)
	start, _ := t.d.Times(workload.Slot{Day: first})
	if err := each(columns, func(i int) (err error) { plans[i], err = t.makePlan(ctx, patients[i], start); return err }); err != nil {
		return nil, fmt.Errorf("plan: %w", err)
	}
	var out []m
	for week := range planWeeks {
		for i := range columns {
			slot := workload.Slot{Clinician: i % t.d.Clinicians, Index: i / t.d.Clinicians % t.d.SlotsPerDay, Day: first + 7*week + i/(t.d.Clinicians*t.d.SlotsPerDay)}
			at, _ := t.d.Times(slot)
			out = append(out, m{
				"appointment_type_id": t.typ, "practitioner_id": t.practitioners[slot.Clinician], "patient_id": patients[i], "plan_id": plans[i],
				"start_time": at.Format(time.RFC3339),
			})
		}
	}
	return out, nil
}

// PlansStart is the first day of the calendar that bookings under plans use, after what the
// other phases do; PlansEnd is as far ahead as staff may book.
const (
	PlansStart = 780
	plansEnd   = 1045
)

// makePlan assigns and activates a physiotherapy plan, as a clinician.
func (t *Target) makePlan(ctx context.Context, patient string, start time.Time) (string, error) {
	var plan struct {
		ID   string `json:"plan_id"`
		Etag string `json:"etag"`
	}
	err := t.callAs(ctx, t.physio, http.MethodPost, "/v1/plans", m{
		"patient_id": patient, "template_id": "physiotherapy", "cause_codes": []string{"NONSPECIFIC"}, "start_date": start.Format(time.DateOnly),
		"goals":    []m{{"code": "PAIN", "text": "Less pain", "measure": "NPRS", "baseline": 6, "target": 3}},
		"decision": m{"options_shown": []string{"Exercise", "Treatment"}, "chosen": "Treatment", "decided_by": "TOGETHER"},
	}, &plan)
	if err != nil {
		return "", err
	}
	return plan.ID, t.callAs(ctx, t.physio, http.MethodPost, "/v1/plans/"+plan.ID+":activate", m{"etag": plan.Etag}, nil)
}

// callAs is call with another token.
func (t *Target) callAs(ctx context.Context, token, method, path string, in, out any) error {
	c := *t.c
	c.Header = t.c.Header.Clone()
	c.Header.Set("Authorization", "Bearer "+token)
	other := &Target{c: &c}
	return other.call(ctx, method, path, in, out)
}

// BookPlanned books the next of the planned sessions.
func (t *Target) BookPlanned(ctx context.Context) error {
	i := int(t.plans.next.Add(1) - 1)
	if i >= len(t.plans.bookings) {
		return errors.New("more bookings than were prepared")
	}
	body := t.plans.bookings[i]
	body["request_id"] = fmt.Sprint("p", t.requests.Add(1))
	return t.book(ctx, body)
}
