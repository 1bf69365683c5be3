package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Kinds of messages that wait for somebody.
const (
	MessageLink       = "RESUME_LINK"     // to a patient, who asked for the link; it is nothing else
	MessageUnfinished = "FORM_UNFINISHED" // to a patient, with a link to go on
	MessageLate       = "TASK_LATE"       // to a clinician
)

// ListMessages returns a page of the messages that wait, newest first, and the id to go on
// before ("" at the end). It is for staff: the secrets of links are left out.
func (a *App) ListMessages(ctx context.Context, before string, size int) (out []store.Message, next string, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		out, err = store.Messages(tx, p.ClinicID, before, size+1)
		return err
	})
	if len(out) > size {
		out, next = out[:size], out[size-1].MessageID
	}
	for i := range out {
		out[i].Link = ""
	}
	return out, next, err
}

// Outgoing returns the messages of a clinic that wait with a link that works, newest first.
func (a *App) Outgoing(ctx context.Context, clinicID string) (out []store.Message, err error) {
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out, err = store.MessagesWithLinks(tx, clinicID, 100)
		return err
	})
	return out, err
}

// PurgeForms forgets links, form sessions and messages whose time is over.
func (a *App) PurgeForms(tx *sqldb.Tx) error { return store.PurgeForms(tx, MessageLink) }
