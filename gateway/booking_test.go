package gateway_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// booking is a small diary: two types, a few free times, appointments, an event log.
type booking struct {
	bookingv1.UnimplementedAppointmentServiceServer
	bookingv1.UnimplementedAppointmentTypeServiceServer
	bookingv1.UnimplementedCalendarServiceServer
	bookingv1.UnimplementedHoldServiceServer
	bookingv1.UnimplementedOpeningServiceServer
	bookingv1.UnimplementedShiftServiceServer
	eventsv1.UnimplementedEventLogServiceServer

	mu       sync.Mutex
	made     map[string]*bookingv1.Appointment
	byID     map[string]string // request id to appointment
	events   []*eventsv1.Event
	epoch    string
	refuse   error
	shifts   []*bookingv1.UpdateShiftRequest
	released []string
	requests []*bookingv1.CreateAppointmentRequest
	seen     []string // request ids
	slow     chan struct{}
	holidays []*bookingv1.ImportHolidaysRequest
	waits    *waits
	feed     *bookingv1.CalendarFeed
	courses  *courses
}

func newBooking() *booking {
	b := &booking{made: map[string]*bookingv1.Appointment{}, byID: map[string]string{}, epoch: "e1"}
	b.made["apt_1"] = appointment("apt_1", "pat_1", "atype_first", noon.Add(2*time.Hour))
	b.made["apt_2"] = appointment("apt_2", "pat_2", "atype_physio", noon.Add(-10*time.Minute))
	return b
}

func appointment(id, patient, kind string, start time.Time) *bookingv1.Appointment {
	zone, err := time.LoadLocation("America/Vancouver")
	if err != nil {
		panic(err)
	}
	return &bookingv1.Appointment{
		AppointmentId: id, PatientId: patient, AppointmentTypeId: kind, PractitionerId: "prac_1", State: "BOOKED", Etag: "1",
		StartTime: timestamppb.New(start), EndTime: timestamppb.New(start.Add(30 * time.Minute)), TimeZone: "America/Vancouver",
		LocalStart: start.In(zone).Format("2006-01-02T15:04"), LocalDate: start.In(zone).Format(time.DateOnly), Mode: "IN_PERSON",
	}
}

func (b *booking) register(r grpc.ServiceRegistrar) {
	bookingv1.RegisterAppointmentServiceServer(r, b)
	bookingv1.RegisterAppointmentTypeServiceServer(r, b)
	bookingv1.RegisterCalendarServiceServer(r, b)
	bookingv1.RegisterHoldServiceServer(r, b)
	bookingv1.RegisterOpeningServiceServer(r, b)
	bookingv1.RegisterShiftServiceServer(r, b)
	b.registerCourses(r)
	b.waits.register(r)
	eventsv1.RegisterEventLogServiceServer(r, b)
}

// calendarOf is an appointment as booking writes it for calendars.
func calendarOf(id string) string {
	return "BEGIN:VCALENDAR\r\nUID:" + id + "@upright\r\nEND:VCALENDAR\r\n"
}

func (b *booking) GetAppointmentCalendar(_ context.Context, in *bookingv1.GetAppointmentCalendarRequest) (*bookingv1.GetAppointmentCalendarResponse, error) {
	return &bookingv1.GetAppointmentCalendarResponse{Content: calendarOf(in.GetAppointmentId())}, nil
}

func (b *booking) ListAppointmentTypes(context.Context, *bookingv1.ListAppointmentTypesRequest) (*bookingv1.ListAppointmentTypesResponse, error) {
	return &bookingv1.ListAppointmentTypesResponse{AppointmentTypes: []*bookingv1.AppointmentType{
		{AppointmentTypeId: "atype_first", DisplayName: "First visit", Kind: "INITIAL_ASSESSMENT", DurationMinutes: 45, PatientBookable: true, Modes: []string{"IN_PERSON"}},
		{AppointmentTypeId: "atype_physio", DisplayName: "Physiotherapy", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, OtherDurationsMinutes: []int32{60}, PatientBookable: true},
		{AppointmentTypeId: "atype_injection", DisplayName: "Injection", Kind: "INJECTION", Discipline: "FACET_JOINT_INJECTION", DurationMinutes: 30, PlanRequired: true},
	}}, nil
}

