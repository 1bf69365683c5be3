package app

import (
	"context"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RevokeSession ends a session of the caller's, or for admins of any account of the clinic.
// NOT_FOUND otherwise, and when it has ended.
func (a *App) RevokeSession(ctx context.Context, request []byte, id string) error {
	c, err := callerOf(ctx)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "RevokeSession", request, id, func() error {
			s, err := store.GetSession(tx, c.scope, id)
			if err != nil {
				return found(err, "session")
			}
			if s.AccountID != c.Subject && !c.Is(typev1.Role_ROLE_ADMIN) {
				return fault.NotFoundf("session")
			}
			if _, err := store.DeleteSession(tx, c.scope, id); err != nil {
				return err
			}
			return note(ctx, tx, "session.revoke", id, map[string]string{"account_id": s.AccountID})
		})
		return err
	})
}
