package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// MedicationView is a medicine with what the rules say of it, as somebody may see it.
type MedicationView struct {
	store.Medication
	Medicine            medication.Medicine
	PrescriberRequested bool
	Issues              []medication.Issue
	Acks                []store.Acknowledgement // clinicians only
	View                View
}

// Blocked reports whether a rule blocks the medicine.
func (v MedicationView) Blocked() bool {
	return slices.ContainsFunc(v.Issues, func(i medication.Issue) bool { return i.Blocking })
}

// view gives one medicine, or NOT_FOUND.
func (m *medicines) view(id string, view View) (MedicationView, error) {
	med, ok := m.find(id)
	if !ok {
		return MedicationView{}, fault.NotFoundf("medication")
	}
	v := MedicationView{Medication: med, Medicine: m.rules.Recognise(med.Body.Drug, med.Body.DoseMg), Issues: m.rules.OfItem(m.kase, id), View: view}
	v.PrescriberRequested = slices.ContainsFunc(v.Issues, func(i medication.Issue) bool { return i.Check == "PRESCRIBER" })
	v.Issues = seen(v.Issues, view)
	if view == Clinicians {
		v.Acks = m.acks[id]
	} else {
		v.Body.Note, v.Body.StopReason = "", ""
	}
	return v, nil
}

// seen leaves out what is nothing to the reader: that no rule knows a medicine is for
// clinicians.
func seen(issues []medication.Issue, view View) []medication.Issue {
	if view == Clinicians {
		return issues
	}
	return slices.DeleteFunc(slices.Clone(issues), func(i medication.Issue) bool { return i.Check == "UNKNOWN" })
}

// MedicationList is a patient's list.
type MedicationList struct {
	Medications  []MedicationView
	Issues       []medication.Issue
	NSAID        medication.Run
	RulesVersion int64
	View         View
}

// ListMedications gives a patient's list, newest first, with what the rules say today.
// NOT_FOUND for an unknown patient.
func (a *App) ListMedications(ctx context.Context, patientID string, stopped bool) (MedicationList, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicationList{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return MedicationList{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return MedicationList{}, err
	}
	cond, err := a.asks.Conditions(ctx, clinicID, survivor)
	if err != nil {
		return MedicationList{}, err
	}
	out := MedicationList{View: viewOf(p)}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		m, err := a.medicines(tx, clinicID, survivor, cond, today, today)
		if err != nil {
			return err
		}
		out.Medications, out.RulesVersion, out.NSAID = nil, m.rules.Version, m.rules.Days(m.kase, "NSAID")
		out.Issues = seen(m.rules.Of(m.kase), out.View)
		for _, med := range slices.Backward(m.list) {
			if !stopped && !medication.State(med.State).Listed() {
				continue
			}
			v, err := m.view(med.ID, out.View)
			if err != nil {
				return err
			}
			out.Medications = append(out.Medications, v)
		}
		return nil
	})
	if err != nil {
		return MedicationList{}, err
	}
	return out, a.logRead(ctx, p, "medication.list", survivor, survivor)
}
