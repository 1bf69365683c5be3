package page

import (
	"slices"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// foundPage is a search for patients, and what it found.
type foundPage struct {
	Search   Field
	Searched bool
	Found    []foundPatient
	// Action is where the search is sent; Hidden goes with it.
	Action string
	Hidden []pair
	New    string
}

// foundPatient is one patient that was found, with the address to go on with.
type foundPatient struct {
	*directoryv1.Patient
	Name, Href string
}

// search looks for patients. What was typed comes by POST: a name is never in an address.
func (c *call) search(to func(id string) string) (foundPage, error) {
	d := foundPage{Search: c.input(nil, "search", "query", "search.query"), Action: c.r.URL.Path}
	query := c.form("query")
	if query == "" {
		return d, nil
	}
	d.Searched = true
	got, err := c.clients.patients.SearchPatients(c.ctx(), &directoryv1.SearchPatientsRequest{Query: query, PageSize: 30})
	if fault.IsKind(err, fault.InvalidArgument) {
		return d, nil // nothing can be found by that
	}
	if err != nil {
		return d, err
	}
	for _, p := range got.GetPatients() {
		d.Found = append(d.Found, foundPatient{p, patientName(p), to(p.GetPatientId())})
	}
	return d, nil
}

// patientSearch finds a patient's page.
func (s *Site) patientSearch(c *call) error {
	d, err := c.search(func(id string) string { return "/staff/patients/" + id })
	if err != nil {
		return err
	}
	d.New = "/staff/patients/new"
	return c.show("patients", c.view(c.cat.T("patients.title"), d))
}

// newPatientView makes the page for a new patient.
func (c *call) newPatientView(w *wrongs) *view {
	field := func(kind, name string, optional bool) Field {
		f := c.input(w, kind, name, "patient."+name)
		f.Optional, f.Autocomplete = optional, "off"
		return f
	}
	birth := field("date3", "birth_date", false)
	birth.Values, birth.Autocomplete = c.date3Values("birth_date"), ""
	d := struct {
		Fields []Field
		Hidden []pair
	}{Fields: []Field{
		field("text", "given_name", false), field("text", "family_name", false), birth,
		field("tel", "phone", true), field("email", "email", true),
	}, Hidden: c.onlyWish()}
	v := c.view(c.cat.T("patient_new.title"), d)
	v.Back = "/staff/patients"
	return v
}

// onlyWish carries a booking that waits for the patient to be registered.
func (c *call) onlyWish() (hidden []pair) {
	for _, name := range []string{"from", "practitioner", "at", "then"} {
		if value := c.either(name); value != "" {
			hidden = append(hidden, pair{name, value})
		}
	}
	return hidden
}

// patientNewForm shows it.
func (s *Site) patientNewForm(c *call) error { return c.show("patient_new", c.newPatientView(nil)) }

// patientNew registers a patient, and goes on with the booking when there was one.
func (s *Site) patientNew(c *call) error {
	w := c.wrongs()
	w.need("given_name", c.form("given_name"), "register.need_given_name")
	w.need("family_name", c.form("family_name"), "register.need_family_name")
	birth := c.date3(w, "birth_date", "register.need_birth_date")
	if w.any() {
		return c.again("patient_new", c.newPatientView(w), w)
	}
	got, err := s.clients.patients.CreatePatient(c.ctx(), &directoryv1.CreatePatientRequest{
		RequestId: c.requestID(),
		Patient: &directoryv1.Patient{
			GivenName: c.form("given_name"), FamilyName: c.form("family_name"), BirthDate: birth,
			Phone: c.form("phone"), Email: c.form("email"),
		},
	})
	if err != nil {
		if w.refused(err, nil) {
			return c.again("patient_new", c.newPatientView(w), w)
		}
		return err
	}
	id := got.GetPatient().GetPatientId()
	if c.form("then") == "book" {
		return c.redirect(address("/staff/book", "patient", id, "from", c.form("from"), "practitioner", c.form("practitioner"), "at", c.form("at")))
	}
	return c.redirect(address("/staff/patients/"+id, "done", "patient_new"))
}

// staffBookPage is the way to a booking: who, then what.
type staffBookPage struct {
	Wish    wish
	Patient *directoryv1.Patient
	Name    string
	Find    foundPage
	Suggest []suggestion
	Courses []courseCard
	Types   []typeChoice
	Gate    *intakev1.BookingGate
	// Slot is the time that was picked in the diary, in words; Exact is what can be booked at it.
	Slot  string
	Exact []exactChoice
}

// exactChoice books one kind of visit at the time that was picked.
type exactChoice struct {
	Label  string
	Hidden []pair
}

// staffBook starts a booking: it finds the patient, then shows what can be booked, the
// sessions of plans first. A search that finds one patient goes on with that one.
func (s *Site) staffBook(c *call) error {
	d := staffBookPage{Wish: c.wish()}
	if d.Wish.Patient == "" {
		var err error
		d.Find, err = c.search(func(id string) string { return d.Wish.To("/staff/book", "patient", id) })
		if err != nil {
			return err
		}
		if len(d.Find.Found) == 1 {
			return c.redirect(d.Find.Found[0].Href)
		}
		d.Find.Hidden = c.onlyWish()
		d.Find.New = address("/staff/patients/new", "then", "book", "from", d.Wish.From, "practitioner", d.Wish.Practitioner, "at", d.Wish.At)
		return c.show("staff_book", c.view(c.cat.T("book.title"), d))
	}
	p, err := c.patient(d.Wish.Patient)
	if err != nil {
		return err
	}
	d.Patient, d.Name = p, patientName(p)
	plans, err := s.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: d.Wish.Patient, State: "ACTIVE"})
	if err != nil {
		return err
	}
	_, types, err := c.types()
	if err != nil {
		return err
	}
	gate, err := s.clients.triage.GetBookingGate(c.ctx(), &intakev1.GetBookingGateRequest{PatientId: d.Wish.Patient})
	if err != nil {
		return err
	}
	d.Gate = gate.GetGate()
	d.Courses = courseCards("/staff/book/times", d.Wish, plans.GetPlans(), types, false)
	for _, t := range types {
		if !t.GetInactive() && !t.GetPlanRequired() {
			d.Types = append(d.Types, typeChoice{t, wish{
				Patient: d.Wish.Patient, Type: t.GetAppointmentTypeId(), From: d.Wish.From, Practitioner: d.Wish.Practitioner,
			}.To("/staff/book/times")})
		}
	}
	if err := c.staffSuggest(&d, types); err != nil {
		return err
	}
	v := c.view(c.cat.T("book.for", "name", d.Name), d)
	v.Back = address("/staff/book", "from", d.Wish.From, "practitioner", d.Wish.Practitioner, "at", d.Wish.At)
	return c.show("staff_book", v)
}

