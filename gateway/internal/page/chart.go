package page

import (
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/upright-clinic/upright/gateway/internal/route"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// chartRoutes are the pages of those who treat.
func (s *Site) chartRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/intakes/{intake_id}", treating, s.intakeFindings),
		s.row("GET /staff/patients/{patient_id}/plans/new", treating, s.planForm),
		s.row("POST /staff/patients/{patient_id}/plans/new", treating, s.planAssign),
		s.row("GET /staff/plans/{plan_id}", desk, s.planPage),
		s.row("POST /staff/plans/{plan_id}/{action}", treating, s.planAct),
		s.row("GET /staff/patients/{patient_id}/injections/new", treating, s.injectionForm),
		s.row("POST /staff/patients/{patient_id}/injections/new", treating, s.injectionRecord),
		s.row("POST /staff/tasks/{task_id}/acknowledge", treating, s.taskAcknowledge),
		s.row("POST /staff/tasks/{task_id}/decide", treating, s.taskDecide),
	}
}

// clinical is what a clinician sees first.
type clinical struct {
	Triage     *intakev1.TriageResult
	IntakeID   string
	Findings   []finding
	Blocked    []*intakev1.ModalityBlock
	Release    []*intakev1.ModalityBlock
	Facts      []fact
	Check      *plansv1.CheckInjectionResponse
	Injections []*plansv1.Injection
	Issues     []*plansv1.Issue
	Today      string
}

// finding is one rule that fired, with the answers behind it in words.
type finding struct {
	*intakev1.FiredRule
	Because []answered
}

// fact is one thing known about the patient, in the words of the form.
type fact struct {
	Question, Answer, SaidBy string
	// ID is the question's, Says is false for an answer such as no or none.
	ID   string
	Says bool
}

// clinical collects what concerns treatment: the newest findings, what must not be done,
// and what is left of the injection limit today.
func (c *call) clinical(patient string, intakes []*intakev1.Intake) (*clinical, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	d := &clinical{Today: c.today(clinic).String()}
	if err := c.newestFindings(d, intakes); err != nil {
		return nil, err
	}
	facts, err := c.clients.triage.ListClinicalFacts(c.ctx(), &intakev1.ListClinicalFactsRequest{PatientId: patient})
	if err != nil {
		return nil, err
	}
	d.Blocked, d.Release = facts.GetBlockedModalities(), facts.GetReleaseNeededModalities()
	if err := c.knownFacts(d, facts.GetFacts(), intakes); err != nil {
		return nil, err
	}
	d.Check, err = c.clients.injections.CheckInjection(c.ctx(), &plansv1.CheckInjectionRequest{PatientId: patient, Date: d.Today})
	if err != nil {
		return nil, err
	}
	injections, err := c.clients.injections.ListInjections(c.ctx(), &plansv1.ListInjectionsRequest{PatientId: patient, PageSize: 20})
	if err != nil {
		return nil, err
	}
	d.Injections = injections.GetInjections()
	issues, err := c.clients.issues.ListIssues(c.ctx(), &plansv1.ListIssuesRequest{PatientId: patient, State: "OPEN"})
	d.Issues = issues.GetIssues()
	return d, err
}

// newestFindings reads the newest form that has a result.
func (c *call) newestFindings(d *clinical, intakes []*intakev1.Intake) error {
	for _, in := range intakes {
		if in.GetState() != "SUBMITTED" && in.GetLevel() == "" && in.GetComputedLevel() == "" {
			continue
		}
		f, err := c.fullIntake(in.GetIntakeId())
		if err != nil {
			return err
		}
		d.Triage, d.IntakeID, d.Findings = f.GetTriage(), f.GetIntakeId(), c.findings(f)
		return nil
	}
	return nil
}

// fullIntake reads a form with its answers.
func (c *call) fullIntake(id string) (*form, error) {
	got, err := c.clients.intakes.GetIntake(c.ctx(), &intakev1.GetIntakeRequest{IntakeId: id, View: "FULL"})
	if err != nil {
		return nil, err
	}
	q, err := c.questionnaire(got.GetIntake().GetQuestionnaireId(), got.GetIntake().GetQuestionnaireVersion())
	return &form{Intake: got.GetIntake(), Form: q}, err
}

// findings puts the rules that fired next to the answers that made them fire.
func (c *call) findings(f *form) (all []finding) {
	for _, r := range f.GetTriage().GetFiredRules() {
		one := finding{FiredRule: r}
		for _, b := range r.GetBecause() {
			a := answered{Question: b.GetQuestionId()}
			if q := f.question(b.GetQuestionId()); q != nil {
				a.Question, a.Answer = q.GetText(), c.answerText(q, b.GetValue())
			}
			one.Because = append(one.Because, a)
		}
		all = append(all, one)
	}
	return all
}

