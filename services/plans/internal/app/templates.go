package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// catalogue is what a clinic offers: the templates that ship, and its own.
func (a *App) catalogue(tx *sqldb.Tx, clinicID string) (plan.Catalogue, error) {
	own, err := store.Templates(tx, clinicID)
	return a.cfg.Catalogue.With(own...), err
}

// ListTemplates gives what the caller's clinic offers; retired templates when asked for.
func (a *App) ListTemplates(ctx context.Context, retired bool) (plan.Catalogue, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return plan.Catalogue{}, err
	}
	var c plan.Catalogue
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		c, err = a.catalogue(tx, clinicID)
		return err
	})
	c.Templates = slices.DeleteFunc(slices.Clone(c.Templates), func(t plan.Template) bool { return t.Retired && !retired })
	return c, err
}

// GetTemplate gives one template, or NOT_FOUND.
func (a *App) GetTemplate(ctx context.Context, id string) (plan.Catalogue, plan.Template, error) {
	c, err := a.ListTemplates(ctx, true)
	if err != nil {
		return c, plan.Template{}, err
	}
	t, ok := c.Template(id)
	if !ok {
		return c, t, fault.NotFoundf("plan template")
	}
	return c, t, nil
}

// ListTemplateVersions gives every version of a clinic's own template, newest first.
// NOT_FOUND for one that ships, which has the version of the catalogue only.
func (a *App) ListTemplateVersions(ctx context.Context, id string) (plan.Catalogue, []store.TemplateVersion, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return plan.Catalogue{}, nil, err
	}
	var versions []store.TemplateVersion
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		versions, err = store.TemplateVersions(tx, clinicID, id)
		return err
	})
	if err == nil && len(versions) == 0 {
		err = fault.NotFoundf("plan template")
	}
	return a.cfg.Catalogue, versions, err
}

// TemplateChange is what somebody wants of a clinic's own template.
type TemplateChange struct {
	ID          string // empty: a new one
	Etag        string
	Template    plan.Template
	CheckOnly   bool   // nothing is kept
	Fingerprint []byte // of the request
}

// CreateTemplate adds a template of the clinic's own. INVALID_ARGUMENT names the place of a
// defect.
func (a *App) CreateTemplate(ctx context.Context, c TemplateChange) (plan.Catalogue, plan.Template, error) {
	id := ident.New("tpl")
	return a.putTemplate(ctx, "PlanService.CreatePlanTemplate", id, c, func(_ plan.Template, known bool) (plan.Template, error) {
		t := c.Template
		if known {
			return t, errTaken
		}
		t.ID, t.Version = id, 1
		return t, nil
	})
}

// errTaken cannot happen: ids are new.
var errTaken = fault.New(fault.Internal, "ID_TAKEN", "Try again.")

// UpdateTemplate adds a version of a clinic's own template. Plans made from earlier ones stay
// as they are. NOT_FOUND, VERSION_MISMATCH, TEMPLATE_RETIRED, and as CreateTemplate.
func (a *App) UpdateTemplate(ctx context.Context, c TemplateChange) (plan.Catalogue, plan.Template, error) {
	return a.putTemplate(ctx, "PlanService.UpdatePlanTemplate", c.ID, c, func(now plan.Template, known bool) (plan.Template, error) {
		if err := changeable(c, now, known); err != nil {
			return now, err
		}
		t := c.Template
		t.ID, t.Version = now.ID, now.Version+1
		return t, nil
	})
}

// RetireTemplate takes a clinic's own template out of use; no plan is made from it any more.
// NOT_FOUND, VERSION_MISMATCH, TEMPLATE_RETIRED.
func (a *App) RetireTemplate(ctx context.Context, c TemplateChange) (plan.Catalogue, plan.Template, error) {
	return a.putTemplate(ctx, "PlanService.RetirePlanTemplate", c.ID, c, func(now plan.Template, known bool) (plan.Template, error) {
		if err := changeable(c, now, known); err != nil {
			return now, err
		}
		now.Version, now.Retired = now.Version+1, true
		return now, nil
	})
}

func changeable(c TemplateChange, now plan.Template, known bool) error {
	switch {
	case !known:
		return fault.NotFoundf("plan template")
	case now.Retired:
		return fault.New(fault.FailedPrecondition, "TEMPLATE_RETIRED", "The template is out of use.").With("template_id", now.ID)
	}
	return etagMatches(c.Etag, now.Version)
}

// putTemplate stores the next version of a template of the clinic's own, once for a request
// id, with its audit row.
func (a *App) putTemplate(ctx context.Context, method, id string, c TemplateChange, next func(now plan.Template, known bool) (plan.Template, error)) (plan.Catalogue, plan.Template, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return plan.Catalogue{}, plan.Template{}, err
	}
	if c.CheckOnly {
		return a.checkTemplate(ctx, clinicID, id, next)
	}
	var catalogue plan.Catalogue
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		kept, _, err := requestid.OnceAs(ctx, tx, method, c.Fingerprint, id, func() error {
			now, known, err := ownTemplate(tx, clinicID, id)
			if err != nil {
				return err
			}
			t, err := next(now, known)
			if err != nil {
				return err
			}
			if err := a.cfg.Catalogue.CheckTemplate(t); err != nil {
				return err
			}
			if err := store.PutTemplate(tx, clinicID, store.TemplateVersion{Template: t, By: p.Subject, At: tx.Now()}); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "plan_template.change", Resource: t.ID})
		})
		if err != nil {
			return err
		}
		id = kept
		catalogue, err = a.catalogue(tx, clinicID)
		return err
	})
	if err != nil {
		return plan.Catalogue{}, plan.Template{}, err
	}
	t, _ := catalogue.Template(id)
	return catalogue, t, nil
}

// checkTemplate refuses what putTemplate would, and keeps nothing.
func (a *App) checkTemplate(ctx context.Context, clinicID, id string, next func(now plan.Template, known bool) (plan.Template, error)) (plan.Catalogue, plan.Template, error) {
	var t plan.Template
	var c plan.Catalogue
	err := a.db.Read(ctx, func(tx *sqldb.Tx) error {
		now, known, err := ownTemplate(tx, clinicID, id)
		if err != nil {
			return err
		}
		if t, err = next(now, known); err != nil {
			return err
		}
		c = a.cfg.Catalogue
		return c.CheckTemplate(t)
	})
	return c, t, err
}

// ownTemplate gives a clinic's own template as it stands; false when there is none.
func ownTemplate(tx *sqldb.Tx, clinicID, id string) (plan.Template, bool, error) {
	own, err := store.Templates(tx, clinicID)
	if err != nil {
		return plan.Template{}, false, err
	}
	i := slices.IndexFunc(own, func(t plan.Template) bool { return t.ID == id })
	if i < 0 {
		return plan.Template{}, false, nil
	}
	return own[i], true, nil
}
