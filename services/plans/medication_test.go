package plans_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// daysAgo is a civil date before the world's first day.
func daysAgo(n int) string { return civil.Of(start, time.UTC).AddDays(-n).String() }

// The facts of the clinical reference about medicines, each by its id.
func TestMedicineFacts(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(t *testing.T, w *world){
		"F090 naproxen, ibuprofen and aspirin are NSAIDs, and what the clinic adds":  factNSAIDs,
		"F091 not more than fourteen days in a row, over all NSAIDs":                 factFourteenDays,
		"F091 a medicine taken daily counts without logged doses":                    factDailyCounts,
		"F092 an NSAID and a kidney wait for a clinician":                            factOrgans,
		"F092 an illness that becomes known later is told":                           factOrganLater,
		"F093 the dose of ibuprofen is never that of another medicine":               factIbuprofenDose,
		"F093 not offered under eighteen":                                            factMinor,
		"F094 a muscle relaxant that the patient adds is reported":                   factPrescriber,
		"F095 no acetaminophen while an NSAID is taken, by the clinic's rule":        factTogether,
		"F095 what the intake form says is taken counts":                             factTogetherByForm,
		"F095 a dose beside the other is told, and one of today counts as taken":     factTogetherByDose,
		"F096 with food, and three in a week are told":                               factFood,
		"F097 the label of the product is the source":                                factLabel,
		"F098 a prescription has prescriber and directions, an opioid is looked at":  factPrescribed,
		"MED-01 advise says so and blocks nothing, off says nothing":                 factModes,
		"MED-10 age and another NSAID are cautions":                                  factCautions,
		"MED-11 a medicine that no rule knows is not taken for one that was checked": factUnknown,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); each(t, f) })
	}
}

func factNSAIDs(t *testing.T, w *world) {
	for _, drug := range []string{"naproxen", "Ibuprofen 400 mg tablets", "ASPIRIN", "Aleve"} {
		if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_" + strings.ToLower(drug[:3]), Drug: drug}); !slices.Equal(m.GetClasses(), []string{"NSAID"}) || m.GetState() != "ACTIVE" {
			t.Errorf("%s: %v", drug, m)
		}
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "aspirin", DoseMg: 75}); !slices.Equal(m.GetClasses(), []string{"ANTIPLATELET"}) {
		t.Errorf("low-dose aspirin: %v", m.GetClasses())
	}
	product := &plansv1.MedicineProduct{Drug: "ketorolac", Classes: []string{"NSAID"}, Source: "formulary 2027"}
	_, err := w.meds().SetMedicineProduct(w.physio(), &plansv1.SetMedicineProductRequest{Product: product, Reason: "used here"})
	refused(t, err, "PROFESSION_REQUIRED")
	if _, err := w.meds().SetMedicineProduct(w.physician(), &plansv1.SetMedicineProductRequest{Product: product, Reason: "used here"}); err != nil {
		t.Fatal(err)
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_k", Drug: "Ketorolac"}); !slices.Equal(m.GetClasses(), []string{"NSAID"}) {
		t.Errorf("what the clinic added: %v", m)
	}
	all, err := w.meds().ListMedicineRules(w.admin(), &plansv1.ListMedicineRulesRequest{})
	if err != nil || len(all.GetProducts()) != 1 || all.GetProducts()[0].GetChangedBy() == "" {
		t.Errorf("%v, %v", all.GetProducts(), err)
	}
}

