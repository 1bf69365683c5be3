package plans_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// producer is another service as plans meets it: the real proto over the real channel, and
// a real event log.
type producer struct {
	name   string
	served *rpctest.Harness
	db     *sqldb.DB
	log    *eventlog.Log

	mu  sync.Mutex
	seq int64
}

func newProducer(t testing.TB, name string, register func(grpc.ServiceRegistrar)) *producer {
	t.Helper()
	p := &producer{name: name, db: sqldbtest.Open(t, sqldb.SQLite, eventlog.Migrations)}
	p.log = eventlog.New(p.db, eventlog.Config{Service: name, Log: slog.New(slog.DiscardHandler)})
	p.served = rpctest.New(t, name, func(r grpc.ServiceRegistrar) {
		register(r)
		p.log.Register(r)
	})
	return p
}

// peer is plans' connection to it.
func (p *producer) peer(t testing.TB) grpc.ClientConnInterface {
	t.Helper()
	signer, err := p.served.Keys.Signer("plans", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := rpc.NewPeer(p.served.Transports()["in process"], rpc.PeerConfig{Service: p.name, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// tell appends an event to the producer's log.
func (p *producer) tell(t testing.TB, m proto.Message) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seq++
	seq := p.seq
	err := p.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return eventlog.Append(t.Context(), tx, eventlog.Event{AggregateType: "test", AggregateID: p.name, AggregateVersion: seq, Message: m})
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (p *producer) told() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seq
}

// booking records outcomes as the real one does: the first decides, VOID is final, BOOKED
// moves on once.
type booking struct {
	bookingv1.UnimplementedAppointmentServiceServer
	*producer
	t testing.TB

	outcomes map[string]*bookingv1.EntitlementOutcome
	kept     map[string]*bookingv1.KeepCareBlockRequest // by examination
	asked    int
	down     bool
}

func newBooking(t testing.TB) *booking {
	t.Helper()
	b := &booking{t: t, outcomes: map[string]*bookingv1.EntitlementOutcome{}, kept: map[string]*bookingv1.KeepCareBlockRequest{}}
	b.producer = newProducer(t, "booking", func(r grpc.ServiceRegistrar) { bookingv1.RegisterAppointmentServiceServer(r, b) })
	return b
}

// ResolveEntitlement records VOID when nothing is recorded.
func (b *booking) ResolveEntitlement(_ context.Context, r *bookingv1.ResolveEntitlementRequest) (*bookingv1.ResolveEntitlementResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return nil, fault.New(fault.Unavailable, "DOWN", "booking is down")
	}
	o := b.outcomes[r.GetEntitlementId()]
	if o == nil {
		o = &bookingv1.EntitlementOutcome{EntitlementId: r.GetEntitlementId(), Outcome: bookingv1.Outcome_OUTCOME_VOID}
		b.outcomes[r.GetEntitlementId()] = o
	}
	return &bookingv1.ResolveEntitlementResponse{Outcome: o}, nil
}

// KeepCareBlock keeps what an examination forbids.
func (b *booking) KeepCareBlock(_ context.Context, r *bookingv1.KeepCareBlockRequest) (*bookingv1.KeepCareBlockResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return nil, fault.New(fault.Unavailable, "DOWN", "booking is down")
	}
	b.kept[r.GetExaminationId()] = r
	return &bookingv1.KeepCareBlockResponse{}, nil
}

// forbids gives what booking was told that an examination forbids; nil when it was not told.
func (b *booking) forbids(examinationID string) []typev1.Discipline {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept[examinationID].GetForbidden()
}

// questions is how often plans has asked what became of a claim.
func (b *booking) questions() int { b.mu.Lock(); defer b.mu.Unlock(); return b.asked }

func (b *booking) setDown(down bool) { b.mu.Lock(); b.down = down; b.mu.Unlock() }

// fact is an appointment that uses a claim.
func fact(r *plansv1.ClaimSessionsRequest, s *plansv1.SessionClaim) *bookingv1.AppointmentFact {
	return &bookingv1.AppointmentFact{
		ClinicId: r.GetClinicId(), AppointmentId: s.GetAppointmentId(), PatientId: r.GetPatientId(), PractitionerId: r.GetPractitionerId(),
		Discipline: r.GetDiscipline(), StartTime: s.GetStartTime(), EndTime: timestamppb.New(s.GetStartTime().AsTime().Add(30 * time.Minute)),
		LocalDate: s.GetLocalDate(), PlanId: r.GetPlanId(), CourseId: r.GetCourseId(), EntitlementId: s.GetEntitlementId(),
	}
}

func (b *booking) record(f *bookingv1.AppointmentFact, o bookingv1.Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.outcomes[f.GetEntitlementId()] = &bookingv1.EntitlementOutcome{EntitlementId: f.GetEntitlementId(), Outcome: o, Appointment: f}
}

// What becomes of appointments: the outcome is recorded and the event told.
func (b *booking) book(f *bookingv1.AppointmentFact) {
	b.record(f, bookingv1.Outcome_OUTCOME_BOOKED)
	b.tell(b.t, &bookingv1.AppointmentBooked{Appointment: f})
}

func (b *booking) cancel(f *bookingv1.AppointmentFact) {
	b.record(f, bookingv1.Outcome_OUTCOME_CANCELLED)
	b.tell(b.t, &bookingv1.AppointmentCancelled{Appointment: f, ReasonCode: "PATIENT_REQUEST"})
}

func (b *booking) complete(f *bookingv1.AppointmentFact) {
	b.record(f, bookingv1.Outcome_OUTCOME_COMPLETED)
	b.tell(b.t, &bookingv1.AppointmentCompleted{Appointment: f})
}

func (b *booking) noShow(f *bookingv1.AppointmentFact) {
	b.record(f, bookingv1.Outcome_OUTCOME_NO_SHOW)
	b.tell(b.t, &bookingv1.AppointmentNoShow{Appointment: f})
}

func (b *booking) void(f *bookingv1.AppointmentFact) {
	b.mu.Lock()
	b.outcomes[f.GetEntitlementId()] = &bookingv1.EntitlementOutcome{EntitlementId: f.GetEntitlementId(), Outcome: bookingv1.Outcome_OUTCOME_VOID}
	b.mu.Unlock()
	b.tell(b.t, &bookingv1.EntitlementVoided{ClinicId: f.GetClinicId(), PatientId: f.GetPatientId(), EntitlementIds: []string{f.GetEntitlementId()}})
}

func (b *booking) reschedule(to *bookingv1.AppointmentFact, from string) {
	b.record(to, bookingv1.Outcome_OUTCOME_BOOKED)
	b.tell(b.t, &bookingv1.AppointmentRescheduled{Appointment: to, ReplacesEntitlementId: from})
}

// intake knows contraindications of patients.
type intake struct {
	intakev1.UnimplementedTriageServiceServer
	*producer
	gates map[string]*intakev1.BookingGate
	facts map[string][]*intakev1.ClinicalFact
	fired map[string][]string
	forms map[string]*intakev1.ListCircumstancesResponse // by patient
	t     testing.TB
	asked int
}

func newIntake(t testing.TB) *intake {
	t.Helper()
	i := &intake{gates: map[string]*intakev1.BookingGate{}, forms: map[string]*intakev1.ListCircumstancesResponse{}, t: t}
	i.producer = newProducer(t, "intake", func(r grpc.ServiceRegistrar) { intakev1.RegisterTriageServiceServer(r, i) })
	return i
}

// GetBookingGate answers an open gate for a patient that nothing was said of.
func (i *intake) GetBookingGate(ctx context.Context, r *intakev1.GetBookingGateRequest) (*intakev1.GetBookingGateResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if p, _ := authn.From(ctx); p.ClinicID != r.GetClinicId() {
		return nil, fault.NotFoundf("patient")
	}
	g := i.gates[r.GetPatientId()]
	if g == nil {
		g = &intakev1.BookingGate{PatientId: r.GetPatientId(), State: intakev1.BookingGate_STATE_NOT_SCREENED}
	}
	return &intakev1.GetBookingGateResponse{Gate: g}, nil
}

// set changes what is known and tells of it.
func (i *intake) set(t testing.TB, g *intakev1.BookingGate) {
	i.mu.Lock()
	i.gates[g.GetPatientId()] = g
	i.mu.Unlock()
	i.tell(t, &intakev1.FactsChanged{ClinicId: clinic, PatientId: g.GetPatientId(), GateVersion: g.GetVersion()})
}

// directory has one clinic with four practitioners, and any patient whose id starts with
// "pat_" except "pat_unknown".
type directory struct {
	directoryv1.UnimplementedPatientServiceServer
	directoryv1.UnimplementedPractitionerServiceServer
	directoryv1.UnimplementedPlaceServiceServer
	*producer
}

func newDirectory(t testing.TB) *directory {
	t.Helper()
	d := &directory{}
	d.producer = newProducer(t, "directory", func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterPatientServiceServer(r, d)
		directoryv1.RegisterPractitionerServiceServer(r, d)
		directoryv1.RegisterPlaceServiceServer(r, d)
	})
	return d
}

