package plans_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
)

// The facts of the clinical reference about referrals, each by its id.
func TestReferralFacts(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(t *testing.T, w *world){
		"F100 swollen joints propose rheumatology":                                   factRheumatology,
		"F101 a referral needs a reason":                                             factReason,
		"F102 week six without change proposes a specialist":                         factWeekSix,
		"F103 imaging is ordered by a physician, inside the referral":                factImaging,
		"F104 a blood test is filled in when a physician accepts":                    factPanel,
		"F105 a child with signs of scoliosis is proposed to orthopaedics":           factScoliosis,
		"F106 a curve that changes is proposed to orthopaedics":                      factScoliosis,
		"F109 surgery comes after all conservative care, listing what is missing":    factSurgeryGate,
		"F109 delivered sessions of plans count":                                     factDeliveredCare,
		"F109 an emergency does not wait":                                            factBypass,
		"F110 the indication is one of five":                                         factIndication,
		"F111 metal in the spine is known to intake from then on":                    factImplant,
		"F112 consent names all five complications and is signed before the end":     factConsent,
		"F170 cognitive behavioural therapy is referred to by anybody who treats":    factCBT,
		"REF patients read to whom and how far, never what it is suspected to be":    factPatientReads,
		"REF what rules propose is proposed once, and a withdrawn one not again":     factProposedOnce,
		"REF a referral moves from proposal to its end, and each step names its own": factStates,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); each(t, f) })
	}
}

func factRheumatology(t *testing.T, w *world) {
	w.intake.triaged(t, patient, "int_1", "R07", "A02")
	w.heard(w.intake.producer)
	list := w.referrals(w.physio(), patient)
	if len(list) != 1 || list[0].GetTarget() != "RHEUMATOLOGY" || list[0].GetState() != "PROPOSED" || list[0].GetTrigger() != "TRIAGE" ||
		!slices.Equal(list[0].GetRuleIds(), []string{"R07"}) || !slices.Equal(list[0].GetReasons(), []string{"RHEUMATOID_ARTHRITIS"}) || list[0].GetIntakeId() != "int_1" {
		t.Fatalf("%v", list)
	}
	if task := w.task(patient, "REFERRAL_PROPOSED"); !slices.Contains(task.GetCodes(), list[0].GetReferralId()) {
		t.Errorf("task %v", task)
	}
	for _, target := range []string{"ORTHOPAEDICS", "NEUROLOGY", "RHEUMATOLOGY"} {
		if r := w.refer(w.physio(), &plansv1.CreateReferralRequest{PatientId: "pat_x", Target: target, Reasons: []string{"HERNIATED_DISC"}}); r.GetState() != "PROPOSED" {
			t.Errorf("%s by a physiotherapist: %s", target, r.GetState())
		}
		if r := w.refer(w.physician(), &plansv1.CreateReferralRequest{PatientId: "pat_x", Target: target, Reasons: []string{"HERNIATED_DISC"}}); r.GetState() != "ACCEPTED" {
			t.Errorf("%s by a physician: %s", target, r.GetState())
		}
	}
	for _, target := range []string{"GP", "EMERGENCY", "ONCOLOGY_MSCC"} {
		if r := w.refer(w.massage(), &plansv1.CreateReferralRequest{PatientId: "pat_x", Target: target, Reasons: []string{"CANCER"}}); r.GetState() != "ACCEPTED" {
			t.Errorf("%s: %s", target, r.GetState())
		}
	}
}

func factReason(t *testing.T, w *world) {
	for _, reason := range []string{"OSTEOMYELITIS", "CANCER", "OSTEOPOROSIS", "FRACTURE", "HERNIATED_DISC", "RHEUMATOID_ARTHRITIS"} {
		w.refer(w.physician(), &plansv1.CreateReferralRequest{Target: "ORTHOPAEDICS", Reasons: []string{reason}})
	}
	_, err := w.refs().CreateReferral(w.physician(), &plansv1.CreateReferralRequest{PatientId: patient, Target: "ORTHOPAEDICS"})
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Kind != fault.InvalidArgument || f.Fields[0].Field != "reasons" {
		t.Errorf("%v", f)
	}
}

