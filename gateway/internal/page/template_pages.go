package page

import (
	"slices"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// templateRoutes are the pages of plan templates.
func (s *Site) templateRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/templates", governing, s.templateList),
		s.row("GET /staff/templates/new", governing, s.templateNew),
		s.row("POST /staff/templates/new", governing, s.templateCreate),
		s.row("GET /staff/templates/{template_id}", governing, s.templatePage),
		s.row("GET /staff/templates/{template_id}/change", governing, s.templateChange),
		s.row("POST /staff/templates/{template_id}/change", governing, s.templateUpdate),
		s.row("POST /staff/templates/{template_id}/retire", governing, s.templateRetire),
	}
}

// templateList shows every template: the clinic's own, those that came with the program, and
// those out of use.
func (s *Site) templateList(c *call) error {
	got, err := s.clients.plans.ListPlanTemplates(c.ctx(), &plansv1.ListPlanTemplatesRequest{IncludeRetired: true})
	if err != nil {
		return err
	}
	list := got.GetTemplates()
	slices.SortStableFunc(list, func(a, b *plansv1.PlanTemplate) int { return templateRank(a) - templateRank(b) })
	v := c.view(c.cat.T("template.title"), list)
	v.Wide = true
	return c.show("templates", v)
}

// templateRank orders templates by how likely they are used.
func templateRank(t *plansv1.PlanTemplate) int {
	switch {
	case t.GetRetired():
		return 2
	case t.GetOrigin() != "CLINIC":
		return 1
	}
	return 0
}

// templatePageData is one template with what it was before.
type templatePageData struct {
	*plansv1.PlanTemplate
	Own      bool
	Versions []templateVersion
}

// templateVersion is a template as it stood after one change.
type templateVersion struct {
	*plansv1.PlanTemplate
	When string
}

// template reads the template that the address names.
func (c *call) template(id string) (*plansv1.PlanTemplate, error) {
	got, err := c.clients.plans.GetPlanTemplate(c.ctx(), &plansv1.GetPlanTemplateRequest{TemplateId: id})
	return got.GetTemplate(), err
}

// templatePage shows a template, with the source of its numbers and every version.
func (s *Site) templatePage(c *call) error {
	t, err := c.template(c.path("template_id"))
	if err != nil {
		return err
	}
	d := templatePageData{PlanTemplate: t, Own: t.GetOrigin() == "CLINIC"}
	if d.Own {
		when, err := c.whenHere()
		if err != nil {
			return err
		}
		got, err := s.clients.plans.ListPlanTemplateVersions(c.ctx(), &plansv1.ListPlanTemplateVersionsRequest{TemplateId: t.GetTemplateId()})
		if err != nil {
			return err
		}
		for _, version := range got.GetVersions() {
			d.Versions = append(d.Versions, templateVersion{version.GetTemplate(), when(version.GetChangeTime())})
		}
	}
	v := c.view(t.GetName(), d)
	v.Back, v.Wide = "/staff/templates", true
	return c.show("template", v)
}

// templateNew shows the form of a new template, filled in from the one that is copied.
func (s *Site) templateNew(c *call) error {
	t := &plansv1.PlanTemplate{}
	if from := c.query("from"); from != "" {
		var err error
		if t, err = c.template(from); err != nil {
			return err
		}
		t.Name, t.Etag = c.cat.T("template.copy_of", "name", t.GetName()), ""
	}
	return c.templateView(t, nil)
}

// templateCreate adds a template of the clinic's own, or checks it.
func (s *Site) templateCreate(c *call) error {
	return c.templateSend(func(spec *plansv1.TemplateSpec, only bool) (string, error) {
		got, err := s.clients.plans.CreatePlanTemplate(c.ctx(), &plansv1.CreatePlanTemplateRequest{RequestId: c.requestID(), Template: spec, ValidateOnly: only})
		return got.GetTemplate().GetTemplateId(), err
	})
}

// templateChange shows the form of one of the clinic's own.
func (s *Site) templateChange(c *call) error {
	t, err := c.template(c.path("template_id"))
	if err != nil {
		return err
	}
	if t.GetOrigin() != "CLINIC" || t.GetRetired() {
		return fault.NotFoundf("plan template")
	}
	return c.templateView(t, nil)
}

// templateUpdate adds a version of a template, or checks it. Plans that were made from earlier
// versions stay as they are.
func (s *Site) templateUpdate(c *call) error {
	return c.templateSend(func(spec *plansv1.TemplateSpec, only bool) (string, error) {
		got, err := s.clients.plans.UpdatePlanTemplate(c.ctx(), &plansv1.UpdatePlanTemplateRequest{
			RequestId: c.requestID(), TemplateId: c.path("template_id"), Etag: c.form("etag"), Template: spec, ValidateOnly: only,
		})
		return got.GetTemplate().GetTemplateId(), err
	})
}

// templateSend reads the form and sends it on; a defect is shown at its place.
func (c *call) templateSend(send func(spec *plansv1.TemplateSpec, only bool) (string, error)) error {
	w := c.wrongs()
	spec, rows := c.templateSpec(w)
	sent := &plansv1.PlanTemplate{Etag: c.form("etag")}
	again := func(w *wrongs) error { return c.templateView(sent, w) }
	if w.any() {
		return again(w)
	}
	only := c.form("check") != ""
	id, err := send(spec, only)
	if err != nil {
		names := map[string]string{}
		for _, v := range fault.From(err).Fields {
			names[v.Field] = rows.field(v.Field)
		}
		return c.formOr(err, w, names, func(w *wrongs) error {
			for i, m := range w.list {
				w.list[i].Text = c.placed(m)
			}
			return again(w)
		})
	}
	if only {
		return again(nil)
	}
	return c.redirect(address("/staff/templates/"+id, "done", "template"))
}

// templateRetire takes a template out of use; plans made from it stay.
func (s *Site) templateRetire(c *call) error {
	return c.act("/staff/templates/"+c.path("template_id"), "template_retired", func() error {
		_, err := s.clients.plans.RetirePlanTemplate(c.ctx(), &plansv1.RetirePlanTemplateRequest{
			RequestId: c.requestID(), TemplateId: c.path("template_id"), Etag: c.form("etag"),
		})
		return err
	})
}
