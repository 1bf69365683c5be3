package page

import (
	"slices"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// Codes that the forms offer, in the order in which they are asked for most.
var (
	targetCodes = []string{
		"GP", "ORTHOPAEDICS", "NEUROLOGY", "RHEUMATOLOGY", "EMERGENCY", "ONCOLOGY_MSCC", "PAEDIATRICS", "MENTAL_HEALTH", "CBT", "SPINAL_SURGERY",
	}
	reasonCodes = []string{
		"HERNIATED_DISC", "FRACTURE", "OSTEOPOROSIS", "CANCER", "OSTEOMYELITIS", "RHEUMATOID_ARTHRITIS", "AXIAL_SPONDYLOARTHRITIS", "SCOLIOSIS",
		"SPINAL_STENOSIS", "CORD_COMPRESSION", "NEUROLOGICAL_SIGNS", "CONSERVATIVE_CARE_FAILED", "VISCERAL", "CHILD", "DISTRESS",
	}
	testCodes       = []string{"XRAY", "MRI", "CT", "ULTRASOUND", "BONE_SCAN", "RA_PANEL", "INFECTION_PANEL"}
	indicationCodes = []string{"HERNIATED_DISC", "FRACTURE", "TUMOUR", "DEFORMITY", "SPINAL_STENOSIS"}
	bypassCodes     = []string{"EMERGENCY", "CORD_COMPRESSION", "FRACTURE", "TUMOUR"}
	trialModalities = []string{"PHYSIOTHERAPY", "CHIROPRACTIC", "MASSAGE", "ACUPUNCTURE", "MEDICATION", "FACET_JOINT_INJECTION"}
)

// referralView shows the form that writes a referral. Tests are offered to physicians.
func (c *call) referralView(w *wrongs) error {
	optional := func(f Field) Field { f.Optional = true; return f }
	fields := []Field{
		c.choices(w, "select", "target", "referral.target", "target", "GP", targetCodes...),
		c.choices(w, "checks", "reasons", "referral.reasons", "reason_code", "", reasonCodes...),
		c.choices(w, "select", "urgency", "referral.urgency", "urgency", "ROUTINE", "ROUTINE", "URGENT", "SAME_DAY", "EMERGENCY"),
		optional(c.input(w, "textarea", "summary", "referral.summary")),
	}
	notes := []string{c.cat.T("referral.accept_note")}
	if c.physician() {
		fields = append(fields, optional(c.choices(w, "checks", "tests", "referral.tests", "test", "", testCodes...)))
		notes = nil
	}
	fields = append(fields,
		optional(c.choices(w, "select", "indication", "referral.indication", "indication", "", append([]string{""}, indicationCodes...)...)))
	if c.physician() {
		fields = append(fields,
			optional(c.choices(w, "select", "bypass", "referral.bypass", "bypass", "", append([]string{""}, bypassCodes...)...)),
			optional(c.input(w, "text", "bypass_reason", "referral.bypass_reason")))
	}
	return c.showForm("referral.title", formPage{Button: c.cat.T("referral.create"), Fields: fields, Notes: notes}, w)
}

// referralForm shows it.
func (s *Site) referralForm(c *call) error { return c.referralView(nil) }

// order is the test of a code.
func order(code string) *plansv1.ReferralOrderSpec {
	kind := "IMAGING"
	if code == "RA_PANEL" || code == "INFECTION_PANEL" {
		kind = "LAB"
	}
	return &plansv1.ReferralOrderSpec{Kind: kind, Code: code}
}

// referralCreate writes a referral.
func (s *Site) referralCreate(c *call) error {
	w := c.wrongs()
	if len(c.forms("reasons")) == 0 {
		w.field("reasons", c.cat.T("referral.need_reason"))
		return c.referralView(w)
	}
	r := &plansv1.CreateReferralRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), Target: c.form("target"), Reasons: c.forms("reasons"),
		Urgency: c.form("urgency"), Summary: c.form("summary"), Indication: c.form("indication"), Bypass: c.form("bypass"),
		BypassReason: c.form("bypass_reason"),
	}
	for _, code := range c.forms("tests") {
		r.Orders = append(r.Orders, order(code))
	}
	got, err := s.clients.referrals.CreateReferral(c.ctx(), r)
	if err != nil {
		return c.formOr(err, w, map[string]string{"reason": "tests"}, c.referralView)
	}
	return c.redirect(address("/staff/referrals/"+got.GetReferral().GetReferralId(), "done", "referral_created"))
}

// referralPage shows one referral, with what can be done next.
func (s *Site) referralPage(c *call) error {
	got, err := s.clients.referrals.GetReferral(c.ctx(), &plansv1.GetReferralRequest{ReferralId: c.path("referral_id")})
	if err != nil {
		return err
	}
	r := got.GetReferral()
	p, err := c.patient(r.GetPatientId())
	if err != nil {
		return err
	}
	d := struct {
		*plansv1.Referral
		Page, Name          string
		Physician, Surgical bool
		Open                bool
		Consent             *plansv1.SurgeryConsentText
		Tests               []string
	}{
		Referral: r, Page: "/staff/referrals/" + r.GetReferralId(), Name: patientName(p), Physician: c.physician(),
		Surgical: r.GetTarget() == "SPINAL_SURGERY", Open: slices.Contains([]string{"PROPOSED", "ACCEPTED", "SENT"}, r.GetState()), Tests: testCodes,
	}
	if d.Surgical {
		texts, err := s.clients.referrals.ListSurgeryConsents(c.ctx(), &plansv1.ListSurgeryConsentsRequest{})
		if err != nil {
			return err
		}
		if all := texts.GetConsents(); len(all) > 0 {
			d.Consent = all[len(all)-1]
		}
	}
	v := c.view(c.cat.T("referral.to", "target", say(c.cat, "target", r.GetTarget())), d)
	v.Back = "/staff/patients/" + r.GetPatientId()
	return c.show("referral", v)
}

