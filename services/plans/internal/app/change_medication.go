package app

import (
	"cmp"
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

// MedicationRef names a medicine that is to be changed.
type MedicationRef struct {
	PatientID    string
	MedicationID string
	Etag         string
	Fingerprint  []byte // of the request
}

// changeMedication runs a change of one medicine, once for each request, and gives it as it
// is then. change gets the medicine and returns what the audit row says of it.
func (a *App) changeMedication(
	ctx context.Context, method, action string, ref MedicationRef,
	change func(tx *sqldb.Tx, p authn.Principal, head store.Head, m *medicines, med *store.Medication) error,
) (MedicationView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return MedicationView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, ref.PatientID)
	if err != nil {
		return MedicationView{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return MedicationView{}, err
	}
	cond, err := a.asks.Conditions(ctx, clinicID, survivor)
	if err != nil {
		return MedicationView{}, err
	}
	var v MedicationView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, clinicID, ref.PatientID)
		if err != nil {
			return err
		}
		m, err := a.medicines(tx, clinicID, head.PatientID, cond, today, today)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, method, ref.Fingerprint, ref.MedicationID, func() error {
			med, ok := m.find(ref.MedicationID)
			if !ok {
				return fault.NotFoundf("medication")
			}
			if err := etagMatches(ref.Etag, med.Version); err != nil {
				return err
			}
			if err := change(tx, p, head, m, &med); err != nil {
				return err
			}
			if err := store.UpdateMedication(tx, clinicID, &med); err != nil {
				return err
			}
			m.put(med)
			return audit.Write(ctx, tx, audit.Entry{
				Action: action, Resource: med.ID, PatientID: head.PatientID, Facts: map[string]string{"state": med.State},
			})
		})
		if err != nil {
			return err
		}
		v, err = m.view(ref.MedicationID, viewOf(p))
		return err
	})
	return v, err
}

// listed fails with MEDICATION_STATE when a medicine is not on the list any more.
func listed(med store.Medication) error {
	if medication.State(med.State).Listed() {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "MEDICATION_STATE", "The medicine is not on the list any more.").With("state", med.State)
}

// Stop takes a medicine off the list.
type Stop struct {
	MedicationRef
	Date    civil.Date // last day; zero is today
	InError bool
	Reason  string
}

// StopMedication takes a medicine off the list. It fails with NOT_FOUND, VERSION_MISMATCH,
// MEDICATION_STATE when it was stopped before, CLINICIAN_ONLY for a patient who did not put
// it there, and INVALID_ARGUMENT for a day that has not come or is before the start, and for
// an error without a reason.
func (a *App) StopMedication(ctx context.Context, s Stop) (MedicationView, error) {
	if s.InError && s.Reason == "" {
		return MedicationView{}, fault.Invalid("reason", "is needed when it was entered in error")
	}
	return a.changeMedication(ctx, "MedicationService.StopMedication", "medication.stop", s.MedicationRef,
		func(tx *sqldb.Tx, p authn.Principal, head store.Head, m *medicines, med *store.Medication) error {
			if err := listed(*med); err != nil {
				return err
			}
			if viewOf(p) == Patients && !med.Body.SaidByPatient {
				return fault.New(fault.PermissionDenied, "CLINICIAN_ONLY", "Your clinic put this medicine on your list. Ask them before you stop it.")
			}
			on := s.Date
			if on.IsZero() {
				on = m.kase.Today
			}
			if on.After(m.kase.Today) || on.Before(med.Body.Start) {
				return fault.Invalid("stop_date", "is before the start or after today")
			}
			med.State, med.Body.Stop, med.Body.StopReason, med.Body.StoppedBy = string(medication.Stopped), on, s.Reason, p.Subject
			if s.InError {
				med.State, med.Body.Stop = string(medication.InError), civil.Date{}
			}
			return settleIssues(ctx, tx, head, p.Subject, "NOT_AN_ISSUE", aboutMedicine(med.ID))
		})
}

// Acknowledge says that a medicine is taken although rules speak against it.
type Acknowledge struct {
	MedicationRef
	RuleIDs    []string // none is all
	Reason     string
	Prescriber string
}

// AcknowledgeMedication records a clinician's acknowledgement, and puts the medicine into
// force when nothing blocks it any more. It fails with NOT_FOUND, VERSION_MISMATCH,
// MEDICATION_STATE, NOTHING_TO_ACKNOWLEDGE and PRESCRIBER_NEEDED.
func (a *App) AcknowledgeMedication(ctx context.Context, ack Acknowledge) (MedicationView, error) {
	return a.changeMedication(ctx, "MedicationService.AcknowledgeMedication", "medication.acknowledge", ack.MedicationRef,
		func(tx *sqldb.Tx, p authn.Principal, head store.Head, m *medicines, med *store.Medication) error {
			if err := listed(*med); err != nil {
				return err
			}
			if err := m.acknowledge(tx, head, p, med, ack); err != nil {
				return err
			}
			left := m.rules.OfItem(m.kase, med.ID)
			return settleIssues(ctx, tx, head, p.Subject, "NOT_AN_ISSUE", func(i store.Issue) bool {
				return aboutMedicine(med.ID)(i) && !slices.ContainsFunc(left, func(l medication.Issue) bool { return l.RuleID == i.Rule && l.Task })
			})
		})
}

// acknowledge writes the acknowledgements, and the medicine's state from then on. A missing
// prescriber is not acknowledged but named.
func (m *medicines) acknowledge(tx *sqldb.Tx, head store.Head, p authn.Principal, med *store.Medication, ack Acknowledge) error {
	was := *med
	med.Body.Prescriber = cmp.Or(med.Body.Prescriber, ack.Prescriber)
	m.put(*med)
	said, waits := 0, false
	for _, i := range m.rules.OfItem(m.kase, med.ID) {
		waits = waits || i.Check == "PRESCRIBER"
		if i.Acknowledged || i.Check == "PRESCRIBER" || len(ack.RuleIDs) > 0 && !slices.Contains(ack.RuleIDs, i.RuleID) {
			continue
		}
		a := store.Acknowledgement{
			ID: ident.New("ack"), MedicationID: med.ID, RuleID: i.RuleID, About: i.Codes, Reason: ack.Reason, By: p.Subject, At: tx.Now(),
		}
		if err := store.InsertAcknowledgement(tx, head.ClinicID, a); err != nil {
			return err
		}
		m.acks[med.ID] = append(m.acks[med.ID], a)
		said++
	}
	m.refresh()
	med.State = string(m.stateFor(med.ID))
	m.put(*med)
	switch {
	case said > 0 || med.State != was.State || med.Body.Prescriber != was.Body.Prescriber:
		return nil
	case waits:
		return fault.New(fault.FailedPrecondition, "PRESCRIBER_NEEDED", "Say who prescribes it.")
	}
	return fault.New(fault.FailedPrecondition, "NOTHING_TO_ACKNOWLEDGE", "No rule speaks against the medicine.")
}
