package app

import (
	"context"
	"strings"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Comparison is what a version does to the stored vignettes.
type Comparison struct {
	Base      FormKey
	Vignettes int
	Changes   []triage.Change
}

// CompareForm evaluates the stored vignettes with a version and with another, by default the
// one that it was copied from. It fails with NOT_FOUND, and with FAILED_PRECONDITION,
// QUESTIONNAIRE_NOT_USABLE, naming what is wrong.
func (a *App) CompareForm(ctx context.Context, key, base FormKey) (out Comparison, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return out, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		v, err := a.readForm(tx, p, key)
		if err != nil {
			return err
		}
		set, err := usable(v)
		if err != nil {
			return err
		}
		out, err = a.compare(tx, p, v, set, base)
		return err
	})
	return out, err
}

// compare is CompareForm of a version that was loaded.
func (a *App) compare(tx *sqldb.Tx, p authn.Principal, v FormView, set *triage.Set, base FormKey) (out Comparison, err error) {
	before, err := a.baseOf(tx, p, v, base)
	if err != nil {
		return out, err
	}
	vignettes, err := triage.Vignettes()
	if err != nil {
		return out, err
	}
	return Comparison{
		Base: FormKey{ID: before.ID, Version: before.Version}, Vignettes: len(vignettes), Changes: triage.Compare(before, set, vignettes),
	}, nil
}

// baseOf is what a version is compared with: what was asked for, else what it was copied
// from, else the form in force.
func (a *App) baseOf(tx *sqldb.Tx, p authn.Principal, v FormView, base FormKey) (*triage.Set, error) {
	if base.ID != "" && base.Version == 0 {
		return a.forms.Current(p.ClinicID, base.ID)
	}
	if base.ID == "" {
		base = FormKey{ID: v.FromID, Version: v.FromVersion}
	}
	if base.ID == "" {
		return a.forms.Current(p.ClinicID, "")
	}
	view, err := a.readForm(tx, p, base)
	if err != nil {
		return nil, err
	}
	return usable(view)
}

// ApproveForm is a clinician's approval of a draft.
type ApproveForm struct {
	Key           FormKey
	Etag          string
	Note          string
	AcceptLowered bool
	Fingerprint   []byte
}

// ApproveForm approves a draft in the calling clinician's name, after which it cannot be
// changed any more. It fails with NOT_FOUND; ABORTED, VERSION_MISMATCH; FAILED_PRECONDITION:
// QUESTIONNAIRE_APPROVED; QUESTIONNAIRE_NOT_USABLE naming what is wrong; VIGNETTES_LOWERED
// naming the vignettes whose level falls against what it was copied from, unless the
// clinician has said that this is meant.
func (a *App) ApproveForm(ctx context.Context, in ApproveForm) (view FormView, err error) {
	p, name, err := a.approver(ctx)
	if err != nil {
		return view, err
	}
	if a.forms.Shipped(in.Key.ID) {
		return view, alreadyApproved(in.Key)
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "ApproveQuestionnaireVersion", in.Fingerprint, formName(in.Key), func() error {
			return a.approveForm(ctx, tx, p, name, in)
		})
		return err
	})
	if err != nil {
		return view, err
	}
	return a.refreshed(ctx, in.Key)
}

// approver is the calling clinician with the name that the approval is in.
func (a *App) approver(ctx context.Context) (authn.Principal, string, error) {
	p, err := callerOf(ctx)
	if err != nil {
		return p, "", err
	}
	name, err := a.directory.Me(ctx)
	if err == nil && strings.TrimSpace(name) == "" {
		err = fault.New(fault.FailedPrecondition, "NAME_MISSING", "Your account has no name. An approval needs one.")
	}
	return p, name, err
}

func (a *App) approveForm(ctx context.Context, tx *sqldb.Tx, p authn.Principal, name string, in ApproveForm) error {
	v, err := draftOf(tx, p, in.Key, in.Etag)
	if err != nil {
		return err
	}
	view := a.formView(v)
	set, err := usable(view)
	if err != nil {
		return err
	}
	compared, err := a.compare(tx, p, view, set, FormKey{})
	if err != nil {
		return err
	}
	if err := lowered(compared.Changes); err != nil && !in.AcceptLowered {
		return err
	}
	v.Document, err = documentOf(v.Document, in.Key, triage.Review{State: FormApproved, By: name, Note: in.Note})
	if err != nil {
		return err
	}
	v.State, v.UpdatedAt = FormApproved, tx.Now()
	v.Approved = store.Approved{By: p.Subject, Name: name, As: professionOf(p), Note: in.Note, At: tx.Now()}
	if err := saveForm(tx, v); err != nil {
		return err
	}
	if err := store.NextFormRevision(tx); err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{Action: "questionnaire.approve", Resource: formName(in.Key)})
}

