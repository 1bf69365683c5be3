package page

import (
	"github.com/upright-clinic/upright/gateway/internal/apidoc"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// docs lists what programs can ask.
func (s *Site) docs(c *call) error {
	api, err := s.api()
	if err != nil {
		return err
	}
	v := c.view(c.cat.T("docs.title"), api)
	v.Wide = true
	return c.show("docs", v)
}

// docsGroup shows one service of it.
func (s *Site) docsGroup(c *call) error {
	api, err := s.api()
	if err != nil {
		return err
	}
	g := api.Group(c.path("service"))
	if g == nil {
		return fault.NotFoundf("service")
	}
	v := c.view(g.Name, g)
	v.Back, v.Wide = "/docs", true
	return c.show("docs_service", v)
}

// api reads the document when somebody first asks for it.
func (s *Site) api() (*apidoc.API, error) { return s.docsOnce() }