func factFourteenDays(t *testing.T, w *world) {
	log := func(drug string, ago int) *plansv1.Dose {
		return w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: drug, LocalDate: daysAgo(ago)})
	}
	for day := 1; day <= 14; day++ {
		drug := "ibuprofen"
		if day > 10 {
			drug = "naproxen"
		}
		d := log(drug, 15-day)
		i := said(d.GetIssues(), "MED-02", "")
		if (i != nil) != (day >= 11) || i.GetBlocking() {
			t.Errorf("day %d: %v", day, i)
		}
	}
	if w.task(patient, "MED-02") != nil {
		t.Error("a task on day 14")
	}
	i := said(log("ibuprofen", 0).GetIssues(), "MED-02", "BLOCK")
	if i.GetSeverity() != "HIGH" || !i.GetBlocking() || i.GetMode() != "enforce" || !strings.Contains(i.GetMessage(), "day 15") {
		t.Errorf("day 15: %v", i)
	}
	if task := w.task(patient, "MED-02"); task.GetSeverity() != "HIGH" || !slices.Contains(task.GetCodes(), "C16") {
		t.Errorf("task %v", task)
	}
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "aspirin"})
	if m.GetState() != "BLOCKED" || said(m.GetIssues(), "MED-02", "BLOCK") == nil {
		t.Errorf("one more NSAID: %v", m)
	}
	list, err := w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || list.GetNsaidDays() != 15 || list.GetNsaidSince() != daysAgo(14) {
		t.Errorf("%v, %v", list, err)
	}
	// A day without any starts the count anew.
	log = func(drug string, ago int) *plansv1.Dose {
		return w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_gap", Drug: drug, LocalDate: daysAgo(ago)})
	}
	for ago := 20; ago >= 0; ago-- {
		if ago == 10 {
			continue
		}
		if i := said(log("aspirin", ago).GetIssues(), "MED-02", ""); i != nil {
			t.Errorf("%d days ago: %v", ago, i)
		}
	}
	// One that was forgotten and is entered late closes the gap.
	late := log("ibuprofen", 10)
	if i := said(late.GetIssues(), "MED-02", "BLOCK"); i == nil || !strings.Contains(i.GetMessage(), "day 21") {
		t.Errorf("late: %v", i)
	}
	if _, err := w.meds().VoidDose(w.physio(), &plansv1.VoidDoseRequest{PatientId: "pat_gap", DoseId: late.GetDoseId()}); err != nil {
		t.Fatal(err)
	}
	list, err = w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: "pat_gap"})
	if err != nil || list.GetNsaidDays() != 10 {
		t.Errorf("taken back: %d days, %v", list.GetNsaidDays(), err)
	}
}

func factDailyCounts(t *testing.T, w *world) {
	m := w.add(w.patient(), &plansv1.AddMedicationRequest{Drug: "naproxen", StartDate: daysAgo(13), TakenDaily: true})
	if i := said(m.GetIssues(), "MED-02", "ADVISE"); i == nil || m.GetBlocked() {
		t.Errorf("day 14: %v", m)
	}
	w.clock.Advance(24 * time.Hour)
	list, err := w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || list.GetNsaidDays() != 15 || said(list.GetIssues(), "MED-02", "BLOCK") == nil || !list.GetMedications()[0].GetBlocked() {
		t.Errorf("day 15: %v, %v", list, err)
	}
	if _, err := w.meds().StopMedication(w.patient(), &plansv1.StopMedicationRequest{PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag(), StopDate: daysAgo(0)}); err != nil {
		t.Fatal(err)
	}
	list, err = w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || len(list.GetMedications()) != 0 || len(list.GetIssues()) != 0 {
		t.Errorf("stopped: %v, %v", list, err)
	}
}

