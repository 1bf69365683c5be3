package booking_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/booking"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const (
	clinic = "cln_a"
	place  = "loc_a"
	ana    = "prac_ana"
	ben    = "prac_ben"
	carl   = "prac_carl"
	drX    = "prac_drx"
	// frontDesk is the clinic's telephone number.
	frontDesk = "+49 30 5550100"
	patient   = "pat_cln_a" // the record of rpctest's patient of the clinic
)

// friday is 20 November 2026, 09:00 in Berlin. Everybody works Monday to Friday 9 to 17.
var friday = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)

// at is an instant of Monday 23 November 2026 by the clinic's clock.
func at(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour-1, minute, 0, 0, time.UTC) }

// world is booking as it is served, with the other services beside it.
type world struct {
	t      testing.TB
	clock  *clock.Fake
	db     *sqldb.DB
	url    sqldb.Config
	dir    *directory
	intake *intake
	plans  *plans
	logged *buffer
	svc    *booking.Service
	served *rpctest.Harness

	appointments bookingv1.AppointmentServiceClient
	openings     bookingv1.OpeningServiceClient
	courses      bookingv1.CourseServiceClient
	holds        bookingv1.HoldServiceClient
	waits        bookingv1.WaitlistServiceClient
	types        bookingv1.AppointmentTypeServiceClient
	shifts       bookingv1.ShiftServiceClient
	calendars    bookingv1.CalendarServiceClient
	policies     bookingv1.BookingPolicyServiceClient

	physio string // physiotherapy, 30 minutes, in a room
}

// each runs a test on both databases.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			f(t, newWorld(t, d))
		})
	}
}

func newWorld(t testing.TB, d sqldb.Dialect) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFake(friday), dir: newDirectory(t), intake: newIntake(t), plans: newPlans(t), logged: &buffer{}}
	w.url.URL, w.url.Schema = sqldbtest.Address(t, d)
	w.url.Clock = w.clock
	w.db = sqldbtest.OpenURL(t, w.url)
	w.start()
	for _, who := range []string{ana, ben, carl, drX} {
		w.shift(who, "09:00", "17:00")
	}
	w.physio = w.newType(&bookingv1.AppointmentType{
		DisplayName: "Physiotherapy", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, PatientBookable: true, RoomCapabilities: []string{"TABLE"},
	})
	return w
}