func factWeekSix(t *testing.T, w *world) {
	p := w.active(patient, "physiotherapy")
	review := func(response string) {
		t.Helper()
		_, err := w.plans.RecordReview(w.physio(), &plansv1.RecordReviewRequest{PlanId: p.GetPlanId(), Outcome: "CONTINUE", Response: response})
		if err != nil {
			t.Fatal(err)
		}
	}
	first := claimOf(p, session(1, "2027-01-05"))
	if _, err := w.claim(first); err != nil {
		t.Fatal(err)
	}
	f := fact(first, first.GetSessions()[0])
	w.booking.book(f)
	w.booking.complete(f)
	w.heard(w.booking.producer)
	w.clock.Set(civil.MustParse("2027-02-15").At(9, 0, time.UTC)) // five weeks and six days
	review("NO_CHANGE")
	if list := w.referrals(w.physio(), patient); len(list) != 0 {
		t.Errorf("before six weeks: %v", list)
	}
	w.clock.Set(civil.MustParse("2027-02-16").At(9, 0, time.UTC))
	review("PARTIAL")
	if list := w.referrals(w.physio(), patient); len(list) != 0 {
		t.Errorf("it helps: %v", list)
	}
	review("NO_CHANGE")
	list := w.referrals(w.physio(), patient)
	if len(list) != 1 || list[0].GetTarget() != "ORTHOPAEDICS" || list[0].GetTrigger() != "REVIEW" || list[0].GetPlanId() != p.GetPlanId() || w.task(patient, "REFERRAL_PROPOSED") == nil {
		t.Fatalf("%v", list)
	}
	review("WORSE")
	if list := w.referrals(w.physio(), patient); len(list) != 1 {
		t.Errorf("proposed twice: %v", list)
	}
	if r := w.plan(p.GetPlanId()).GetReviews(); r[len(r)-1].GetResponse() != "WORSE" {
		t.Errorf("%v", r)
	}
}

func factImaging(t *testing.T, w *world) {
	mri := &plansv1.ReferralOrderSpec{Kind: "IMAGING", Code: "MRI", Region: "THORACIC"}
	r := w.refer(w.massage(), &plansv1.CreateReferralRequest{Target: "ORTHOPAEDICS", Reasons: []string{"HERNIATED_DISC"}})
	for name, ctx := range map[string]context.Context{"massage therapist": w.massage(), "physiotherapist": w.physio()} {
		_, err := w.refs().AddReferralOrder(ctx, &plansv1.AddReferralOrderRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Order: mri})
		if f := refused(t, err, "PROFESSION_REQUIRED"); f.Kind != fault.PermissionDenied {
			t.Errorf("%s: %v", name, f)
		}
		_, err = w.refs().CreateReferral(ctx, &plansv1.CreateReferralRequest{PatientId: patient, Target: "NEUROLOGY", Reasons: []string{"HERNIATED_DISC"}, Orders: []*plansv1.ReferralOrderSpec{mri}})
		if f := refused(t, err, "PROFESSION_REQUIRED"); f.Kind != fault.PermissionDenied {
			t.Errorf("%s: %v", name, f)
		}
	}
	for name, ctx := range map[string]context.Context{"patient": w.patient(), "reception": w.reception()} {
		_, err := w.refs().AddReferralOrder(ctx, &plansv1.AddReferralOrderRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Order: mri})
		if f := refused(t, err, "ACCESS_DENIED"); f.Kind != fault.PermissionDenied {
			t.Errorf("%s: %v", name, f)
		}
	}
	w.intake.say(t, patient, "implant", "spinal_metalwork", "pacemaker_icd")
	w.intake.say(t, patient, "pregnancy", "possible")
	for _, code := range []string{"XRAY", "BONE_SCAN", "MRI", "CT", "ULTRASOUND"} {
		got, err := w.refs().AddReferralOrder(w.physician(), &plansv1.AddReferralOrderRequest{
			ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Order: &plansv1.ReferralOrderSpec{Kind: "IMAGING", Code: code, Reason: "HERNIATED_DISC"},
		})
		if err != nil {
			t.Fatal(err)
		}
		r = got.GetReferral()
	}
	if len(r.GetOrders()) != 5 || !slices.Equal(r.GetOrders()[2].GetAlerts(), []string{"IMPLANT_SPINAL_METALWORK", "IMPLANT_PACEMAKER_ICD"}) ||
		!slices.Equal(r.GetOrders()[3].GetAlerts(), []string{"PREGNANCY"}) || len(r.GetOrders()[4].GetAlerts()) != 0 || r.GetOrders()[2].GetReason() != "HERNIATED_DISC" {
		t.Errorf("%v", r.GetOrders())
	}
	got, err := w.refs().RemoveReferralOrder(w.physician(), &plansv1.RemoveReferralOrderRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), OrderId: r.GetOrders()[0].GetOrderId()})
	if err != nil || len(got.GetReferral().GetOrders()) != 4 {
		t.Errorf("%v, %v", got, err)
	}
}

