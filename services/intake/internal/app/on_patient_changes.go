package app

import (
	"context"

	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// OnPatientRegistered keeps that a patient is there.
func (a *App) OnPatientRegistered(tx *sqldb.Tx, clinicID, patientID string) error {
	return store.AddPatient(tx, clinicID, patientID)
}

// OnPatientMerged makes one person of two records: everything that is read about either is
// read about both from now on, and the gate of the survivor is the stricter of the two.
// Each record keeps what is its own, so that the merge can be undone.
func (a *App) OnPatientMerged(ctx context.Context, tx *sqldb.Tx, clinicID, survivingID, mergedID string) error {
	for _, id := range []string{survivingID, mergedID} {
		if err := store.AddPatient(tx, clinicID, id); err != nil {
			return err
		}
	}
	survivor, err := personOf(tx, clinicID, survivingID, true)
	if err != nil {
		return err
	}
	merged, err := personOf(tx, clinicID, mergedID, true)
	if err != nil {
		return err
	}
	if survivor.rootID == merged.rootID {
		return nil
	}
	for _, m := range merged.members {
		if m.PatientID == mergedID {
			m.IntoID = survivingID
		}
		m.RootID, m.MergedAt = survivor.rootID, tx.Now()
		if err := store.LinkPatient(tx, clinicID, m); err != nil {
			return err
		}
	}
	return a.tellRegrouped(ctx, tx, clinicID, survivor.rootID, merged.rootID)
}

// OnPatientUnmerged takes a merge back: the restored record, and those that had been merged
// into it before, stand alone again with what is their own.
func (a *App) OnPatientUnmerged(ctx context.Context, tx *sqldb.Tx, clinicID, survivingID, restoredID string) error {
	survivor, err := personOf(tx, clinicID, survivingID, true)
	if err != nil {
		return err
	}
	if survivor.rootID == restoredID {
		return nil
	}
	under := map[string]bool{restoredID: true}
	for grown := true; grown; { // what was merged into the restored record goes with it
		grown = false
		for _, m := range survivor.members {
			if under[m.IntoID] && !under[m.PatientID] {
				under[m.PatientID], grown = true, true
			}
		}
	}
	for _, m := range survivor.members {
		if !under[m.PatientID] {
			continue
		}
		if m.PatientID == restoredID {
			m.IntoID = ""
		}
		m.RootID = restoredID
		if err := store.LinkPatient(tx, clinicID, m); err != nil {
			return err
		}
	}
	return a.tellRegrouped(ctx, tx, clinicID, survivor.rootID, restoredID)
}

// tellRegrouped gives the gates of both records a version above what either had, and tells
// that what is known changed, so that whoever keeps a copy asks again.
func (a *App) tellRegrouped(ctx context.Context, tx *sqldb.Tx, clinicID, one, other string) error {
	first, second := min(one, other), max(one, other) // locks in one order
	x, err := store.LockGate(tx, clinicID, first)
	if err != nil {
		return err
	}
	y, err := store.LockGate(tx, clinicID, second)
	if err != nil {
		return err
	}
	top := max(x.Version, y.Version)
	for _, g := range []store.Gate{x, y} {
		g.Version = top
		if err := store.PutGate(tx, clinicID, g); err != nil {
			return err
		}
		alone := person{patientID: g.PatientID, rootID: g.PatientID}
		if err := a.moveGate(ctx, tx, clinicID, alone, noChange, factsChanged(clinicID, g.PatientID)); err != nil {
			return err
		}
	}
	return nil
}

// OnClinicChanged keeps what directory says about a clinic.
func (a *App) OnClinicChanged(tx *sqldb.Tx, clinicID, zone string) error {
	return store.PutClinic(tx, clinicID, zone)
}
