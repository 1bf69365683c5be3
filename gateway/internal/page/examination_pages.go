package page

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// examinationRoutes are the pages of examinations.
func (s *Site) examinationRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/patients/{patient_id}/examinations", treating, s.examinationList),
		s.row("GET /staff/patients/{patient_id}/examinations/new", treating, s.examinationForm),
		s.row("POST /staff/patients/{patient_id}/examinations/new", treating, s.examinationRecord),
		s.row("POST /staff/patients/{patient_id}/examinations/{examination_id}/clear", treating, s.examinationClear),
	}
}

// examinationKinds are the kinds in the order in which they are asked for most.
var examinationKinds = []string{"RANGE_OF_MOTION", "FORWARD_BEND", "NEURO"}

// neuroChecks are the three checks of a neurological examination.
var neuroChecks = []string{"strength", "sensation", "reflexes"}

// examinations asks for examinations.
func (c *call) examinations() plansv1.ExaminationServiceClient {
	return plansv1.NewExaminationServiceClient(c.cfg.Peer("plans"))
}

// examinationsPage is every examination of a patient.
type examinationsPage struct {
	Patient      string
	Examinations []*plansv1.Examination
	Kinds        []string
}

// examinationList shows them, newest first.
func (s *Site) examinationList(c *call) error {
	id := c.path("patient_id")
	got, err := c.examinations().ListExaminations(c.ctx(), &plansv1.ListExaminationsRequest{PatientId: id})
	if err != nil {
		return err
	}
	v, err := c.patientTitle("exam.list_title", examinationsPage{id, got.GetExaminations(), examinationKinds})
	if err != nil {
		return err
	}
	return c.show("examinations", v)
}

// examinationPage is the form of one kind of examination.
type examinationPage struct {
	Kind, Joint, Action string
	Kinds, Joints       []string
	Notes               []string
	Fields              []Field
}

// examinationView makes the form of the kind that is asked for.
func (c *call) examinationView(w *wrongs) error {
	rules, err := c.examinations().ListMovements(c.ctx(), &plansv1.ListMovementsRequest{})
	if err != nil {
		return err
	}
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d := examinationPage{Kind: cmp.Or(c.either("kind"), "RANGE_OF_MOTION"), Joint: cmp.Or(c.either("joint"), "THORACIC_SPINE"), Action: c.r.URL.Path, Kinds: examinationKinds}
	switch d.Kind {
	case "RANGE_OF_MOTION":
		for _, m := range rules.GetMovements() {
			if !slices.Contains(d.Joints, m.GetJoint()) {
				d.Joints = append(d.Joints, m.GetJoint())
			}
		}
		if d.Fields = c.motionFields(w, rules, d.Joint); len(d.Fields) == 0 {
			return fault.NotFoundf("joint")
		}
		d.Notes = []string{c.cat.T("exam.limited", "percent", rules.GetLimitedPercent()), rules.GetSource()}
	case "FORWARD_BEND":
		d.Fields = c.bendFields(w)
		d.Notes = []string{c.cat.T("exam.bend_rule", "refer", rules.GetReferDegrees(), "high", rules.GetReferDegreesHighBmi(), "recheck", rules.GetRecheckDegrees()), rules.GetBendSource()}
	case "NEURO":
		for _, name := range neuroChecks {
			d.Fields = append(d.Fields, c.choices(w, "radio", name, "exam."+name, "exam_result", "", "NORMAL", "ABNORMAL", "NOT_TESTED"))
		}
		d.Notes = []string{c.cat.T("exam.neuro_rule"), rules.GetNeuroSource()}
	default:
		return fault.NotFoundf("kind of examination")
	}
	on := c.input(w, "date", "local_date", "exam.date")
	on.Max = c.today(clinic).String()
	on.Value = cmp.Or(on.Value, on.Max)
	note := c.input(w, "textarea", "note", "exam.note")
	note.Optional = true
	d.Fields = append(d.Fields, on, note)
	v, err := c.patientTitle("exam.new_title", d)
	if err != nil {
		return err
	}
	if w == nil {
		return c.show("examination", v)
	}
	return c.again("examination", v, w)
}

// movementName is the name of the field of a movement.
func movementName(movement, side string) string {
	if side == "" {
		return "degrees_" + movement
	}
	return "degrees_" + movement + "_" + side
}

// sidesOf are the sides on which a movement is measured.
func sidesOf(m *plansv1.Movement) []string {
	if m.GetSides() {
		return []string{"LEFT", "RIGHT"}
	}
	return []string{""}
}

// motionFields ask how far a joint moves; what is left empty was not measured.
func (c *call) motionFields(w *wrongs, rules *plansv1.ListMovementsResponse, joint string) (fields []Field) {
	painful := c.input(w, "checks", "painful", "exam.painful")
	painful.Optional = true
	for _, m := range rules.GetMovements() {
		if m.GetJoint() != joint {
			continue
		}
		for _, side := range sidesOf(m) {
			f := c.input(w, "text", movementName(m.GetMovement(), side), "exam.degrees")
			f.Label = say(c.cat, "movement", m.GetMovement())
			if side != "" {
				f.Label += ", " + say(c.cat, "side", side)
			}
			f.Hint = c.cat.T("exam.usual", "n", m.GetUsualDegrees())
			f.InputMode, f.Short, f.Optional = "numeric", true, true
			fields = append(fields, f)
			painful.Options = append(painful.Options, Option{Value: f.Name, Label: f.Label})
		}
	}
	if len(fields) == 0 {
		return nil
	}
	return append(fields, painful)
}