func factPanel(t *testing.T, w *world) {
	w.intake.triaged(t, patient, "int_1", "R07", "R12")
	w.heard(w.intake.producer)
	want := map[string]string{"RHEUMATOLOGY": "RA_PANEL", "GP": "INFECTION_PANEL"}
	for _, r := range w.referrals(w.physio(), patient) {
		ref := &plansv1.AcceptReferralRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Summary: "please see"}
		if r.GetTarget() == "RHEUMATOLOGY" {
			_, err := w.refs().AcceptReferral(w.physio(), ref)
			refused(t, err, "PROFESSION_REQUIRED")
		}
		got, err := w.refs().AcceptReferral(w.physician(), ref)
		if err != nil {
			t.Fatal(err)
		}
		o := got.GetReferral().GetOrders()
		if got.GetReferral().GetState() != "ACCEPTED" || len(o) != 1 || o[0].GetKind() != "LAB" || o[0].GetCode() != want[r.GetTarget()] || !o[0].GetPrefilled() || o[0].GetReason() == "" {
			t.Errorf("%s: %v", r.GetTarget(), got)
		}
	}
	if w.task(patient, "REFERRAL_PROPOSED") != nil {
		t.Error("a task is still open")
	}
	w.intake.triaged(t, "pat_gp", "int_2", "R12")
	w.heard(w.intake.producer)
	gp := w.referrals(w.physio(), "pat_gp")[0]
	if got, err := w.refs().AcceptReferral(w.physio(), &plansv1.AcceptReferralRequest{ReferralId: gp.GetReferralId(), Etag: gp.GetEtag()}); err != nil || len(got.GetReferral().GetOrders()) != 0 {
		t.Errorf("accepted by a physiotherapist: %v, %v", got, err)
	}
	r := w.refer(w.physician(), &plansv1.CreateReferralRequest{Target: "GP", Reasons: []string{"CANCER"}})
	_, err := w.refs().AddReferralOrder(w.physician(), &plansv1.AddReferralOrderRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Order: &plansv1.ReferralOrderSpec{Kind: "LAB", Code: "RA_PANEL"}})
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "reason" {
		t.Errorf("a panel without its reason: %v", f.Fields)
	}
}

func factScoliosis(t *testing.T, w *world) {
	w.intake.triaged(t, "pat_minor", "int_1", "R08", "C14")
	w.heard(w.intake.producer)
	list := w.referrals(w.physio(), "pat_minor")
	if len(list) != 1 || list[0].GetTarget() != "ORTHOPAEDICS" || !slices.Equal(list[0].GetReasons(), []string{"SCOLIOSIS"}) {
		t.Errorf("%v", list)
	}
}

func surgical() *plansv1.CreateReferralRequest {
	return &plansv1.CreateReferralRequest{PatientId: patient, Target: "SPINAL_SURGERY", Reasons: []string{"HERNIATED_DISC"}, Indication: "HERNIATED_DISC"}
}