// openFollowUps are the follow-up questions left open that could raise the level, in words.
func (f *form) openFollowUps() (texts []string) {
	for _, id := range f.GetTriage().GetOpenFollowUps() {
		if q := f.question(id); q != nil {
			id = q.GetText()
		}
		texts = append(texts, id)
	}
	return texts
}

// knownFacts says facts in the words of the form that asks for them.
func (c *call) knownFacts(d *clinical, facts []*intakev1.ClinicalFact, intakes []*intakev1.Intake) error {
	if len(facts) == 0 {
		return nil
	}
	id, version := "", int64(0)
	if len(intakes) > 0 {
		id, version = intakes[0].GetQuestionnaireId(), intakes[0].GetQuestionnaireVersion()
	} else {
		forms, err := c.clients.questionnaires.ListQuestionnaires(c.ctx(), &intakev1.ListQuestionnairesRequest{LanguageCode: c.cat.Lang})
		if err != nil || len(forms.GetQuestionnaires()) == 0 {
			return err
		}
		id, version = forms.GetQuestionnaires()[0].GetQuestionnaireId(), forms.GetQuestionnaires()[0].GetVersion()
	}
	q, err := c.questionnaire(id, version)
	if err != nil {
		return err
	}
	words := &form{Form: q}
	for _, f := range facts {
		one := fact{Question: f.GetQuestionId(), SaidBy: say(c.cat, "said_by", f.GetSaidBy()), ID: f.GetQuestionId(), Says: says(f.GetValue())}
		if question := words.question(f.GetQuestionId()); question != nil {
			one.Question, one.Answer = question.GetText(), c.answerText(question, f.GetValue())
		}
		d.Facts = append(d.Facts, one)
	}
	return nil
}

// findingsPage is a whole form with what the rules made of it.
type findingsPage struct {
	*form
	Findings []finding
	Topics   []topicAnswers
	Map      *bodyMap
	Pictures []*intakev1.Picture
	Consents []*intakev1.ConsentSignature
	// Writers are who filled the form in for the patient.
	Writers []*intakev1.Writer
	// Open are the follow-up questions left open that could raise the level.
	Open []string
}

// intakeFindings shows a form to a clinician.
func (s *Site) intakeFindings(c *call) error {
	f, err := c.fullIntake(c.path("intake_id"))
	if err != nil {
		return err
	}
	d := findingsPage{form: f, Findings: c.findings(f), Topics: c.topics(f), Map: c.mapFindings(f), Open: f.openFollowUps()}
	pictures, err := s.clients.forms.ListPictures(c.ctx(), &intakev1.ListPicturesRequest{IntakeId: f.GetIntakeId()})
	if err != nil {
		return err
	}
	consents, err := s.clients.forms.ListConsents(c.ctx(), &intakev1.ListConsentsRequest{IntakeId: f.GetIntakeId()})
	if err != nil {
		return err
	}
	revisions, err := s.clients.intakes.ListAnswerRevisions(c.ctx(), &intakev1.ListAnswerRevisionsRequest{IntakeId: f.GetIntakeId()})
	if err != nil {
		return err
	}
	d.Pictures, d.Consents = pictures.GetPictures(), consents.GetSignatures()
	for _, r := range revisions.GetRevisions() {
		w := r.GetWriter()
		if w != nil && !slices.ContainsFunc(d.Writers, func(o *intakev1.Writer) bool { return o.GetName() == w.GetName() && o.GetRelation() == w.GetRelation() }) {
			d.Writers = append(d.Writers, w)
		}
	}
	v := c.view(c.cat.T("findings.title"), d)
	v.Back, v.Wide = "/staff/patients/"+f.GetPatientId(), true
	return c.show("findings", v)
}

// tasksPage is the work that triage has raised.
type tasksPage struct {
	Tasks     []task
	Clinician bool
}

// task is one piece of it.
type task struct {
	*intakev1.TriageTask
	Patient   string
	Mine      bool
	Due, Next string // in the clinic's time
}

// tasks lists what is open, the most urgent first.
func (s *Site) tasks(c *call) error {
	var all []*intakev1.TriageTask
	for _, state := range []string{"OPEN", "ACKNOWLEDGED"} {
		got, err := s.clients.triage.ListTriageTasks(c.ctx(), &intakev1.ListTriageTasksRequest{State: state, PageSize: 200})
		if err != nil {
			return err
		}
		all = append(all, got.GetTasks()...)
	}
	ids := make([]string, len(all))
	for i, t := range all {
		ids[i] = t.GetPatientId()
	}
	names, err := c.patientNames(ids)
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	when := func(t *timestamppb.Timestamp) string {
		if t == nil {
			return ""
		}
		return c.cat.When(t.AsTime().In(s.zone(clinic.GetTimeZone())).Format("2006-01-02T15:04"), clinic.GetTimeZone())
	}
	d := tasksPage{Clinician: c.clinician()}
	for _, t := range all {
		d.Tasks = append(d.Tasks, task{
			t, patientName(names[t.GetPatientId()]), t.GetOwnerAccountId() == c.who().Subject, when(t.GetDueTime()), when(t.GetNextEscalateTime()),
		})
	}
	slices.SortStableFunc(d.Tasks, func(a, b task) int { return a.GetDueTime().AsTime().Compare(b.GetDueTime().AsTime()) })
	v := c.view(c.cat.T("tasks.title"), d)
	v.Wide = true
	return c.show("tasks", v)
}

