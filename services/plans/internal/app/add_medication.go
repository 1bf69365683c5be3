package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// NewMedication is a medicine to be put on a list.
type NewMedication struct {
	PatientID   string
	Body        store.MedicationBody
	Fingerprint []byte // of the request
}

// AddMedication puts a medicine on a patient's list. What a patient says is never refused;
// what a clinician puts there is BLOCKED while a rule says so. It fails with NOT_FOUND for
// an unknown patient and INVALID_ARGUMENT for a prescription without directions or a start
// after today.
func (a *App) AddMedication(ctx context.Context, n NewMedication) (MedicationView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicationView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, n.PatientID)
	if err != nil {
		return MedicationView{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return MedicationView{}, err
	}
	if err := n.complete(p, today); err != nil {
		return MedicationView{}, err
	}
	cond, err := a.asks.Conditions(ctx, clinicID, survivor)
	if err != nil {
		return MedicationView{}, err
	}
	var v MedicationView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, clinicID, n.PatientID)
		if err != nil {
			return err
		}
		m, err := a.medicines(tx, clinicID, head.PatientID, cond, today, today)
		if err != nil {
			return err
		}
		id, _, err := requestid.Once(ctx, tx, "MedicationService.AddMedication", n.Fingerprint, func() (string, error) {
			return a.addMedication(ctx, tx, head, m, n)
		})
		if err != nil {
			return err
		}
		v, err = m.view(id, viewOf(p))
		return err
	})
	return v, err
}

// complete fills in what an empty field means.
func (n *NewMedication) complete(p authn.Principal, today civil.Date) error {
	b := &n.Body
	b.SaidByPatient, b.AddedBy = viewOf(p) == Patients, p.Subject
	if b.Start.IsZero() {
		b.Start = today
	}
	switch {
	case b.Start.After(today):
		return fault.Invalid("start_date", "is after today")
	case b.SaidByPatient && b.Note != "":
		return fault.Invalid("note", "is for clinicians")
	case !b.SaidByPatient && b.Prescriber != "" && b.Directions == "":
		return fault.Invalid("directions", "are needed with a prescriber")
	}
	return nil
}

func (a *App) addMedication(ctx context.Context, tx *sqldb.Tx, head store.Head, m *medicines, n NewMedication) (string, error) {
	med := store.Medication{
		ID: ident.New("med"), PatientID: head.PatientID, OriginPatientID: n.PatientID, State: string(medication.Reported), Body: n.Body,
		CreatedAt: tx.Now(), Version: 1,
	}
	m.put(med)
	if !n.Body.SaidByPatient {
		med.State = string(m.stateFor(med.ID))
		m.put(med)
	}
	if err := store.InsertMedication(tx, head.ClinicID, med); err != nil {
		return "", err
	}
	// What it does to the others of the list is said with them, so that one task is enough.
	if err := m.tell(ctx, tx, head, m.rules.OfItem(m.kase, med.ID)); err != nil {
		return "", err
	}
	return med.ID, audit.Write(ctx, tx, audit.Entry{
		Action: "medication.add", Resource: med.ID, PatientID: head.PatientID, Facts: map[string]string{"state": med.State},
	})
}

// stateFor gives the state in which a clinician's medicine of the list is: blocked by a
// rule, waiting for a prescriber, or in force.
func (m *medicines) stateFor(id string) medication.State {
	issues := m.rules.OfItem(m.kase, id)
	if slices.ContainsFunc(issues, func(i medication.Issue) bool { return i.Blocking }) {
		return medication.Blocked
	}
	if slices.ContainsFunc(issues, func(i medication.Issue) bool { return i.Check == "PRESCRIBER" && i.Mode == medication.Enforce }) {
		return medication.Reported
	}
	return medication.Active
}
