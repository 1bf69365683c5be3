package app

import (
	"context"
	"slices"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// PatientView is a record as an answer has it.
type PatientView struct {
	people.Patient
	// MergedIDs are the records merged into this one; only where the use case says so.
	MergedIDs []string
	// DuplicateIDs are other records that may be the same person; only where the use case
	// says so, and for staff.
	DuplicateIDs []string
}

// viewPatient reads a record with what was merged into it and what may be the same person.
func viewPatient(tx *sqldb.Tx, c caller, id string) (v PatientView, err error) {
	if v.Patient, err = store.GetPatient(tx, c.scope, id); err != nil {
		return v, found(err, "patient")
	}
	links, err := store.PersonLinks(tx, c.scope, id)
	if err != nil {
		return v, err
	}
	if v.MergedInto == "" {
		v.MergedIDs = slices.DeleteFunc(links.Person(id), func(other string) bool { return other == id })
	}
	if c.IsStaff() && v.MergedInto == "" {
		v.DuplicateIDs, err = store.PossibleDuplicates(tx, c.scope, v.Patient)
	}
	return v, err
}

// insertPatient stores a new record with its event and its audit row.
func insertPatient(ctx context.Context, tx *sqldb.Tx, scope store.Scope, p people.Patient, action string) error {
	if err := store.InsertPatient(tx, scope, p); err != nil {
		return err
	}
	if err := notePatient(ctx, tx, action, p.ID, nil); err != nil {
		return err
	}
	return emit(ctx, tx, "patient", p.ID, 1, &directoryv1.PatientRegistered{ClinicId: scope.ClinicID(), PatientId: p.ID})
}

// errMerged refuses a change of a record that only points to another one.
func errMerged(p people.Patient) error {
	return fault.New(fault.FailedPrecondition, "PATIENT_MERGED", "The record was merged. Change the one that lives on.").
		With("merged_into", p.SurvivingID)
}
