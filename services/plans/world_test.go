package plans_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
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
	clinic    = "cln_a"
	clinicB   = "cln_b"
	patient   = "pat_cln_a" // the record of rpctest's patient of the clinic
	physioA   = "prac_physio"
	physician = "prac_physician"
	masseur   = "prac_masseur"
	needler   = "prac_needler"
)

// start is 4 January 2027, a Monday, 09:00 in Berlin.
var start = time.Date(2027, 1, 4, 8, 0, 0, 0, time.UTC)

// world is plans as it is served, with the other services beside it.
type world struct {
	t       testing.TB
	clock   *clock.Fake
	db      *sqldb.DB
	cfg     plans.Config
	booking *booking
	intake  *intake
	dir     *directory
	logged  *buffer
	svc     *plans.Service
	served  *rpctest.Harness

	plans        plansv1.PlanServiceClient
	entitlements plansv1.EntitlementServiceClient
	injections   plansv1.InjectionServiceClient
	issues       plansv1.IssueServiceClient
}

// each runs a test on both databases, with plans and its peers at work.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{})
			w.run()
			f(t, w)
		})
	}
}

func newWorld(t testing.TB, d sqldb.Dialect, now time.Time, cfg plans.Config) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFake(now), cfg: cfg, booking: newBooking(t), intake: newIntake(t), dir: newDirectory(t), logged: &buffer{}}
	w.db = sqldbtest.OpenAt(t, d, w.clock)
	w.start()
	return w
}

