package app

import (
	"cmp"
	"context"
	"strings"
	"time"

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

// NewDose is a medicine that was taken.
type NewDose struct {
	PatientID    string
	MedicationID string // or Drug
	Drug         string
	Mg           float64
	At           time.Time  // zero: now, or noon of Date
	Date         civil.Date // when the hour is not known
	WithFood     string     // "", YES or NO
	Fingerprint  []byte     // of the request
}

// DoseView is a dose with what the rules say of it.
type DoseView struct {
	store.Dose
	Issues []medication.Issue
	View   View
}

// doseAge is how many days back a dose may be recorded.
const doseAge = 366

// RecordDose records a fact, whatever the rules say: the answer says what they make of it,
// and a clinician is told where they ask for that. It fails with NOT_FOUND for an unknown
// patient or medicine, MEDICATION_STATE for a medicine that was entered in error, and
// INVALID_ARGUMENT for what cannot be.
func (a *App) RecordDose(ctx context.Context, n NewDose) (DoseView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return DoseView{}, err
	}
	if _, err := a.knowPatient(ctx, p, clinicID, n.PatientID); err != nil {
		return DoseView{}, err
	}
	loc, err := a.zone(ctx, clinicID)
	if err != nil {
		return DoseView{}, err
	}
	now := a.clock.Now()
	today := civil.Of(now, loc)
	if err := n.complete(now, today, loc); err != nil {
		return DoseView{}, err
	}
	var v DoseView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		head, err := store.LockHead(tx, clinicID, n.PatientID)
		if err != nil {
			return err
		}
		m, err := a.medicines(tx, clinicID, head.PatientID, medication.Conditions{}, today, n.Date)
		if err != nil {
			return err
		}
		id, _, err := requestid.Once(ctx, tx, "MedicationService.RecordDose", n.Fingerprint, func() (string, error) {
			return a.recordDose(ctx, tx, head, p, m, n)
		})
		if err != nil {
			return err
		}
		v, err = m.viewDose(tx, clinicID, id, viewOf(p))
		return err
	})
	return v, err
}

// complete fills in what an empty field means.
func (n *NewDose) complete(now time.Time, today civil.Date, loc *time.Location) error {
	field := "taken_time"
	switch {
	case n.MedicationID == "" && strings.TrimSpace(n.Drug) == "":
		return fault.Invalid("drug", "say which medicine, or which of the list")
	case !n.At.IsZero() && !n.Date.IsZero():
		return fault.Invalid("local_date", "goes without taken_time")
	case !n.Date.IsZero():
		field, n.At = "local_date", n.Date.At(12, 0, loc)
	case n.At.IsZero():
		n.At = now
	}
	n.At = n.At.Truncate(time.Microsecond)
	n.Date = civil.Of(n.At, loc)
	switch {
	case n.Date.After(today):
		return fault.Invalid(field, "is after today")
	case n.Date.Before(today.AddDays(-doseAge)):
		return fault.Invalid(field, "is more than a year ago")
	}
	return nil
}

func (a *App) recordDose(ctx context.Context, tx *sqldb.Tx, head store.Head, p authn.Principal, m *medicines, n NewDose) (string, error) {
	d := store.Dose{
		ID: ident.New("dos"), PatientID: head.PatientID, OriginPatientID: n.PatientID, MedicationID: n.MedicationID, Drug: n.Drug, Mg: n.Mg,
		At: n.At, Date: n.Date, WithFood: n.WithFood, RecordedBy: p.Subject, CreatedAt: tx.Now(), Version: 1,
	}
	if n.MedicationID != "" {
		med, ok := m.find(n.MedicationID)
		switch {
		case !ok:
			return "", fault.NotFoundf("medication")
		case med.State == string(medication.InError):
			return "", fault.New(fault.FailedPrecondition, "MEDICATION_STATE", "The medicine was entered in error.").With("state", med.State)
		case n.Drug != "" && m.rules.Recognise(n.Drug, 0).Name != m.rules.Recognise(med.Body.Drug, 0).Name:
			return "", fault.Invalid("drug", "is not that of medication_id")
		}
		d.Drug, d.Mg = cmp.Or(d.Drug, med.Body.Drug), cmp.Or(d.Mg, med.Body.DoseMg)
	}
	if err := store.InsertDose(tx, head.ClinicID, d); err != nil {
		return "", err
	}
	m.kase.Doses = append(m.kase.Doses, doseOf(d))
	if err := m.tell(ctx, tx, head, m.rules.OfDose(m.kase, d.ID)); err != nil {
		return "", err
	}
	return d.ID, audit.Write(ctx, tx, audit.Entry{Action: "dose.record", Resource: d.ID, PatientID: head.PatientID})
}

// viewDose gives a dose with what the rules say of it, or NOT_FOUND.
func (m *medicines) viewDose(tx *sqldb.Tx, clinicID, id string, view View) (DoseView, error) {
	d, err := store.DoseByID(tx, clinicID, id)
	if err != nil {
		return DoseView{}, err
	}
	v := DoseView{Dose: d, View: view}
	if !d.Void {
		v.Issues = m.rules.OfDose(m.kase, id)
	}
	return v, nil
}

// ListDoses gives a patient's doses, newest first, and where the next page starts; empty at
// the end. NOT_FOUND for an unknown patient.
func (a *App) ListDoses(ctx context.Context, patientID string, page Page) ([]DoseView, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	at, err := page.start()
	if err != nil {
		return nil, "", err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return nil, "", err
	}
	size := page.size(50, 200)
	var out []DoseView
	next := ""
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out, next = nil, ""
		found, err := store.Doses(tx, clinicID, survivor, at.micros, at.id, size+1)
		if err != nil || len(found) == 0 {
			return err
		}
		if len(found) > size {
			found = found[:size]
			next = token(found[size-1].At, found[size-1].ID)
		}
		m, err := a.medicines(tx, clinicID, survivor, medication.Conditions{}, today, found[0].Date)
		if err != nil {
			return err
		}
		for _, d := range found {
			v := DoseView{Dose: d, View: viewOf(p)}
			if !d.Void {
				v.Issues = m.rules.OfDose(m.kase, d.ID)
			}
			out = append(out, v)
		}
		return nil
	})
	if err != nil {
		return nil, "", err
	}
	return out, next, a.logRead(ctx, p, "dose.list", survivor, survivor)
}

// VoidDose says that a dose was entered in error. Doing so again changes nothing. NOT_FOUND
// for an unknown patient or dose.
func (a *App) VoidDose(ctx context.Context, patientID, doseID string, fingerprint []byte) (DoseView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return DoseView{}, err
	}
	if _, err := a.knowPatient(ctx, p, clinicID, patientID); err != nil {
		return DoseView{}, err
	}
	v := DoseView{View: viewOf(p)}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "MedicationService.VoidDose", fingerprint, doseID, func() error {
			head, err := store.LockHead(tx, clinicID, patientID)
			if err != nil {
				return err
			}
			d, err := store.DoseByID(tx, clinicID, doseID)
			if err != nil {
				return err
			}
			if d.PatientID != head.PatientID {
				return fault.NotFoundf("dose")
			}
			if err := store.VoidDose(tx, clinicID, doseID); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "dose.void", Resource: doseID, PatientID: head.PatientID})
		})
		if err != nil {
			return err
		}
		v.Dose, err = store.DoseByID(tx, clinicID, doseID)
		return err
	})
	return v, err
}