func factOrgans(t *testing.T, w *world) {
	w.intake.say(t, patient, "organ", "kidney")
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "naproxen"})
	i := said(m.GetIssues(), "MED-03", "CONFLICT")
	if m.GetState() != "BLOCKED" || !m.GetBlocked() || !i.GetBlocking() || !slices.Equal(i.GetAbout(), []string{"organ.kidney"}) || !strings.Contains(i.GetMessage(), "kidney") {
		t.Fatalf("%v", m)
	}
	ack := &plansv1.AcknowledgeMedicationRequest{PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag(), Reason: "eGFR 80, five days"}
	_, err := w.meds().AcknowledgeMedication(w.patient(), ack)
	refused(t, err, "ACCESS_DENIED")
	bad, _ := proto.Clone(ack).(*plansv1.AcknowledgeMedicationRequest)
	bad.Reason = " "
	_, err = w.meds().AcknowledgeMedication(w.physio(), bad)
	refused(t, err, "INVALID_ARGUMENT")
	got, err := w.meds().AcknowledgeMedication(w.physio(), ack)
	if err != nil {
		t.Fatal(err)
	}
	m = got.GetMedication()
	if m.GetState() != "ACTIVE" || m.GetBlocked() || !said(m.GetIssues(), "MED-03", "").GetAcknowledged() || m.GetAcknowledgements()[0].GetReason() != ack.GetReason() {
		t.Errorf("acknowledged: %v", m)
	}
	// What comes to it later is not acknowledged with it.
	w.intake.say(t, patient, "organ", "kidney", "stomach_ulcer")
	list, err := w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || !said(list.GetIssues(), "MED-03", "").GetBlocking() {
		t.Errorf("%v, %v", list, err)
	}
	for question, option := range map[string]string{"anticoagulant": "yes", "pregnancy": "possible", "allergies": "nsaid", "bleeding_disorder": "yes"} {
		w.intake.say(t, "pat_"+question, question, option)
		if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_" + question, Drug: "ibuprofen"}); m.GetState() != "BLOCKED" {
			t.Errorf("%s: %v", question, m)
		}
	}
	// What the patient takes is a fact, and a clinician is told.
	w.intake.say(t, "pat_liver", "organ", "liver")
	m = w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_liver", Drug: "acetaminophen"})
	if m.GetState() != "ACTIVE" {
		t.Errorf("no NSAID: %v", m)
	}
	w.intake.say(t, patient, "organ", "liver")
	m = w.add(w.patient(), &plansv1.AddMedicationRequest{Drug: "aspirin"})
	if m.GetState() != "REPORTED" || !m.GetBlocked() || w.task(patient, "MED-03") == nil {
		t.Errorf("reported: %v", m)
	}
}

func factOrganLater(t *testing.T, w *world) {
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "naproxen"})
	if m.GetState() != "ACTIVE" || w.task(patient, "MED-03") != nil {
		t.Fatalf("%v", m)
	}
	w.intake.say(t, patient, "organ", "stomach_ulcer")
	w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 1})
	w.heard(w.intake.producer)
	if task := w.task(patient, "MED-03"); !slices.Equal(task.GetCodes(), []string{m.GetMedicationId(), "organ.stomach_ulcer", "C16"}) {
		t.Errorf("%v", task)
	}
	w.intake.set(t, &intakev1.BookingGate{PatientId: patient, Version: 2})
	w.heard(w.intake.producer)
	if open := w.open(patient); len(open) != 1 {
		t.Errorf("told twice: %v", open)
	}
}

func factIbuprofenDose(t *testing.T, w *world) {
	at := func(hour, minute int) *timestamppb.Timestamp {
		return timestamppb.New(civil.MustParse(daysAgo(1)).At(hour, minute, time.UTC))
	}
	first := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 400, TakenTime: at(8, 0)})
	if len(first.GetIssues()) != 0 {
		t.Errorf("the first dose: %v", first)
	}
	if i := said(w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 400, TakenTime: at(11, 0)}).GetIssues(), "MED-04", "INTERVAL"); i == nil || i.GetBlocking() {
		t.Errorf("three hours later: %v", i)
	}
	if i := said(w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 400, TakenTime: at(15, 0)}).GetIssues(), "MED-04", ""); i != nil {
		t.Errorf("four hours later: %v", i)
	}
	for dose, want := range map[float64]bool{100: true, 200: false, 400: false, 401: true} {
		d := w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_single", Drug: "ibuprofen", DoseMg: dose, LocalDate: daysAgo(int(dose) % 13)})
		if (said(d.GetIssues(), "MED-04", "SINGLE") != nil) != want {
			t.Errorf("%g mg: %v", dose, d.GetIssues())
		}
	}
	if i := said(w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 200, TakenTime: at(20, 0)}).GetIssues(), "MED-04", "DAY"); !strings.Contains(i.GetMessage(), "1400 mg") {
		t.Errorf("1400 mg in a day: %v", i)
	}
	// Naproxen and aspirin follow their own labels, a prescription its prescriber.
	for _, drug := range []string{"naproxen", "aspirin"} {
		d := w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_own", Drug: drug, DoseMg: 600, LocalDate: daysAgo(2)})
		if i := said(d.GetIssues(), "MED-04", ""); i != nil {
			t.Errorf("%s: %v", drug, i)
		}
	}
	m := w.add(w.physician(), &plansv1.AddMedicationRequest{PatientId: "pat_rx", Drug: "ibuprofen", DoseMg: 600, Prescriber: "Dr Lind", Directions: "three times a day"})
	d := w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_rx", MedicationId: m.GetMedicationId()})
	if d.GetDoseMg() != 600 || len(d.GetIssues()) != 0 {
		t.Errorf("prescribed: %v", d)
	}
}

