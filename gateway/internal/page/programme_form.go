package page

import (
	"net/http"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// programmeRoutes are the staff's pages of home programmes.
func (s *Site) programmeRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/patients/{patient_id}/programmes/new", treating, s.programmeForm),
		s.row("POST /staff/patients/{patient_id}/programmes/new", treating, s.programmeIssue),
		s.row("POST /staff/patients/{patient_id}/programmes/{programme_id}/end", treating, s.programmeEnd),
		s.row("GET /staff/patients/{patient_id}/programmes/{programme_id}", treating, s.programmePrint),
		s.row("GET /staff/patients/{patient_id}/programmes/{programme_id}/letter", treating, s.programmeLetter),
	}
}

// staffProgramme is a programme as a clinician sees it.
type staffProgramme struct {
	*plansv1.HomeProgramme
	Items []staffItem
}

// staffItem is an item with how much of it was done.
type staffItem struct {
	*plansv1.ProgrammeItem
	Numbers []string
	Done    *plansv1.ItemAdherence // nil where the diary says nothing
}

// programmes are a patient's programmes in force.
func (c *call) programmes(patient string, trend *plansv1.GetDiaryTrendResponse) (all []staffProgramme, err error) {
	got, err := c.homes().ListHomeProgrammes(c.ctx(), &plansv1.ListHomeProgrammesRequest{PatientId: patient, State: "ACTIVE"})
	if err != nil {
		return nil, err
	}
	for _, p := range got.GetProgrammes() {
		one := staffProgramme{HomeProgramme: p}
		for _, i := range p.GetItems() {
			item := staffItem{ProgrammeItem: i, Numbers: c.numbersOf(i)}
			for _, a := range trend.GetAdherence() {
				if a.GetCode() == i.GetSetting().GetCode() {
					item.Done = a
				}
			}
			one.Items = append(one.Items, item)
		}
		all = append(all, one)
	}
	return all, nil
}

// programmeFormPage is the form that issues a programme.
type programmeFormPage struct {
	About, Fields []Field
	LeftOut       []leftOut
	Action        string
}

// leftOut is an item that would fit but for the rules against it.
type leftOut struct {
	Name  string
	Rules []string
}

// circumstances are what the clinician says beside what the patient has answered.
func (c *call) circumstances(w *wrongs) *plansv1.HomeCircumstances {
	said := c.forms("circumstances")
	return &plansv1.HomeCircumstances{
		Trigger: c.form("trigger"), Duration: c.form("duration"),
		Pain: c.pain(w, "pain"), Swelling: slices.Contains(said, "SWELLING"), Tender: slices.Contains(said, "TENDER"), Recurrent: slices.Contains(said, "RECURRENT"),
	}
}

