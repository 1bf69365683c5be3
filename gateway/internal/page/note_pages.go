package page

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/gateway/internal/route"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// noteRoutes are the pages of session notes.
func (s *Site) noteRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/patients/{patient_id}/notes", treating, s.noteList),
		s.row("GET /staff/patients/{patient_id}/notes/new", treating, s.noteStart),
		s.row("POST /staff/patients/{patient_id}/notes/new", treating, s.noteBegin),
		s.row("GET /staff/notes/{note_id}", treating, s.notePage),
		s.row("POST /staff/notes/{note_id}/save", treating, s.noteSave),
		s.row("POST /staff/notes/{note_id}/sign", treating, s.noteSign),
		s.row("POST /staff/notes/{note_id}/addendum", treating, s.noteAdd),
	}
}

// noteParts are the four parts of a note, in the order in which they are written.
var noteParts = []string{"subjective", "objective", "assessment", "plan"}

// noteDisciplines are the kinds of care that a note may be about.
var noteDisciplines = []string{"PHYSIOTHERAPY", "CHIROPRACTIC", "ACUPUNCTURE", "MASSAGE", "FACET_JOINT_INJECTION", "MEDICAL", "CBT"}

// notes asks for session notes.
func (c *call) notes() plansv1.SessionNoteServiceClient {
	return plansv1.NewSessionNoteServiceClient(c.cfg.Peer("plans"))
}

// noteCard is a note to be read.
type noteCard struct {
	*plansv1.SessionNote
	// Mine is true for one's own; Begun, Signed are times at the clinic.
	Mine          bool
	Begun, Signed string
	Added         []addedCard
}

// addedCard is what was added to a signed note.
type addedCard struct {
	*plansv1.Addendum
	Mine bool
	When string
}

// noteCards puts notes next to their times at the clinic.
func (c *call) noteCards(list []*plansv1.SessionNote) ([]noteCard, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	zone := clinic.GetTimeZone()
	when := func(t time.Time) string { return c.cat.When(t.In(c.zone(zone)).Format("2006-01-02T15:04"), zone) }
	cards := make([]noteCard, len(list))
	for i, n := range list {
		cards[i] = noteCard{SessionNote: n, Mine: n.GetAuthor() == c.who().Subject, Begun: when(n.GetCreateTime().AsTime())}
		if n.GetSignTime() != nil {
			cards[i].Signed = when(n.GetSignTime().AsTime())
		}
		for _, a := range n.GetAddenda() {
			cards[i].Added = append(cards[i].Added, addedCard{a, a.GetAuthor() == c.who().Subject, when(a.GetCreateTime().AsTime())})
		}
	}
	return cards, nil
}

// noteListPage is all notes of a patient, a page of them at a time.
type noteListPage struct {
	Patient string
	Notes   []noteCard
	Older   string // address of the older ones; empty when there are none
}

// noteList shows them, newest first.
func (s *Site) noteList(c *call) error {
	id := c.path("patient_id")
	got, err := c.notes().ListNotes(c.ctx(), &plansv1.ListNotesRequest{PatientId: id, PageSize: 30, PageToken: c.query("page")})
	if err != nil {
		return err
	}
	d := noteListPage{Patient: id}
	if d.Notes, err = c.noteCards(got.GetNotes()); err != nil {
		return err
	}
	if got.GetNextPageToken() != "" {
		d.Older = address(c.r.URL.Path, "page", got.GetNextPageToken())
	}
	v, err := c.patientTitle("notes.title", d)
	if err != nil {
		return err
	}
	return c.show("notes", v)
}

// noteStartView shows what a note can be begun for: sessions that took place, courses in
// force, and kinds of care.
func (c *call) noteStartView(w *wrongs) error {
	id := c.path("patient_id")
	what := c.input(w, "select", "what", "notes.what")
	sessions, err := c.sessionsToNote(id)
	if err != nil {
		return err
	}
	what.Options = sessions
	plans, err := c.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	for _, p := range plans.GetPlans() {
		for _, course := range p.GetCourses() {
			what.Options = append(what.Options, Option{
				Value: "course:" + p.GetPlanId() + ":" + course.GetCourseId(),
				Label: c.cat.T("notes.of_course", "discipline", say(c.cat, "discipline", course.GetDiscipline()), "plan", p.GetName()),
			})
		}
	}
	for _, code := range noteDisciplines {
		what.Options = append(what.Options, Option{Value: "care:" + code, Label: say(c.cat, "discipline", code)})
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	today := c.today(clinic).String()
	on := c.input(w, "date", "local_date", "notes.local_date")
	on.Max = today
	if w == nil {
		on.Value = today
	}
	blank := c.choices(w, "checks", "blank", "notes.blank", "note_blank", "", "YES")
	return c.showForm("notes.new_title", formPage{Button: c.cat.T("notes.begin"), Fields: []Field{what, on, blank}}, w)
}

// sessionsToNote lists today's and past sessions of a patient, the newest first.
func (c *call) sessionsToNote(patient string) (options []Option, err error) {
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{PatientId: patient})
	if err != nil {
		return nil, err
	}
	all, err := c.visits(list, false)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	now := c.cfg.Clock.Now()
	for _, v := range all {
		if v.GetStartTime().AsTime().After(now) || v.GetState() == "CANCELLED" || v.GetState() == "NO_SHOW" || len(options) == 10 {
			continue
		}
		options = append(options, Option{
			Value: "session:" + v.GetAppointmentId(),
			Label: c.cat.T("notes.of_session", "when", c.cat.When(v.GetLocalStart(), v.GetTimeZone()), "type", v.Type),
		})
	}
	return options, nil
}

