package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// DirectoryHandlers are what plans does about directory's events: merges move what a record
// has entered, and what was asked of practitioners and clinics is asked again.
func (a *App) DirectoryHandlers() []eventlog.Handler {
	return append(a.mergeHandlers(),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.PractitionerChanged) (plan.Practitioner, error) {
			return a.askPractitioner(ctx, m.GetClinicId(), m.GetPractitionerId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.PractitionerChanged, p plan.Practitioner, _ eventlog.Envelope) error {
			return store.PutPractitioner(tx, m.GetClinicId(), m.GetPractitionerId(), p)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.CredentialChanged) (plan.Practitioner, error) {
			return a.askPractitioner(ctx, m.GetClinicId(), m.GetPractitionerId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.CredentialChanged, p plan.Practitioner, _ eventlog.Envelope) error {
			return store.PutPractitioner(tx, m.GetClinicId(), m.GetPractitionerId(), p)
		}),
		eventlog.OnAsking(func(ctx context.Context, m *directoryv1.ClinicChanged) (string, error) {
			return a.asks.TimeZone(ctx, m.GetClinicId())
		}, func(_ context.Context, tx *sqldb.Tx, m *directoryv1.ClinicChanged, zone string, _ eventlog.Envelope) error {
			return store.PutClinic(tx, m.GetClinicId(), zone)
		}),
	)
}

// askPractitioner asks directory; somebody who is not there any more has no profession.
func (a *App) askPractitioner(ctx context.Context, clinicID, practitionerID string) (plan.Practitioner, error) {
	p, err := a.asks.Practitioner(ctx, clinicID, practitionerID)
	if fault.Is(err, "NOT_FOUND") {
		return plan.Practitioner{}, nil
	}
	return p, err
}