// programmeView makes the form. What is suggested is ticked until the clinician has chosen.
func (c *call) programmeView(w *wrongs, chosen bool) error {
	id := c.path("patient_id")
	plans, err := c.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	course := c.input(w, "select", "course", "home.course")
	discipline := ""
	for _, p := range plans.GetPlans() {
		for _, of := range p.GetCourses() {
			value := p.GetPlanId() + ":" + of.GetCourseId()
			if c.r.Method == http.MethodGet && course.Value == "" {
				course.Value = value // the first course, unless the clinician says otherwise
			}
			if value == course.Value {
				discipline = of.GetDiscipline()
			}
			course.Options = append(course.Options, Option{Value: value, Label: say(c.cat, "discipline", of.GetDiscipline()) + ", " + p.GetName()})
		}
	}
	course.Options = append(course.Options, Option{Label: c.cat.T("home.no_course")})
	pain := c.input(w, "select", "pain", "home.pain")
	pain.Optional = true
	pain.Options = append([]Option{{Label: c.cat.T("home.as_known")}}, scaleOptions(0, 10)...)
	about := c.choices(w, "checks", "circumstances", "home.circumstances", "home_circumstance", "", "SWELLING", "TENDER", "RECURRENT")
	about.Optional = true
	d := programmeFormPage{About: []Field{
		course, c.answeredOr(w, "duration", "home_duration", "lt48h", "2to14d", "2to6w", "6to12w", "gt12w"),
		c.answeredOr(w, "trigger", "home_trigger", "desk_posture", "heavy_lifting", "sport", "sleep", "injury", "unknown"), pain, about,
	}, Action: c.r.URL.Path}
	if err := c.itemFields(&d, w, id, discipline, chosen); err != nil {
		return err
	}
	list, err := c.homes().ListHomeProgrammes(c.ctx(), &plansv1.ListHomeProgrammesRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	if len(list.GetProgrammes()) > 0 {
		ends := c.input(w, "checks", "ends", "home.ends")
		ends.Optional = true
		for _, p := range list.GetProgrammes() {
			o := Option{Value: p.GetProgrammeId() + ":" + p.GetEtag(), Label: c.cat.T("home.end_of", "date", c.cat.DateText(p.GetStartDate())), Checked: !chosen}
			ends.Options = append(ends.Options, o)
		}
		d.Fields = append(d.Fields, ends)
	}
	v, err := c.patientTitle("home.new_title", d)
	if err != nil {
		return err
	}
	if w == nil {
		return c.show("programme_form", v)
	}
	return c.again("programme_form", v, w)
}

// answeredOr is a choice that is left to what is known of the patient unless something is chosen.
func (c *call) answeredOr(w *wrongs, name, of string, codes ...string) Field {
	f := c.choices(w, "select", name, "home."+name, of, "", codes...)
	f.Options = append([]Option{{Label: c.cat.T("home.as_known")}}, f.Options...)
	f.Optional = true
	return f
}

// itemFields are the items to choose from: those that may be done now, and those that wait
// until the injury is resolved.
func (c *call) itemFields(d *programmeFormPage, w *wrongs, patient, discipline string, chosen bool) error {
	library, err := c.homes().ListHomeItems(c.ctx(), &plansv1.ListHomeItemsRequest{PatientId: patient})
	if err != nil {
		return err
	}
	suggested, err := c.homes().GetHomeSuggestion(c.ctx(), &plansv1.GetHomeSuggestionRequest{
		PatientId: patient, Circumstances: c.circumstances(c.wrongs()), Discipline: discipline,
	})
	if err != nil {
		return err
	}
	items, locked := c.input(w, "checks", "items", "home.items"), c.input(w, "checks", "locked", "home.locked")
	locked.Optional = true
	if !chosen {
		items.Values = nil
		for _, i := range suggested.GetItems() {
			items.Values = append(items.Values, i.GetSetting().GetCode())
		}
	}
	against := map[string][]string{}
	for _, l := range suggested.GetLeftOut() {
		against[l.GetCode()] = l.GetRules()
		d.LeftOut = append(d.LeftOut, leftOut{Name: say(c.cat, "home_item", l.GetCode()), Rules: l.GetRules()})
	}
	for _, i := range library.GetItems() {
		if _, no := against[i.GetCode()]; no {
			continue
		}
		o := Option{Value: i.GetCode(), Label: i.GetName(), Hint: itemHint(i)}
		if i.GetLocked() {
			locked.Options = append(locked.Options, o)
		} else {
			items.Options = append(items.Options, o)
		}
	}
	resolved := c.choices(w, "checks", "injury_resolved", "home.resolved", "home_resolved", "", "YES")
	resolved.Optional = true
	d.Fields = append(d.Fields, items, resolved, locked)
	return nil
}

// itemHint says what goes with an item: its safety lines, its evidence and its source.
func itemHint(i *plansv1.HomeItem) string {
	var parts []string
	for _, line := range i.GetSafety() {
		parts = append(parts, line.GetText())
	}
	if i.GetEvidenceNote() != "" {
		parts = append(parts, i.GetEvidenceNote())
	}
	return strings.Join(append(parts, i.GetSource()), " ")
}

// programmeForm shows the form.
func (s *Site) programmeForm(c *call) error { return c.programmeView(nil, false) }

// programmeIssue issues a programme, or suggests again for other circumstances.
func (s *Site) programmeIssue(c *call) error {
	if c.form("again") != "" {
		return c.programmeView(nil, false)
	}
	w := c.wrongs()
	r := &plansv1.CreateHomeProgrammeRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), Circumstances: c.circumstances(w), InjuryResolved: len(c.forms("injury_resolved")) > 0,
	}
	r.PlanId, r.CourseId, _ = strings.Cut(c.form("course"), ":")
	for _, code := range append(slices.Clone(c.forms("items")), c.forms("locked")...) {
		r.Items = append(r.Items, &plansv1.HomeSetting{Code: code})
	}
	if len(r.GetItems()) == 0 {
		w.field("items", c.cat.T("home.need_items"))
	}
	again := func(w *wrongs) error { return c.programmeView(w, true) }
	if w.any() {
		return again(w)
	}
	if _, err := c.homes().CreateHomeProgramme(c.ctx(), r); err != nil {
		return c.formOr(err, w, nil, again)
	}
	back := "/staff/patients/" + c.path("patient_id")
	for _, end := range c.forms("ends") {
		id, etag, _ := strings.Cut(end, ":")
		_, err := c.homes().EndHomeProgramme(c.ctx(), &plansv1.EndHomeProgrammeRequest{RequestId: c.requestID() + "-" + id, ProgrammeId: id, Etag: etag})
		if f := fault.From(err); err != nil && f.Reason != "PROGRAMME_ENDED" {
			return c.redirect(address(back, "problem", "PROGRAMME_STILL_THERE") + "#programme")
		}
	}
	return c.redirect(address(back, "done", "programme_issued") + "#programme")
}

// programmeEnd ends a programme.
func (s *Site) programmeEnd(c *call) error {
	return c.act("/staff/patients/"+c.path("patient_id"), "programme_ended", func() error {
		_, err := c.homes().EndHomeProgramme(c.ctx(), &plansv1.EndHomeProgrammeRequest{
			RequestId: c.requestID(), ProgrammeId: c.path("programme_id"), Etag: c.form("etag"),
		})
		return err
	})
}

// programmePrint shows a programme as the patient reads it, to be printed for them.
func (s *Site) programmePrint(c *call) error {
	got, err := c.homes().GetHomeProgramme(c.ctx(), &plansv1.GetHomeProgrammeRequest{ProgrammeId: c.path("programme_id")})
	if err != nil {
		return err
	}
	if got.GetProgramme().GetPatientId() != c.path("patient_id") {
		return fault.NotFoundf("home programme")
	}
	card, err := c.programme(got.GetProgramme())
	if err != nil {
		return err
	}
	if card.Letter != "" {
		card.Letter = c.r.URL.Path + "/letter"
	}
	v, err := c.patientTitle("home.print_title", card)
	if err != nil {
		return err
	}
	return c.show("programme_print", v)
}

// programmeLetter shows the letter to the employer, to be printed.
func (s *Site) programmeLetter(c *call) error {
	return c.letter("/staff/patients/" + c.path("patient_id") + "/programmes/" + c.path("programme_id"))
}