// mine answers NOT_FOUND for any other clinic.
func mine(ctx context.Context, what string) error {
	if p, _ := authn.From(ctx); p.ClinicID != clinic {
		return fault.NotFoundf(what)
	}
	return nil
}

// GetPatient knows patients of the clinic.
func (d *directory) GetPatient(ctx context.Context, r *directoryv1.GetPatientRequest) (*directoryv1.GetPatientResponse, error) {
	if err := mine(ctx, "patient"); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(r.GetPatientId(), "pat_") || r.GetPatientId() == "pat_unknown" {
		return nil, fault.NotFoundf("patient")
	}
	return &directoryv1.GetPatientResponse{Patient: &directoryv1.Patient{PatientId: r.GetPatientId(), BirthDate: births[r.GetPatientId()]}}, nil
}

// GetPractitioner knows the four; one of them may needle until the end of January 2027.
func (d *directory) GetPractitioner(ctx context.Context, r *directoryv1.GetPractitionerRequest) (*directoryv1.GetPractitionerResponse, error) {
	profession := map[string]string{physioA: "PHYSIOTHERAPIST", needler: "PHYSIOTHERAPIST", physician: "PHYSICIAN", masseur: "MASSAGE_THERAPIST"}[r.GetPractitionerId()]
	if err := mine(ctx, "practitioner"); err != nil || profession == "" {
		return nil, fault.NotFoundf("practitioner")
	}
	p := &directoryv1.Practitioner{PractitionerId: r.GetPractitionerId(), Profession: profession}
	if r.GetPractitionerId() == needler {
		p.Credentials = []*directoryv1.Credential{{Kind: "LICENSE"}, {Kind: "ACUPUNCTURE", ExpireDate: "2027-01-31"}}
	}
	return &directoryv1.GetPractitionerResponse{Practitioner: p}, nil
}

// GetClinic knows the clinic.
func (d *directory) GetClinic(ctx context.Context, _ *directoryv1.GetClinicRequest) (*directoryv1.GetClinicResponse, error) {
	if err := mine(ctx, "clinic"); err != nil {
		return nil, err
	}
	return &directoryv1.GetClinicResponse{Clinic: &directoryv1.Clinic{ClinicId: clinic, TimeZone: "Europe/Berlin"}}, nil
}
