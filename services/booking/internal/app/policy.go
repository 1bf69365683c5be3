package app

import (
	"cmp"
	"context"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GetPolicy returns the clinic's policy, with the usual values where it chose none.
func (a *App) GetPolicy(ctx context.Context) (store.Policy, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return store.Policy{}, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return store.Policy{}, err
	}
	return inForce(clinic), nil
}

// inForce is a clinic's policy with the usual values filled in.
func inForce(clinic *calendar.Clinic) store.Policy {
	rule := clinic.Waitlist
	return store.Policy{
		Version: clinic.Policy.Version, LateChange: cmp.Or(clinic.Policy.LateChange, schedule.RefuseLate),
		Waitlist: waitlist.Choice{
			Order: rule.Order.Value, OfferMinutes: rule.OfferMinutes.Value, LeastNotice: rule.LeastNotice.Value, MostMissed: rule.MostMissed.Value,
		},
	}
}

// UpdatePolicy changes the clinic's policy by edit. What is booked, waits or is offered stays as
// it is. VERSION_MISMATCH for another etag.
func (a *App) UpdatePolicy(ctx context.Context, fingerprint []byte, etag string, edit func(*store.Policy)) (store.Policy, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return store.Policy{}, err
	}
	if _, err := a.clinic(ctx, who.ClinicID); err != nil { // the clinic must be known here
		return store.Policy{}, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdateBookingPolicy", fingerprint, who.ClinicID, func() error {
			p, err := store.GetPolicy(tx, who.ClinicID)
			if err != nil {
				return err
			}
			if err := checkEtag(etag, p.Version); err != nil {
				return err
			}
			p.Version++
			edit(&p)
			if ok, err := store.PutPolicy(tx, who.ClinicID, p); err != nil || !ok {
				return cmp.Or(err, error(errChanged))
			}
			if err := audit.Write(ctx, tx, audit.Entry{Action: "booking_policy.update", Resource: who.ClinicID}); err != nil {
				return err
			}
			return a.catalogueChanged(ctx, tx, who.ClinicID)
		})
		return err
	})
	if err != nil {
		return store.Policy{}, err
	}
	return a.GetPolicy(ctx)
}
