package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// GateView is the gate of a person at a version.
type GateView struct {
	PatientID string // the record that lives on
	Version   int64
	Gate      gate.Gate
	Audience  Audience
}

// BookingGate returns what may be booked for a patient as of now; a patient whom intake has
// never heard of is not screened. A service in its own name says which clinic it means. It
// fails with NOT_FOUND for a patient whom the caller may not know of.
func (a *App) BookingGate(ctx context.Context, clinicID, patientID string) (view GateView, err error) {
	p, err := scopedCaller(ctx, clinicID)
	if err != nil {
		return view, err
	}
	view.Audience = audience(p)
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, patientID, false)
		if err != nil {
			return err
		}
		if !who.sees(p) {
			return fault.NotFoundf("patient")
		}
		view.PatientID = who.rootID
		view.Gate, view.Version, err = a.gateOf(tx, p.ClinicID, who)
		return err
	})
	return view, err
}

// scopedCaller is callerOf for methods that services call in their own name, saying which
// clinic they mean. It fails with NOT_FOUND when somebody names another clinic than the
// own, and with INVALID_ARGUMENT when a service names none.
func scopedCaller(ctx context.Context, clinicID string) (authn.Principal, error) {
	p, _ := authn.From(ctx)
	if p.IsService() && p.ClinicID == "" {
		if clinicID == "" {
			return p, fault.Invalid("clinic_id", "is needed from a service")
		}
		p.ClinicID = clinicID
		return p, nil
	}
	if clinicID != "" && clinicID != p.ClinicID {
		return p, fault.NotFoundf("patient")
	}
	return callerOf(ctx)
}
