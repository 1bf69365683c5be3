package app

import (
	"context"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxSessions is how many sessions of an account are shown.
const maxSessions = 100

// SessionView is a session as an answer has it.
type SessionView struct {
	store.Session
	// IdleAt is when it ends unless somebody uses it before.
	IdleAt time.Time
	// Current is true for the session that asks.
	Current bool
}

// ListSessions gives live sessions, the newest first: the caller's own for "", and for admins
// those of any account of the clinic. NOT_FOUND otherwise.
func (a *App) ListSessions(ctx context.Context, accountID string) (views []SessionView, err error) {
	c, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if accountID == "" {
		accountID = c.Subject
	}
	if accountID != c.Subject && !c.Is(typev1.Role_ROLE_ADMIN) {
		return nil, fault.NotFoundf("account")
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		account, err := store.GetAccount(tx, c.scope, accountID)
		if err != nil {
			return found(err, "account")
		}
		sessions, err := store.ListSessions(tx, c.scope, accountID, maxSessions)
		views = nil
		for _, s := range sessions {
			if a.live(s, account, a.clock.Now()) {
				views = append(views, SessionView{Session: s, IdleAt: s.LastUsedAt.Add(a.idleLimit(account)), Current: s.ID == c.SessionID})
			}
		}
		return err
	})
	return views, err
}
