package booking_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// producer is another service as booking meets it: the real proto over the real channel, and
// a real event log.
type producer struct {
	name   string
	served *rpctest.Harness
	db     *sqldb.DB
	log    *eventlog.Log
	seq    int64
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

// peer is booking's connection to it, over the network or in process.
func (p *producer) peer(t testing.TB, transport string) grpc.ClientConnInterface {
	t.Helper()
	signer, err := p.served.Keys.Signer("booking", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := rpc.NewPeer(p.served.Transports()[transport], rpc.PeerConfig{Service: p.name, Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	return peer
}

// tell appends an event to the producer's log.
func (p *producer) tell(t testing.TB, m proto.Message) {
	t.Helper()
	p.seq++
	err := p.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return eventlog.Append(t.Context(), tx, eventlog.Event{AggregateType: "test", AggregateID: p.name, AggregateVersion: p.seq, Message: m})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// millLane is where the location of the same name is.
var millLane = &directoryv1.PostalAddress{Lines: []string{"Mill Lane 1"}, PostalCode: "10115", City: "Berlin"}

// directory has one clinic with people and places, and any patient whose id starts so.
type directory struct {
	directoryv1.UnimplementedPatientServiceServer
	directoryv1.UnimplementedPractitionerServiceServer
	directoryv1.UnimplementedPlaceServiceServer
	*producer

	mu            sync.Mutex
	zone          string
	locations     []*directoryv1.Location
	rooms         []*directoryv1.Room
	equipment     []*directoryv1.Equipment
	practitioners []*directoryv1.Practitioner
	merged        map[string]string
}

func newDirectory(t testing.TB) *directory {
	t.Helper()
	yes := proto.Bool(true)
	d := &directory{
		zone:      "Europe/Berlin",
		merged:    map[string]string{},
		locations: []*directoryv1.Location{{LocationId: place, DisplayName: "Mill Lane", Address: millLane, TimeZone: "Europe/Berlin", Active: yes, Etag: "1"}},
		rooms: []*directoryv1.Room{
			{RoomId: "room_1", LocationId: place, Capabilities: []string{"TABLE"}, Active: yes, Etag: "1"},
			{RoomId: "room_2", LocationId: place, Capabilities: []string{"TABLE"}, Active: yes, Etag: "1"},
			{RoomId: "room_x", LocationId: place, Capabilities: []string{"TABLE", "FLUOROSCOPY"}, Active: yes, Etag: "1"},
		},
		equipment: []*directoryv1.Equipment{
			{EquipmentId: "eqp_laser", LocationId: place, Capabilities: []string{"LASER"}, Active: yes, Etag: "1"},
		},
		practitioners: []*directoryv1.Practitioner{
			{
				PractitionerId: ana, DisplayName: "Ana Berg", Disciplines: []string{"PHYSIOTHERAPY", "ACUPUNCTURE"}, Active: yes, Etag: "1",
				Credentials: []*directoryv1.Credential{{Kind: "ACUPUNCTURE", ExpireDate: "2026-12-01"}},
			},
			{PractitionerId: ben, Disciplines: []string{"PHYSIOTHERAPY", "MASSAGE"}, Active: yes, Etag: "1"},
			{PractitionerId: carl, Disciplines: []string{"PHYSIOTHERAPY", "MASSAGE"}, Active: yes, Etag: "1"},
			{PractitionerId: drX, Disciplines: []string{"FACET_JOINT_INJECTION", "MEDICAL"}, Active: yes, Etag: "1"},
		},
	}
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

func (d *directory) GetClinic(ctx context.Context, _ *directoryv1.GetClinicRequest) (*directoryv1.GetClinicResponse, error) {
	if err := mine(ctx, "clinic"); err != nil {
		return nil, err
	}
	return &directoryv1.GetClinicResponse{Clinic: &directoryv1.Clinic{ClinicId: clinic, TimeZone: d.zone, Phone: frontDesk, Etag: "1"}}, nil
}

func (d *directory) ListLocations(context.Context, *directoryv1.ListLocationsRequest) (*directoryv1.ListLocationsResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.ListLocationsResponse{Locations: d.locations}, nil
}

func (d *directory) ListRooms(context.Context, *directoryv1.ListRoomsRequest) (*directoryv1.ListRoomsResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.ListRoomsResponse{Rooms: d.rooms}, nil
}

func (d *directory) ListEquipment(context.Context, *directoryv1.ListEquipmentRequest) (*directoryv1.ListEquipmentResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.ListEquipmentResponse{Equipment: d.equipment}, nil
}

func (d *directory) ListPractitioners(context.Context, *directoryv1.ListPractitionersRequest) (*directoryv1.ListPractitionersResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.ListPractitionersResponse{Practitioners: d.practitioners}, nil
}

func (d *directory) GetPractitioner(_ context.Context, in *directoryv1.GetPractitionerRequest) (*directoryv1.GetPractitionerResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.practitioners {
		if p.GetPractitionerId() == in.GetPractitionerId() {
			return &directoryv1.GetPractitionerResponse{Practitioner: p}, nil
		}
	}
	if in.GetPractitionerId() == "prac_new" { // hired a moment ago: no event has told of it
		return &directoryv1.GetPractitionerResponse{Practitioner: &directoryv1.Practitioner{
			PractitionerId: "prac_new", Disciplines: []string{"PHYSIOTHERAPY"}, Active: proto.Bool(true), Etag: "1",
		}}, nil
	}
	return nil, fault.NotFoundf("practitioner")
}

func (d *directory) GetRoom(_ context.Context, in *directoryv1.GetRoomRequest) (*directoryv1.GetRoomResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.rooms {
		if r.GetRoomId() == in.GetRoomId() {
			return &directoryv1.GetRoomResponse{Room: r}, nil
		}
	}
	return nil, fault.NotFoundf("room")
}

func (d *directory) GetLocation(context.Context, *directoryv1.GetLocationRequest) (*directoryv1.GetLocationResponse, error) {
	return nil, fault.NotFoundf("location")
}

func (d *directory) GetPatient(ctx context.Context, in *directoryv1.GetPatientRequest) (*directoryv1.GetPatientResponse, error) {
	if err := mine(ctx, "patient"); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(in.GetPatientId(), "pat_") || strings.HasPrefix(in.GetPatientId(), "pat_nobody") {
		return nil, fault.NotFoundf("patient")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return &directoryv1.GetPatientResponse{Patient: &directoryv1.Patient{PatientId: in.GetPatientId(), MergedInto: d.merged[in.GetPatientId()]}}, nil
}

// BatchGetPatients calls every patient Maria, and after the id.
func (d *directory) BatchGetPatients(ctx context.Context, in *directoryv1.BatchGetPatientsRequest) (*directoryv1.BatchGetPatientsResponse, error) {
	if err := mine(ctx, "patient"); err != nil {
		return nil, err
	}
	out := &directoryv1.BatchGetPatientsResponse{}
	for _, id := range in.GetPatientIds() {
		out.Patients = append(out.Patients, &directoryv1.Patient{PatientId: id, GivenName: "Maria", FamilyName: "López " + id})
	}
	return out, nil
}

// intake answers with the gate that a test has set, NOT_SCREENED otherwise.
type intake struct {
	intakev1.UnimplementedTriageServiceServer
	*producer

	mu    sync.Mutex
	gates map[string]*intakev1.BookingGate
	down  bool
	asked int
}

func newIntake(t testing.TB) *intake {
	t.Helper()
	i := &intake{gates: map[string]*intakev1.BookingGate{}}
	i.producer = newProducer(t, "intake", func(r grpc.ServiceRegistrar) { intakev1.RegisterTriageServiceServer(r, i) })
	return i
}

func (i *intake) set(patientID string, g *intakev1.BookingGate) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.gates[patientID] = g
}

func (i *intake) GetBookingGate(_ context.Context, in *intakev1.GetBookingGateRequest) (*intakev1.GetBookingGateResponse, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asked++
	if i.down {
		return nil, fault.New(fault.Unavailable, "UNAVAILABLE", "down")
	}
	g := i.gates[in.GetPatientId()]
	if g == nil {
		g = &intakev1.BookingGate{PatientId: in.GetPatientId(), State: intakev1.BookingGate_STATE_NOT_SCREENED}
	}
	return &intakev1.GetBookingGateResponse{Gate: g}, nil
}

// plans grants what it is asked for, until a test says otherwise. It keeps a ledger, so that
// repeated claims get the same answer, and a test can compare both sides at the end.
type plans struct {
	plansv1.UnimplementedEntitlementServiceServer
	plansv1.UnimplementedPlanServiceServer
	*producer

	mu     sync.Mutex
	ledger map[string]*plansv1.SessionClaim // granted, by entitlement
	claims int
	// on, when set, is called before a claim is granted; an error refuses it.
	on func(*plansv1.ClaimSessionsRequest) error
	// after, when set, is called when it was granted; an error loses the answer.
	after func(*plansv1.ClaimSessionsRequest) error
	// verdict, when set, answers CheckSessions for one session.
	verdict func(*plansv1.SessionClaim) *plansv1.SessionVerdict
	// plan is what every plan looks like, for the patient of the world.
	plan *plansv1.Plan
}

// GetPlan answers with the world's plan under any id that is not of nobody.
func (p *plans) GetPlan(ctx context.Context, in *plansv1.GetPlanRequest) (*plansv1.GetPlanResponse, error) {
	if err := mine(ctx, "plan"); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.plan == nil || in.GetPlanId() == "pln_nobody" {
		return nil, fault.NotFoundf("plan")
	}
	plan := proto.CloneOf(p.plan)
	plan.PlanId = in.GetPlanId()
	return &plansv1.GetPlanResponse{Plan: plan}, nil
}

func newPlans(t testing.TB) *plans {
	t.Helper()
	p := &plans{ledger: map[string]*plansv1.SessionClaim{}}
	p.producer = newProducer(t, "plans", func(r grpc.ServiceRegistrar) {
		plansv1.RegisterEntitlementServiceServer(r, p)
		plansv1.RegisterPlanServiceServer(r, p)
	})
	return p
}

func (p *plans) ClaimSessions(_ context.Context, in *plansv1.ClaimSessionsRequest) (*plansv1.ClaimSessionsResponse, error) {
	p.mu.Lock()
	on, after := p.on, p.after
	p.claims++
	p.mu.Unlock()
	if on != nil {
		if err := on(in); err != nil {
			return nil, err
		}
	}
	out := &plansv1.ClaimSessionsResponse{}
	p.mu.Lock()
	for _, s := range in.GetSessions() {
		p.ledger[s.GetEntitlementId()] = s
		out.Entitlements = append(out.Entitlements, &plansv1.Entitlement{
			EntitlementId: s.GetEntitlementId(), AppointmentId: s.GetAppointmentId(), PlanId: in.GetPlanId(), CourseId: "crs_1",
			State: plansv1.Entitlement_STATE_HELD,
		})
	}
	p.mu.Unlock()
	if after != nil {
		if err := after(in); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p *plans) CheckSessions(_ context.Context, in *plansv1.CheckSessionsRequest) (*plansv1.CheckSessionsResponse, error) {
	out := &plansv1.CheckSessionsResponse{}
	for _, s := range in.GetClaim().GetSessions() {
		v := &plansv1.SessionVerdict{Allowed: true}
		if p.verdict != nil {
			v = p.verdict(s)
		}
		out.Verdicts = append(out.Verdicts, v)
	}
	return out, nil
}

// granted are the entitlements of the ledger, sorted.
func (p *plans) granted() (ids []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id := range p.ledger {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// waitFor polls a condition without a sleep: on a ticker, until the test's own deadline.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline.C:
			t.Fatalf("%s: did not happen", what)
		case <-tick.C:
		}
	}
}