// referralAct makes the next step of a referral.
func (s *Site) referralAct(c *call) error {
	id, etag, request, refs := c.path("referral_id"), c.form("etag"), c.requestID(), s.clients.referrals
	do := map[string]func() error{
		"accept": func() error {
			_, err := refs.AcceptReferral(c.ctx(), &plansv1.AcceptReferralRequest{RequestId: request, ReferralId: id, Etag: etag, Summary: c.form("summary")})
			return err
		},
		"order": func() error {
			_, err := refs.AddReferralOrder(c.ctx(), &plansv1.AddReferralOrderRequest{RequestId: request, ReferralId: id, Etag: etag, Order: order(c.form("test"))})
			return err
		},
		"remove": func() error {
			_, err := refs.RemoveReferralOrder(c.ctx(), &plansv1.RemoveReferralOrderRequest{RequestId: request, ReferralId: id, Etag: etag, OrderId: c.form("order")})
			return err
		},
		"send": func() error {
			_, err := refs.SendReferral(c.ctx(), &plansv1.SendReferralRequest{RequestId: request, ReferralId: id, Etag: etag, Recipient: c.form("recipient")})
			return err
		},
		"consent": func() error {
			_, err := refs.SignSurgeryConsent(c.ctx(), &plansv1.SignSurgeryConsentRequest{
				RequestId: request, ReferralId: id, Etag: etag, SignedBy: c.form("signed_by"), Note: c.form("note"),
			})
			return err
		},
		"close": func() error {
			_, err := refs.CloseReferral(c.ctx(), &plansv1.CloseReferralRequest{
				RequestId: request, ReferralId: id, Etag: etag, Outcome: c.form("outcome"), OutcomeNote: c.form("note"),
			})
			return err
		},
		"withdraw": func() error {
			_, err := refs.WithdrawReferral(c.ctx(), &plansv1.WithdrawReferralRequest{RequestId: request, ReferralId: id, Etag: etag, Reason: c.form("reason")})
			return err
		},
	}[c.path("action")]
	if do == nil {
		return unknownAction()
	}
	page := "/staff/referrals/" + id
	for action, field := range map[string]string{"send": "recipient", "withdraw": "reason"} {
		if c.path("action") == action && c.form(field) == "" {
			return c.redirect(withParam(page, "problem", "REASON_NEEDED"))
		}
	}
	return c.act(page, "referral_changed", do)
}

// surgeryPage shows what must come before surgery, and the devices in the patient's body.
func (s *Site) surgeryPage(c *call) error {
	id := c.path("patient_id")
	gate, err := s.clients.referrals.GetSurgeryGate(c.ctx(), &plansv1.GetSurgeryGateRequest{PatientId: id})
	if err != nil {
		return err
	}
	implants, err := s.clients.referrals.ListImplants(c.ctx(), &plansv1.ListImplantsRequest{PatientId: id})
	if err != nil {
		return err
	}
	d := struct {
		*plansv1.GetSurgeryGateResponse
		Page       string
		Implants   []*plansv1.ImplantRecord
		Modalities []string
	}{gate, "/staff/patients/" + id + "/surgery", implants.GetImplants(), trialModalities}
	v, err := c.patientTitle("surgery.title", d)
	if err != nil {
		return err
	}
	return c.show("surgery", v)
}

// surgeryAct records what became of a kind of care, or a device.
func (s *Site) surgeryAct(c *call) error {
	id := c.path("patient_id")
	page := "/staff/patients/" + id + "/surgery"
	switch c.path("action") {
	case "trial":
		untried := c.form("outcome") == "CONTRAINDICATED" || c.form("outcome") == "DECLINED"
		if untried && c.form("reason") == "" {
			return c.redirect(withParam(page, "problem", "REASON_NEEDED"))
		}
		return c.act(page, "trial", func() error {
			_, err := s.clients.referrals.RecordTreatmentTrial(c.ctx(), &plansv1.RecordTreatmentTrialRequest{
				RequestId: c.requestID(), PatientId: id, Modality: c.form("modality"), Outcome: c.form("outcome"), Reason: c.form("reason"),
			})
			return err
		})
	case "implant":
		return c.act(page, "implant", func() error {
			_, err := s.clients.referrals.RecordImplant(c.ctx(), &plansv1.RecordImplantRequest{
				RequestId: c.requestID(), PatientId: id, Implant: c.form("implant"), Region: c.form("region"), InsertDate: c.form("insert_date"),
				Mri: c.form("mri"),
			})
			return err
		})
	}
	return unknownAction()
}