func (b *booking) ListOpenings(_ context.Context, in *bookingv1.ListOpeningsRequest) (*bookingv1.ListOpeningsResponse, error) {
	if in.GetAppointmentTypeId() == "atype_injection" {
		return &bookingv1.ListOpeningsResponse{Refused: []*bookingv1.Refusal{{Reason: "INJECTION_LIMIT", Detail: "three in six months", NextEligibleDate: "2027-02-14"}}}, nil
	}
	out := &bookingv1.ListOpeningsResponse{}
	for _, local := range []string{"2026-11-25T09:00", "2026-11-25T09:30", "2026-11-26T14:00"} {
		if local[:10] < in.GetStartDate() || local[:10] > in.GetEndDate() {
			continue
		}
		zone, err := time.LoadLocation("America/Vancouver")
		if err != nil {
			return nil, err
		}
		at, err := time.ParseInLocation("2006-01-02T15:04", local, zone)
		if err != nil {
			return nil, err
		}
		out.Openings = append(out.Openings, &bookingv1.Opening{StartTime: timestamppb.New(at), LocalStart: local, TimeZone: "America/Vancouver", PractitionerId: "prac_2"})
	}
	return out, nil
}

func (b *booking) CreateHold(_ context.Context, in *bookingv1.CreateHoldRequest) (*bookingv1.CreateHoldResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != nil {
		return nil, b.refuse
	}
	return &bookingv1.CreateHoldResponse{Hold: &bookingv1.Hold{HoldId: "hold_1", OwnerToken: "owner-secret", ExpireTime: timestamppb.New(noon.Add(5 * time.Minute)), StartTime: in.GetStartTime()}}, nil
}

func (b *booking) ExplainOpening(context.Context, *bookingv1.ExplainOpeningRequest) (*bookingv1.ExplainOpeningResponse, error) {
	return &bookingv1.ExplainOpeningResponse{Refusals: []*bookingv1.Refusal{{Reason: "OUTSIDE_SHIFT", Overridable: true}}}, nil
}

