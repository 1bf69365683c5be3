package app

import (
	"context"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CopyForm copies a version.
type CopyForm struct {
	From        FormKey
	ID          string // "" is the same form, of the clinic's own
	Fingerprint []byte
}

// unreviewed is what a draft says of its review.
var unreviewed = triage.Review{State: "UNREVIEWED", Note: "A draft of the clinic: nobody has approved it."}

// CopyForm makes a draft of a version under an id of the clinic's own; an id that the clinic
// has already gets its next version. It fails with NOT_FOUND, and with ALREADY_EXISTS,
// QUESTIONNAIRE_SHIPPED, for the id of a form that ships with the program.
func (a *App) CopyForm(ctx context.Context, in CopyForm) (view FormView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	key := FormKey{ID: in.ID}
	if key.ID == "" {
		key.ID = in.From.ID
	}
	if a.forms.Shipped(key.ID) {
		return view, fault.New(fault.AlreadyExists, "QUESTIONNAIRE_SHIPPED",
			"A form with this id ships with the program. Give the copy an id of the clinic's own.").With("questionnaire_id", key.ID)
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		made, _, err := requestid.Once(ctx, tx, "CopyQuestionnaireVersion", in.Fingerprint, func() (string, error) {
			return a.copyForm(ctx, tx, p, in.From, key.ID)
		})
		if err != nil {
			return err
		}
		id, version, _ := strings.Cut(made, "@")
		key.ID = id
		if key.Version, err = strconv.ParseInt(version, 10, 64); err != nil {
			return err
		}
		view, err = a.readForm(tx, p, key)
		return err
	})
	return view, err
}

// copyForm adds the draft and returns its name.
func (a *App) copyForm(ctx context.Context, tx *sqldb.Tx, p authn.Principal, from FormKey, id string) (string, error) {
	source, err := a.readForm(tx, p, from)
	if err != nil {
		return "", err
	}
	newest, err := store.NewestForm(tx, p.ClinicID, id)
	if err != nil {
		return "", err
	}
	key := FormKey{ID: id, Version: newest + 1}
	document, err := documentOf(source.Document, key, unreviewed)
	if err != nil {
		return "", err
	}
	v := store.FormVersion{
		ClinicID: p.ClinicID, QuestionnaireID: id, Version: key.Version, State: FormDraft, Document: document,
		FromID: from.ID, FromVersion: from.Version, CreatedBy: p.Subject, CreatedAt: tx.Now(), UpdatedAt: tx.Now(), Revision: 1,
	}
	if err := store.InsertForm(tx, v); err != nil {
		return "", err
	}
	return formName(key), audit.Write(ctx, tx, audit.Entry{
		Action: "questionnaire.copy", Resource: formName(key), Facts: map[string]string{"from": formName(from)},
	})
}

// formName is a version in one word.
func formName(k FormKey) string { return k.ID + "@" + strconv.FormatInt(k.Version, 10) }

// UpdateForm replaces the document of a draft.
type UpdateForm struct {
	Key         FormKey
	Document    string
	Etag        string
	Fingerprint []byte
}

// UpdateForm keeps a document as the draft's, also one with problems: the answer lists them.
// It fails with NOT_FOUND; FAILED_PRECONDITION, QUESTIONNAIRE_APPROVED, after approval;
// ABORTED, VERSION_MISMATCH, when the etag is old; INVALID_ARGUMENT for what is no document.
func (a *App) UpdateForm(ctx context.Context, in UpdateForm) (view FormView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	if a.forms.Shipped(in.Key.ID) {
		return view, alreadyApproved(in.Key)
	}
	document, err := documentOf(in.Document, in.Key, unreviewed)
	if err != nil {
		return view, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UpdateQuestionnaireVersion", in.Fingerprint, formName(in.Key), func() error {
			v, err := draftOf(tx, p, in.Key, in.Etag)
			if err != nil {
				return err
			}
			v.Document, v.UpdatedAt = document, tx.Now()
			if err := saveForm(tx, v); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "questionnaire.update", Resource: formName(in.Key)})
		})
		if err != nil {
			return err
		}
		view, err = a.readForm(tx, p, in.Key)
		return err
	})
	return view, err
}

// draftOf reads a draft that the caller saw as it is.
func draftOf(tx *sqldb.Tx, p authn.Principal, key FormKey, etag string) (store.FormVersion, error) {
	v, ok, err := store.GetForm(tx, p.ClinicID, key.ID, key.Version)
	switch {
	case err != nil:
		return v, err
	case !ok:
		return v, fault.NotFoundf("questionnaire version")
	case v.State != FormDraft:
		return v, alreadyApproved(key)
	}
	return v, checkEtag(etag, v.Revision)
}

func alreadyApproved(key FormKey) error {
	return fault.New(fault.FailedPrecondition, "QUESTIONNAIRE_APPROVED",
		"This version is approved and cannot be changed any more. Copy it to change it.").With("questionnaire_id", key.ID)
}

// saveForm stores a changed version, or refuses with ABORTED, VERSION_MISMATCH when somebody
// else changed it since it was read.
func saveForm(tx *sqldb.Tx, v store.FormVersion) error {
	ok, err := store.UpdateForm(tx, v)
	if err == nil && !ok {
		return versionMismatch(v.Revision)
	}
	return err
}
