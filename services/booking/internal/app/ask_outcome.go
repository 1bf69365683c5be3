package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const (
	// outcomeAfter is how long after its end an appointment is asked about.
	outcomeAfter = 30 * time.Minute
	// outcomeDays is how far back.
	outcomeDays = 31
	// outcomeBatch bounds how many one round flags in a clinic.
	outcomeBatch = 100
)

// AskForOutcomes flags appointments that have passed without anybody saying what became of
// them, so that somebody does: until then they count as sessions. Nothing is decided by the
// clock; completing one, marking it missed or cancelling it takes the flag away.
func (a *App) AskForOutcomes(ctx context.Context) error {
	var clinics []string
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		clinics, err = store.ListClinicIDs(tx)
		return err
	})
	for _, id := range clinics {
		if err != nil {
			break
		}
		err = a.askForOutcomes(authn.WithService(ctx, peer.Service, id), id)
	}
	return err
}

func (a *App) askForOutcomes(ctx context.Context, clinicID string) error {
	now := a.Clock.Now()
	today := civil.Of(now, time.UTC)
	list := func(tx *sqldb.Tx) ([]*store.Appointment, error) {
		return store.ListUnresolved(tx, clinicID, today.AddDays(-outcomeDays), today.AddDays(1), now.Add(-outcomeAfter), FlagOutcomeMissing, outcomeBatch)
	}
	var found []*store.Appointment
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = list(tx)
		return err
	})
	if err != nil || len(found) == 0 {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		for _, one := range found {
			apt, err := store.LockAppointment(tx, clinicID, one.ID)
			if err != nil {
				return err
			}
			if !apt.State.Live() || !setFlags(apt, nil, []string{FlagOutcomeMissing}) {
				continue
			}
			if err := a.saveFlags(ctx, tx, apt); err != nil {
				return err
			}
		}
		return nil
	})
}
