package intake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const (
	clinic  = "cln_a"
	clinicB = "cln_b"
	patient = "pat_cln_a" // the record of rpctest's patient of the clinic
	other   = "pat_other" // another patient of the clinic
)

// friday is 27 March 2026, 09:00 in Berlin, two days before clocks go forward.
var friday = time.Date(2026, 3, 27, 8, 0, 0, 0, time.UTC)

// world is intake as it is served, with a directory beside it.
type world struct {
	t      testing.TB
	clock  *clock.Fake
	db     *sqldb.DB
	svc    *intake.Service
	dir    *directory
	served *rpctest.Harness
	logged *buffer

	intakes intakev1.IntakeServiceClient
	triage  intakev1.TriageServiceClient
	forms   intakev1.QuestionnaireServiceClient
	funnel  intakev1.FunnelServiceClient
	form    intakev1.FormServiceClient
	vers    intakev1.QuestionnaireVersionServiceClient
	duty    intakev1.TriageSettingsServiceClient
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
	w := &world{t: t, clock: clock.NewFake(friday), logged: &buffer{}}
	w.db = sqldbtest.OpenAt(t, d, w.clock)
	w.dir = newDirectory(t, d)
	signer, err := w.dir.served.Keys.Signer("intake", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	var transport grpc.ClientConnInterface
	for _, transport = range w.dir.served.Transports() {
		break
	}
	peer, err := rpc.NewPeer(transport, rpc.PeerConfig{Service: "directory", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	w.svc, err = intake.New(t.Context(), intake.Config{}, daemon.Kit{
		Service: "intake", DB: w.db, Clock: w.clock, Log: slog.New(slog.NewJSONHandler(w.logged, nil)),
		Peer: func(string) grpc.ClientConnInterface { return peer },
	})
	if err != nil {
		t.Fatal(err)
	}
	w.served = rpctest.New(t, "intake", w.svc.Register, func(c *rpc.Config) { c.Log = slog.New(slog.NewJSONHandler(w.logged, nil)) })
	conn := w.served.Conn()
	w.intakes = intakev1.NewIntakeServiceClient(conn)
	w.triage = intakev1.NewTriageServiceClient(conn)
	w.forms = intakev1.NewQuestionnaireServiceClient(conn)
	w.funnel = intakev1.NewFunnelServiceClient(conn)
	w.form = intakev1.NewFormServiceClient(conn)
	w.vers = intakev1.NewQuestionnaireVersionServiceClient(conn)
	w.duty = intakev1.NewTriageSettingsServiceClient(conn)
	return w
}

// run lets the service relay and hear events until the test ends.
func (w *world) run() {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(w.t.Context()))
	done := make(chan error, 2)
	go func() { done <- w.svc.Run(ctx) }()
	go func() { done <- w.dir.log.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				w.t.Errorf("Run: %v", err)
			}
		}
	})
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
func (w *world) as(role typev1.Role, clinicID string) context.Context {
	return authn.With(w.t.Context(), rpctest.Person(clinicID, role))
}
func (w *world) patient() context.Context   { return w.as(typev1.Role_ROLE_PATIENT, clinic) }
func (w *world) reception() context.Context { return w.as(typev1.Role_ROLE_RECEPTIONIST, clinic) }
func (w *world) clinician() context.Context { return w.as(typev1.Role_ROLE_CLINICIAN, clinic) }
func (w *world) clinicianOf(profession typev1.Profession) context.Context {
	p := rpctest.Person(clinic, typev1.Role_ROLE_CLINICIAN)
	p.Profession = profession
	p.Subject = "acc_" + profession.String()
	return authn.With(w.t.Context(), p)
}
func (w *world) booking() context.Context { return authn.WithService(w.t.Context(), "booking", "") }

// start begins a form for the patient.
func (w *world) start(ctx context.Context) *intakev1.Intake {
	w.t.Helper()
	got, err := w.intakes.CreateIntake(ctx, &intakev1.CreateIntakeRequest{PatientId: patient})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetIntake()
}

// answer saves answers on top of what the form says now.
func (w *world) answer(ctx context.Context, i *intakev1.Intake, a map[string]any) *intakev1.Intake {
	w.t.Helper()
	got, err := w.intakes.UpdateIntake(ctx, &intakev1.UpdateIntakeRequest{IntakeId: i.GetIntakeId(), Answers: values(w.t, a), Etag: i.GetEtag()})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetIntake()
}

