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
	texts, err := c.clients.injections.ListInjectionConsents(c.ctx(), &plansv1.ListInjectionConsentsRequest{})
	if err != nil {
		return nil, err
	}
	d := injectionPage{Patient: id, Name: patientName(p), Check: check, Appointment: c.either("appointment")}
	d.Fields = c.injectionFields(w, today, texts.GetConsents())
	v := c.view(c.cat.T("injection.title", "name", d.Name), d)
	v.Back = "/staff/patients/" + id
	return v, nil
}

// injectedDrugs is how many drugs the form has room for: the steroid, the anaesthetic, and one
// more.
const injectedDrugs = 3

// drugField is the name of a field of the n-th drug, from 0 on.
func drugField(name string, n int) string {
	if n == 0 {
		return name
	}
	return name + "_" + strconv.Itoa(n+1)
}

// injectionFields are the questions of the record.
func (c *call) injectionFields(w *wrongs, today string, consents []*plansv1.InjectionConsent) []Field {
	choice := func(name, kind, fallback string, codes ...string) Field {
		return c.choices(w, "select", name, "injection."+name, kind, fallback, codes...)
	}
	text := func(kind, name string, optional bool) Field {
		f := c.input(w, kind, name, "injection."+name)
		f.Optional = optional
		return f
	}
	on := text("date", "local_date", false)
	on.Value, on.Max = cmp.Or(on.Value, today), today
	before, after := text("text", "pain_before", true), text("text", "pain_after", true)
	before.InputMode, before.Short, after.InputMode, after.Short = "numeric", true, "numeric", true
	separate := c.choices(w, "checks", "separate", "injection.separate", "separate", "", "YES")
	separate.Optional = true
	fields := []Field{
		choice("source", "source", "CLINIC", "CLINIC", "EXTERNAL_DOCUMENTED", "EXTERNAL_PATIENT_REPORTED"), on, text("month", "month", true),
		choice("kind", "injection_kind", "FACET_JOINT_INJECTION", "FACET_JOINT_INJECTION", "MEDIAL_BRANCH_BLOCK_DIAGNOSTIC", "EPIDURAL_STEROID_INJECTION",
			"RADIOFREQUENCY_ABLATION", "OTHER_STEROID_INJECTION"),
		choice("state", "injection_state", "ADMINISTERED", "ADMINISTERED", "PARTIALLY_ADMINISTERED", "ABORTED"),
		choice("region", "region", "THORACIC", "CERVICAL", "THORACIC", "LUMBAR"),
		choice("side", "side", "", "", "LEFT", "RIGHT", "BILATERAL"), text("text", "levels", false),
		choice("guidance", "guidance", "FLUOROSCOPY", "FLUOROSCOPY", "CT", "ULTRASOUND", "NONE", "UNKNOWN"),
	}
	for n := range injectedDrugs {
		fields = append(fields, c.drugFields(w, n)...)
	}
	return append(fields, c.consentField(w, consents), before, after, separate, text("textarea", "note", true))
}

// drugFields ask for one drug: the first by its plain names, others by their number.
func (c *call) drugFields(w *wrongs, n int) []Field {
	drug := c.input(w, "text", drugField("drug", n), "injection.drug")
	dose, lot := c.input(w, "text", drugField("dose_mg", n), "injection.dose_mg"), c.input(w, "text", drugField("lot", n), "injection.lot")
	expires := c.input(w, "date", drugField("expire_date", n), "injection.expire_date")
	dose.InputMode, dose.Short, expires.Optional = "decimal", true, true
	if n > 0 {
		drug.Hint = ""
		drug.Label, dose.Label = c.cat.T("injection.drug_n", "n", n+1), c.cat.T("injection.dose_n", "n", n+1)
		lot.Label, expires.Label = c.cat.T("injection.lot_n", "n", n+1), c.cat.T("injection.expire_n", "n", n+1)
		drug.Optional, dose.Optional, lot.Optional = true, true, true
	}
	return []Field{drug, dose, lot, expires}
}

// consentField offers the consents that the clinic's texts explain, the current one last.
func (c *call) consentField(w *wrongs, consents []*plansv1.InjectionConsent) Field {
	f := c.input(w, "select", "consent_version", "injection.consent_version")
	f.Optional = true
	f.Options = []Option{{Label: c.cat.T("injection.no_consent")}}
	for _, consent := range consents {
		names := make([]string, len(consent.GetComplications()))
		for i, k := range consent.GetComplications() {
			names[i] = say(c.cat, "adverse", k.GetCode())
		}
		label := c.cat.T("injection.consent_names", "version", consent.GetVersion(), "complications", strings.Join(names, ", "))
		f.Options = append(f.Options, Option{Value: consent.GetVersion(), Label: label})
	}
	return f
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
		got, err := s.clients.injections.RecordInjection(c.ctx(), request)
		if err == nil {
			return c.redirect(address("/staff/patients/"+c.path("patient_id")+"/injections/"+got.GetInjection().GetInjectionId(), "done", "injection"))
		}
		if !w.refused(err, c.drugNames()) {
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
		AppointmentId: c.form("appointment"), Kind: c.form("kind"), SeparateSession: len(c.forms("separate")) > 0, ConsentVersion: c.form("consent_version"), Note: c.form("note"),
		Levels: strings.FieldsFunc(strings.ToUpper(c.form("levels")), func(r rune) bool { return r == ',' || r == ' ' || r == ';' }),
	}
	if r.GetMonth() != "" {
		r.LocalDate = ""
	}
	for n := range injectedDrugs {
		c.readDrug(w, n, r)
	}
	r.PainBefore, r.PainAfter = c.pain(w, "pain_before"), c.pain(w, "pain_after")
	return r
}

// readDrug reads the n-th drug, if there is one.
func (c *call) readDrug(w *wrongs, n int, r *plansv1.RecordInjectionRequest) {
	drug := c.form(drugField("drug", n))
	if drug == "" {
		return
	}
	dose, err := strconv.ParseFloat(strings.Replace(c.form(drugField("dose_mg", n)), ",", ".", 1), 64)
	if err != nil || dose < 0 {
		w.field(drugField("dose_mg", n), c.cat.T("injection.need_dose"))
	}
	r.Drugs = append(r.Drugs, &plansv1.InjectedDrug{
		Drug: drug, DoseMg: dose, Lot: c.form(drugField("lot", n)), ExpireDate: c.form(drugField("expire_date", n)),
	})
}

// drugNames are the fields of the form for those of the request. Drugs that were left out in
// between move up.
func (c *call) drugNames() map[string]string {
	names := map[string]string{"drugs": "drug", "levels[0]": "levels"}
	sent := 0
	for n := range injectedDrugs {
		if c.form(drugField("drug", n)) == "" {
			continue
		}
		for _, name := range []string{"drug", "dose_mg", "lot", "expire_date"} {
			names["drugs["+strconv.Itoa(sent)+"]."+name] = drugField(name, n)
		}
		sent++
	}
	return names
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