func factMinor(t *testing.T, w *world) {
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_minor", Drug: "ibuprofen"})
	if m.GetState() != "BLOCKED" || said(m.GetIssues(), "MED-09", "AGE") == nil {
		t.Errorf("%v", m)
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_old", Drug: "ibuprofen"}); m.GetState() != "ACTIVE" {
		t.Errorf("an adult: %v", m)
	}
}

func factPrescriber(t *testing.T, w *world) {
	m := w.add(w.patient(), &plansv1.AddMedicationRequest{Drug: "cyclobenzaprine"})
	if m.GetState() != "REPORTED" || !m.GetPrescriberRequested() || !m.GetSaidByPatient() || w.task(patient, "MED-05") == nil {
		t.Fatalf("%v", m)
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_p", Drug: "cyclobenzaprine"}); m.GetState() != "REPORTED" {
		t.Errorf("by a clinician without prescriber: %v", m)
	}
	ref := &plansv1.AcknowledgeMedicationRequest{PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag(), Reason: "asked"}
	_, err := w.meds().AcknowledgeMedication(w.physio(), ref)
	refused(t, err, "PRESCRIBER_NEEDED")
	ref.Prescriber = "Dr Lind"
	got, err := w.meds().AcknowledgeMedication(w.physio(), ref)
	if err != nil || got.GetMedication().GetState() != "ACTIVE" || got.GetMedication().GetPrescriberRequested() {
		t.Errorf("%v, %v", got, err)
	}
	if w.task(patient, "MED-05") != nil {
		t.Error("the task is still open")
	}
}

func factTogether(t *testing.T, w *world) {
	w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "ibuprofen"})
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "paracetamol"})
	i := said(m.GetIssues(), "MED-01", "")
	if m.GetState() != "BLOCKED" || !i.GetBlocking() || i.GetMode() != "enforce" || i.GetCode() != "clinic-policy" ||
		!strings.HasPrefix(i.GetMessage(), "Your clinic's rule") || !strings.Contains(i.GetEvidenceNote(), "NHS") || i.GetSource() == "" {
		t.Fatalf("%v", m)
	}
	list, err := w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil {
		t.Fatal(err)
	}
	i = said(list.GetIssues(), "MED-01", "")
	if !strings.HasPrefix(i.GetMessage(), "Your clinic's rule") || i.GetEvidenceNote() != "" || i.GetSource() == "" {
		t.Errorf("the patient reads %v", i)
	}
	if len(list.GetMedications()) != 2 || list.GetMedications()[1].GetBlocked() {
		t.Errorf("the NSAID itself: %v", list)
	}
	// A muscle relaxant, and one tablet with both.
	if m := w.add(w.physician(), &plansv1.AddMedicationRequest{Drug: "cyclobenzaprine", Prescriber: "Dr Lind", Directions: "at night"}); m.GetState() != "BLOCKED" {
		t.Errorf("muscle relaxant: %v", m)
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_both", Drug: "Nuromol"}); m.GetState() != "BLOCKED" {
		t.Errorf("both in one: %v", m)
	}
	got, err := w.meds().AcknowledgeMedication(w.physician(), &plansv1.AcknowledgeMedicationRequest{
		PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag(), RuleIds: []string{"MED-01"}, Reason: "staggered, three days",
	})
	if err != nil || got.GetMedication().GetState() != "ACTIVE" {
		t.Fatalf("%v, %v", got, err)
	}
	list, err = w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: patient})
	for _, i := range list.GetIssues() {
		if err != nil || i.GetRuleId() == "MED-01" && i.GetBlocking() && i.GetMedicationId() != list.GetMedications()[0].GetMedicationId() {
			t.Errorf("after the acknowledgement: %v, %v", i, err)
		}
	}
	_, err = w.meds().AcknowledgeMedication(w.physician(), &plansv1.AcknowledgeMedicationRequest{
		PatientId: patient, MedicationId: m.GetMedicationId(), Etag: got.GetMedication().GetEtag(), Reason: "again",
	})
	refused(t, err, "NOTHING_TO_ACKNOWLEDGE")
}

