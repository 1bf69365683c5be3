package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// When a patient is reminded of a form left unfinished: once, a day after the last answer
// unless the clinic says otherwise, and not of what is older than a month and more (the
// clinic's rule).
const (
	usualChase  = 24 * time.Hour
	oldestChase = 45 * 24 * time.Hour
)

// ChaseDrafts makes a message for each patient who left the newest form unfinished: once for
// a form, with a link to go on that is made now and takes the place of any before, without a
// name or anything that was answered. One with an urgent finding is the clinic's to
// call, and not reminded. It returns how many messages were made, and what failed; the others
// are tried all the same.
func (a *App) ChaseDrafts(ctx context.Context) (int, error) {
	var quiet []store.DraftKey
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		quiet, err = store.QuietDrafts(tx, tx.Now(), tx.Now().Add(-oldestChase), usualChase, lateBatch)
		return err
	})
	count := 0
	for _, k := range quiet {
		if ctx.Err() != nil {
			break
		}
		made, secret := false, rand.Text()
		one := a.db.Write(authn.WithService(ctx, Service, k.ClinicID), func(tx *sqldb.Tx) (err error) {
			made, err = chase(authn.WithService(ctx, Service, k.ClinicID), tx, k, secret)
			return err
		})
		if one != nil {
			a.log.LogAttrs(ctx, slog.LevelWarn, "nobody was reminded of an unfinished form",
				slog.String("clinic_id", k.ClinicID), slog.String("intake_id", k.IntakeID), slog.Any("error", one))
			err = errors.Join(err, one)
		}
		if made && one == nil {
			count++
		}
	}
	return count, err
}

func chase(ctx context.Context, tx *sqldb.Tx, k store.DraftKey, secret string) (bool, error) {
	i, ok, err := store.LockIntake(tx, k.ClinicID, k.IntakeID)
	if err != nil || !ok || i.State != Draft {
		return false, err
	}
	who, err := personOf(tx, k.ClinicID, i.PatientID, false)
	if err != nil {
		return false, err
	}
	if _, reminded, err := store.MessageOf(tx, k.ClinicID, MessageUnfinished, i.IntakeID); err != nil || reminded {
		return false, err
	}
	m := store.Message{
		ClinicID: k.ClinicID, MessageID: ident.New("msg"), Kind: MessageUnfinished, About: i.IntakeID, PatientID: who.rootID, IntakeID: i.IntakeID,
		Language: i.Language, CreatedAt: tx.Now(),
	}
	p, _ := authn.From(ctx)
	if err := addLink(tx, p, &m, secret); err != nil {
		return false, err
	}
	if made, err := store.AddMessage(tx, m); err != nil || !made {
		return false, err
	}
	return true, audit.Write(ctx, tx, audit.Entry{Action: "intake.chase", Resource: i.IntakeID, PatientID: i.PatientID})
}