// start builds the service over the world's database, as a process does.
func (w *world) start() {
	w.t.Helper()
	logger := slog.New(slog.NewJSONHandler(w.logged, nil))
	peers := map[string]grpc.ClientConnInterface{
		"directory": w.dir.peer(w.t, "in process"), "intake": w.intake.peer(w.t, "in process"), "plans": w.plans.peer(w.t, "network"),
	}
	var err error
	w.svc, err = booking.New(w.t.Context(), booking.Config{}, daemon.Kit{
		Service: "booking", DB: w.db, Clock: w.clock, Log: logger,
		Peer: func(service string) grpc.ClientConnInterface { return peers[service] },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.served = rpctest.New(w.t, "booking", w.svc.Register, func(c *rpc.Config) { c.Log, c.Deadline = logger, time.Minute })
	conn := w.served.Conn()
	w.appointments = bookingv1.NewAppointmentServiceClient(conn)
	w.openings = bookingv1.NewOpeningServiceClient(conn)
	w.courses = bookingv1.NewCourseServiceClient(conn)
	w.holds = bookingv1.NewHoldServiceClient(conn)
	w.waits = bookingv1.NewWaitlistServiceClient(conn)
	w.types = bookingv1.NewAppointmentTypeServiceClient(conn)
	w.shifts = bookingv1.NewShiftServiceClient(conn)
	w.calendars = bookingv1.NewCalendarServiceClient(conn)
	w.policies = bookingv1.NewBookingPolicyServiceClient(conn)
}

// run lets booking and its peers relay and hear events, until the returned function is called
// or the test ends.
func (w *world) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	runs := []func(context.Context) error{w.svc.Run, w.dir.log.Run, w.intake.log.Run, w.plans.log.Run}
	done := make(chan error, len(runs))
	for _, run := range runs {
		go func() { done <- run(ctx) }()
	}
	stop = sync.OnceFunc(func() {
		cancel()
		for range runs {
			if err := <-done; err != nil {
				w.t.Errorf("Run: %v", err)
			}
		}
	})
	w.t.Cleanup(stop)
	return stop
}

// buffer is a log that goroutines may write to at once.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Who calls.
func (w *world) as(role typev1.Role) context.Context {
	return authn.With(w.t.Context(), rpctest.Person(clinic, role))
}
func (w *world) patient() context.Context   { return w.as(typev1.Role_ROLE_PATIENT) }
func (w *world) reception() context.Context { return w.as(typev1.Role_ROLE_RECEPTIONIST) }
func (w *world) admin() context.Context     { return w.as(typev1.Role_ROLE_ADMIN) }
func (w *world) asGateway() context.Context { return authn.WithService(w.t.Context(), "gateway", "") }
func (w *world) asPlans() context.Context   { return authn.WithService(w.t.Context(), "plans", "") }

// colleague is another receptionist.
func (w *world) colleague() context.Context {
	p := rpctest.Person(clinic, typev1.Role_ROLE_RECEPTIONIST)
	p.Subject = "acc_colleague"
	return authn.With(w.t.Context(), p)
}

// with gives a call its request id.
func with(ctx context.Context, id string) context.Context { return requestid.With(ctx, id) }

func (w *world) newType(typ *bookingv1.AppointmentType) string {
	w.t.Helper()
	got, err := w.types.CreateAppointmentType(w.admin(), &bookingv1.CreateAppointmentTypeRequest{AppointmentType: typ})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetAppointmentType().GetAppointmentTypeId()
}

func (w *world) shift(practitioner, start, end string) string {
	w.t.Helper()
	got, err := w.shifts.CreateShift(w.admin(), &bookingv1.CreateShiftRequest{Shift: &bookingv1.Shift{
		PractitionerId: practitioner, LocationId: place, Weekdays: []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY"},
		StartLocalTime: start, EndLocalTime: end, StartDate: "2026-01-01",
	}})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetShift().GetShiftId()
}

// ask is a booking of physiotherapy for the patient with Ana.
func (w *world) ask(start time.Time) *bookingv1.CreateAppointmentRequest {
	return &bookingv1.CreateAppointmentRequest{
		AppointmentTypeId: w.physio, PatientId: patient, PractitionerId: ana, StartTime: timestamppb.New(start),
	}
}

// book books as reception and must succeed.
func (w *world) book(r *bookingv1.CreateAppointmentRequest) *bookingv1.Appointment {
	w.t.Helper()
	got, err := w.appointments.CreateAppointment(w.reception(), r)
	if err != nil {
		w.t.Fatalf("book: %v %v", err, fault.From(err).Facts)
	}
	return got.GetAppointment()
}

// refused checks the reason of an error and returns it.
func refused(t testing.TB, err error, reason string) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Reason != reason {
		t.Fatalf("error %v, want %s", err, reason)
	}
	return f
}

// sheet lists the day of at.
func (w *world) sheet() []*bookingv1.Appointment {
	w.t.Helper()
	got, err := w.appointments.ListAppointments(w.reception(), &bookingv1.ListAppointmentsRequest{Date: "2026-11-23"})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetAppointments()
}

// live are the appointments of the day that hold their time.
func (w *world) live() (list []*bookingv1.Appointment) {
	w.t.Helper()
	for _, a := range w.sheet() {
		if a.GetState() == "BOOKED" {
			list = append(list, a)
		}
	}
	return list
}

// rows counts what a query finds.
func (w *world) rows(query string, args ...any) (n int) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// events returns booking's log, oldest first, but for ScheduleChanged.
func (w *world) events() (list []proto.Message) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`select type, payload from event_log where type <> 'upright.booking.v1.ScheduleChanged' order by id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var payload []byte
			if err := rows.Scan(&name, &payload); err != nil {
				return err
			}
			kind, err := protoregistry.GlobalTypes.FindMessageByURL(name)
			if err != nil {
				return err
			}
			m := kind.New().Interface()
			if err := proto.Unmarshal(payload, m); err != nil {
				return err
			}
			list = append(list, m)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// names are the short names of events.
func names(events []proto.Message) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, string(e.ProtoReflect().Descriptor().Name()))
	}
	return out
}

// reception is the principal of a receptionist.
func reception() authn.Principal { return rpctest.Person(clinic, typev1.Role_ROLE_RECEPTIONIST) }

// holdToken reads a hold's owner token, which is given to nobody but its owner.
func (w *world) holdToken(id string) (token string, err error) {
	err = w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		return tx.QueryRow(`select owner_token from holds where hold_id = $1`, id).Scan(&token)
	})
	return token, err
}
