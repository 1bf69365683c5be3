package app

import (
	"context"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ResolveEntitlement returns what became of an entitlement, and records VOID when nothing
// has: from then on it can never be used, however late the booking that waits for it. A race
// with that booking is decided by the primary key of entitlement_uses.
func (a *App) ResolveEntitlement(ctx context.Context, clinicID, entitlementID string) (*store.Use, error) {
	var use *store.Use
	err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		attemptID, err := store.AttemptOf(tx, clinicID, entitlementID)
		if err != nil {
			return err
		}
		if attemptID == "" {
			err = a.voidUnknown(ctx, tx, clinicID, entitlementID)
		} else {
			err = a.voidIfOpen(ctx, tx, clinicID, attemptID)
		}
		if err != nil {
			return err
		}
		use, err = store.GetUse(tx, clinicID, entitlementID)
		return err
	})
	return use, err
}

// voidIfOpen waits for whoever decides the attempt, and voids it when nobody has.
func (a *App) voidIfOpen(ctx context.Context, tx *sqldb.Tx, clinicID, attemptID string) error {
	att, err := store.LockAttempt(tx, clinicID, attemptID)
	if err != nil || att.State != store.AttemptOpen {
		return err
	}
	return a.recordVoid(ctx, tx, att, errVoided)
}

// voidUnknown records VOID for an entitlement that no attempt here is for.
func (a *App) voidUnknown(ctx context.Context, tx *sqldb.Tx, clinicID, entitlementID string) error {
	first, err := store.InsertUse(tx, clinicID, store.Use{EntitlementID: entitlementID, Outcome: store.OutcomeVoid})
	if err != nil || !first {
		return err
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "entitlement", AggregateID: entitlementID, AggregateVersion: 1,
		Message: &bookingv1.EntitlementVoided{ClinicId: clinicID, EntitlementIds: []string{entitlementID}},
	})
}

// ListOutcomes returns recorded outcomes after an entitlement id, in order of id, and whether
// there are more.
func (a *App) ListOutcomes(ctx context.Context, clinicID, patientID, after string, limit int) (uses []store.Use, more bool, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		uses, err = store.ListUses(tx, clinicID, patientID, after, limit+1)
		return err
	})
	if len(uses) > limit {
		return uses[:limit], true, err
	}
	return uses, false, err
}
