package page

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// medicineFields are the fields by which a medicine is added, in the words for staff or for the
// patient; daily is the legend of the box for one that is taken every day.
func (c *call) medicineFields(w *wrongs, words, daily string) ([]Field, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	today := c.today(clinic).String()
	text := func(kind, name string, optional bool) Field {
		f := c.input(w, kind, name, words+"."+name)
		f.Optional = optional
		return f
	}
	dose := text("text", "dose_mg", true)
	dose.InputMode, dose.Short = "decimal", true
	start := text("date", "start_date", false)
	start.Value, start.Max = cmp.Or(start.Value, today), today
	box := c.choices(w, "checks", "taken_daily", daily, words+"_daily", "", "YES")
	box.Optional = true
	return []Field{text("text", "drug", false), dose, start, box, text("text", "prescriber", true), text("text", "directions", true)}, nil
}

// medicineView shows the form that adds a medicine.
func (c *call) medicineView(w *wrongs) error {
	fields, err := c.medicineFields(w, "medicine", "medicine.daily_legend")
	if err != nil {
		return err
	}
	note := c.input(w, "textarea", "note", "medicine.note")
	note.Optional = true
	return c.showForm("medicine.title", formPage{Button: c.cat.T("medicine.add"), Fields: append(fields, note)}, w)
}

// medicineForm shows it.
func (s *Site) medicineForm(c *call) error { return c.medicineView(nil) }

// medicineAdd puts a medicine on the list. What a rule says about it is on the patient's
// page, where it can be acknowledged.
func (s *Site) medicineAdd(c *call) error {
	w := c.wrongs()
	w.need("drug", c.form("drug"), "medicine.need_drug")
	r := &plansv1.AddMedicationRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), Drug: c.form("drug"), DoseMg: c.milligrams(w, "dose_mg"),
		Directions: c.form("directions"), Prescriber: c.form("prescriber"), StartDate: c.form("start_date"),
		TakenDaily: len(c.forms("taken_daily")) > 0, Note: c.form("note"),
	}
	if w.any() {
		return c.medicineView(w)
	}
	got, err := s.clients.medications.AddMedication(c.ctx(), r)
	if err != nil {
		return c.formOr(err, w, nil, c.medicineView)
	}
	done := "medicine_added"
	if got.GetMedication().GetBlocked() {
		done = "medicine_blocked"
	}
	return c.redirect(address("/staff/patients/"+c.path("patient_id"), "done", done) + "#medicines")
}

// milligrams reads a dose that may be left out.
func (c *call) milligrams(w *wrongs, name string) float64 {
	text := strings.Replace(c.form(name), ",", ".", 1)
	if text == "" {
		return 0
	}
	mg, err := strconv.ParseFloat(text, 64)
	if err != nil || mg < 0 || mg > 100000 {
		w.field(name, c.cat.T("dose.need_mg"))
		return 0
	}
	return mg
}

// medicineAct stops a medicine, or acknowledges what speaks against it.
func (s *Site) medicineAct(c *call) error {
	patient, id := c.path("patient_id"), c.path("medication_id")
	back := "/staff/patients/" + patient
	switch c.path("action") {
	case "stop":
		return c.act(back, "medicine_stopped", func() error {
			_, err := s.clients.medications.StopMedication(c.ctx(), &plansv1.StopMedicationRequest{
				RequestId: c.requestID(), PatientId: patient, MedicationId: id, Etag: c.form("etag"), Reason: c.form("reason"),
				EnteredInError: c.form("entered_in_error") != "" && c.form("reason") != "",
			})
			return err
		})
	case "acknowledge":
		if c.form("reason") == "" {
			return c.redirect(withParam(back, "problem", "REASON_NEEDED"))
		}
		return c.act(back, "medicine_acknowledged", func() error {
			_, err := s.clients.medications.AcknowledgeMedication(c.ctx(), &plansv1.AcknowledgeMedicationRequest{
				RequestId: c.requestID(), PatientId: patient, MedicationId: id, Etag: c.form("etag"), Reason: c.form("reason"),
				Prescriber: c.form("prescriber"),
			})
			return err
		})
	}
	return unknownAction()
}

