package app

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// States of a version of a form.
const (
	FormShipped  = "SHIPPED"
	FormDraft    = "DRAFT"
	FormApproved = "APPROVED"
)

// FormKey names one version of a form.
type FormKey struct {
	ID      string
	Version int64
}

// FormView is one version of a form as a clinic keeps it.
type FormView struct {
	store.FormVersion
	Problems       []triage.Problem
	RuleSetVersion string
	Languages      []LanguageView
	InForceFrom    []string // newest first
	InForce        bool
}

// LanguageView is one language of a version.
type LanguageView struct {
	Language string
	Open     bool
	Approved store.Approved
}

// ListForms returns the versions that the caller's clinic can use or change, those that ship
// with the program first, without documents; of one form when an id is given.
func (a *App) ListForms(ctx context.Context, id string) (views []FormView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range a.forms.shipped {
		if id == "" || s.ID == id {
			views = append(views, a.shippedView(p.ClinicID, s))
		}
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		own, err := store.ClinicForms(tx, p.ClinicID, id)
		for _, v := range own {
			views = append(views, a.formView(v))
		}
		return err
	})
	for i := range views {
		views[i].Document = ""
	}
	return views, err
}

// Form returns one version with its document and what is wrong with it. It fails with
// NOT_FOUND.
func (a *App) Form(ctx context.Context, key FormKey) (view FormView, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		view, err = a.readForm(tx, p, key)
		return err
	})
	return view, err
}

// readForm is Form inside a transaction.
func (a *App) readForm(tx *sqldb.Tx, p authn.Principal, key FormKey) (FormView, error) {
	for _, s := range a.forms.shipped {
		if s.ID == key.ID && s.Version == key.Version {
			return a.shippedView(p.ClinicID, s), nil
		}
	}
	v, ok, err := store.GetForm(tx, p.ClinicID, key.ID, key.Version)
	if err == nil && !ok {
		err = fault.NotFoundf("questionnaire version")
	}
	if err != nil {
		return FormView{}, err
	}
	return a.formView(v), nil
}

// shippedView is a version that ships with the program, as the clinic sees it.
func (a *App) shippedView(clinicID string, s *triage.Set) FormView {
	v := FormView{
		FormVersion: store.FormVersion{
			ClinicID: clinicID, QuestionnaireID: s.ID, Version: s.Version, State: FormShipped, Document: string(s.Document()),
		},
		RuleSetVersion: s.RuleSetVersion(),
	}
	a.addForce(&v, s)
	return v
}

// formView is one of a clinic's own versions; a draft is checked as it stands.
func (a *App) formView(v store.FormVersion) FormView {
	out := FormView{FormVersion: v}
	set, err := triage.Load([]byte(v.Document))
	var bad *triage.LoadError
	switch {
	case errors.As(err, &bad):
		out.Problems = bad.Problems
	case err != nil:
		out.Problems = []triage.Problem{{Place: "document", What: err.Error()}}
	default:
		out.RuleSetVersion = set.RuleSetVersion()
		a.addForce(&out, set)
	}
	return out
}

// addForce adds since when a version is in force and which of its languages are open.
func (a *App) addForce(v *FormView, s *triage.Set) {
	own := a.forms.own.Load()
	approved := own.languages[formKey{v.ClinicID, s.ID, s.Version}]
	open := a.forms.Open(v.ClinicID, s)
	for _, lang := range s.Languages {
		l := LanguageView{Language: lang, Open: slices.Contains(open, lang)}
		if i := slices.IndexFunc(approved, func(r store.FormLanguage) bool { return r.Language == lang }); i >= 0 && l.Open {
			l.Approved = approved[i].Approved
		}
		v.Languages = append(v.Languages, l)
	}
	for _, on := range slices.Backward(own.switches[v.ClinicID]) {
		if on.QuestionnaireID == s.ID && on.Version == s.Version {
			v.InForceFrom = append(v.InForceFrom, on.StartDate)
		}
	}
	current, err := a.forms.Current(v.ClinicID, "")
	v.InForce = err == nil && current.ID == s.ID && current.Version == s.Version
}

// documentOf is a content document that says which version of which form it is, and who
// has approved it. It fails with INVALID_ARGUMENT when the document is no object.
func documentOf(document string, key FormKey, review triage.Review) (string, error) {
	var doc map[string]json.RawMessage
	if err := json.Unmarshal([]byte(document), &doc); err != nil || doc == nil {
		return "", fault.Invalid("document", "must be an object")
	}
	for field, value := range map[string]any{"id": key.ID, "version": key.Version, "review": review} {
		data, err := json.Marshal(value)
		if err != nil {
			return "", err
		}
		doc[field] = data
	}
	data, err := json.Marshal(doc)
	return string(data), err
}

// usable loads a version, or refuses with FAILED_PRECONDITION, QUESTIONNAIRE_NOT_USABLE,
// naming every place that is wrong.
func usable(v FormView) (*triage.Set, error) {
	set, err := triage.Load([]byte(v.Document))
	if err == nil {
		return set, nil
	}
	refusal := fault.New(fault.FailedPrecondition, "QUESTIONNAIRE_NOT_USABLE", "This version has problems: see which and where.").
		With("questionnaire_id", v.QuestionnaireID)
	var bad *triage.LoadError
	if !errors.As(err, &bad) {
		return nil, refusal
	}
	for i, p := range bad.Problems {
		if i == maxProblems {
			break
		}
		refusal = refusal.OnField(p.Place, p.What)
	}
	return nil, refusal
}

// maxProblems is how many problems of a document one refusal names.
const maxProblems = 50
