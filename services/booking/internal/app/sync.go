package app

import (
	"context"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SyncClinic fetches everything of a clinic that can be booked from directory, whose events
// may not have been heard yet. What is known here in a newer version stays.
func (a *App) SyncClinic(ctx context.Context, clinicID string) error {
	supply, err := a.Peers.Supply(ctx, clinicID)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error { return a.putSupply(ctx, tx, supply) })
}

// putSupply stores what is newer and, when anything was, says that the catalogue has changed.
func (a *App) putSupply(ctx context.Context, tx *sqldb.Tx, s peer.Supply) error {
	changed, err := store.PutClinic(tx, s.Clinic)
	if err != nil {
		return err
	}
	for _, l := range s.Locations {
		put, err := store.PutLocation(tx, s.Clinic.ID, l)
		if err != nil {
			return err
		}
		changed = changed || put
	}
	for _, r := range s.Resources {
		put, err := store.PutResource(tx, s.Clinic.ID, r)
		if err != nil {
			return err
		}
		changed = changed || put
	}
	if !changed {
		return nil
	}
	return a.catalogueChanged(ctx, tx, s.Clinic.ID)
}

// catalogueChanged advances the version of a clinic's catalogue, with its event. Everything
// computed from an older version is computed again.
func (a *App) catalogueChanged(ctx context.Context, tx *sqldb.Tx, clinicID string) error {
	version, err := store.BumpCatalogue(tx, clinicID)
	if err != nil {
		return err
	}
	tx.OnCommit(func() { a.Catalogues.Changed(clinicID) })
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "catalogue", AggregateID: clinicID, AggregateVersion: version,
		Message: &bookingv1.ScheduleChanged{ClinicId: clinicID, Version: version},
	})
}

// fetchPractitioner makes a practitioner known here that directory's events have not told of
// yet, and returns the catalogue with it. NOT_FOUND when directory has none.
func (a *App) fetchPractitioner(ctx context.Context, clinicID, id string) (*calendar.Clinic, error) {
	p, err := a.Peers.Practitioner(ctx, clinicID, id)
	if err != nil {
		return nil, err
	}
	return a.fetched(ctx, clinicID, func(tx *sqldb.Tx) (bool, error) { return store.PutResource(tx, clinicID, p) },
		func(c *calendar.Clinic) error {
			if c.Practitioners[id] == nil {
				return fault.NotFoundf("practitioner")
			}
			return nil
		})
}

// fetchLocation is fetchPractitioner for a location.
func (a *App) fetchLocation(ctx context.Context, clinicID, id string) (*calendar.Clinic, error) {
	l, err := a.Peers.Location(ctx, clinicID, id)
	if err != nil {
		return nil, err
	}
	return a.fetched(ctx, clinicID, func(tx *sqldb.Tx) (bool, error) { return store.PutLocation(tx, clinicID, l) },
		func(c *calendar.Clinic) error {
			if _, ok := c.Locations[id]; !ok {
				return fault.NotFoundf("location")
			}
			return nil
		})
}

func (a *App) fetched(
	ctx context.Context, clinicID string, put func(*sqldb.Tx) (bool, error), there func(*calendar.Clinic) error,
) (*calendar.Clinic, error) {
	err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		changed, err := put(tx)
		if err != nil || !changed {
			return err
		}
		return a.catalogueChanged(ctx, tx, clinicID)
	})
	if err != nil {
		return nil, err
	}
	c, err := a.currentClinic(ctx, clinicID)
	if err != nil {
		return nil, err
	}
	return c, there(c)
}