// start builds the service over the world's database, as a process does.
func (w *world) start() {
	w.t.Helper()
	logger := slog.New(slog.NewJSONHandler(w.logged, nil))
	peers := map[string]grpc.ClientConnInterface{
		"directory": w.dir.peer(w.t), "intake": w.intake.peer(w.t), "booking": w.booking.peer(w.t),
	}
	var err error
	w.svc, err = plans.New(w.t.Context(), w.cfg, daemon.Kit{
		Service: "plans", DB: w.db, Clock: w.clock, Log: logger,
		Peer: func(service string) grpc.ClientConnInterface { return peers[service] },
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.served = rpctest.New(w.t, "plans", w.svc.Register, func(c *rpc.Config) { c.Log, c.Deadline = logger, time.Minute })
	conn := w.served.Conn()
	w.plans = plansv1.NewPlanServiceClient(conn)
	w.entitlements = plansv1.NewEntitlementServiceClient(conn)
	w.injections = plansv1.NewInjectionServiceClient(conn)
	w.issues = plansv1.NewIssueServiceClient(conn)
}

// run lets plans and its peers relay and hear events, until the returned function is called
// or the test ends.
func (w *world) run() (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	runs := []func(context.Context) error{w.svc.Run, w.dir.log.Run, w.intake.log.Run, w.booking.log.Run}
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

// heard waits until plans has applied everything that the producer has told.
func (w *world) heard(p *producer) {
	w.t.Helper()
	w.until("plans has heard "+p.name, func() bool {
		return w.rows(`SELECT count(*) FROM cursors WHERE producer = $1 AND pos >= $2`, p.name, p.told()) == 1
	})
}

// until waits for something to become true.
func (w *world) until(what string, f func() bool) {
	w.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.NewTimer(time.Minute)
	defer limit.Stop()
	for !f() {
		select {
		case <-limit.C:
			w.t.Fatalf("waited in vain until %s\n%s", what, w.logged)
		case <-tick.C:
		}
	}
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
func (w *world) physio() context.Context {
	return w.clinician(typev1.Profession_PROFESSION_PHYSIOTHERAPIST, physioA)
}

func (w *world) physician() context.Context {
	return w.clinician(typev1.Profession_PROFESSION_PHYSICIAN, physician)
}

func (w *world) clinician(profession typev1.Profession, practitioner string) context.Context {
	p := rpctest.Person(clinic, typev1.Role_ROLE_CLINICIAN)
	p.Profession, p.PractitionerID = profession, practitioner
	return authn.With(w.t.Context(), p)
}

func (w *world) asBooking() context.Context { return authn.WithService(w.t.Context(), "booking", "") }

// with gives a call its request id.
func with(ctx context.Context, id string) context.Context { return requestid.With(ctx, id) }

// refused checks the reason of an error and returns it.
func refused(t testing.TB, err error, reason string) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Reason != reason {
		t.Fatalf("error %v, want %s", err, reason)
	}
	return f
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

// events returns plans' log, oldest first.
func (w *world) events() (list []proto.Message) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		list = nil
		rows, err := tx.Query(`SELECT type, payload FROM event_log ORDER BY id`)
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

// raised are the IssueRaised events of plans' log.
func (w *world) raised() (list []*plansv1.IssueRaised) {
	for _, m := range w.events() {
		if i, ok := m.(*plansv1.IssueRaised); ok {
			list = append(list, i)
		}
	}
	return list
}

// decided is a shared decision that any plan may be put into force with.
func decided() *plansv1.Decision {
	return &plansv1.Decision{OptionsShown: []string{"PHYSIOTHERAPY", "SELF_CARE"}, Chosen: "PHYSIOTHERAPY", StepUpReason: "months of exercise"}
}

// active makes a plan of the patient from a template and puts it into force as a physician,
// from 2020 to 2040 so that any date of a vector is inside.
func (w *world) active(patientID, template string, courses ...*plansv1.CourseSpec) *plansv1.Plan {
	w.t.Helper()
	r := &plansv1.CreatePlanRequest{
		PatientId: patientID, TemplateId: template, Courses: courses, CauseCodes: []string{"FACET"}, Decision: decided(),
		StartDate: "2020-01-01", ExpireDate: "2040-12-31",
	}
	made, err := w.plans.CreatePlan(w.physician(), r)
	if err != nil {
		w.t.Fatalf("CreatePlan: %v", err)
	}
	got, err := w.plans.ActivatePlan(w.physician(), &plansv1.ActivatePlanRequest{PlanId: made.GetPlan().GetPlanId()})
	if err != nil {
		w.t.Fatalf("ActivatePlan: %v", err)
	}
	return got.GetPlan()
}

// plan reads a plan as a clinician.
func (w *world) plan(id string) *plansv1.Plan {
	w.t.Helper()
	got, err := w.plans.GetPlan(w.physio(), &plansv1.GetPlanRequest{PlanId: id})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetPlan()
}

// session is one session of a claim: at ten o'clock of a civil date, entitlement and
// appointment named after n.
func session(n int, date string) *plansv1.SessionClaim {
	return &plansv1.SessionClaim{
		EntitlementId: fmt.Sprintf("ent_%d", n), AppointmentId: fmt.Sprintf("apt_%d", n), LocalDate: date,
		StartTime: timestamppb.New(civil.MustParse(date).At(10, 0, time.UTC)),
	}
}

// claimOf asks for sessions of the plan's first course.
func claimOf(p *plansv1.Plan, sessions ...*plansv1.SessionClaim) *plansv1.ClaimSessionsRequest {
	c := p.GetCourses()[0]
	return &plansv1.ClaimSessionsRequest{
		ClinicId: clinic, PatientId: p.GetPatientId(), PlanId: p.GetPlanId(), CourseId: c.GetCourseId(),
		Discipline: typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+c.GetDiscipline()]), Sessions: sessions,
	}
}

// claim claims as booking.
func (w *world) claim(r *plansv1.ClaimSessionsRequest) ([]*plansv1.Entitlement, error) {
	got, err := w.entitlements.ClaimSessions(w.asBooking(), r)
	return got.GetEntitlements(), err
}

// granted claims and must succeed.
func (w *world) granted(p *plansv1.Plan, sessions ...*plansv1.SessionClaim) {
	w.t.Helper()
	if _, err := w.claim(claimOf(p, sessions...)); err != nil {
		w.t.Fatalf("ClaimSessions: %v %v", err, fault.From(err).Facts)
	}
}

// state is what became of a claim, UNSPECIFIED when plans does not know it.
func (w *world) state(patientID, entitlementID string) plansv1.Entitlement_State {
	w.t.Helper()
	got, err := w.entitlements.ListEntitlements(w.asBooking(), &plansv1.ListEntitlementsRequest{ClinicId: clinic, PatientId: patientID})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range got.GetEntitlements() {
		if e.GetEntitlementId() == entitlementID {
			return e.GetState()
		}
	}
	return plansv1.Entitlement_STATE_UNSPECIFIED
}

// open are the patient's open issues, oldest first.
func (w *world) open(patientID string) []*plansv1.Issue {
	w.t.Helper()
	got, err := w.issues.ListIssues(w.physio(), &plansv1.ListIssuesRequest{PatientId: patientID})
	if err != nil {
		w.t.Fatal(err)
	}
	list := got.GetIssues()
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list
}