// bendFields ask what a forward bend shows.
func (c *call) bendFields(w *wrongs) []Field {
	rotation := c.input(w, "text", "rotation_degrees", "exam.rotation")
	rotation.InputMode, rotation.Short, rotation.Optional = "numeric", true, true
	bmi := c.choices(w, "checks", "high_bmi", "exam.high_bmi", "exam_high_bmi", "", "YES")
	bmi.Optional = true
	return []Field{c.choices(w, "radio", "bend_side", "exam.bend_side", "exam_bend", "", "NONE", "LEFT", "RIGHT"), rotation, bmi}
}

// examinationForm shows the form.
func (s *Site) examinationForm(c *call) error { return c.examinationView(nil) }

// examinationRecord keeps what was found; what follows from it is on the patient's page.
func (s *Site) examinationRecord(c *call) error {
	w := c.wrongs()
	r := &plansv1.RecordExaminationRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), Kind: c.form("kind"), LocalDate: c.form("local_date"), Note: c.form("note"),
	}
	names := map[string]string{"forward_bend.side": "bend_side", "neuro": "strength"}
	switch r.GetKind() {
	case "RANGE_OF_MOTION":
		if err := c.readMotion(w, r, names); err != nil {
			return err
		}
	case "FORWARD_BEND":
		c.readBend(w, r)
	case "NEURO":
		r.Neuro = &plansv1.Neuro{Strength: c.form("strength"), Sensation: c.form("sensation"), Reflexes: c.form("reflexes")}
		for _, name := range neuroChecks {
			w.need(name, c.form(name), "exam.need_result")
		}
	}
	if w.any() {
		return c.examinationView(w)
	}
	got, err := c.examinations().RecordExamination(c.ctx(), r)
	if err != nil {
		return c.formOr(err, w, names, c.examinationView)
	}
	done := "exam"
	if len(got.GetExamination().GetFindings()) > 0 {
		done = "exam_finding"
	}
	return c.redirect(address("/staff/patients/"+c.path("patient_id"), "done", done) + "#examinations")
}

// readMotion reads how far a joint moves. names gets the field of each movement that is sent.
func (c *call) readMotion(w *wrongs, r *plansv1.RecordExaminationRequest, names map[string]string) error {
	rules, err := c.examinations().ListMovements(c.ctx(), &plansv1.ListMovementsRequest{})
	if err != nil {
		return err
	}
	first := ""
	for _, m := range rules.GetMovements() {
		if m.GetJoint() != c.form("joint") {
			continue
		}
		for _, side := range sidesOf(m) {
			name := movementName(m.GetMovement(), side)
			first = cmp.Or(first, name)
			if c.form(name) == "" {
				if slices.Contains(c.forms("painful"), name) {
					w.field(name, c.cat.T("exam.painful_degrees"))
				}
				continue
			}
			degrees, ok := c.degrees(w, name)
			if !ok {
				continue
			}
			at := "movements[" + strconv.Itoa(len(r.GetMovements())) + "]"
			names[at], names[at+".degrees"] = name, name
			r.Movements = append(r.Movements, &plansv1.MovementRange{
				Joint: m.GetJoint(), Movement: m.GetMovement(), Side: side, Degrees: degrees, Painful: slices.Contains(c.forms("painful"), name),
			})
		}
	}
	if len(r.GetMovements()) == 0 && !w.any() {
		w.field(first, c.cat.T("exam.need_movement"))
	}
	return nil
}

// degrees reads an angle.
func (c *call) degrees(w *wrongs, name string) (int32, bool) {
	n, err := strconv.ParseInt(c.form(name), 10, 32)
	if err != nil || n < 0 || n > 360 {
		w.field(name, c.cat.T("exam.need_degrees"))
		return 0, false
	}
	return int32(n), true
}

// readBend reads a forward bend.
func (c *call) readBend(w *wrongs, r *plansv1.RecordExaminationRequest) {
	side := c.form("bend_side")
	w.need("bend_side", side, "exam.need_result")
	r.ForwardBend = &plansv1.ForwardBend{Side: side, RibHump: side == "LEFT" || side == "RIGHT", HighBmi: len(c.forms("high_bmi")) > 0}
	if c.form("rotation_degrees") != "" {
		if n, ok := c.degrees(w, "rotation_degrees"); ok {
			r.ForwardBend.RotationDegrees = &n
		}
	}
}

// examinationClear lifts what an abnormal examination forbids; the reason is needed.
func (s *Site) examinationClear(c *call) error {
	back := "/staff/patients/" + c.path("patient_id")
	if c.form("reason") == "" {
		return c.redirect(withParam(back, "problem", "REASON_NEEDED"))
	}
	return c.act(back, "exam_cleared", func() error {
		_, err := c.examinations().ClearExamination(c.ctx(), &plansv1.ClearExaminationRequest{
			RequestId: c.requestID(), PatientId: c.path("patient_id"), ExaminationId: c.path("examination_id"), Etag: c.form("etag"), Reason: c.form("reason"),
		})
		return err
	})
}