func factTogetherByForm(t *testing.T, w *world) {
	w.intake.say(t, patient, "medicines", "nsaid")
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "acetaminophen"})
	if m.GetState() != "BLOCKED" {
		t.Fatalf("%v", m)
	}
	// The list is what was said last: a stopped NSAID of the list answers for the form.
	n := w.add(w.patient(), &plansv1.AddMedicationRequest{Drug: "ibuprofen"})
	if _, err := w.meds().StopMedication(w.patient(), &plansv1.StopMedicationRequest{PatientId: patient, MedicationId: n.GetMedicationId(), Etag: n.GetEtag()}); err != nil {
		t.Fatal(err)
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "acetaminophen"}); m.GetState() != "ACTIVE" {
		t.Errorf("%v", m)
	}
}

func factTogetherByDose(t *testing.T, w *world) {
	w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 200, LocalDate: daysAgo(1)})
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "acetaminophen"}); m.GetState() != "BLOCKED" {
		t.Errorf("the day after a dose: %v", m)
	}
	d := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "paracetamol", DoseMg: 500, LocalDate: daysAgo(1)})
	if i := said(d.GetIssues(), "MED-01", ""); !i.GetBlocking() || !slices.Equal(i.GetAbout(), []string{"ibuprofen"}) || w.task(patient, "MED-01") == nil {
		t.Errorf("on the same day: %v", d.GetIssues())
	}
	w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_l", Drug: "naproxen"})
	d = w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_l", Drug: "paracetamol", DoseMg: 500})
	if said(d.GetIssues(), "MED-01", "") == nil {
		t.Errorf("beside the list: %v", d.GetIssues())
	}
	w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_o", Drug: "ibuprofen", LocalDate: daysAgo(2)})
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_o", Drug: "acetaminophen"}); m.GetState() != "ACTIVE" {
		t.Errorf("two days after: %v", m)
	}
}

func factFood(t *testing.T, w *world) {
	for n := 1; n <= 3; n++ {
		d := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 200, LocalDate: daysAgo(6 - 2*n), WithFood: proto.Bool(false)})
		if said(d.GetIssues(), "MED-06", "FOOD") == nil || (said(d.GetIssues(), "MED-06", "OFTEN") != nil) != (n == 3) || (w.task(patient, "MED-06") != nil) != (n == 3) {
			t.Errorf("time %d: %v", n, d.GetIssues())
		}
	}
	if d := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 200, LocalDate: daysAgo(8), WithFood: proto.Bool(true)}); len(d.GetIssues()) != 0 || !d.GetWithFood() {
		t.Errorf("with food: %v", d)
	}
	if d := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 200, LocalDate: daysAgo(30), WithFood: proto.Bool(false)}); said(d.GetIssues(), "MED-06", "OFTEN") != nil {
		t.Errorf("another week: %v", d)
	}
}

func factLabel(t *testing.T, w *world) {
	d := w.took(w.patient(), &plansv1.RecordDoseRequest{Drug: "ibuprofen", DoseMg: 1600})
	i := said(d.GetIssues(), "MED-07", "LABEL_DAY")
	if i == nil || !strings.Contains(i.GetSource(), "label") || i.GetBlocking() || !strings.Contains(i.GetMessage(), "1200 mg") {
		t.Errorf("%v", d.GetIssues())
	}
	d = w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_n", Drug: "naproxen", DoseMg: 440})
	if len(d.GetIssues()) != 0 {
		t.Errorf("naproxen 440: %v", d.GetIssues())
	}
	// The clinic's own label takes the place of the one that ships.
	product := &plansv1.MedicineProduct{Drug: "naproxen", MaxSingleMg: 220, MaxDayMg: 440, MinIntervalHours: 12, Source: "package leaflet, 2026-11"}
	if _, err := w.meds().SetMedicineProduct(w.admin(), &plansv1.SetMedicineProductRequest{Product: product, Reason: "our pharmacy's"}); err != nil {
		t.Fatal(err)
	}
	d = w.took(w.physio(), &plansv1.RecordDoseRequest{PatientId: "pat_n2", Drug: "naproxen", DoseMg: 440})
	if i := said(d.GetIssues(), "MED-07", "LABEL_SINGLE"); i.GetSource() != "package leaflet, 2026-11" {
		t.Errorf("%v", d.GetIssues())
	}
	if m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "naproxen"}); !slices.Equal(m.GetClasses(), []string{"NSAID"}) {
		t.Errorf("it is an NSAID still: %v", m)
	}
}