// lowered refuses with the vignettes whose level falls.
func lowered(changes []triage.Change) error {
	var ids []string
	for _, c := range changes {
		if c.Lowered() {
			ids = append(ids, c.Vignette.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "VIGNETTES_LOWERED", "Some invented patients get a lower level than before. Look at them, and say that it is meant.").
		With("vignette_ids", strings.Join(ids, ","))
}

// professionOf is the caller's profession in the words of the contract.
func professionOf(p authn.Principal) string {
	return strings.TrimPrefix(p.Profession.String(), "PROFESSION_")
}

// refreshed reads a version after what is in force has changed.
func (a *App) refreshed(ctx context.Context, key FormKey) (FormView, error) {
	if err := a.forms.Refresh(ctx, a.db); err != nil {
		return FormView{}, err
	}
	return a.Form(ctx, key)
}

// RefreshForms reads what is in force anew when another process changed it.
func (a *App) RefreshForms(ctx context.Context) error { return a.forms.Refresh(ctx, a.db) }

// ActivateForm switches a version on.
type ActivateForm struct {
	Key         FormKey
	Start       civil.Date // zero is today
	Fingerprint []byte
}

// ActivateForm makes an approved version, or one that ships with the program, the clinic's
// intake form from a day on; forms that were started before keep their version. It fails
// with NOT_FOUND; FAILED_PRECONDITION, QUESTIONNAIRE_NOT_APPROVED; INVALID_ARGUMENT for a
// day that is over.
func (a *App) ActivateForm(ctx context.Context, in ActivateForm) (view FormView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "ActivateQuestionnaireVersion", in.Fingerprint, formName(in.Key), func() error {
			v, err := a.readForm(tx, p, in.Key)
			if err != nil {
				return err
			}
			if v.State == FormDraft {
				return fault.New(fault.FailedPrecondition, "QUESTIONNAIRE_NOT_APPROVED", "A named clinician must approve this version first.").
					With("questionnaire_id", in.Key.ID)
			}
			today := civil.Of(tx.Now(), zone)
			start := in.Start
			if start.IsZero() {
				start = today
			}
			if start.Before(today) {
				return fault.Invalid("start_date", "is over")
			}
			err = store.PutSwitch(tx, store.Switch{
				ClinicID: p.ClinicID, StartDate: start.String(), StartAt: start.At(0, 0, zone), QuestionnaireID: in.Key.ID, Version: in.Key.Version, By: p.Subject,
			})
			if err != nil {
				return err
			}
			if err := store.NextFormRevision(tx); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "questionnaire.activate", Resource: formName(in.Key), Facts: map[string]string{"start_date": start.String()},
			})
		})
		return err
	})
	if err != nil {
		return view, err
	}
	return a.refreshed(ctx, in.Key)
}

// OpenLanguage opens a language of a version to the clinic's patients, or closes it.
type OpenLanguage struct {
	Key         FormKey
	Language    string
	Open        bool
	Note        string
	Fingerprint []byte
}

// OpenLanguage opens a language in the calling clinician's name, or closes it again; forms
// that were started in it may be finished. It fails with NOT_FOUND, and with
// INVALID_ARGUMENT for a language that the version does not have in full.
func (a *App) OpenLanguage(ctx context.Context, in OpenLanguage) (view FormView, err error) {
	p, name, err := a.approver(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "OpenQuestionnaireLanguage", in.Fingerprint, formName(in.Key), func() error {
			v, err := a.readForm(tx, p, in.Key)
			if err != nil {
				return err
			}
			if err := hasLanguage(v, in.Language); err != nil {
				return err
			}
			err = store.PutLanguage(tx, store.FormLanguage{
				ClinicID: p.ClinicID, QuestionnaireID: in.Key.ID, Version: in.Key.Version, Language: in.Language, Open: in.Open,
				Approved: store.Approved{By: p.Subject, Name: name, As: professionOf(p), Note: in.Note, At: tx.Now()},
			})
			if err != nil {
				return err
			}
			if err := store.NextFormRevision(tx); err != nil {
				return err
			}
			action := map[bool]string{true: "questionnaire.open_language", false: "questionnaire.close_language"}[in.Open]
			return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: formName(in.Key), Facts: map[string]string{"language": in.Language}})
		})
		return err
	})
	if err != nil {
		return view, err
	}
	return a.refreshed(ctx, in.Key)
}

// hasLanguage refuses English, which is open wherever the form is, and a language that the
// version does not have in full.
func hasLanguage(v FormView, language string) error {
	if language == english {
		return fault.Invalid("language_code", "English needs no approval of its own")
	}
	for _, l := range v.Languages {
		if l.Language == language {
			return nil
		}
	}
	return fault.Invalid("language_code", "the version does not have this language in full")
}
