package peer

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Plan is what booking needs to know of a treatment plan.
type Plan struct {
	ID, PatientID, State string
	// Start and Expire are the first and last civil date of a session; zero for a draft.
	Start, Expire civil.Date
	Courses       []Course
}

// Course is a number of sessions of one kind of care.
type Course struct {
	ID         string
	Discipline schedule.Discipline
	// Left are the sessions that are not booked yet.
	Planned, Left          int
	PerWeekMin, PerWeekMax int // 0: none
	Weeks, MinGapHours     int
	FirstMinutes           int // length of the first session; 0 is any
	Minutes                []int
	Dates                  []civil.Date // meant for the sessions; often none
}

// Course gives the course with the id; with an empty id the plan's only one.
func (p Plan) Course(id string) (Course, bool) {
	if id == "" && len(p.Courses) == 1 {
		return p.Courses[0], true
	}
	for _, c := range p.Courses {
		if c.ID == id {
			return c, id != ""
		}
	}
	return Course{}, false
}

// Plan asks plans for a plan. NOT_FOUND when the clinic has none with the id.
func (p *Peers) Plan(ctx context.Context, clinicID, planID string) (Plan, error) {
	resp, err := p.Plans.GetPlan(as(ctx, clinicID), &plansv1.GetPlanRequest{ClinicId: clinicID, PlanId: planID})
	if err != nil {
		return Plan{}, err
	}
	in := resp.GetPlan()
	out := Plan{ID: in.GetPlanId(), PatientID: in.GetPatientId(), State: in.GetState()}
	if out.Start, err = planDate(in.GetStartDate()); err != nil {
		return out, err
	}
	if out.Expire, err = planDate(in.GetExpireDate()); err != nil {
		return out, err
	}
	for _, c := range in.GetCourses() {
		course, err := courseOf(c)
		if err != nil {
			return out, err
		}
		out.Courses = append(out.Courses, course)
	}
	return out, nil
}

func courseOf(c *plansv1.Course) (Course, error) {
	out := Course{
		ID: c.GetCourseId(), Discipline: schedule.Discipline(c.GetDiscipline()),
		Planned: int(c.GetSessions().GetPlanned()), Left: int(c.GetSessions().GetLeft()),
		PerWeekMin: int(c.GetPerWeekMin()), PerWeekMax: int(c.GetPerWeekMax()),
		Weeks: int(c.GetWeeks()), MinGapHours: int(c.GetMinGapHours()), FirstMinutes: int(c.GetFirstSessionMinutes()),
	}
	for _, m := range c.GetSessionMinutes() {
		out.Minutes = append(out.Minutes, int(m))
	}
	for _, text := range c.GetPlannedDates() {
		d, err := planDate(text)
		if err != nil {
			return out, err
		}
		out.Dates = append(out.Dates, d)
	}
	return out, nil
}

func planDate(text string) (d civil.Date, err error) {
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return d, fault.New(fault.Internal, "BAD_ANSWER", "A date of the plan cannot be read.").Because(err)
	}
	return d, nil
}