// taskAcknowledge takes a task on.
func (s *Site) taskAcknowledge(c *call) error {
	return c.act("/staff/tasks", "acknowledged", func() error {
		_, err := s.clients.triage.AcknowledgeTriageTask(c.ctx(), &intakev1.AcknowledgeTriageTaskRequest{
			TaskId: c.path("task_id"), Etag: c.form("etag"), RequestId: c.requestID(),
		})
		return err
	})
}

// taskDecide decides a task; the reason is needed.
func (s *Site) taskDecide(c *call) error {
	back := local(c.form("back"), "/staff/tasks")
	if c.form("reason") == "" || c.form("level") == "" {
		return c.redirect(withParam(back, "problem", "REASON_NEEDED"))
	}
	return c.act(back, "decided", func() error {
		_, err := s.clients.triage.DecideTriageTask(c.ctx(), &intakev1.DecideTriageTaskRequest{
			TaskId: c.path("task_id"), Level: c.form("level"), Reason: c.form("reason"), Etag: c.form("etag"), RequestId: c.requestID(),
		})
		return err
	})
}

// planPage shows one plan.
func (s *Site) planPage(c *call) error {
	got, err := s.clients.plans.GetPlan(c.ctx(), &plansv1.GetPlanRequest{PlanId: c.path("plan_id")})
	if err != nil {
		return err
	}
	plan := got.GetPlan()
	_, types, err := c.types()
	if err != nil {
		return err
	}
	d := struct {
		*plansv1.Plan
		Clinician bool
		// Booked is true while sessions of the plan are booked or about to be.
		Booked bool
		Cards  []courseCard
	}{plan, c.clinician(), anyBooked(plan), courseCards("/staff/book/times", wish{Patient: plan.GetPatientId()}, []*plansv1.Plan{plan}, types, false)}
	v := c.view(plan.GetName(), d)
	v.Back = "/staff/patients/" + plan.GetPatientId()
	return c.show("plan", v)
}

// more reads how many sessions a review adds: only one that extends the course adds any, and
// it adds at least one.
func more(outcome, text string) int32 {
	if outcome != "EXTEND" {
		return 0
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 1
	}
	return int32(n)
}

// anyBooked reports whether a session of the plan is booked.
func anyBooked(p *plansv1.Plan) bool {
	return slices.ContainsFunc(p.GetCourses(), func(c *plansv1.Course) bool { return c.GetSessions().GetBooked() > 0 })
}

// planAct puts a plan into force, stops it for a while, goes on with it or ends it, and
// cancels its sessions to come.
func (s *Site) planAct(c *call) error {
	id, etag, request := c.path("plan_id"), c.form("etag"), c.requestID()
	do := map[string]func() error{
		"activate": func() error {
			_, err := s.clients.plans.ActivatePlan(c.ctx(), &plansv1.ActivatePlanRequest{PlanId: id, Etag: etag, RequestId: request})
			return err
		},
		"pause": func() error {
			_, err := s.clients.plans.PausePlan(c.ctx(), &plansv1.PausePlanRequest{PlanId: id, Etag: etag, RequestId: request, CancelFutureSessions: c.form("cancel") != ""})
			return err
		},
		"resume": func() error {
			_, err := s.clients.plans.ResumePlan(c.ctx(), &plansv1.ResumePlanRequest{PlanId: id, Etag: etag, RequestId: request})
			return err
		},
		"close": func() error {
			_, err := s.clients.plans.ClosePlan(c.ctx(), &plansv1.ClosePlanRequest{
				PlanId: id, Etag: etag, RequestId: request, ReasonCode: c.form("reason_code"), CancelFutureSessions: c.form("cancel") != "",
			})
			return err
		},
		"cancel": func() error {
			_, err := s.clients.plans.CancelPlanSessions(c.ctx(), &plansv1.CancelPlanSessionsRequest{PlanId: id, Etag: etag, RequestId: request})
			return err
		},
		"review": func() error {
			_, err := s.clients.plans.RecordReview(c.ctx(), &plansv1.RecordReviewRequest{
				PlanId: id, Etag: etag, RequestId: request, CourseId: c.form("course"), Outcome: c.form("outcome"), Note: c.form("note"),
				Response:           c.form("response"),
				AdditionalSessions: more(c.form("outcome"), c.form("additional")),
			})
			return err
		},
	}[c.path("action")]
	if do == nil {
		return fault.NotFoundf("action")
	}
	return c.act("/staff/plans/"+id, "plan_"+strings.ToLower(c.path("action")), do)
}