// submit hands the form in.
func (w *world) submit(ctx context.Context, i *intakev1.Intake) *intakev1.Intake {
	w.t.Helper()
	got, err := w.intakes.SubmitIntake(ctx, &intakev1.SubmitIntakeRequest{IntakeId: i.GetIntakeId()})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetIntake()
}

// triaged submits a whole form: harmless but for the answers given.
func (w *world) triaged(changed map[string]any) *intakev1.Intake {
	w.t.Helper()
	all := harmless(w.t)
	maps.Copy(all, changed)
	i := w.submit(w.patient(), w.answer(w.patient(), w.start(w.patient()), all))
	if i.GetState() != "SUBMITTED" {
		w.t.Fatalf("not submitted: missing %v", i.GetTriage().GetMissing())
	}
	return i
}

// gate reads the patient's gate as booking does.
func (w *world) gate(patientID string) *intakev1.BookingGate {
	w.t.Helper()
	got, err := w.triage.GetBookingGate(w.booking(), &intakev1.GetBookingGateRequest{PatientId: patientID, ClinicId: clinic})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetGate()
}

// tasks lists what is not decided.
func (w *world) tasks() []*intakev1.TriageTask {
	w.t.Helper()
	got, err := w.triage.ListTriageTasks(w.clinician(), &intakev1.ListTriageTasksRequest{})
	if err != nil {
		w.t.Fatal(err)
	}
	return got.GetTasks()
}

// events returns the payloads of intake's log, oldest first.
func (w *world) events() []proto.Message {
	w.t.Helper()
	var out []proto.Message
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`SELECT type, payload FROM event_log ORDER BY id`)
		if err != nil {
			return err
		}
		defer rows.Close() //nolint:errcheck // rows.Err tells
		for rows.Next() {
			var name string
			var payload []byte
			if err := rows.Scan(&name, &payload); err != nil {
				return err
			}
			m := map[string]proto.Message{
				"upright.intake.v1.IntakeStarted": &intakev1.IntakeStarted{}, "upright.intake.v1.IntakeSubmitted": &intakev1.IntakeSubmitted{},
				"upright.intake.v1.IntakeTriaged": &intakev1.IntakeTriaged{}, "upright.intake.v1.TriageOverridden": &intakev1.TriageOverridden{},
				"upright.intake.v1.FactsChanged": &intakev1.FactsChanged{}, "upright.intake.v1.TriageTaskEscalated": &intakev1.TriageTaskEscalated{},
			}[name]
			if err := proto.Unmarshal(payload, m); err != nil {
				return err
			}
			out = append(out, m)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// names are the short names of events.
func names(events []proto.Message) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, string(e.ProtoReflect().Descriptor().Name()))
	}
	return out
}

// harmless are the answers of a whole form with nothing in it.
func harmless(t testing.TB) map[string]any {
	t.Helper()
	data, err := os.ReadFile("internal/triage/testdata/vignettes.json")
	if err != nil {
		t.Fatal(err)
	}
	var f struct {
		Defaults map[string]any `json:"defaults"`
	}
	if err := json.Unmarshal(data, &f); err != nil {
		t.Fatal(err)
	}
	return f.Defaults
}

func values(t testing.TB, in map[string]any) map[string]*structpb.Value {
	t.Helper()
	s, err := structpb.NewStruct(in)
	if err != nil {
		t.Fatal(err)
	}
	return s.GetFields()
}

// refused checks the kind and reason of an error.
func refused(t testing.TB, err error, kind fault.Kind, reason string) {
	t.Helper()
	_ = refusal(t, err, kind, reason)
}

// refusal is refused for those who look at more of the error.
func refusal(t testing.TB, err error, kind fault.Kind, reason string) *fault.Error {
	t.Helper()
	f := fault.From(err)
	if err == nil || f.Kind != kind || f.Reason != reason {
		t.Fatalf("error %v, want %v %s", err, kind, reason)
	}
	return f
}

// directory stands in for the other service: its clinics and patients, and a real event log.
type directory struct {
	directoryv1.UnimplementedPlaceServiceServer
	directoryv1.UnimplementedPatientServiceServer
	directoryv1.UnimplementedAccountServiceServer
	served *rpctest.Harness
	db     *sqldb.DB
	log    *eventlog.Log

	mu    sync.Mutex
	zones map[string]string
	// noNumber and noOfficer are what the clinics have not said yet.
	noNumber, noOfficer bool

	down  bool
	asked int
	// verified counts the checks of a name and a date of birth.
	verified int
}