// doseView shows the form that records a dose.
func (c *call) doseView(w *wrongs) error {
	fields, err := c.doseFields(w, c.path("patient_id"))
	if err != nil {
		return err
	}
	return c.showForm("dose.title", formPage{Button: c.cat.T("dose.record"), Fields: fields}, w)
}

// doseFields are the questions about a dose, for staff and for patients.
func (c *call) doseFields(w *wrongs, patient string) ([]Field, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	list, err := c.clients.medications.ListMedications(c.ctx(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil {
		return nil, err
	}
	now := c.cfg.Clock.Now().In(c.zone(clinic.GetTimeZone()))
	which := c.input(w, "select", "medication_id", "dose.medication_id")
	which.Value = cmp.Or(which.Value, c.query("medicine"))
	for _, m := range list.GetMedications() {
		which.Options = append(which.Options, Option{Value: m.GetMedicationId(), Label: m.GetDrug()})
	}
	which.Options = append(which.Options, Option{Value: "", Label: c.cat.T("dose.other")})
	drug := c.input(w, "text", "drug", "dose.drug")
	drug.Optional = true
	mg := c.input(w, "text", "dose_mg", "dose.dose_mg")
	mg.InputMode, mg.Short, mg.Optional = "decimal", true, true
	on, at := c.input(w, "date", "date", "dose.date"), c.input(w, "time", "time", "dose.time")
	on.Value, on.Max = cmp.Or(on.Value, civil.Of(now, now.Location()).String()), civil.Of(now, now.Location()).String()
	at.Value = cmp.Or(at.Value, now.Format("15:04"))
	food := c.choices(w, "radio", "with_food", "dose.with_food", "with_food", "", "YES", "NO")
	food.Optional = true
	return []Field{which, drug, mg, on, at, food}, nil
}

// doseForm shows it.
func (s *Site) doseForm(c *call) error { return c.doseView(nil) }

// doseRecord records a dose; what the rules say of it is on the patient's page.
func (s *Site) doseRecord(c *call) error {
	w := c.wrongs()
	r, err := c.doseRequest(w, c.path("patient_id"))
	if err != nil {
		return err
	}
	if w.any() {
		return c.doseView(w)
	}
	if _, err := s.clients.medications.RecordDose(c.ctx(), r); err != nil {
		return c.formOr(err, w, doseNames, c.doseView)
	}
	return c.redirect(address("/staff/patients/"+c.path("patient_id"), "done", "dose") + "#medicines")
}

// doseNames are the fields of the form for those of the request.
var doseNames = map[string]string{"taken_time": "date", "local_date": "date"}

// doseRequest reads what was taken. A dose without a time has its day alone.
func (c *call) doseRequest(w *wrongs, patient string) (*plansv1.RecordDoseRequest, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	r := &plansv1.RecordDoseRequest{
		RequestId: c.requestID(), PatientId: patient, MedicationId: c.form("medication_id"), DoseMg: c.milligrams(w, "dose_mg"),
	}
	if r.GetMedicationId() == "" {
		r.Drug = c.form("drug")
		w.need("drug", r.GetDrug(), "dose.need_drug")
	}
	on, errDate := civil.Parse(c.form("date"))
	at, errTime := time.Parse("15:04", c.form("time"))
	switch {
	case errDate != nil:
		w.field("date", c.cat.T("error.date"))
	case c.form("time") == "":
		r.LocalDate = on.String()
	case errTime != nil:
		w.field("time", c.cat.T("dose.need_time"))
	default:
		r.TakenTime = timestamppb.New(on.At(at.Hour(), at.Minute(), c.zone(clinic.GetTimeZone())))
	}
	if food := c.form("with_food"); food != "" {
		with := food == "YES"
		r.WithFood = &with
	}
	return r, nil
}