func factSurgeryGate(t *testing.T, w *world) {
	w.tried(patient, "ACUPUNCTURE", "MASSAGE", "MEDICATION")
	trial := func(modality, outcome, reason string) {
		t.Helper()
		if _, err := w.refs().RecordTreatmentTrial(w.physio(), &plansv1.RecordTreatmentTrialRequest{PatientId: patient, Modality: modality, Outcome: outcome, Reason: reason}); err != nil {
			t.Fatal(err)
		}
	}
	trial("MASSAGE", "EFFECTIVE", "")
	trial("MEDICATION", "CONTRAINDICATED", "kidney disease")
	_, err := w.refs().CreateReferral(w.physician(), surgical())
	f := refused(t, err, "SURGERY_GATE")
	if f.Kind != fault.FailedPrecondition || f.Facts["missing"] != "massage: effective; acupuncture: no record" || !strings.Contains(f.Message, "acupuncture: no record") {
		t.Errorf("%v %v", f, f.Facts)
	}
	gate, err := w.refs().GetSurgeryGate(w.physio(), &plansv1.GetSurgeryGateRequest{PatientId: patient})
	if err != nil || gate.GetOpen() || len(gate.GetMissing()) != 2 || len(gate.GetTrials()) != 5 || gate.GetMissing()[1].GetWhy() != "NO_RECORD" {
		t.Errorf("%v, %v", gate, err)
	}
	trial("MASSAGE", "INEFFECTIVE", "") // the newest counts
	trial("ACUPUNCTURE", "DECLINED", "afraid of needles")
	if r := w.refer(w.physician(), surgical()); r.GetState() != "ACCEPTED" {
		t.Errorf("%v", r)
	}
	if r := w.refer(w.physio(), surgical()); r.GetState() != "PROPOSED" {
		t.Errorf("by a physiotherapist: %v", r)
	}
	_, err = w.refs().RecordTreatmentTrial(w.physio(), &plansv1.RecordTreatmentTrialRequest{PatientId: patient, Modality: "MASSAGE", Outcome: "DECLINED", Reason: " "})
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "reason" {
		t.Errorf("%v", f.Fields)
	}
}