// staffSuggest fills in what can be booked with one press: at the time that was picked in the
// diary, or else at the next free times of what the patient most likely comes for.
func (c *call) staffSuggest(d *staffBookPage, types []*bookingv1.AppointmentType) error {
	on, err := civil.Parse(d.Wish.From)
	if err == nil && d.Wish.At != "" && d.Wish.Practitioner != "" {
		return c.exact(d, on, types)
	}
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{PatientId: d.Wish.Patient})
	if err != nil {
		return err
	}
	before, err := c.visits(list, false)
	if err != nil {
		return err
	}
	d.Suggest, err = c.suggest("/staff/book", "/staff/book/done", true, d.Wish.Patient, d.Courses, before)
	return err
}

// exact lists what the practitioner whose time was picked may give at it.
func (c *call) exact(d *staffBookPage, on civil.Date, types []*bookingv1.AppointmentType) error {
	practitioners, err := c.practitioners()
	if err != nil {
		return err
	}
	p := practitioners[d.Wish.Practitioner]
	d.Slot = c.cat.T("desk.slot", "date", c.cat.Date(on), "time", c.cat.Clock(d.Wish.At), "with", p.GetDisplayName())
	add := func(label string, w wish) {
		d.Exact = append(d.Exact, exactChoice{label, append(w.Hidden(),
			pair{"manual_date", on.String()}, pair{"manual_time", d.Wish.At}, pair{"manual_practitioner", d.Wish.Practitioner})})
	}
	gives := func(t *bookingv1.AppointmentType) bool {
		return t.GetDiscipline() == "" || len(p.GetDisciplines()) == 0 || slices.Contains(p.GetDisciplines(), t.GetDiscipline())
	}
	for _, t := range types {
		for _, card := range d.Courses {
			if card.TypeID == t.GetAppointmentTypeId() && gives(t) {
				add(c.cat.T("desk.of_plan", "type", t.GetDisplayName(), "plan", card.Plan.GetName()),
					wish{Patient: d.Wish.Patient, Type: card.TypeID, Plan: card.Plan.GetPlanId(), Course: card.GetCourseId()})
			}
		}
	}
	for _, t := range types {
		if !t.GetInactive() && !t.GetPlanRequired() && gives(t) {
			add(c.cat.T("desk.of_type", "type", t.GetDisplayName(), "n", t.GetDurationMinutes()), wish{Patient: d.Wish.Patient, Type: t.GetAppointmentTypeId()})
		}
	}
	return nil
}

