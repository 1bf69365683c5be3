package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetClinic reads the caller's clinic; a service in its own name may read any. NOT_FOUND
// otherwise.
func (a *App) GetClinic(ctx context.Context, id string) (clinic people.Clinic, err error) {
	p, _ := authn.From(ctx)
	if id == "" {
		id = p.ClinicID
	}
	if id != p.ClinicID && !p.IsService() {
		return clinic, fault.NotFoundf("clinic")
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		clinic, err = store.GetClinic(tx, id)
		return found(err, "clinic")
	})
	if err == nil && !p.IsStaff() && !p.IsService() {
		clinic = publicClinic(clinic)
	}
	return clinic, err
}

// GetClinicBySlug reads what a clinic shows to everybody.
func (a *App) GetClinicBySlug(ctx context.Context, slug string) (clinic people.Clinic, err error) {
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		clinic, err = store.GetClinicByName(tx, slug)
		return found(err, "clinic")
	})
	return publicClinic(clinic), err
}

// publicClinic leaves out what is the staff's business: of the safety officer the name is
// shown, since patients may ask who answers for the rules.
func publicClinic(c people.Clinic) people.Clinic {
	c.SafetyOfficer.Registration, c.SafetyOfficer.Contact = "", ""
	c.Version = 0
	return c
}

// ListClinics reads every clinic by slug, for services in their own name.
func (a *App) ListClinics(ctx context.Context, page Page) (clinics []people.Clinic, next string, err error) {
	if p, _ := authn.From(ctx); !p.IsService() {
		return nil, "", fault.New(fault.PermissionDenied, "SERVICES_ONLY", "Only services may list clinics.")
	}
	limit := page.limit(100)
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		clinics, err = store.ListClinics(tx, page.Token, limit)
		return err
	})
	clinics, next = cut(clinics, limit, func(c people.Clinic) string { return c.Slug })
	return clinics, next, err
}