// noteStart shows it.
func (s *Site) noteStart(c *call) error { return c.noteStartView(nil) }

// noteBegin begins a draft with the words of the last signed note of the same kind of care. A
// draft that was begun before for the session is opened.
func (s *Site) noteBegin(c *call) error {
	w := c.wrongs()
	r := &plansv1.CreateNoteRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), LocalDate: c.form("local_date"), Blank: len(c.forms("blank")) > 0,
	}
	kind, rest, _ := strings.Cut(c.form("what"), ":")
	switch kind {
	case "session":
		got, err := s.clients.appointments.GetAppointment(c.ctx(), &bookingv1.GetAppointmentRequest{AppointmentId: rest})
		if err != nil {
			return err
		}
		a := got.GetAppointment()
		if a.GetPatientId() != r.GetPatientId() {
			return fault.NotFoundf("appointment")
		}
		r.AppointmentId, r.PlanId, r.CourseId, r.LocalDate = rest, a.GetPlanId(), a.GetCourseId(), a.GetLocalDate()
		if r.GetCourseId() == "" && slices.Contains(noteDisciplines, a.GetDiscipline()) {
			r.Discipline = a.GetDiscipline()
		}
	case "course":
		r.PlanId, r.CourseId, _ = strings.Cut(rest, ":")
	case "care":
		r.Discipline = rest
	default:
		w.field("what", c.cat.T("notes.need_what"))
		return c.noteStartView(w)
	}
	got, err := c.notes().CreateNote(c.ctx(), r)
	if err != nil {
		if f := fault.From(err); f.Reason == "NOTE_EXISTS" && f.Facts["note_id"] != "" {
			return c.redirect("/staff/notes/" + f.Facts["note_id"])
		}
		return c.formOr(err, w, map[string]string{"discipline": "what"}, c.noteStartView)
	}
	return c.redirect("/staff/notes/" + got.GetNote().GetNoteId())
}

// notePageData is one note: a form while it is a draft, to be read once it is signed.
type notePageData struct {
	Note   noteCard
	Fields []Field
	// Saved is what the service has, where it is not what was typed.
	Saved    *plansv1.SessionNote
	Evidence []*plansv1.ProcedureCode
	Addendum Field
}

// note reads the note that the address names.
func (c *call) note() (*plansv1.SessionNote, error) {
	got, err := c.notes().GetNote(c.ctx(), &plansv1.GetNoteRequest{NoteId: c.path("note_id")})
	return got.GetNote(), err
}

// noteView shows it. With wrongs, what was typed is shown again in place of what is saved.
func (c *call) noteView(w *wrongs) error {
	n, err := c.note()
	if err != nil {
		return err
	}
	cards, err := c.noteCards([]*plansv1.SessionNote{n})
	if err != nil {
		return err
	}
	d := notePageData{Note: cards[0]}
	if n.GetState() == "DRAFT" {
		if err := c.noteFields(&d, n, w); err != nil {
			return err
		}
	} else {
		d.Addendum = c.input(w, "textarea", "text", "notes.addendum")
		if d.Addendum.Value == "" { // the note was signed elsewhere while this was written
			for _, part := range noteParts {
				if text := c.form(part); text != "" {
					d.Addendum.Value += c.cat.T("note_part."+part) + ": " + text + "\n"
				}
			}
		}
	}
	p, err := c.patient(n.GetPatientId())
	if err != nil {
		return err
	}
	v := c.view(c.cat.T("notes.one_title", "name", patientName(p)), d)
	v.Back = "/staff/patients/" + n.GetPatientId()
	if w == nil {
		return c.show("note", v)
	}
	return c.again("note", v, w)
}

