package page

import (
	"slices"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// myMedicineRoutes are the pages on which a patient says what they take.
func (s *Site) myMedicineRoutes() []route.Route {
	return []route.Route{
		s.row("GET /me/medicines", patients, s.myMedicines),
		s.row("GET /me/medicines/new", patients, s.myMedicineForm),
		s.row("POST /me/medicines/new", patients, s.myMedicineAdd),
		s.row("POST /me/medicines/{medication_id}/stop", patients, s.myMedicineStop),
		s.row("GET /me/doses/new", patients, s.myDoseForm),
		s.row("POST /me/doses/new", patients, s.myDoseRecord),
		s.row("POST /me/doses/{dose_id}/void", patients, s.myDoseVoid),
	}
}

// myMedicinesPage is what a patient takes, with what the clinic's rules say about it.
type myMedicinesPage struct {
	Patient string
	Of      []Option
	Said    []*plansv1.MedicineIssue // each sentence once
	List    []*plansv1.Medication
	Doses   []doseCard
}

// doseCard is a dose with its time at the clinic.
type doseCard struct {
	*plansv1.Dose
	When string
}

// myMedicines shows the list.
func (s *Site) myMedicines(c *call) error {
	id, of, err := c.self()
	if err != nil {
		return err
	}
	d := myMedicinesPage{Patient: id}
	if len(of) > 1 {
		d.Of = of
	}
	got, err := s.clients.medications.ListMedications(c.ctx(), &plansv1.ListMedicationsRequest{PatientId: id})
	if err != nil {
		return err
	}
	d.List = got.GetMedications()
	for _, i := range got.GetIssues() {
		if !slices.ContainsFunc(d.Said, func(said *plansv1.MedicineIssue) bool { return said.GetMessage() == i.GetMessage() }) {
			d.Said = append(d.Said, i)
		}
	}
	doses, err := s.clients.medications.ListDoses(c.ctx(), &plansv1.ListDosesRequest{PatientId: id, PageSize: 30})
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	zone := clinic.GetTimeZone()
	for _, dose := range doses.GetDoses() {
		d.Doses = append(d.Doses, doseCard{dose, c.cat.When(dose.GetTakenTime().AsTime().In(s.zone(zone)).Format("2006-01-02T15:04"), zone)})
	}
	v := c.view(c.cat.T("mymedicine.title"), d)
	v.Back = "/me"
	return c.show("my_medicines", v)
}

// myForm shows a form of a patient's own page, with what is wrong with it. Somebody who acts for
// several reads whom it is about.
func (c *call) myForm(title, patient string, of []Option, fields []Field, w *wrongs) error {
	d := formPage{Action: c.r.URL.Path, Button: c.cat.T("mymedicine.save"), Fields: fields, Hidden: []pair{{"patient", patient}}}
	for _, o := range of {
		if len(of) > 1 && o.Value == patient {
			d.Notes = []string{o.Label}
		}
	}
	v := c.view(c.cat.T(title), d)
	v.Back = address("/me/medicines", "patient", patient)
	if w == nil {
		return c.show("care_form", v)
	}
	return c.again("care_form", v, w)
}

// myMedicineView shows the form that adds a medicine.
func (c *call) myMedicineView(w *wrongs) error {
	id, of, err := c.self()
	if err != nil {
		return err
	}
	fields, err := c.medicineFields(w, "mymedicine", "mymedicine.daily")
	if err != nil {
		return err
	}
	return c.myForm("mymedicine.add", id, of, fields, w)
}

// myMedicineForm shows it.
func (s *Site) myMedicineForm(c *call) error { return c.myMedicineView(nil) }

// myMedicineAdd puts a medicine on the list; what the rules say about it is above the list.
func (s *Site) myMedicineAdd(c *call) error {
	id, _, err := c.self()
	if err != nil {
		return err
	}
	w := c.wrongs()
	w.need("drug", c.form("drug"), "dose.need_drug")
	r := &plansv1.AddMedicationRequest{
		RequestId: c.requestID(), PatientId: id, Drug: c.form("drug"), DoseMg: c.milligrams(w, "dose_mg"), Directions: c.form("directions"),
		Prescriber: c.form("prescriber"), StartDate: c.form("start_date"), TakenDaily: len(c.forms("taken_daily")) > 0,
	}
	if w.any() {
		return c.myMedicineView(w)
	}
	if _, err := s.clients.medications.AddMedication(c.ctx(), r); err != nil {
		return c.formOr(err, w, nil, c.myMedicineView)
	}
	return c.redirect(address("/me/medicines", "patient", id, "done", "mymedicine"))
}

// myMedicineStop takes a medicine off the list, which a patient may who put it there.
func (s *Site) myMedicineStop(c *call) error {
	id, _, err := c.self()
	if err != nil {
		return err
	}
	return c.act(address("/me/medicines", "patient", id), "mymedicine_stopped", func() error {
		_, err := s.clients.medications.StopMedication(c.ctx(), &plansv1.StopMedicationRequest{
			RequestId: c.requestID(), PatientId: id, MedicationId: c.path("medication_id"), Etag: c.form("etag"),
		})
		return err
	})
}

// myDoseView shows the form that notes a dose.
func (c *call) myDoseView(w *wrongs) error {
	id, of, err := c.self()
	if err != nil {
		return err
	}
	fields, err := c.doseFields(w, id)
	if err != nil {
		return err
	}
	return c.myForm("mymedicine.taken", id, of, fields, w)
}

// myDoseForm shows it.
func (s *Site) myDoseForm(c *call) error { return c.myDoseView(nil) }

// myDoseRecord notes a dose. It is never refused for a rule.
func (s *Site) myDoseRecord(c *call) error {
	id, _, err := c.self()
	if err != nil {
		return err
	}
	w := c.wrongs()
	r, err := c.doseRequest(w, id)
	if err != nil {
		return err
	}
	if w.any() {
		return c.myDoseView(w)
	}
	if _, err := s.clients.medications.RecordDose(c.ctx(), r); err != nil {
		return c.formOr(err, w, doseNames, c.myDoseView)
	}
	return c.redirect(address("/me/medicines", "patient", id, "done", "mydose"))
}

// myDoseVoid takes a dose back that was noted by mistake.
func (s *Site) myDoseVoid(c *call) error {
	id, _, err := c.self()
	if err != nil {
		return err
	}
	return c.act(address("/me/medicines", "patient", id), "mydose_void", func() error {
		_, err := s.clients.medications.VoidDose(c.ctx(), &plansv1.VoidDoseRequest{RequestId: c.requestID(), PatientId: id, DoseId: c.path("dose_id")})
		return err
	})
}
