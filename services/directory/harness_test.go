package directory

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const (
	staffPassword   = "nine green lamps burn"
	patientPassword = "seven old trees"
)

// logged collects log lines.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// world is directory served as in production, with clients of it.
type world struct {
	t       *testing.T
	db      *sqldb.DB
	service *Service
	harness *rpctest.Harness
	log     *logged
	clients
}

// clients call directory as whoever is in the context.
type clients struct {
	patients      directoryv1.PatientServiceClient
	practitioners directoryv1.PractitionerServiceClient
	places        directoryv1.PlaceServiceClient
	accounts      directoryv1.AccountServiceClient
}

func clientsOn(conn grpc.ClientConnInterface) clients {
	return clients{
		patients: directoryv1.NewPatientServiceClient(conn), practitioners: directoryv1.NewPractitionerServiceClient(conn),
		places: directoryv1.NewPlaceServiceClient(conn), accounts: directoryv1.NewAccountServiceClient(conn),
	}
}

// serve gives directory on an empty database of the dialect.
func serve(t *testing.T, dialect sqldb.Dialect) *world {
	t.Helper()
	url, schema := sqldbtest.Address(t, dialect)
	w := &world{t: t, log: &logged{}, db: sqldbtest.OpenURL(t, sqldb.Config{URL: url, Schema: schema})}
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	service, err := New(t.Context(), Config{PasswordMemoryKiB: 64, PasswordPasses: 1}, daemon.Kit{
		Service: "directory", DB: w.db, Clock: clock.System, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.service = service
	w.harness = rpctest.New(t, "directory", service.Register, func(c *rpc.Config) { c.Log = log })
	w.clients = clientsOn(w.harness.Conn())
	return w
}

// each runs f on each database.
func each(t *testing.T, f func(t *testing.T, w *world)) {
	t.Helper()
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(dialect), func(t *testing.T) {
			t.Parallel()
			f(t, serve(t, dialect))
		})
	}
}

// program calls in the program's own name for a clinic.
func (w *world) program(clinicID string) context.Context {
	return authn.WithService(w.t.Context(), "upright", clinicID)
}

// as is a person of a clinic with a role.
func (w *world) as(clinicID string, role typev1.Role) context.Context {
	return authn.With(w.t.Context(), rpctest.Person(clinicID, role))
}

// things are the ids of one clinic's objects.
type things struct {
	clinic, slug, location, room, equipment, practitioner, patient, merged, staff, patientAccount, session string
	token                                                                                                  string
}

// ok fails the test on an error.
func ok[T any](w *world, answer T, err error) T {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return answer
}

func newPatient(given, family string) *directoryv1.Patient {
	return &directoryv1.Patient{
		GivenName: given, FamilyName: family, BirthDate: "1980-03-07", Phone: "0664 1234567", Email: strings.ToLower(given) + "@example.org",
	}
}

func goodClinic(slug string) *directoryv1.Clinic {
	return &directoryv1.Clinic{
		Slug: slug, PublicName: "Clinic " + slug, TimeZone: "Europe/Vienna", Locale: "de-AT",
		EmergencyNumbers:      []*directoryv1.EmergencyNumber{{Label: "Rescue", Number: "144", Kind: "EMERGENCY"}},
		ClinicalSafetyOfficer: &directoryv1.ClinicalSafetyOfficer{Name: "Ida Feld", Contact: "ida@demo.clinic"},
	}
}

// furnish makes a clinic with one of everything, through the front door.
func (w *world) furnish(slug string) (th things) {
	w.t.Helper()
	clinic, err := w.places.CreateClinic(w.program(""), &directoryv1.CreateClinicRequest{Clinic: goodClinic(slug)})
	th.clinic, th.slug = ok(w, clinic, err).GetClinic().GetClinicId(), slug
	ctx := w.program(th.clinic)
	location, err := w.places.CreateLocation(ctx, &directoryv1.CreateLocationRequest{Location: &directoryv1.Location{DisplayName: "Main"}})
	th.location = ok(w, location, err).GetLocation().GetLocationId()
	room, err := w.places.CreateRoom(ctx, &directoryv1.CreateRoomRequest{Room: &directoryv1.Room{DisplayName: "One", LocationId: th.location}})
	th.room = ok(w, room, err).GetRoom().GetRoomId()
	equipment, err := w.places.CreateEquipment(ctx, &directoryv1.CreateEquipmentRequest{Equipment: &directoryv1.Equipment{DisplayName: "C-arm", LocationId: th.location}})
	th.equipment = ok(w, equipment, err).GetEquipment().GetEquipmentId()
	practitioner, err := w.practitioners.CreatePractitioner(ctx, &directoryv1.CreatePractitionerRequest{
		Practitioner: &directoryv1.Practitioner{FamilyName: "Feld", Profession: "PHYSIOTHERAPIST"},
	})
	th.practitioner = ok(w, practitioner, err).GetPractitioner().GetPractitionerId()
	for _, id := range []*string{&th.patient, &th.merged} {
		p, err := w.patients.CreatePatient(ctx, &directoryv1.CreatePatientRequest{Patient: newPatient("Anna", "Müller")})
		*id = ok(w, p, err).GetPatient().GetPatientId()
	}
	merged, err := w.patients.MergePatients(ctx, &directoryv1.MergePatientsRequest{PatientId: th.merged, SurvivingPatientId: th.patient})
	ok(w, merged, err)
	th.staff = w.newAccount(th.clinic, &directoryv1.Account{Email: "ida@" + slug + ".org", Roles: []string{"RECEPTIONIST"}}, staffPassword)
	th.patientAccount = w.newAccount(th.clinic, &directoryv1.Account{Email: "anna@" + slug + ".org", Roles: []string{"PATIENT"}, PatientId: th.patient}, patientPassword)
	in, err := w.accounts.SignIn(w.t.Context(), &directoryv1.SignInRequest{Email: "ida@" + slug + ".org", Password: staffPassword})
	th.session, th.token = ok(w, in, err).GetSessionId(), in.GetToken()
	return th
}

func (w *world) newAccount(clinicID string, account *directoryv1.Account, password string) string {
	w.t.Helper()
	made, err := w.accounts.CreateAccount(w.program(clinicID), &directoryv1.CreateAccountRequest{Account: account, Password: password})
	return ok(w, made, err).GetAccount().GetAccountId()
}

// tables gives every row of every table, as text: "table | column=value | …".
func (w *world) tables() (rows []string) {
	w.t.Helper()
	names := `select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name not like 'goose_%'`
	if w.db.Dialect() == sqldb.Postgres {
		names = `select table_name from information_schema.tables where table_schema = current_schema() and table_name not like 'goose_%'`
	}
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		var tables []string
		list, err := tx.Query(names)
		if err != nil {
			return err
		}
		for list.Next() {
			var name string
			if err := list.Scan(&name); err != nil {
				return err
			}
			tables = append(tables, name)
		}
		if err := list.Close(); err != nil {
			return err
		}
		for _, table := range tables {
			if rows, err = appendRows(tx, rows, table); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return rows
}

func appendRows(tx *sqldb.Tx, out []string, table string) ([]string, error) {
	rows, err := tx.Query(`select * from ` + table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		line := table
		for i, value := range values {
			if b, ok := value.([]byte); ok {
				value = fmt.Sprintf("%s %x", b, b)
			}
			line += fmt.Sprintf(" | %s=%v", columns[i], value)
		}
		out = append(out, line)
	}
	return out, rows.Err()
}