// factDeliveredCare: eight sessions of physiotherapy of a plan between two equal pain scores
// are a try without effect; massage that was begun is not.
func factDeliveredCare(t *testing.T, w *world) {
	const id = "pat_delivered"
	w.tried(id, "PHYSIOTHERAPY", "MASSAGE") // all but these
	deliver := func(template string, n int) {
		t.Helper()
		p := w.active(id, template, &plansv1.CourseSpec{CourseId: template, Sessions: 8})
		r := claimOf(p)
		for i := range n {
			s := own(id, i, daysAgo(60-4*i))
			s.EntitlementId, s.AppointmentId = s.GetEntitlementId()+template, s.GetAppointmentId()+template
			r.Sessions = append(r.Sessions, s)
		}
		w.granted(p, r.GetSessions()...)
		for _, s := range r.GetSessions() {
			w.booking.book(fact(r, s))
			w.booking.complete(fact(r, s))
		}
		w.heard(w.booking.producer)
	}
	gate := func() (open bool, missing string, computed *plansv1.TreatmentTrial) {
		t.Helper()
		got, err := w.refs().GetSurgeryGate(w.physio(), &plansv1.GetSurgeryGateRequest{PatientId: id})
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range got.GetMissing() {
			missing += m.GetModality() + " " + m.GetWhy() + "; "
		}
		for _, trial := range got.GetTrials() {
			if trial.GetComputed() && trial.GetModality() == "PHYSIOTHERAPY" {
				computed = trial
			}
		}
		return got.GetOpen(), missing, computed
	}
	deliver("physiotherapy", 8)
	deliver("massage", 2)
	if _, missing, trial := gate(); missing != "PHYSIOTHERAPY NO_OUTCOME; MASSAGE TOO_FEW_SESSIONS; " || trial.GetDeliveredSessions() != 8 {
		t.Errorf("missing %s, computed %v", missing, trial)
	}
	for _, days := range []int{61, 1} {
		pain := 6.0
		_, err := w.outcomes().RecordOutcome(w.physio(), &plansv1.RecordOutcomeRequest{PatientId: id, Instrument: "NPRS", Score: &pain, LocalDate: daysAgo(days)})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, missing, trial := gate(); missing != "MASSAGE TOO_FEW_SESSIONS; " || trial.GetOutcome() != "INEFFECTIVE" || trial.GetPlanId() == "" {
		t.Errorf("missing %s, computed %v", missing, trial)
	}
	r := surgical()
	r.PatientId = id
	_, err := w.refs().CreateReferral(w.physician(), r)
	if f := refused(t, err, "SURGERY_GATE"); f.Facts["missing"] != "massage: too few sessions" {
		t.Errorf("facts %v", f.Facts)
	}
	_, err = w.refs().RecordTreatmentTrial(w.physio(), &plansv1.RecordTreatmentTrialRequest{PatientId: id, Modality: "MASSAGE", Outcome: "DECLINED", Reason: "it hurt"})
	if err != nil {
		t.Fatal(err)
	}
	if open, missing, _ := gate(); !open {
		t.Errorf("missing %s", missing)
	}
	w.refer(w.physician(), r)
}

func factBypass(t *testing.T, w *world) {
	for _, bypass := range []string{"EMERGENCY", "CORD_COMPRESSION", "FRACTURE", "TUMOUR"} {
		r := surgical()
		r.Bypass, r.Indication = bypass, ""
		_, err := w.refs().CreateReferral(w.physician(), r)
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "bypass_reason" {
			t.Errorf("%v", f.Fields)
		}
		r.BypassReason = "progressive weakness of both legs"
		_, err = w.refs().CreateReferral(w.physio(), r)
		refused(t, err, "PROFESSION_REQUIRED")
		if got := w.refer(w.physician(), r); got.GetState() != "ACCEPTED" || got.GetBypass() != bypass {
			t.Errorf("%v", got)
		}
	}
	if r := w.refer(w.massage(), &plansv1.CreateReferralRequest{Target: "EMERGENCY", Reasons: []string{"CORD_COMPRESSION"}, Urgency: "EMERGENCY"}); r.GetState() != "ACCEPTED" {
		t.Errorf("%v", r)
	}
}

func factIndication(t *testing.T, w *world) {
	w.tried(patient)
	for _, indication := range []string{"", "NONSPECIFIC_PAIN"} {
		r := surgical()
		r.Indication = indication
		_, err := w.refs().CreateReferral(w.physician(), r)
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Kind != fault.InvalidArgument || f.Fields[0].Field != "indication" {
			t.Errorf("%q: %v", indication, f)
		}
	}
	for _, indication := range []string{"FRACTURE", "TUMOUR", "HERNIATED_DISC", "DEFORMITY", "SPINAL_STENOSIS"} {
		r := surgical()
		r.Indication = indication
		w.refer(w.physician(), r)
	}
}

func factImplant(t *testing.T, w *world) {
	w.intake.say(t, patient, "implant", "pacemaker_icd")
	r := &plansv1.RecordImplantRequest{PatientId: patient, Implant: "ROD", Region: "THORACIC", InsertDate: "2026-12-01", Mri: "CONDITIONAL"}
	for range 2 {
		got, err := w.refs().RecordImplant(with(w.physician(), "one"), r)
		if err != nil || got.GetImplant().GetImplant() != "ROD" || got.GetImplant().GetRecordedBy() == "" {
			t.Fatalf("%v, %v", got, err)
		}
	}
	list, err := w.refs().ListImplants(w.physio(), &plansv1.ListImplantsRequest{PatientId: patient})
	if err != nil || len(list.GetImplants()) != 1 || list.GetImplants()[0].GetMri() != "CONDITIONAL" {
		t.Errorf("%v, %v", list, err)
	}
	facts := w.intake.facts[patient]
	var known []string
	for _, v := range facts[len(facts)-1].GetValue().GetListValue().GetValues() {
		known = append(known, v.GetStringValue())
	}
	if !slices.Equal(known, []string{"spinal_metalwork", "pacemaker_icd"}) {
		t.Errorf("intake knows %v", known)
	}
	for field, change := range map[string]func(*plansv1.RecordImplantRequest){
		"implant":     func(r *plansv1.RecordImplantRequest) { r.Implant = "CHAIN" },
		"region":      func(r *plansv1.RecordImplantRequest) { r.Region = "KNEE" },
		"insert_date": func(r *plansv1.RecordImplantRequest) { r.InsertDate = "2027-02-01" },
		"mri":         func(r *plansv1.RecordImplantRequest) { r.Mri = "MAYBE" },
	} {
		bad := &plansv1.RecordImplantRequest{PatientId: patient, Implant: "ROD"}
		change(bad)
		_, err := w.refs().RecordImplant(w.physician(), bad)
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != field {
			t.Errorf("%s: %v", field, f.Fields)
		}
	}
	_, err = w.refs().RecordImplant(w.physician(), &plansv1.RecordImplantRequest{PatientId: patient, Implant: "ROD", ReferralId: "ref_x"})
	refused(t, err, "NOT_FOUND")
}

func factConsent(t *testing.T, w *world) {
	all := []string{"LOCAL_INFECTION", "ANAESTHETIC_ALLERGY", "NERVE_DAMAGE", "PARALYSIS", "CHRONIC_SWELLING_OR_PAIN"}
	for i, without := range all {
		_, err := w.refs().CreateSurgeryConsent(w.physician(), &plansv1.CreateSurgeryConsentRequest{
			Complications: slices.Delete(slices.Clone(all), i, i+1), Text: "without " + without,
		})
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Facts["missing"] != without || f.Fields[0].Field != "complications" {
			t.Errorf("without %s: %v %v", without, f, f.Facts)
		}
	}
	_, err := w.refs().CreateSurgeryConsent(w.physio(), &plansv1.CreateSurgeryConsentRequest{Complications: all, Text: "x"})
	refused(t, err, "PROFESSION_REQUIRED")
	made, err := w.refs().CreateSurgeryConsent(w.admin(), &plansv1.CreateSurgeryConsentRequest{Complications: all, Text: "our own"})
	if err != nil || made.GetConsent().GetConsentVersion() != "surgery-2" {
		t.Fatalf("%v, %v", made, err)
	}
	w.tried(patient)
	r := w.refer(w.physician(), surgical())
	move := func(got interface{ GetReferral() *plansv1.Referral }, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		r = got.GetReferral()
	}
	move(w.refs().SendReferral(w.physician(), &plansv1.SendReferralRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Recipient: "St Mary's, spinal team"}))
	shut := &plansv1.CloseReferralRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Outcome: "OPERATED"}
	_, err = w.refs().CloseReferral(w.physician(), shut)
	if f := refused(t, err, "CONSENT_MISSING"); f.Kind != fault.FailedPrecondition || f.Facts["rule"] != "F112" {
		t.Errorf("%v", f)
	}
	sign := &plansv1.SignSurgeryConsentRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), SignedBy: "NOT_OBTAINABLE", Note: "unconscious"}
	_, err = w.refs().SignSurgeryConsent(w.physician(), sign)
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "signed_by" {
		t.Errorf("%v", f.Fields)
	}
	sign.SignedBy, sign.ConsentVersion = "PATIENT", "surgery-9"
	_, err = w.refs().SignSurgeryConsent(w.physician(), sign)
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "consent_version" {
		t.Errorf("%v", f.Fields)
	}
	sign.ConsentVersion = ""
	move(w.refs().SignSurgeryConsent(w.physician(), sign))
	if c := r.GetConsent(); c.GetConsentVersion() != "surgery-2" || len(c.GetComplications()) != 5 || c.GetSignedDate() != "2027-01-04" {
		t.Errorf("%v", c)
	}
	shut.Etag = r.GetEtag()
	move(w.refs().CloseReferral(w.physician(), shut))
	if r.GetState() != "CLOSED" || r.GetOutcome() != "OPERATED" {
		t.Errorf("%v", r)
	}
	// Nobody signs for an operation that does not take place.
	r = w.refer(w.physician(), surgical())
	move(w.refs().CloseReferral(w.physician(), &plansv1.CloseReferralRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Outcome: "NOT_INDICATED"}))
}