func newDirectory(t testing.TB, d sqldb.Dialect) *directory {
	t.Helper()
	dir := &directory{zones: map[string]string{clinic: "Europe/Berlin", clinicB: "Pacific/Auckland"}}
	dir.db = sqldbtest.Open(t, d, eventlog.Migrations)
	dir.log = eventlog.New(dir.db, eventlog.Config{Service: "directory", Log: slog.New(slog.DiscardHandler)})
	dir.served = rpctest.New(t, "directory", func(r grpc.ServiceRegistrar) {
		directoryv1.RegisterPlaceServiceServer(r, dir)
		directoryv1.RegisterPatientServiceServer(r, dir)
		directoryv1.RegisterAccountServiceServer(r, dir)
		dir.log.Register(r)
	})
	return dir
}

// GetClinic knows two clinics.
func (d *directory) GetClinic(ctx context.Context, _ *directoryv1.GetClinicRequest) (*directoryv1.GetClinicResponse, error) {
	p, _ := authn.From(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return nil, fault.New(fault.Unavailable, "DOWN", "down")
	}
	out := &directoryv1.Clinic{
		ClinicId: p.ClinicID, TimeZone: d.zones[p.ClinicID], ClinicalSafetyOfficer: &directoryv1.ClinicalSafetyOfficer{Name: "Ida Feld"},
		EmergencyNumbers: []*directoryv1.EmergencyNumber{{Label: "Crisis line", Number: "988", Kind: "CRISIS"}, {Label: "Rescue", Number: "112", Kind: "EMERGENCY"}},
	}
	if d.noNumber {
		out.EmergencyNumbers = out.GetEmergencyNumbers()[:1]
	}
	if d.noOfficer {
		out.ClinicalSafetyOfficer = nil
	}
	return &directoryv1.GetClinicResponse{Clinic: out}, nil
}

// GetPatient knows the patients of the tests, each in its clinic.
func (d *directory) GetPatient(ctx context.Context, in *directoryv1.GetPatientRequest) (*directoryv1.GetPatientResponse, error) {
	p, _ := authn.From(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.down {
		return nil, fault.New(fault.Unavailable, "DOWN", "down")
	}
	home := map[string]string{patient: clinic, other: clinic, "pat_" + clinicB: clinicB}
	if home[in.GetPatientId()] != p.ClinicID {
		return nil, fault.NotFoundf("patient")
	}
	return &directoryv1.GetPatientResponse{Patient: &directoryv1.Patient{PatientId: in.GetPatientId()}}, nil
}

// VerifyPatient knows what the patient of the tests is called.
func (d *directory) VerifyPatient(ctx context.Context, in *directoryv1.VerifyPatientRequest) (*directoryv1.VerifyPatientResponse, error) {
	p, _ := authn.From(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.verified++
	if d.down {
		return nil, fault.New(fault.Unavailable, "DOWN", "down")
	}
	right := p.ClinicID == clinic && in.GetPatientId() == patient && in.GetFamilyName() == "Rahman" && in.GetBirthDate() == "1980-02-29"
	return &directoryv1.VerifyPatientResponse{Matches: right}, nil
}

// GetMe knows everybody by a name that says who they are.
func (d *directory) GetMe(ctx context.Context, _ *directoryv1.GetMeRequest) (*directoryv1.GetMeResponse, error) {
	p, _ := authn.From(ctx)
	return &directoryv1.GetMeResponse{Account: &directoryv1.Account{AccountId: p.Subject, DisplayName: "Name of " + p.Subject}}, nil
}

// GetAccount knows the clinicians of the tests, one who left, and a receptionist.
func (d *directory) GetAccount(ctx context.Context, in *directoryv1.GetAccountRequest) (*directoryv1.GetAccountResponse, error) {
	p, _ := authn.From(ctx)
	a := &directoryv1.Account{AccountId: in.GetAccountId(), ClinicId: p.ClinicID, State: "ACTIVE", Roles: []string{"CLINICIAN"}}
	switch in.GetAccountId() {
	case "acc_desk":
		a.Roles = []string{"RECEPTIONIST"}
	case "acc_left":
		a.State = "DISABLED"
	case "acc_first", "acc_second", "acc_safety":
	default:
		return nil, fault.NotFoundf("account")
	}
	return &directoryv1.GetAccountResponse{Account: a}, nil
}

// tell appends an event to directory's log.
func (d *directory) tell(t testing.TB, id string, version int64, m proto.Message) {
	t.Helper()
	err := d.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return eventlog.Append(t.Context(), tx, eventlog.Event{AggregateType: "patient", AggregateID: id, AggregateVersion: version, Message: m})
	})
	if err != nil {
		t.Fatal(err)
	}
}
