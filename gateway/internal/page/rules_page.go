package page

import (
	"net/url"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/upright-clinic/upright/gateway/internal/route"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// governing are those who answer for the clinic's rules.
var governing = route.People(typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_ADMIN)

// reading are those who read the clinic's counts.
var reading = route.People(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN, typev1.Role_ROLE_ADMIN)

// ruleRoutes are the pages about the clinic's forms and rules.
func (s *Site) ruleRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/rules", governing, s.ruleSets),
		s.row("GET /staff/rules/{questionnaire_id}/{version}", governing, s.ruleSet),
		s.row("POST /staff/rules/{questionnaire_id}/{version}/{action}", governing, s.ruleSetAct),
		s.row("GET /staff/reports/intake", reading, s.intakeReport),
		s.row("POST /staff/tasks/{task_id}/raise", desk, s.taskRaise),
	}
}

// ruleSets lists the versions of forms with their rules.
func (s *Site) ruleSets(c *call) error {
	got, err := s.clients.versions.ListQuestionnaireVersions(c.ctx(), &intakev1.ListQuestionnaireVersionsRequest{})
	if err != nil {
		return err
	}
	v := c.view(c.cat.T("rules.title"), got.GetQuestionnaireVersions())
	v.Back, v.Wide = "/staff/tasks", true
	return c.show("rule_sets", v)
}

// ruleSetPage is one version, with what it does to invented patients.
type ruleSetPage struct {
	*intakev1.QuestionnaireVersion
	Here      string
	Today     string
	Clinician bool
	Compared  *intakev1.CompareQuestionnaireVersionResponse
	Lowered   int
	Rules     []ruleLine
	// Names are what languages call themselves, by their codes.
	Names map[string]string
}

// ruleLine is one rule in short.
type ruleLine struct{ ID, Level, Why string }

// ruleSet shows one version.
func (s *Site) ruleSet(c *call) error {
	id, version, err := c.ruleSetKey()
	if err != nil {
		return err
	}
	got, err := s.clients.versions.GetQuestionnaireVersion(c.ctx(), &intakev1.GetQuestionnaireVersionRequest{QuestionnaireId: id, Version: version})
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d := ruleSetPage{
		QuestionnaireVersion: got.GetQuestionnaireVersion(), Here: ruleSetURL(id, version), Today: c.today(clinic).String(), Clinician: c.clinician(),
		Rules: rulesOf(got.GetQuestionnaireVersion().GetDocument()), Names: map[string]string{},
	}
	for _, cat := range s.library.Catalogs() {
		d.Names[cat.Lang] = cat.Name
	}
	if d.GetState() != "SHIPPED" && len(d.GetProblems()) == 0 {
		d.Compared, err = s.clients.versions.CompareQuestionnaireVersion(c.ctx(), &intakev1.CompareQuestionnaireVersionRequest{QuestionnaireId: id, Version: version})
		if err != nil {
			return err
		}
		for _, change := range d.Compared.GetChanges() {
			if change.GetLowered() {
				d.Lowered++
			}
		}
	}
	v := c.view(c.cat.T("rules.version", "id", id, "n", version), d)
	v.Back, v.Wide = "/staff/rules", true
	return c.show("rule_set", v)
}

func ruleSetURL(id string, version int64) string {
	return "/staff/rules/" + url.PathEscape(id) + "/" + strconv.FormatInt(version, 10)
}

// ruleSetKey reads which version a page is about.
func (c *call) ruleSetKey() (string, int64, error) {
	version, err := strconv.ParseInt(c.path("version"), 10, 64)
	if err != nil || version < 1 {
		return "", 0, fault.NotFoundf("questionnaire version")
	}
	return c.path("questionnaire_id"), version, nil
}

// rulesOf lists the rules of a content document.
func rulesOf(doc *structpb.Struct) (lines []ruleLine) {
	for _, r := range doc.GetFields()["rules"].GetListValue().GetValues() {
		f := r.GetStructValue().GetFields()
		lines = append(lines, ruleLine{f["id"].GetStringValue(), f["level"].GetStringValue(), f["why"].GetStringValue()})
	}
	return lines
}

