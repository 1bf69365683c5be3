package page

import (
	"cmp"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// injectionRoutes are the pages of injections that were given or booked.
func (s *Site) injectionRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/check-ins", desk, s.checkInList),
		s.row("GET /staff/patients/{patient_id}/injections/{injection_id}", treating, s.injectionPage),
		s.row("POST /staff/patients/{patient_id}/injections/{injection_id}/adverse-events", treating, s.injectionAdverse),
		s.row("POST /staff/patients/{patient_id}/injections/{injection_id}/check-in", treating, s.injectionCheckIn),
		s.row("POST /staff/patients/{patient_id}/injections/{injection_id}/amend", treating, s.injectionAmend),
	}
}

// injectionRecordPage is one record of the ledger as a whole.
type injectionRecordPage struct {
	*plansv1.Injection
	Patient, Page string
	Physician     bool
	// Given is true when something was given, so that something can have gone wrong after it.
	Given     bool
	Relief    *plansv1.GetInjectionReliefResponse // nil when it cannot be computed
	Others    []*plansv1.Injection                // that it may repeat
	Adverse   []Field
	CheckIn   []Field // the questions of the check-in that waits; none when none does
	CheckCode string
}

// injections reads the whole ledger of a patient.
func (c *call) injections(patient string) (all []*plansv1.Injection, err error) {
	r := &plansv1.ListInjectionsRequest{PatientId: patient, PageSize: 500}
	for {
		got, err := c.clients.injections.ListInjections(c.ctx(), r)
		if err != nil {
			return nil, err
		}
		all = append(all, got.GetInjections()...)
		if r.PageToken = got.GetNextPageToken(); r.GetPageToken() == "" {
			return all, nil
		}
	}
}

// injectionWhole makes the page of one record; NOT_FOUND when the patient has none of the id.
func (c *call) injectionWhole(w *wrongs) (*view, error) {
	id := c.path("patient_id")
	all, err := c.injections(id)
	if err != nil {
		return nil, err
	}
	d := injectionRecordPage{Patient: id, Page: "/staff/patients/" + id + "/injections/" + c.path("injection_id"), Physician: c.physician()}
	for _, i := range all {
		if i.GetInjectionId() == c.path("injection_id") {
			d.Injection = i
		} else if i.GetState() != "ENTERED_IN_ERROR" && i.GetDuplicateOf() == "" {
			d.Others = append(d.Others, i)
		}
	}
	if d.Injection == nil {
		return nil, fault.NotFoundf("injection")
	}
	d.Given = d.GetState() == "ADMINISTERED" || d.GetState() == "PARTIALLY_ADMINISTERED"
	if d.Given {
		d.Relief, err = c.clients.injections.GetInjectionRelief(c.ctx(), &plansv1.GetInjectionReliefRequest{PatientId: id, InjectionId: d.GetInjectionId()})
		if err != nil && !fault.IsKind(err, fault.FailedPrecondition) {
			return nil, err
		}
		if d.Adverse, err = c.adverseFields(w); err != nil {
			return nil, err
		}
	}
	if d.CheckCode = waitingCode(d.Injection); d.CheckCode != "" {
		if d.CheckIn, err = c.checkInFields(w); err != nil {
			return nil, err
		}
	}
	return c.patientTitle("injection.one_title", d)
}

// waitingCode is the newest check-in of an injection that waits for an answer, or "".
func waitingCode(i *plansv1.Injection) (code string) {
	at := int64(0)
	for _, f := range i.GetFollowUps() {
		if due := f.GetDueTime().GetSeconds(); (f.GetState() == "DUE" || f.GetState() == "OVERDUE") && due >= at {
			code, at = f.GetCode(), due
		}
	}
	return code
}

// adverseFields ask what went wrong.
func (c *call) adverseFields(w *wrongs) ([]Field, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	on := c.input(w, "date", "adverse_date", "adverse.date")
	on.Max = c.today(clinic).String()
	on.Value = cmp.Or(on.Value, on.Max)
	note := c.input(w, "textarea", "adverse_note", "adverse.note")
	note.Optional = true
	return []Field{
		c.choices(w, "select", "adverse_code", "adverse.code", "adverse", "", "INFECTION", "BLEEDING", "MUSCLE_ATROPHY", "NERVE_INJURY", "OTHER"), on, note,
	}, nil
}

// injectionPage shows it.
func (s *Site) injectionPage(c *call) error {
	v, err := c.injectionWhole(nil)
	if err != nil {
		return err
	}
	return c.show("injection", v)
}

// injectionAgain shows it with what is wrong with the form that was sent.
func (c *call) injectionAgain(w *wrongs) error {
	v, err := c.injectionWhole(w)
	if err != nil {
		return err
	}
	return c.again("injection", v, w)
}

