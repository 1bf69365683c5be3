package page

import (
	"github.com/upright-clinic/upright/gateway/internal/route"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

// rescreenRoutes are where a patient with a mild result says how it is now.
func (s *Site) rescreenRoutes() []route.Route {
	return []route.Route{
		s.row("GET /intake/{intake_id}/how-are-you", patients, s.rescreenForm),
		s.row("POST /intake/{intake_id}/how-are-you", patients, s.rescreen),
	}
}

// rescreenPage asks, or says what follows.
type rescreenPage struct {
	Here    string
	Outcome string // "" asks
	Date    string
	Safety  string
	Types   []typeChoice
}

// rescreenForm asks how the patient is.
func (s *Site) rescreenForm(c *call) error {
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	advice := f.GetTriage().GetAdvice()
	d := rescreenPage{Here: f.url("how-are-you"), Date: advice.GetRescreenDate(), Safety: advice.GetSafetyNet()}
	v := c.view(c.cat.T("rescreen.title"), d)
	v.Back = "/me"
	return c.show("rescreen", v)
}

// rescreen records the answer: who is worse goes to a new form, who is not better is offered
// a visit.
func (s *Site) rescreen(c *call) error {
	outcome := map[string]string{"better": "BETTER", "not-better": "NOT_BETTER", "worse": "WORSE"}[c.form("outcome")]
	if outcome == "" {
		return c.redirect("/intake/" + c.path("intake_id") + "/how-are-you")
	}
	got, err := s.clients.intakes.RecordRescreen(c.ctx(), &intakev1.RecordRescreenRequest{
		IntakeId: c.path("intake_id"), Outcome: outcome, RequestId: c.requestID(),
	})
	if err != nil {
		return err
	}
	if id := got.GetNewIntakeId(); id != "" {
		return c.redirect("/intake/" + id)
	}
	f, err := c.intakeForm()
	if err != nil {
		return err
	}
	d := rescreenPage{Outcome: outcome, Safety: f.GetTriage().GetAdvice().GetSafetyNet()}
	if outcome == "NOT_BETTER" {
		if d.Types, err = c.offeredTypes(f.GetPatientId(), got.GetOfferedKinds()); err != nil {
			return err
		}
	}
	v := c.view(c.cat.T("rescreen.title"), d)
	v.Back = "/me"
	return c.show("rescreen", v)
}

// offeredTypes are the types of appointment of the kinds that are offered.
func (c *call) offeredTypes(patient string, kinds []string) (out []typeChoice, err error) {
	_, types, err := c.types()
	if err != nil {
		return nil, err
	}
	for _, t := range types {
		for _, k := range kinds {
			if t.GetKind() == k && t.GetPatientBookable() && !t.GetInactive() {
				out = append(out, typeChoice{t, wish{Patient: patient, Type: t.GetAppointmentTypeId()}.To("/me/book/times")})
			}
		}
	}
	return out, nil
}
