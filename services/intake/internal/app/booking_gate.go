package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/intake/internal/gate"
	"github.com/upright-clinic/upright/services/intake/internal/store"
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
//
// Every booking asks, so it is one query: moveGate keeps beside the gate what follows from
// the facts. After an update of the rules the facts are read anew until the gate moves.
func (a *App) BookingGate(ctx context.Context, clinicID, patientID string) (view GateView, err error) {
	p, err := scopedCaller(ctx, clinicID)
	if err != nil {
		return view, err
	}
	set, err := a.forms.Facts(p.ClinicID)
	if err != nil {
		return view, err
	}
	rules := set.RuleSetVersion()
	rows, now, err := a.records.of(ctx, p.ClinicID, patientID)
	if err != nil {
		return view, err
	}
	view, counts, err := keptGate(rows, patientID, rules, p, now)
	if err == nil && !counts {
		view, err = a.readGate(ctx, p, patientID)
	}
	view.Audience = audience(p)
	return view, err
}

// keptGate makes the gate of a person's records and of what their gate keeps as known. It
// reports false when that was made by another rule set than the one in force.
func keptGate(rows []store.Record, patientID, rules string, p authn.Principal, now time.Time) (view GateView, counts bool, err error) {
	who := person{patientID: patientID, rootID: patientID}
	gates := make([]store.Gate, len(rows))
	var root store.Gate
	for i, r := range rows {
		gates[i] = r.Gate
		who.rootID = r.RootID
		who.members = append(who.members, store.Patient{PatientID: r.Gate.PatientID, RootID: r.RootID})
		if r.Gate.PatientID == r.RootID {
			root = r.Gate
		}
	}
	if !who.sees(p) {
		return view, true, fault.NotFoundf("patient")
	}
	// Nothing is known about a record that stands alone and whose gate never moved.
	alone := len(rows) == 0 || len(rows) == 1 && root.PatientID != ""
	untouched := alone && root.Version == 0
	if !untouched && root.KnownBy != rules {
		return view, false, nil
	}
	k, err := keptKnown(root)
	if err != nil {
		return view, true, err
	}
	own, err := ownOf(gates)
	view = GateView{PatientID: who.rootID, Version: root.Version, Gate: gate.Of(own, k.Hard, k.Soft, now)}
	return view, true, err
}

// readGate is BookingGate from the facts themselves.
func (a *App) readGate(ctx context.Context, p authn.Principal, patientID string) (view GateView, err error) {
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
