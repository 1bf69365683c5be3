package app

import (
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// PageReached names a page that was shown.
type PageReached struct {
	IntakeID   string
	PageID     string
	DeviceKind string // "" is OTHER
	Language   string // "" is that of the form
}

// RecordPageReached counts that a page of a draft was shown, once for each form and page. A
// form that was handed in is not counted again. It fails with NOT_FOUND for an intake that
// the caller may not know of, and with INVALID_ARGUMENT for a page that its form does not
// have.
func (a *App) RecordPageReached(ctx context.Context, in PageReached) error {
	p, err := callerOf(ctx)
	if err != nil {
		return err
	}
	zone := a.zoneOf(ctx, p.ClinicID)
	var counted []store.Step
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		counted, err = a.countPage(tx, p, in, zone)
		return err
	})
	if err == nil {
		a.steps.add(ctx, counted...)
	}
	return err
}

func (a *App) countPage(tx *sqldb.Tx, p authn.Principal, in PageReached, zone *time.Location) ([]store.Step, error) {
	i, _, err := loadIntake(tx, p, in.IntakeID, true)
	if err != nil {
		return nil, err
	}
	set, err := a.forms.Version(i.ClinicID, i.QuestionnaireID, i.QuestionnaireVersion)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(set.Pages, func(page triage.Page) bool { return page.ID == in.PageID }) {
		return nil, fault.Invalid("page_id", "is not a page of this form")
	}
	if i.State != Draft {
		return nil, nil
	}
	lang := i.Language
	if in.Language != "" {
		lang = a.forms.openLanguage(i.ClinicID, set, in.Language)
	}
	s := stepOf(i, StepPage, in.PageID, in.DeviceKind, lang, tx.Now(), zone)
	if fresh, err := store.MarkPage(tx, i.ClinicID, i.IntakeID, in.PageID, s.DeviceKind); err != nil || !fresh {
		return nil, err
	}
	return []store.Step{s}, store.CountStep(tx, i.ClinicID, s)
}