func factPrescribed(t *testing.T, w *world) {
	_, err := w.meds().AddMedication(w.physician(), &plansv1.AddMedicationRequest{PatientId: patient, Drug: "naproxen", Prescriber: "Dr Lind"})
	if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "directions" {
		t.Errorf("%v", f.Fields)
	}
	m := w.add(w.physician(), &plansv1.AddMedicationRequest{Drug: "tramadol", Prescriber: "Dr Lind", Directions: "50 mg at night"})
	i := said(m.GetIssues(), "MED-08", "REVIEW")
	if m.GetState() != "ACTIVE" || m.GetPrescriber() != "Dr Lind" || m.GetDirections() == "" || !slices.Equal(i.GetRelatedRuleIds(), []string{"C16"}) {
		t.Errorf("%v", m)
	}
	if task := w.task(patient, "MED-08"); !slices.Contains(task.GetCodes(), "C16") {
		t.Errorf("task %v", task)
	}
}

func factModes(t *testing.T, w *world) {
	set := func(mode string) {
		t.Helper()
		got, err := w.meds().SetMedicineRuleMode(w.admin(), &plansv1.SetMedicineRuleModeRequest{RuleId: "MED-01", Mode: mode, Reason: "board of 4 January: " + mode})
		if err != nil {
			t.Fatal(err)
		}
		if r := got.GetRule(); r.GetMode() != mode || r.GetShippedMode() != "enforce" || r.GetChangedBy() == "" || r.GetChangeTime() == nil || !strings.HasSuffix(r.GetChangeReason(), mode) {
			t.Errorf("%v", r)
		}
	}
	_, err := w.meds().SetMedicineRuleMode(w.physio(), &plansv1.SetMedicineRuleModeRequest{RuleId: "MED-01", Mode: "off", Reason: "x"})
	refused(t, err, "PROFESSION_REQUIRED")
	_, err = w.meds().SetMedicineRuleMode(w.admin(), &plansv1.SetMedicineRuleModeRequest{RuleId: "MED-99", Mode: "off", Reason: "x"})
	refused(t, err, "NOT_FOUND")
	w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "ibuprofen"})
	set("advise")
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "acetaminophen"})
	if i := said(m.GetIssues(), "MED-01", ""); m.GetState() != "ACTIVE" || i.GetMode() != "advise" || i.GetBlocking() {
		t.Errorf("advise: %v", m)
	}
	set("off")
	list, err := w.meds().ListMedications(w.physio(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || said(list.GetIssues(), "MED-01", "") != nil {
		t.Errorf("off: %v, %v", list, err)
	}
	all, err := w.meds().ListMedicineRules(w.physio(), &plansv1.ListMedicineRulesRequest{})
	if err != nil || len(all.GetRules()) < 10 || len(all.GetRules()[0].GetChanges()) != 2 || all.GetRules()[0].GetChanges()[0].GetMode() != "off" {
		t.Errorf("%v, %v", all, err)
	}
}

func factCautions(t *testing.T, w *world) {
	w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_old", Drug: "aspirin"})
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{PatientId: "pat_old", Drug: "naproxen"})
	if m.GetState() != "ACTIVE" || said(m.GetIssues(), "MED-10", "AGED") == nil || said(m.GetIssues(), "MED-10", "ANOTHER") == nil {
		t.Errorf("%v", m)
	}
}

