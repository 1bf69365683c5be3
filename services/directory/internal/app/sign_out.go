package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SignOut ends the caller's session. One that has ended is no error.
func (a *App) SignOut(ctx context.Context) error {
	c, err := callerOf(ctx)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		deleted, err := store.DeleteSession(tx, c.scope, c.SessionID)
		if err != nil || !deleted {
			return err
		}
		return note(ctx, tx, "session.end", c.SessionID, nil)
	})
}
