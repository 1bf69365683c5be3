package app

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// doseDays is how many days of doses the rules look back on.
const doseDays = 150

// medicines is what the rules need to know of a person, and what they are at the clinic.
type medicines struct {
	rules medication.Rules
	kase  medication.Case
	list  []store.Medication
	acks  map[string][]store.Acknowledgement
}

// medicines loads a person's list and the doses around a day.
func (a *App) medicines(tx *sqldb.Tx, clinicID, patientID string, cond medication.Conditions, today, around civil.Date) (*medicines, error) {
	rules, err := a.medicineRules(tx, clinicID)
	if err != nil {
		return nil, err
	}
	m := &medicines{rules: rules, acks: map[string][]store.Acknowledgement{}, kase: medication.Case{Conditions: cond, Today: today}}
	if m.list, err = store.Medications(tx, clinicID, patientID); err != nil {
		return nil, err
	}
	acks, err := store.Acknowledgements(tx, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	for _, ack := range acks {
		m.acks[ack.MedicationID] = append(m.acks[ack.MedicationID], ack)
	}
	doses, err := store.DosesBetween(tx, clinicID, patientID, around.AddDays(-doseDays), around.AddDays(doseDays))
	if err != nil {
		return nil, err
	}
	for _, d := range doses {
		m.kase.Doses = append(m.kase.Doses, doseOf(d))
	}
	m.refresh()
	return m, nil
}

// refresh tells the rules of the list as it is now.
func (m *medicines) refresh() {
	m.kase.Items = nil
	for _, med := range m.list {
		b := med.Body
		it := medication.Item{
			ID: med.ID, Drug: b.Drug, Mg: b.DoseMg, State: medication.State(med.State), Prescriber: b.Prescriber, Daily: b.Daily,
			Start: b.Start, Stop: b.Stop,
		}
		for _, ack := range m.acks[med.ID] {
			it.Acks = append(it.Acks, medication.Ack{RuleID: ack.RuleID, Codes: ack.About})
		}
		m.kase.Items = append(m.kase.Items, it)
	}
}

// find gives a medicine of the list; false when it is not there.
func (m *medicines) find(id string) (store.Medication, bool) {
	i := slices.IndexFunc(m.list, func(med store.Medication) bool { return med.ID == id })
	if i < 0 {
		return store.Medication{}, false
	}
	return m.list[i], true
}

// put takes a medicine that is new or changed into the list.
func (m *medicines) put(med store.Medication) {
	i := slices.IndexFunc(m.list, func(had store.Medication) bool { return had.ID == med.ID })
	if i < 0 {
		m.list = append(m.list, med)
	} else {
		m.list[i] = med
	}
	m.refresh()
}

func doseOf(d store.Dose) medication.Dose {
	food := map[string]medication.Food{"YES": medication.WithFood, "NO": medication.EmptyStomach}[d.WithFood]
	return medication.Dose{ID: d.ID, Drug: d.Drug, Mg: d.Mg, At: d.At, Date: d.Date, Food: food, ItemID: d.MedicationID}
}

// medicineRules gives the rules as a clinic has them.
func (a *App) medicineRules(tx *sqldb.Tx, clinicID string) (medication.Rules, error) {
	changes, err := store.RuleModes(tx, clinicID)
	if err != nil {
		return medication.Rules{}, err
	}
	modes := map[string]medication.Mode{}
	for _, c := range changes {
		modes[c.RuleID] = medication.Mode(c.Mode)
	}
	products, err := store.Products(tx, clinicID)
	if err != nil {
		return medication.Rules{}, err
	}
	drugs := make([]medication.Drug, len(products))
	for i, p := range products {
		if err := json.Unmarshal([]byte(p.Body), &drugs[i]); err != nil {
			return medication.Rules{}, err
		}
	}
	if len(modes) == 0 && len(drugs) == 0 {
		return a.cfg.Medicines, nil
	}
	return a.cfg.Medicines.ForClinic(modes, drugs), nil
}

// tell raises the issues of what a clinician must know: each once, whatever was decided
// about it, for a medicine that is taken.
func (m *medicines) tell(ctx context.Context, tx *sqldb.Tx, head store.Head, issues []medication.Issue) error {
	for _, i := range issues {
		if !i.Task {
			continue
		}
		if med, ok := m.find(i.ItemID); ok && !medication.State(med.State).Taken() {
			continue // whoever put it there was told
		}
		var codes []string
		if i.ItemID != "" && i.DoseID == "" {
			codes = append(codes, i.ItemID)
		}
		codes = append(append(codes, i.Codes...), i.Related...)
		was, err := store.HasIssue(tx, head.ClinicID, head.PatientID, i.RuleID, codes)
		if err != nil {
			return err
		}
		if was {
			continue
		}
		if _, err := raise(ctx, tx, head, store.Issue{Rule: i.RuleID, Severity: i.Severity, Codes: codes}); err != nil {
			return err
		}
	}
	return nil
}

// aboutMedicine reports whether an issue is about a medicine of the list.
func aboutMedicine(id string) func(store.Issue) bool {
	return func(i store.Issue) bool { return slices.Contains(i.Codes, id) }
}

// askMedicines asks what bears on a patient's medicines, when one is on the list.
func (a *App) askMedicines(ctx context.Context, clinicID, patientID string) (*medication.Conditions, error) {
	listed, survivor := false, ""
	err := a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if survivor, _, err = store.Survivor(tx, clinicID, patientID); err != nil {
			return err
		}
		all, err := store.Medications(tx, clinicID, survivor)
		listed = slices.ContainsFunc(all, func(m store.Medication) bool { return medication.State(m.State).Taken() })
		return err
	})
	if err != nil || !listed {
		return nil, err
	}
	cond, err := a.asks.Conditions(ctx, clinicID, survivor)
	if err != nil {
		return nil, err
	}
	return &cond, nil
}
