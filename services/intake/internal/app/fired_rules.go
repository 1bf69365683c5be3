package app

import (
	"context"
	"encoding/json"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListFiredRules returns the ids of the rules that fired on an intake that was handed in,
// for services, which account for what they do with them. It fails with NOT_FOUND when the
// clinic has no such intake.
func (a *App) ListFiredRules(ctx context.Context, clinicID, intakeID string) (ids []string, err error) {
	p, err := scopedCaller(ctx, clinicID)
	if err != nil {
		return nil, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		ids = nil
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err != nil || i.State == Draft {
			return err
		}
		result, ok, err := store.GetResult(tx, i.ClinicID, i.IntakeID)
		if err != nil || !ok {
			return err
		}
		var out Outcome
		if err := json.Unmarshal([]byte(result.JSON), &out); err != nil {
			return err
		}
		for _, r := range out.Fired {
			ids = append(ids, r.RuleID)
		}
		return nil
	})
	return ids, err
}