// chartPage is a patient's page for staff. What is clinical is there for clinicians only;
// the services leave it out for everybody else.
type chartPage struct {
	Patient    *directoryv1.Patient
	Name       string
	Clinician  bool
	Physician  bool
	Book       string
	Next, Past []visit
	Gate       *intakev1.BookingGate
	Intakes    []*intakev1.Intake
	Plans      []*plansv1.Plan
	Courses    []courseCard
	Tasks      []*intakev1.TriageTask
	Clinical   *clinical
	Care       *care
}

// staffPatient shows a patient's page.
func (s *Site) staffPatient(c *call) error {
	id := c.path("patient_id")
	p, err := c.patient(id)
	if err != nil {
		return err
	}
	d := chartPage{Patient: p, Name: patientName(p), Clinician: c.clinician(), Physician: c.physician(), Book: address("/staff/book", "patient", id)}
	if err := c.chartCommon(&d, id); err != nil {
		return err
	}
	if d.Clinician {
		if d.Clinical, err = c.clinical(id, d.Intakes); err != nil {
			return err
		}
		d.Care = c.care(id, d.Clinical)
	}
	v := c.view(d.Name, d)
	v.Wide = true
	return c.show("patient", v)
}

// chartCommon collects what the whole staff sees of a patient.
func (c *call) chartCommon(d *chartPage, id string) error {
	list, err := c.appointments(&bookingv1.ListAppointmentsRequest{PatientId: id})
	if err != nil {
		return err
	}
	all, err := c.visits(list, false)
	if err != nil {
		return err
	}
	d.Next, d.Past = c.nextAndPast(all)
	gate, err := c.clients.triage.GetBookingGate(c.ctx(), &intakev1.GetBookingGateRequest{PatientId: id})
	if err != nil {
		return err
	}
	d.Gate = gate.GetGate()
	intakes, err := c.clients.intakes.ListIntakes(c.ctx(), &intakev1.ListIntakesRequest{PatientId: id, PageSize: 10})
	if err != nil {
		return err
	}
	d.Intakes = intakes.GetIntakes()
	plans, err := c.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: id})
	if err != nil {
		return err
	}
	d.Plans = plans.GetPlans()
	_, types, err := c.types()
	if err != nil {
		return err
	}
	var active []*plansv1.Plan
	for _, p := range d.Plans {
		if p.GetState() == "ACTIVE" || p.GetState() == "PAUSED" {
			active = append(active, p)
		}
	}
	d.Courses = courseCards("/staff/book/times", wish{Patient: id}, active, types, false)
	tasks, err := c.clients.triage.ListTriageTasks(c.ctx(), &intakev1.ListTriageTasksRequest{PatientId: id, PageSize: 20})
	if err != nil {
		return err
	}
	d.Tasks = openTasks(tasks.GetTasks())
	return nil
}

// openTasks leaves out the tasks that were decided.
func openTasks(all []*intakev1.TriageTask) (open []*intakev1.TriageTask) {
	for _, t := range all {
		if t.GetState() != "DECIDED" {
			open = append(open, t)
		}
	}
	return open
}
