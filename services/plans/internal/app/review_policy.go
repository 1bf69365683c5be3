package app

import (
	"context"
	"encoding/json"
	"log/slog"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ReviewPolicy checks booked injections against the policy if it is another than the one
// they were last checked against: what a stricter one forbids is flagged with its earliest
// new date, not cancelled (clinical reference 3.4). What it has flagged before it does not
// flag again, so that it may be cut off and run anew.
func (a *App) ReviewPolicy(ctx context.Context) error {
	text, err := json.Marshal(a.cfg.Policy)
	if err != nil {
		return err
	}
	var persons []store.PatientKey
	same := false
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		version, applied, err := store.PolicyApplied(tx)
		if err != nil {
			return err
		}
		if same = version == a.cfg.Policy.Version && applied == string(text); same || version == 0 {
			return nil // the first policy of all has allowed every booking
		}
		persons, err = store.WithInjectionsToCome(tx)
		return err
	})
	if err != nil || same {
		return err
	}
	for _, k := range persons {
		if err := a.reviewPerson(ctx, k); err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "booked injections wait to be checked against the new policy",
				slog.String("clinic_id", k.ClinicID), slog.Any("error", err))
			return err
		}
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		return store.PutPolicyApplied(tx, a.cfg.Policy.Version, string(text))
	})
}

func (a *App) reviewPerson(ctx context.Context, k store.PatientKey) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, k.ClinicID, k.PatientID)
		if err != nil {
			return err
		}
		entries, err := store.Injections(tx, head.ClinicID, head.PatientID)
		if err != nil {
			return err
		}
		today, err := todayIn(tx, head.ClinicID)
		if err != nil {
			return err
		}
		err = raiseOverflow(ctx, tx, head, a.cfg.Policy.Review(injectionRecords(entries), today), entries)
		return err
	})
}

// purgeBatch is the most request ids that one transaction forgets.
const purgeBatch = 1000

// Purge forgets request ids that are remembered no longer.
func (a *App) Purge(ctx context.Context) error {
	for more := true; more; {
		err := a.db.Write(ctx, func(tx *sqldb.Tx) error {
			n, err := requestid.Purge(tx, tx.Now(), purgeBatch)
			more = n == purgeBatch
			return err
		})
		if err != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "old request ids were not removed", slog.Any("error", err))
			return err
		}
	}
	return nil
}