func (b *booking) CreateAppointment(ctx context.Context, in *bookingv1.CreateAppointmentRequest) (*bookingv1.CreateAppointmentResponse, error) {
	if b.slow != nil {
		<-b.slow
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	id := requestid.From(ctx)
	b.requests, b.seen = append(b.requests, in), append(b.seen, id)
	if b.refuse != nil && in.GetOverride() == nil {
		return nil, b.refuse
	}
	if had, ok := b.byID[id]; ok && id != "" {
		return &bookingv1.CreateAppointmentResponse{Appointment: clone(b.made[had])}, nil
	}
	a := appointment(fmt.Sprintf("apt_%d", len(b.made)+1), in.GetPatientId(), in.GetAppointmentTypeId(), in.GetStartTime().AsTime())
	b.made[a.GetAppointmentId()], b.byID[id] = a, a.GetAppointmentId()
	return &bookingv1.CreateAppointmentResponse{Appointment: clone(a)}, nil
}

func (b *booking) find(ctx context.Context, id string) (*bookingv1.Appointment, error) {
	p, _ := authn.From(ctx)
	a, ok := b.made[id]
	if !ok || !p.SeesPatient(a.GetPatientId()) {
		return nil, fault.NotFoundf("appointment")
	}
	return a, nil
}

func (b *booking) GetAppointment(ctx context.Context, in *bookingv1.GetAppointmentRequest) (*bookingv1.GetAppointmentResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.find(ctx, in.GetAppointmentId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.GetAppointmentResponse{Appointment: clone(a)}, nil
}

func (b *booking) ListAppointments(_ context.Context, in *bookingv1.ListAppointmentsRequest) (*bookingv1.ListAppointmentsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := &bookingv1.ListAppointmentsResponse{}
	for i := 1; i <= len(b.made); i++ {
		a := b.made[fmt.Sprintf("apt_%d", i)]
		if (in.GetDate() == "" || in.GetDate() == a.GetLocalDate()) && (in.GetPatientId() == "" || in.GetPatientId() == a.GetPatientId()) {
			out.Appointments = append(out.Appointments, clone(a))
		}
	}
	return out, nil
}

// move changes the state of an appointment.
func (b *booking) move(ctx context.Context, id, etag, state string) (*bookingv1.Appointment, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	a, err := b.find(ctx, id)
	if err != nil {
		return nil, err
	}
	if etag != "" && etag != a.GetEtag() {
		return nil, fault.New(fault.Aborted, "VERSION_MISMATCH", "it has changed")
	}
	a.State, a.Etag = state, a.GetEtag()+"1"
	return clone(a), nil
}

func (b *booking) CheckInAppointment(ctx context.Context, in *bookingv1.CheckInAppointmentRequest) (*bookingv1.CheckInAppointmentResponse, error) {
	a, err := b.move(ctx, in.GetAppointmentId(), in.GetEtag(), "CHECKED_IN")
	return &bookingv1.CheckInAppointmentResponse{Appointment: a}, err
}

func (b *booking) UndoCheckInAppointment(ctx context.Context, in *bookingv1.UndoCheckInAppointmentRequest) (*bookingv1.UndoCheckInAppointmentResponse, error) {
	a, err := b.move(ctx, in.GetAppointmentId(), in.GetEtag(), "BOOKED")
	return &bookingv1.UndoCheckInAppointmentResponse{Appointment: a}, err
}

func (b *booking) CancelAppointment(ctx context.Context, in *bookingv1.CancelAppointmentRequest) (*bookingv1.CancelAppointmentResponse, error) {
	a, err := b.move(ctx, in.GetAppointmentId(), in.GetEtag(), "CANCELLED")
	return &bookingv1.CancelAppointmentResponse{Appointment: a}, err
}

func (b *booking) UpdateShift(_ context.Context, in *bookingv1.UpdateShiftRequest) (*bookingv1.UpdateShiftResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shifts = append(b.shifts, in)
	return &bookingv1.UpdateShiftResponse{Shift: in.GetShift()}, nil
}

func (b *booking) GetHead(context.Context, *eventsv1.GetHeadRequest) (*eventsv1.GetHeadResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &eventsv1.GetHeadResponse{Epoch: b.epoch, PubSeq: int64(len(b.events))}, nil
}

func (b *booking) ListEvents(_ context.Context, in *eventsv1.ListEventsRequest) (*eventsv1.ListEventsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := &eventsv1.ListEventsResponse{Epoch: b.epoch}
	if in.GetAfter() < int64(len(b.events)) {
		out.Events = b.events[in.GetAfter():]
	}
	return out, nil
}

// plans is a small plan service: one plan with one course, an allowance, a template.
type plans struct {
	plansv1.UnimplementedPlanServiceServer
	plansv1.UnimplementedInjectionServiceServer
	plansv1.UnimplementedIssueServiceServer

	mu       sync.Mutex
	created  []*plansv1.CreatePlanRequest
	recorded []*plansv1.RecordInjectionRequest
	answered []*plansv1.AnswerInjectionCheckInRequest
	closed   []*plansv1.ClosePlanRequest
	refuse   error
}

func newPlans() *plans { return &plans{} }

func (s *plans) register(r grpc.ServiceRegistrar) {
	plansv1.RegisterPlanServiceServer(r, s)
	plansv1.RegisterInjectionServiceServer(r, s)
	plansv1.RegisterIssueServiceServer(r, s)
}

func plan() *plansv1.Plan {
	return &plansv1.Plan{
		PlanId: "pln_1", PatientId: "pat_1", Name: "Physiotherapy course", State: "ACTIVE", Etag: "1", StartDate: "2026-11-01",
		Courses: []*plansv1.Course{{CourseId: "c1", Discipline: "PHYSIOTHERAPY", Sessions: &plansv1.SessionCounts{Planned: 12, Used: 3, Booked: 1, Left: 8}}},
	}
}

func (s *plans) ListPlans(context.Context, *plansv1.ListPlansRequest) (*plansv1.ListPlansResponse, error) {
	return &plansv1.ListPlansResponse{Plans: []*plansv1.Plan{plan()}}, nil
}

func (s *plans) GetPlan(_ context.Context, in *plansv1.GetPlanRequest) (*plansv1.GetPlanResponse, error) {
	if in.GetPlanId() != "pln_1" {
		return nil, fault.NotFoundf("plan")
	}
	return &plansv1.GetPlanResponse{Plan: plan()}, nil
}

func (s *plans) ListPlanTemplates(context.Context, *plansv1.ListPlanTemplatesRequest) (*plansv1.ListPlanTemplatesResponse, error) {
	return &plansv1.ListPlanTemplatesResponse{Templates: []*plansv1.PlanTemplate{{
		TemplateId: "physiotherapy", Name: "Physiotherapy course", Purpose: "Pain that comes back.",
		Courses: []*plansv1.TemplateCourse{{CourseId: "physiotherapy", Discipline: "PHYSIOTHERAPY", Sessions: 12, PerWeekMin: 2, PerWeekMax: 3, Weeks: 6}},
	}}}, nil
}

func (s *plans) CreatePlan(_ context.Context, in *plansv1.CreatePlanRequest) (*plansv1.CreatePlanResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = append(s.created, in)
	return &plansv1.CreatePlanResponse{Plan: plan()}, nil
}

func (s *plans) ActivatePlan(context.Context, *plansv1.ActivatePlanRequest) (*plansv1.ActivatePlanResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &plansv1.ActivatePlanResponse{Plan: plan()}, s.refuse
}

func (s *plans) CheckInjection(_ context.Context, in *plansv1.CheckInjectionRequest) (*plansv1.CheckInjectionResponse, error) {
	return &plansv1.CheckInjectionResponse{Date: in.GetDate(), Counting: 3, NextEligibleDate: "2027-02-14", ViolatingWindows: []*plansv1.InjectionWindow{{StartDate: "2026-08-14", EndDate: "2027-02-14", Count: 4, Max: 3}}}, nil
}

func (s *plans) ListInjections(context.Context, *plansv1.ListInjectionsRequest) (*plansv1.ListInjectionsResponse, error) {
	return &plansv1.ListInjectionsResponse{Injections: []*plansv1.Injection{{InjectionId: "inj_1", LocalDate: "2026-08-14", State: "ADMINISTERED", Region: "THORACIC", Levels: []string{"T4-5"}, Counting: true, FollowUps: []*plansv1.FollowUp{{Code: "HOURS_24", State: "OVERDUE"}, {Code: "DAY_3", State: "DUE"}, {Code: "WEEKS_2", State: "SCHEDULED"}}}}}, nil
}

func (s *plans) ListInjectionConsents(context.Context, *plansv1.ListInjectionConsentsRequest) (*plansv1.ListInjectionConsentsResponse, error) {
	return &plansv1.ListInjectionConsentsResponse{Signs: []*plansv1.CheckInSign{{Code: "FEVER", Text: "Fever"}, {Code: "BLEEDING", Text: "Bleeding"}}}, nil
}

func (s *plans) ClosePlan(_ context.Context, in *plansv1.ClosePlanRequest) (*plansv1.ClosePlanResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = append(s.closed, in)
	return &plansv1.ClosePlanResponse{Plan: plan()}, nil
}

func (s *plans) CancelPlanSessions(context.Context, *plansv1.CancelPlanSessionsRequest) (*plansv1.CancelPlanSessionsResponse, error) {
	return &plansv1.CancelPlanSessionsResponse{Plan: plan()}, nil
}

// AnswerInjectionCheckIn keeps the answer; a sign must not wait.
func (s *plans) AnswerInjectionCheckIn(_ context.Context, in *plansv1.AnswerInjectionCheckInRequest) (*plansv1.AnswerInjectionCheckInResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = append(s.answered, in)
	advice := "WAIT"
	if len(in.GetSigns()) > 0 {
		advice = "SAME_DAY"
	}
	return &plansv1.AnswerInjectionCheckInResponse{Advice: advice}, s.refuse
}

func (s *plans) RecordInjection(_ context.Context, in *plansv1.RecordInjectionRequest) (*plansv1.RecordInjectionResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(in.GetLevels()) == 0 {
		return nil, fault.Invalid("levels", "must be given")
	}
	s.recorded = append(s.recorded, in)
	return &plansv1.RecordInjectionResponse{Injection: &plansv1.Injection{InjectionId: "inj_1"}}, nil
}

func (s *plans) GetInjectionRelief(context.Context, *plansv1.GetInjectionReliefRequest) (*plansv1.GetInjectionReliefResponse, error) {
	return nil, fault.New(fault.FailedPrecondition, "NOT_GIVEN", "nothing was given")
}

func (s *plans) ListIssues(context.Context, *plansv1.ListIssuesRequest) (*plansv1.ListIssuesResponse, error) {
	return &plansv1.ListIssuesResponse{}, nil
}