// noteFields are the fields of a draft.
func (c *call) noteFields(d *notePageData, n *plansv1.SessionNote, w *wrongs) error {
	codes, err := c.notes().ListProcedureCodes(c.ctx(), &plansv1.ListProcedureCodesRequest{Discipline: n.GetDiscipline()})
	if err != nil {
		return err
	}
	saved := map[string]string{
		"subjective": n.GetSubjective(), "objective": n.GetObjective(), "assessment": n.GetAssessment(), "plan": n.GetPlan(),
	}
	for _, part := range noteParts {
		f := c.input(w, "textarea", part, "note_part."+part)
		if w == nil {
			f.Value = saved[part]
		} else if f.Value != saved[part] && saved[part] != "" {
			d.Saved = n
		}
		f.Optional = true
		d.Fields = append(d.Fields, f)
	}
	done, beside := c.input(w, "checks", "procedures", "notes.procedures"), c.input(w, "checks", "adjuncts", "notes.adjuncts")
	if w == nil {
		done.Values, beside.Values = n.GetProcedures(), n.GetAdjuncts()
	}
	for _, p := range codes.GetCodes() {
		o := Option{Value: p.GetCode(), Label: p.GetName(), Hint: p.GetEvidenceNote()}
		if p.GetAdjunct() {
			beside.Options = append(beside.Options, o)
		} else {
			done.Options = append(done.Options, o)
		}
	}
	for _, f := range []Field{done, beside} {
		if len(f.Options) > 0 {
			f.Optional = true
			d.Fields = append(d.Fields, f)
		}
	}
	pressure := c.input(w, "select", "pressure_tolerance", "notes.pressure")
	if w == nil && n.PressureTolerance != nil {
		pressure.Value = strconv.Itoa(int(n.GetPressureTolerance()))
	}
	pressure.Options = append([]Option{{Label: c.cat.T("notes.not_said")}}, scaleOptions(0, 10)...)
	pressure.Optional = true
	d.Fields = append(d.Fields, pressure)
	return nil
}

// scaleOptions are the numbers of a scale, to choose one.
func scaleOptions(least, most int) (options []Option) {
	for n := least; n <= most; n++ {
		options = append(options, Option{Value: strconv.Itoa(n), Label: strconv.Itoa(n)})
	}
	return options
}

// notePage shows a note.
func (s *Site) notePage(c *call) error { return c.noteView(nil) }

// saveNote saves the draft as a whole; reports false when the form was shown again.
func (c *call) saveNote() (*plansv1.SessionNote, bool, error) {
	w := c.wrongs()
	r := &plansv1.UpdateNoteRequest{
		RequestId: c.requestID(), NoteId: c.path("note_id"), Etag: c.form("etag"), Subjective: c.form("subjective"), Objective: c.form("objective"),
		Assessment: c.form("assessment"), Plan: c.form("plan"), Procedures: c.forms("procedures"), Adjuncts: c.forms("adjuncts"),
		PressureTolerance: c.pain(w, "pressure_tolerance"),
	}
	if w.any() {
		return nil, false, c.noteView(w)
	}
	got, err := c.notes().UpdateNote(c.ctx(), r)
	if err != nil {
		return nil, false, c.formOr(err, w, nil, c.noteView)
	}
	return got.GetNote(), true, nil
}

// noteSave saves a draft, and goes on with it or to the patient's page, where there is more to
// look at while it is written.
func (s *Site) noteSave(c *call) error {
	n, saved, err := c.saveNote()
	if err != nil || !saved {
		return err
	}
	if c.form("then") == "patient" {
		return c.redirect(address("/staff/patients/"+n.GetPatientId(), "done", "note_saved") + "#notes")
	}
	return c.redirect(address("/staff/notes/"+n.GetNoteId(), "done", "note_saved"))
}

// noteSign saves a draft and signs it. From then on it is only added to.
func (s *Site) noteSign(c *call) error {
	n, saved, err := c.saveNote()
	if err != nil || !saved {
		return err
	}
	if n.GetState() == "DRAFT" { // a form that was sent twice has signed it before
		_, err = c.notes().SignNote(c.ctx(), &plansv1.SignNoteRequest{RequestId: c.requestID() + "-sign", NoteId: n.GetNoteId(), Etag: n.GetEtag()})
		if err != nil {
			return c.formOr(err, c.wrongs(), nil, c.noteView)
		}
	}
	return c.redirect(address("/staff/patients/"+n.GetPatientId(), "done", "note_signed") + "#notes")
}

// noteAdd adds to a signed note; what it says stays as it was.
func (s *Site) noteAdd(c *call) error {
	w := c.wrongs()
	w.need("text", c.form("text"), "notes.need_addendum")
	if w.any() {
		return c.noteView(w)
	}
	got, err := c.notes().AddAddendum(c.ctx(), &plansv1.AddAddendumRequest{RequestId: c.requestID(), NoteId: c.path("note_id"), Text: c.form("text")})
	if err != nil {
		return c.formOr(err, w, nil, c.noteView)
	}
	return c.redirect(address("/staff/notes/"+got.GetNote().GetNoteId(), "done", "note_added"))
}
