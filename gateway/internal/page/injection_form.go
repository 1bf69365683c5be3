package page

import (
	"cmp"
	"strconv"
	"strings"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// injectionPage is the form that records an injection, below what is left of the limit.
type injectionPage struct {
	Patient, Name string
	Check         *plansv1.CheckInjectionResponse
	Fields        []Field
	Appointment   string
}

// injectionView makes the form.
func (c *call) injectionView(w *wrongs) (*view, error) {
	id := c.path("patient_id")
	p, err := c.patient(id)
	if err != nil {
		return nil, err
	}
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	today := c.today(clinic).String()
	check, err := c.clients.injections.CheckInjection(c.ctx(), &plansv1.CheckInjectionRequest{PatientId: id, Date: today})
	if err != nil {
		return nil, err
	}
	d := injectionPage{Patient: id, Name: patientName(p), Check: check, Appointment: c.either("appointment"), Fields: c.injectionFields(w, today)}
	v := c.view(c.cat.T("injection.title", "name", d.Name), d)
	v.Back = "/staff/patients/" + id
	return v, nil
}

// injectionFields are the questions of the record.
func (c *call) injectionFields(w *wrongs, today string) []Field {
	choice := func(name, kind, fallback string, codes ...string) Field {
		f := c.input(w, "select", name, "injection."+name)
		f.Value = cmp.Or(f.Value, fallback)
		for _, code := range codes {
			f.Options = append(f.Options, Option{Value: code, Label: say(c.cat, kind, code)})
		}
		return f
	}
	text := func(kind, name string, optional bool) Field {
		f := c.input(w, kind, name, "injection."+name)
		f.Optional = optional
		return f
	}
	on := text("date", "local_date", false)
	on.Value, on.Max = cmp.Or(on.Value, today), today
	dose := text("text", "dose_mg", false)
	dose.InputMode, dose.Short = "decimal", true
	before, after := text("text", "pain_before", true), text("text", "pain_after", true)
	before.InputMode, before.Short, after.InputMode, after.Short = "numeric", true, "numeric", true
	month := text("month", "month", true)
	return []Field{
		choice("source", "source", "CLINIC", "CLINIC", "EXTERNAL_DOCUMENTED", "EXTERNAL_PATIENT_REPORTED"), on, month,
		choice("state", "injection_state", "ADMINISTERED", "ADMINISTERED", "PARTIALLY_ADMINISTERED", "ABORTED"),
		choice("region", "region", "THORACIC", "CERVICAL", "THORACIC", "LUMBAR"),
		choice("side", "side", "", "LEFT", "RIGHT", "BILATERAL"), text("text", "levels", false),
		choice("guidance", "guidance", "FLUOROSCOPY", "FLUOROSCOPY", "CT", "ULTRASOUND", "NONE", "UNKNOWN"),
		text("text", "drug", false), dose, text("text", "lot", false), text("text", "consent_version", true),
		before, after, text("textarea", "note", true),
	}
}

// injectionForm shows the form.
func (s *Site) injectionForm(c *call) error {
	v, err := c.injectionView(nil)
	if err != nil {
		return err
	}
	return c.show("injection_form", v)
}

// injectionRecord records what was given. The service never refuses a fact for the limit.
func (s *Site) injectionRecord(c *call) error {
	w := c.wrongs()
	request := c.injectionRequest(w)
	if !w.any() {
		_, err := s.clients.injections.RecordInjection(c.ctx(), request)
		if err == nil {
			return c.redirect(address("/staff/patients/"+c.path("patient_id"), "done", "injection"))
		}
		names := map[string]string{"drugs[0].drug": "drug", "drugs[0].dose_mg": "dose_mg", "drugs[0].lot": "lot", "drugs": "drug", "levels[0]": "levels"}
		if !w.refused(err, names) {
			return err
		}
	}
	v, err := c.injectionView(w)
	if err != nil {
		return err
	}
	return c.again("injection_form", v, w)
}

// injectionRequest reads the form. A month stands in for a date that nobody knows.
func (c *call) injectionRequest(w *wrongs) *plansv1.RecordInjectionRequest {
	r := &plansv1.RecordInjectionRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), LocalDate: c.form("local_date"), Month: c.form("month"),
		State: c.form("state"), Region: c.form("region"), Side: c.form("side"), Guidance: c.form("guidance"), Source: c.form("source"),
		AppointmentId: c.form("appointment"), ConsentVersion: c.form("consent_version"), Note: c.form("note"),
		Levels: strings.FieldsFunc(strings.ToUpper(c.form("levels")), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }),
	}
	if r.GetMonth() != "" {
		r.LocalDate = ""
	}
	if drug := c.form("drug"); drug != "" {
		dose, err := strconv.ParseFloat(strings.Replace(c.form("dose_mg"), ",", ".", 1), 64)
		if err != nil || dose < 0 {
			w.field("dose_mg", c.cat.T("injection.need_dose"))
		}
		r.Drugs = []*plansv1.InjectedDrug{{Drug: drug, DoseMg: dose, Lot: c.form("lot")}}
	}
	r.PainBefore, r.PainAfter = c.pain(w, "pain_before"), c.pain(w, "pain_after")
	return r
}

// pain reads a number from 0 to 10 that may be left out.
func (c *call) pain(w *wrongs, name string) *int32 {
	text := c.form(name)
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 || n > 10 {
		w.field(name, c.cat.T("intake.number_range", "min", 0, "max", 10))
		return nil
	}
	value := int32(n)
	return &value
}
