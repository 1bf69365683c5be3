package app

import (
	"context"
	"fmt"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TriageSettings returns the settings of the caller's clinic.
func (a *App) TriageSettings(ctx context.Context) (s store.Settings, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return s, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		s, err = store.GetSettings(tx, p.ClinicID)
		return err
	})
	return s, err
}

// UpdateTriageSettings replaces the settings of the caller's clinic; tasks that are open keep
// their owner until they are late. It fails with INVALID_ARGUMENT naming an account that is
// not an active clinician of the clinic, and with ABORTED, VERSION_MISMATCH.
func (a *App) UpdateTriageSettings(ctx context.Context, s store.Settings, etag string, fingerprint []byte) (store.Settings, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return s, err
	}
	if err := a.knowClinicians(ctx, s); err != nil {
		return s, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdateTriageSettings", fingerprint, p.ClinicID, func() error {
			now, err := store.GetSettings(tx, p.ClinicID)
			if err != nil {
				return err
			}
			if etag == "" {
				etag = etagOf(0)
			}
			if err := checkEtag(etag, now.Version); err != nil {
				return err
			}
			s.Version = now.Version
			ok, err := store.PutSettings(tx, p.ClinicID, p.Subject, s)
			if err == nil && !ok {
				err = versionMismatch(now.Version)
			}
			if err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "triage_settings.update", Resource: p.ClinicID})
		})
		if err != nil {
			return err
		}
		s, err = store.GetSettings(tx, p.ClinicID)
		return err
	})
	return s, err
}

// knowClinicians makes sure that everybody who is to answer for tasks is a clinician.
func (a *App) knowClinicians(ctx context.Context, s store.Settings) error {
	check := func(field, accountID string) error {
		ok, err := a.directory.Clinician(ctx, accountID)
		if err == nil && !ok {
			err = fault.Invalid(field, "is not an active clinician of this clinic")
		}
		return err
	}
	for i, id := range s.Owners {
		if err := check(fmt.Sprintf("settings.owner_account_ids[%d]", i), id); err != nil {
			return err
		}
	}
	if s.SafetyOfficer == "" {
		return nil
	}
	return check("settings.safety_officer_account_id", s.SafetyOfficer)
}