// injectionHere is the address of the record's page.
func (c *call) injectionHere() string {
	return "/staff/patients/" + c.path("patient_id") + "/injections/" + c.path("injection_id")
}

// injectionAdverse records what went wrong after an injection.
func (s *Site) injectionAdverse(c *call) error {
	w := c.wrongs()
	if c.form("adverse_code") == "OTHER" {
		w.need("adverse_note", c.form("adverse_note"), "adverse.need_note")
	}
	if w.any() {
		return c.injectionAgain(w)
	}
	_, err := s.clients.injections.RecordAdverseEvent(c.ctx(), &plansv1.RecordAdverseEventRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), InjectionId: c.path("injection_id"),
		Code: c.form("adverse_code"), LocalDate: c.form("adverse_date"), Note: c.form("adverse_note"),
	})
	if err != nil {
		return c.formOr(err, w, map[string]string{"code": "adverse_code", "local_date": "adverse_date", "note": "adverse_note"}, c.injectionAgain)
	}
	return c.redirect(address(c.injectionHere(), "done", "adverse"))
}

// injectionCheckIn keeps what a patient said, for example by telephone.
func (s *Site) injectionCheckIn(c *call) error {
	w := c.wrongs()
	w.need("course", c.form("course"), "check_in.need_course")
	r := &plansv1.AnswerInjectionCheckInRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), InjectionId: c.path("injection_id"), Code: c.form("code"),
		Course: c.form("course"), Signs: c.forms("signs"), Note: c.form("note"), Pain: c.pain(w, "pain"),
	}
	if r.Pain == nil {
		w.field("pain", c.cat.T("intake.number_range", "min", 0, "max", 10))
	}
	if w.any() {
		return c.injectionAgain(w)
	}
	if _, err := s.clients.injections.AnswerInjectionCheckIn(c.ctx(), r); err != nil {
		return c.formOr(err, w, nil, c.injectionAgain)
	}
	return c.redirect(address(c.injectionHere(), "done", "check_in_kept"))
}

// injectionAmend corrects a record: it was never true, or it repeats another. Nothing is taken
// out of the ledger, and both can be taken back.
func (s *Site) injectionAmend(c *call) error {
	w := c.wrongs()
	w.need("reason", c.form("reason"), "injection.need_reason")
	r := &plansv1.AmendInjectionRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), InjectionId: c.path("injection_id"), Etag: c.form("etag"),
		Action: c.form("action"), Reason: c.form("reason"),
	}
	if r.GetAction() == "LINK_DUPLICATE" {
		r.DuplicateOf = c.form("duplicate_of")
		w.need("duplicate_of", r.GetDuplicateOf(), "injection.need_other")
	}
	if w.any() {
		return c.injectionAgain(w)
	}
	if _, err := s.clients.injections.AmendInjection(c.ctx(), r); err != nil {
		return c.formOr(err, w, nil, c.injectionAgain)
	}
	return c.redirect(address(c.injectionHere(), "done", "amended"))
}

// checkInsPage are the check-ins that wait for an answer, of all patients.
type checkInsPage struct {
	Clinician, Overdue bool
	Waiting            []waitingCheckIn
	Older              string // address of the next page; empty when there is none
}

// waitingCheckIn is one of them, with whom to call.
type waitingCheckIn struct {
	*plansv1.InjectionCheckIn
	Name, Phone string
}

// checkInList lists them, the oldest first.
func (s *Site) checkInList(c *call) error {
	d := checkInsPage{Clinician: c.clinician(), Overdue: c.query("state") == "OVERDUE"}
	r := &plansv1.ListInjectionCheckInsRequest{PageSize: 50, PageToken: c.query("page")}
	if d.Overdue {
		r.State = "OVERDUE"
	}
	got, err := s.clients.injections.ListInjectionCheckIns(c.ctx(), r)
	if err != nil {
		return err
	}
	ids := make([]string, len(got.GetCheckIns()))
	for i, w := range got.GetCheckIns() {
		ids[i] = w.GetPatientId()
	}
	names, err := c.patientNames(ids)
	if err != nil {
		return err
	}
	for _, w := range got.GetCheckIns() {
		p := names[w.GetPatientId()]
		d.Waiting = append(d.Waiting, waitingCheckIn{w, patientName(p), p.GetPhone()})
	}
	if got.GetNextPageToken() != "" {
		d.Older = address(c.r.URL.Path, "state", r.GetState(), "page", got.GetNextPageToken())
	}
	v := c.view(c.cat.T("check_ins.title"), d)
	v.Back, v.Wide = "/staff/tasks", true
	return c.show("check_ins", v)
}