func factUnknown(t *testing.T, w *world) {
	m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "Grandmother's tea"})
	if said(m.GetIssues(), "MED-11", "UNKNOWN") == nil || m.GetRecognisedDrug() != "" {
		t.Errorf("%v", m)
	}
	list, err := w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: patient})
	if err != nil || len(list.GetIssues()) != 0 {
		t.Errorf("%v, %v", list, err)
	}
}

// Each field wrong in turn.
func TestMedicineBadInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		m := w.add(w.physio(), &plansv1.AddMedicationRequest{Drug: "ibuprofen", StartDate: daysAgo(3)})
		add := func(change func(*plansv1.AddMedicationRequest)) error {
			r := &plansv1.AddMedicationRequest{PatientId: patient, Drug: "ibuprofen", DoseMg: 200}
			change(r)
			_, err := w.meds().AddMedication(w.physio(), r)
			return err
		}
		dose := func(change func(*plansv1.RecordDoseRequest)) error {
			r := &plansv1.RecordDoseRequest{PatientId: patient, Drug: "ibuprofen", DoseMg: 200}
			change(r)
			_, err := w.meds().RecordDose(w.physio(), r)
			return err
		}
		stop := func(change func(*plansv1.StopMedicationRequest)) error {
			r := &plansv1.StopMedicationRequest{PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag()}
			change(r)
			_, err := w.meds().StopMedication(w.physio(), r)
			return err
		}
		product := func(change func(*plansv1.MedicineProduct)) error {
			p := &plansv1.MedicineProduct{Drug: "ketorolac", Classes: []string{"NSAID"}, Source: "label"}
			change(p)
			_, err := w.meds().SetMedicineProduct(w.admin(), &plansv1.SetMedicineProductRequest{Product: p, Reason: "x"})
			return err
		}
		for field, err := range map[string]error{
			"drug":                       add(func(r *plansv1.AddMedicationRequest) { r.Drug = " " }),
			"dose_mg":                    add(func(r *plansv1.AddMedicationRequest) { r.DoseMg = -1 }),
			"start_date":                 add(func(r *plansv1.AddMedicationRequest) { r.StartDate = "2027-02-31" }),
			"start_date ":                add(func(r *plansv1.AddMedicationRequest) { r.StartDate = "2027-01-05" }),
			"directions":                 add(func(r *plansv1.AddMedicationRequest) { r.Prescriber = "Dr Lind" }),
			"drug ":                      dose(func(r *plansv1.RecordDoseRequest) { r.Drug = "" }),
			"drug  ":                     dose(func(r *plansv1.RecordDoseRequest) { r.MedicationId, r.Drug = m.GetMedicationId(), "naproxen" }),
			"dose_mg ":                   dose(func(r *plansv1.RecordDoseRequest) { r.DoseMg = 1e6 }),
			"local_date":                 dose(func(r *plansv1.RecordDoseRequest) { r.LocalDate = "2027-01-05" }),
			"local_date ":                dose(func(r *plansv1.RecordDoseRequest) { r.LocalDate, r.TakenTime = daysAgo(0), timestamppb.New(start) }),
			"local_date  ":               dose(func(r *plansv1.RecordDoseRequest) { r.LocalDate = daysAgo(400) }),
			"taken_time":                 dose(func(r *plansv1.RecordDoseRequest) { r.TakenTime = timestamppb.New(start.Add(24 * time.Hour)) }),
			"stop_date":                  stop(func(r *plansv1.StopMedicationRequest) { r.StopDate = daysAgo(4) }),
			"stop_date ":                 stop(func(r *plansv1.StopMedicationRequest) { r.StopDate = "2027-01-05" }),
			"etag":                       stop(func(r *plansv1.StopMedicationRequest) { r.Etag = "" }),
			"reason":                     stop(func(r *plansv1.StopMedicationRequest) { r.EnteredInError = true }),
			"product.drug":               product(func(p *plansv1.MedicineProduct) { p.Drug = "Keto!" }),
			"product.classes[0]":         product(func(p *plansv1.MedicineProduct) { p.Classes = []string{"NICE"} }),
			"product.source":             product(func(p *plansv1.MedicineProduct) { p.Source = "" }),
			"product.max_day_mg":         product(func(p *plansv1.MedicineProduct) { p.MaxDayMg = -1 }),
			"product.max_single_mg":      product(func(p *plansv1.MedicineProduct) { p.MaxSingleMg, p.MaxDayMg = 500, 400 }),
			"product.max_days":           product(func(p *plansv1.MedicineProduct) { p.MaxDays = 1000 }),
			"product.min_interval_hours": product(func(p *plansv1.MedicineProduct) { p.MinIntervalHours = -1 }),
		} {
			f := fault.From(err)
			if err == nil || f.Reason != "INVALID_ARGUMENT" || len(f.Fields) == 0 || f.Fields[0].Field != strings.TrimSpace(field) {
				t.Errorf("%s: %v %v", field, err, f)
			}
		}
		for reason, err := range map[string]error{
			"NOT_FOUND":        dose(func(r *plansv1.RecordDoseRequest) { r.MedicationId = "med_x" }),
			"NOT_FOUND ":       add(func(r *plansv1.AddMedicationRequest) { r.PatientId = "pat_unknown" }),
			"VERSION_MISMATCH": stop(func(r *plansv1.StopMedicationRequest) { r.Etag = "9" }),
			"NOT_FOUND  ":      stop(func(r *plansv1.StopMedicationRequest) { r.PatientId = "pat_other" }),
		} {
			refused(t, err, strings.TrimSpace(reason))
		}
		_, err := w.meds().AddMedication(w.patient(), &plansv1.AddMedicationRequest{PatientId: patient, Drug: "ibuprofen", Note: "x"})
		refused(t, err, "INVALID_ARGUMENT")
		_, err = w.meds().StopMedication(w.patient(), &plansv1.StopMedicationRequest{PatientId: patient, MedicationId: m.GetMedicationId(), Etag: m.GetEtag()})
		refused(t, err, "CLINICIAN_ONLY")
		if err := stop(func(*plansv1.StopMedicationRequest) {}); err != nil {
			t.Fatal(err)
		}
		refused(t, stop(func(r *plansv1.StopMedicationRequest) { r.Etag = "2" }), "MEDICATION_STATE")
	})
}