// ruleSetAct copies a version, changes the level of one of its rules, approves it, switches
// it on, or opens one of its languages.
func (s *Site) ruleSetAct(c *call) error {
	id, version, err := c.ruleSetKey()
	if err != nil {
		return err
	}
	here := ruleSetURL(id, version)
	switch c.path("action") {
	case "copy":
		return s.ruleSetCopy(c, id, version)
	case "level":
		return c.act(here, "rule_changed", func() error { return s.ruleSetLevel(c, id, version) })
	case "approve":
		if c.form("note") == "" {
			return c.redirect(withParam(here, "problem", "NOTE_NEEDED"))
		}
		return c.act(here, "rules_approved", func() error {
			_, err := s.clients.versions.ApproveQuestionnaireVersion(c.ctx(), &intakev1.ApproveQuestionnaireVersionRequest{
				QuestionnaireId: id, Version: version, Etag: c.form("etag"), Note: c.form("note"), AcceptLowered: c.form("accept") != "", RequestId: c.requestID(),
			})
			return err
		})
	case "activate":
		return c.act(here, "rules_on", func() error {
			_, err := s.clients.versions.ActivateQuestionnaireVersion(c.ctx(), &intakev1.ActivateQuestionnaireVersionRequest{
				QuestionnaireId: id, Version: version, StartDate: c.form("start_date"), RequestId: c.requestID(),
			})
			return err
		})
	case "open":
		return c.act(here, "language_open", func() error {
			_, err := s.clients.versions.ApproveQuestionnaireLanguage(c.ctx(), &intakev1.ApproveQuestionnaireLanguageRequest{
				QuestionnaireId: id, Version: version, LanguageCode: c.form("language"), Note: c.form("note"), RequestId: c.requestID(),
			})
			return err
		})
	case "close":
		return c.act(here, "language_closed", func() error {
			_, err := s.clients.versions.WithdrawQuestionnaireLanguage(c.ctx(), &intakev1.WithdrawQuestionnaireLanguageRequest{
				QuestionnaireId: id, Version: version, LanguageCode: c.form("language"), RequestId: c.requestID(),
			})
			return err
		})
	}
	return fault.NotFoundf("page")
}

// ruleSetCopy makes a draft and goes there.
func (s *Site) ruleSetCopy(c *call, id string, version int64) error {
	here := ruleSetURL(id, version)
	got, err := s.clients.versions.CopyQuestionnaireVersion(c.ctx(), &intakev1.CopyQuestionnaireVersionRequest{
		QuestionnaireId: id, Version: version, NewQuestionnaireId: c.form("new_id"), RequestId: c.requestID(),
	})
	if err != nil {
		f := fault.From(err)
		if f.Kind == fault.AlreadyExists || f.Kind == fault.InvalidArgument {
			return c.redirect(withParam(here, "problem", "COPY_ID"))
		}
		return err
	}
	made := got.GetQuestionnaireVersion()
	return c.redirect(withParam(ruleSetURL(made.GetQuestionnaireId(), made.GetVersion()), "done", "rules_copied"))
}

// ruleSetLevel gives one rule of a draft another level.
func (s *Site) ruleSetLevel(c *call, id string, version int64) error {
	got, err := s.clients.versions.GetQuestionnaireVersion(c.ctx(), &intakev1.GetQuestionnaireVersionRequest{QuestionnaireId: id, Version: version})
	if err != nil {
		return err
	}
	doc := got.GetQuestionnaireVersion().GetDocument()
	for _, r := range doc.GetFields()["rules"].GetListValue().GetValues() {
		if f := r.GetStructValue().GetFields(); f["id"].GetStringValue() == c.form("rule") {
			f["level"] = structpb.NewStringValue(c.form("level"))
		}
	}
	_, err = s.clients.versions.UpdateQuestionnaireVersion(c.ctx(), &intakev1.UpdateQuestionnaireVersionRequest{
		QuestionnaireId: id, Version: version, Document: doc, Etag: c.form("etag"), RequestId: c.requestID(),
	})
	return err
}

// taskRaise raises the level of a task, which the front desk may do; a clinician decides.
func (s *Site) taskRaise(c *call) error {
	if c.form("reason") == "" || c.form("level") == "" {
		return c.redirect(withParam("/staff/tasks", "problem", "REASON_NEEDED"))
	}
	return c.act("/staff/tasks", "raised", func() error {
		_, err := s.clients.triage.DecideTriageTask(c.ctx(), &intakev1.DecideTriageTaskRequest{
			TaskId: c.path("task_id"), Level: c.form("level"), Reason: c.form("reason"), Etag: c.form("etag"), RequestId: c.requestID(),
		})
		if f := fault.From(err); err != nil && f.Reason == "ONLY_RAISE" {
			return fault.New(fault.FailedPrecondition, f.Reason, f.Message)
		}
		return err
	})
}
