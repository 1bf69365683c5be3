package page

import (
	"errors"
	"io"
	"net/http"
	"path/filepath"

	"github.com/upright-clinic/upright/gateway/importfile"
	"github.com/upright-clinic/upright/gateway/internal/problem"
	"github.com/upright-clinic/upright/gateway/internal/route"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// importPath is the page that takes files with records.
const importPath = "/admin/import"

// maxShown is how many lines of a report a page shows; the command shows all.
const maxShown = 500

// importRoutes take over records of another system.
func (s *Site) importRoutes() []route.Route {
	admins := route.People(typev1.Role_ROLE_ADMIN)
	return []route.Route{
		s.row("GET "+importPath, admins, func(c *call) error { return c.show("import", c.importView(nil, nil)) }),
		s.row("POST "+importPath, admins, s.importFile),
	}
}

// importPage is the form, and the report of what was sent with it.
type importPage struct {
	Fields []Field
	Report *importfile.Report
	// Left are the lines that somebody must look at, More how many of them are not shown.
	Left []importfile.Line
	More int
	File string
}

// importView makes the page.
func (c *call) importView(w *wrongs, report *importfile.Report) *view {
	choice := func(name string, values ...string) Field {
		f := c.input(w, "select", name, "import."+name)
		for _, v := range values {
			f.Options = append(f.Options, Option{Value: v, Label: c.cat.T("import." + name + "_" + v)})
		}
		return f
	}
	source := c.input(w, "text", "source", "import.source")
	override := c.input(w, "text", "override", "import.override")
	override.Optional = true
	tick := func(name string) Field {
		return Field{Kind: "checks", Name: name, Label: c.cat.T("import." + name), Values: c.forms(name), Options: []Option{{Value: "yes", Label: c.cat.T("import." + name + "_yes")}}}
	}
	d := importPage{
		Fields: []Field{choice("kind", "patient", "practitioner", "appointment", "cliniko"), source, choice("dates", "none", "dmy", "mdy"), tick("link"), override, tick("apply")},
		Report: report, File: w.of("file"),
	}
	if report != nil {
		for _, l := range report.Lines {
			if l.Outcome == "CONFLICT" || l.Outcome == "REFUSED" {
				d.Left = append(d.Left, l)
			}
		}
		d.More = max(0, len(d.Left)-maxShown)
		d.Left = d.Left[:len(d.Left)-d.More]
	}
	v := c.view(c.cat.T("import.title"), d)
	v.Wide = report != nil
	return v
}

// importFile reads the file and takes it over, or says what would happen.
func (s *Site) importFile(c *call) error {
	w := c.wrongs()
	file, err := c.uploaded(w)
	if err != nil {
		return err
	}
	w.need("source", c.form("source"), "import.need_source")
	if reason := c.form("override"); reason != "" && len(reason) < 3 {
		w.field("override", c.cat.T("confirm.need_reason"))
	}
	if w.any() {
		return c.again("import", c.importView(w, nil), w)
	}
	report, err := importfile.Run(c.ctx(), s.cfg.Peer, importfile.Plan{
		Source: c.form("source"), DryRun: c.form("apply") == "", LinkDuplicates: c.form("link") != "", OverrideReason: c.form("override"),
	}, file)
	if err != nil {
		if !w.refused(err, nil) {
			return err
		}
		return c.again("import", c.importView(w, nil), w)
	}
	return c.show("import", c.importView(nil, report))
}

// uploaded reads the file that was sent. What is wrong with it as a whole is noted.
func (c *call) uploaded(w *wrongs) (*importfile.File, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	sent, header, err := c.r.FormFile("file")
	if err != nil {
		w.field("file", c.cat.T("import.need_file"))
		return nil, nil //nolint:nilnil // the mistake is noted
	}
	data, err := io.ReadAll(sent)
	if err = errors.Join(err, sent.Close()); err != nil {
		return nil, fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the file did not arrive in full").Because(err)
	}
	o := importfile.Options{Zone: c.zone(clinic.GetTimeZone())}
	if order := c.form("dates"); order != "none" {
		o.Dates = importfile.DateOrder(order)
	}
	name := filepath.Base(header.Filename)
	var file *importfile.File
	switch kind := importfile.Kind(c.form("kind")); kind {
	case importfile.Patients, importfile.Practitioners, importfile.Appointments:
		file, err = importfile.ReadCSV(name, kind, data, o)
	default:
		file, err = importfile.ReadCliniko(name, data, o)
	}
	if err != nil {
		w.field("file", sentence(err.Error()))
	}
	return file, nil
}

// readFile takes in the form of a page that takes files. All of it is held in memory: the
// gateway keeps nothing of a patient on a disk.
func (c *call) readFile() error {
	const all = 1 << 30                // bodies are bounded long before
	err := c.r.ParseMultipartForm(all) //nolint:gosec // the edge bounds every body
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem.BodyTooLarge(tooLarge.Limit)
	}
	if err != nil {
		return fault.New(fault.InvalidArgument, problem.ReasonBadRequest, "the form did not arrive in full").Because(err)
	}
	return nil
}