// The same request twice is done once; another patient's and clinic's medicines are not there.
func TestMedicineScopes(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for range 2 {
			if _, err := w.meds().AddMedication(with(w.patient(), "one"), &plansv1.AddMedicationRequest{PatientId: patient, Drug: "ibuprofen"}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.meds().RecordDose(with(w.patient(), "two"), &plansv1.RecordDoseRequest{PatientId: patient, Drug: "ibuprofen"}); err != nil {
				t.Fatal(err)
			}
		}
		doses, err := w.meds().ListDoses(w.patient(), &plansv1.ListDosesRequest{PatientId: patient})
		if err != nil || len(doses.GetDoses()) != 1 {
			t.Errorf("%v, %v", doses, err)
		}
		list, err := w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: patient})
		if err != nil || len(list.GetMedications()) != 1 {
			t.Errorf("%v, %v", list, err)
		}
		for name, call := range map[string]func() error{
			"list": func() error {
				_, err := w.meds().ListMedications(w.patient(), &plansv1.ListMedicationsRequest{PatientId: "pat_other"})
				return err
			},
			"add": func() error {
				_, err := w.meds().AddMedication(w.patient(), &plansv1.AddMedicationRequest{PatientId: "pat_other", Drug: "aspirin"})
				return err
			},
			"doses": func() error {
				_, err := w.meds().ListDoses(w.patient(), &plansv1.ListDosesRequest{PatientId: "pat_other"})
				return err
			},
			"void": func() error {
				_, err := w.meds().VoidDose(w.physio(), &plansv1.VoidDoseRequest{PatientId: "pat_other", DoseId: doses.GetDoses()[0].GetDoseId()})
				return err
			},
		} {
			if err := call(); !fault.IsKind(err, fault.NotFound) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, m := range w.events() {
			if strings.Contains(stringOf(m), "ibuprofen") {
				t.Errorf("an event names a medicine: %v", m)
			}
		}
	})
}