func factCBT(t *testing.T, w *world) {
	if r := w.refer(w.massage(), &plansv1.CreateReferralRequest{Target: "CBT", Reasons: []string{"DISTRESS"}}); r.GetState() != "ACCEPTED" {
		t.Errorf("%v", r)
	}
}

func factPatientReads(t *testing.T, w *world) {
	w.intake.triaged(t, patient, "int_1", "R01")
	w.heard(w.intake.producer)
	r := w.refer(w.physician(), &plansv1.CreateReferralRequest{Target: "GP", Reasons: []string{"CANCER"}, Summary: "weight loss"})
	list := w.referrals(w.patient(), patient)
	if len(list) != 1 || list[0].GetReferralId() != r.GetReferralId() || list[0].GetTarget() != "GP" || len(list[0].GetReasons()) != 0 || list[0].GetSummary() != "" || len(list[0].GetSteps()) != 0 {
		t.Errorf("%v", list)
	}
	_, err := w.refs().ListReferrals(w.patient(), &plansv1.ListReferralsRequest{PatientId: "pat_other"})
	refused(t, err, "NOT_FOUND")
	foreign := authn.With(t.Context(), rpctest.Person(clinicB, typev1.Role_ROLE_CLINICIAN))
	_, err = w.refs().GetReferral(foreign, &plansv1.GetReferralRequest{ReferralId: r.GetReferralId()})
	refused(t, err, "NOT_FOUND")
	_, err = w.refs().WithdrawReferral(foreign, &plansv1.WithdrawReferralRequest{ReferralId: r.GetReferralId(), Etag: r.GetEtag(), Reason: "x"})
	refused(t, err, "NOT_FOUND")
	for _, m := range w.events() {
		if strings.Contains(stringOf(m), "CANCER") || strings.Contains(stringOf(m), "weight loss") {
			t.Errorf("an event says why: %v", m)
		}
	}
}

