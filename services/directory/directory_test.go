package directory

import (
	"context"
	"slices"
	"testing"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventlog"
)

var _ daemon.Service = (*Service)(nil)

// Run gives events their numbers in order, and ends with its context.
func TestRun(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- w.service.Run(ctx) }()
		if err := w.service.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		th := w.furnish("clinic")
		registered, err := w.patients.RegisterPatient(t.Context(), &directoryv1.RegisterPatientRequest{
			Clinic: th.slug, GivenName: "Rosa", FamilyName: "Neu", BirthDate: "1980-03-07", Email: "rosa@example.org", Password: patientPassword,
		})
		last := ok(w, registered, err).GetPatient().GetPatientId()
		var heard []string
		tailing, enough := context.WithCancel(ctx)
		defer enough()
		err = w.service.events.Tail(tailing, 0, func(e eventlog.Envelope) error {
			if heard = append(heard, e.Type); int(e.PubSeq) != len(heard) {
				t.Errorf("%s is number %d, want %d", e.Type, e.PubSeq, len(heard))
			}
			if e.AggregateID == last {
				enough()
			}
			return nil
		})
		if tailing.Err() == nil {
			t.Fatal(err)
		}
		const event = "upright.directory.v1."
		want := []string{
			event + "ClinicChanged", event + "ResourceChanged", event + "ResourceChanged", event + "ResourceChanged", event + "PractitionerChanged",
			event + "PatientRegistered", event + "PatientRegistered", event + "PatientMerged", event + "PatientRegistered",
		}
		if !slices.Equal(heard, want) {
			t.Errorf("heard %v", heard)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Run ended with %v", err)
		}
		if err := w.service.Close(); err != nil {
			t.Error(err)
		}
	})
}

// A second start on the same database changes nothing.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		th := w.furnish("clinic")
		again, err := New(t.Context(), Config{}, daemon.Kit{Service: "directory", DB: w.db})
		if err != nil || again.Ready(t.Context()) != nil {
			t.Fatal(err)
		}
		if _, err := w.patients.GetPatient(w.as(th.clinic, typev1.Role_ROLE_CLINICIAN), &directoryv1.GetPatientRequest{PatientId: th.patient}); err != nil {
			t.Error(err)
		}
	})
}