func factProposedOnce(t *testing.T, w *world) {
	w.intake.triaged(t, patient, "int_1", "R01", "R03", "R12")
	w.intake.triaged(t, patient, "int_1", "R01", "R03", "R12")
	w.intake.triaged(t, patient, "int_2", "R01")
	w.heard(w.intake.producer)
	list := w.referrals(w.physio(), patient)
	if len(list) != 1 || !slices.Equal(list[0].GetReasons(), []string{"CANCER", "OSTEOMYELITIS"}) || list[0].GetUrgency() != "URGENT" {
		t.Fatalf("%v", list)
	}
	if _, err := w.refs().WithdrawReferral(w.physio(), &plansv1.WithdrawReferralRequest{ReferralId: list[0].GetReferralId(), Etag: list[0].GetEtag(), Reason: "seen last week"}); err != nil {
		t.Fatal(err)
	}
	w.intake.triaged(t, patient, "int_1", "R01", "R03", "R12")
	w.heard(w.intake.producer)
	if list := w.referrals(w.physio(), patient); len(list) != 1 || w.task(patient, "REFERRAL_PROPOSED") != nil {
		t.Errorf("%v", list)
	}
	w.intake.triaged(t, patient, "int_3", "R01")
	w.heard(w.intake.producer)
	if list := w.referrals(w.physio(), patient); len(list) != 2 {
		t.Errorf("a new form: %v", list)
	}
}

func factStates(t *testing.T, w *world) {
	r := w.refer(w.physio(), &plansv1.CreateReferralRequest{Target: "NEUROLOGY", Reasons: []string{"NEUROLOGICAL_SIGNS"}})
	id := r.GetReferralId()
	send := func(etag string) (*plansv1.SendReferralResponse, error) {
		return w.refs().SendReferral(w.physio(), &plansv1.SendReferralRequest{ReferralId: id, Etag: etag, Recipient: "City Hospital"})
	}
	_, err := send(r.GetEtag())
	if f := refused(t, err, "REFERRAL_STATE"); f.Facts["state"] != "PROPOSED" {
		t.Errorf("%v", f.Facts)
	}
	got, err := w.refs().AcceptReferral(w.physician(), &plansv1.AcceptReferralRequest{ReferralId: id, Etag: r.GetEtag()})
	if err != nil || len(got.GetReferral().GetOrders()) != 0 {
		t.Fatalf("%v, %v", got, err)
	}
	_, err = send(r.GetEtag())
	refused(t, err, "VERSION_MISMATCH")
	sent, err := send(got.GetReferral().GetEtag())
	if err != nil || sent.GetReferral().GetSentDate() != "2027-01-04" {
		t.Fatalf("%v, %v", sent, err)
	}
	etag := sent.GetReferral().GetEtag()
	_, err = w.refs().AddReferralOrder(w.physician(), &plansv1.AddReferralOrderRequest{ReferralId: id, Etag: etag, Order: &plansv1.ReferralOrderSpec{Kind: "IMAGING", Code: "MRI"}})
	refused(t, err, "REFERRAL_STATE")
	_, err = w.refs().SignSurgeryConsent(w.physician(), &plansv1.SignSurgeryConsentRequest{ReferralId: id, Etag: etag, SignedBy: "PATIENT"})
	refused(t, err, "NOT_SURGICAL")
	shut, err := w.refs().CloseReferral(w.physio(), &plansv1.CloseReferralRequest{ReferralId: id, Etag: etag, Outcome: "REPORT_RECEIVED", OutcomeNote: "nerve conduction normal"})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	for _, s := range shut.GetReferral().GetSteps() {
		steps = append(steps, s.GetState())
	}
	if !slices.Equal(steps, []string{"PROPOSED", "ACCEPTED", "SENT", "CLOSED"}) {
		t.Errorf("%v", steps)
	}
	_, err = w.refs().WithdrawReferral(w.physio(), &plansv1.WithdrawReferralRequest{ReferralId: id, Etag: shut.GetReferral().GetEtag(), Reason: "x"})
	refused(t, err, "REFERRAL_STATE")
	told := 0
	for _, m := range w.events() {
		switch m := m.(type) {
		case *plansv1.ReferralProposed:
			told++
		case *plansv1.ReferralChanged:
			if told++; m.GetReferralId() != id {
				t.Errorf("%v", m)
			}
		}
	}
	if told != 4 {
		t.Errorf("%d events", told)
	}
}

// Each field wrong in turn.
func TestReferralBadInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for field, change := range map[string]func(*plansv1.CreateReferralRequest){
			"target":     func(r *plansv1.CreateReferralRequest) { r.Target = "ASTROLOGY" },
			"reasons[0]": func(r *plansv1.CreateReferralRequest) { r.Reasons = []string{"BAD_LUCK"} },
			"reasons":    func(r *plansv1.CreateReferralRequest) { r.Reasons = []string{"CANCER", "CANCER"} },
			"urgency":    func(r *plansv1.CreateReferralRequest) { r.Urgency = "SOON" },
			"summary":    func(r *plansv1.CreateReferralRequest) { r.Summary = strings.Repeat("x", 8001) },
			"indication": func(r *plansv1.CreateReferralRequest) { r.Indication = "TUMOUR" },
			"bypass":     func(r *plansv1.CreateReferralRequest) { r.Bypass = "HURRY" },
			"orders[0].kind": func(r *plansv1.CreateReferralRequest) {
				r.Orders = []*plansv1.ReferralOrderSpec{{Kind: "GUESS", Code: "MRI"}}
			},
			"orders[0].code": func(r *plansv1.CreateReferralRequest) {
				r.Orders = []*plansv1.ReferralOrderSpec{{Kind: "LAB", Code: "TEA"}}
			},
			"code": func(r *plansv1.CreateReferralRequest) {
				r.Orders = []*plansv1.ReferralOrderSpec{{Kind: "LAB", Code: "MRI"}}
			},
			"reason": func(r *plansv1.CreateReferralRequest) {
				r.Orders = []*plansv1.ReferralOrderSpec{{Kind: "IMAGING", Code: "MRI", Reason: "CANCER"}}
			},
			"orders[0].region": func(r *plansv1.CreateReferralRequest) {
				r.Orders = []*plansv1.ReferralOrderSpec{{Kind: "IMAGING", Code: "MRI", Region: "KNEE"}}
			},
		} {
			r := &plansv1.CreateReferralRequest{PatientId: patient, Target: "ORTHOPAEDICS", Reasons: []string{"FRACTURE"}}
			change(r)
			_, err := w.refs().CreateReferral(w.physician(), r)
			if f := fault.From(err); err == nil || f.Reason != "INVALID_ARGUMENT" || len(f.Fields) == 0 || f.Fields[0].Field != field {
				t.Errorf("%s: %v %v", field, err, f)
			}
		}
		_, err := w.refs().CreateReferral(w.physician(), &plansv1.CreateReferralRequest{PatientId: "pat_unknown", Target: "GP", Reasons: []string{"CANCER"}})
		refused(t, err, "NOT_FOUND")
		_, err = w.refs().CreateReferral(w.physician(), &plansv1.CreateReferralRequest{PatientId: patient, Target: "GP", Reasons: []string{"CANCER"}, PlanId: "pln_x"})
		refused(t, err, "NOT_FOUND")
		p := w.active("pat_other", "acupuncture")
		_, err = w.refs().CreateReferral(w.physician(), &plansv1.CreateReferralRequest{PatientId: patient, Target: "GP", Reasons: []string{"CANCER"}, PlanId: p.GetPlanId()})
		refused(t, err, "NOT_FOUND")
	})
}
