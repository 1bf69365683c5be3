package app

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// MergePatients makes the record from point to the one that into survives as, and answers
// that one. Nothing is copied, so it can be taken back. ALREADY_MERGED, SAME_PATIENT as in
// [people.Links.Merge]. Each record that leads to another one than before gets an event, so
// that listeners need not follow chains.
func (a *App) MergePatients(ctx context.Context, request []byte, from, into, reasonCode string) (view PatientView, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return view, err
	}
	if reasonCode == "" {
		reasonCode = "OTHER"
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		survivor, _, err := requestid.Once(ctx, tx, "MergePatients", request, func() (string, error) {
			return a.mergePatients(ctx, tx, c, from, into, reasonCode)
		})
		if err != nil {
			return err
		}
		view, err = viewPatient(tx, c, survivor)
		return err
	})
	return view, err
}

func (a *App) mergePatients(ctx context.Context, tx *sqldb.Tx, c caller, from, into, reasonCode string) (survivor string, err error) {
	links, err := lockLinks(tx, c, from, into)
	if err != nil {
		return "", err
	}
	moved, err := links.Merge(from, into)
	if err != nil {
		return "", err
	}
	for _, id := range moved.Records {
		version, err := store.LinkPatient(tx, c.scope, id, links[id], moved.Survivor)
		if err != nil {
			return "", err
		}
		err = emit(ctx, tx, "patient", id, version,
			&directoryv1.PatientMerged{ClinicId: c.ClinicID, SurvivingPatientId: moved.Survivor, MergedPatientId: id})
		if err != nil {
			return "", err
		}
	}
	return moved.Survivor, notePatient(ctx, tx, "patient.merge", from,
		map[string]string{"surviving_patient_id": moved.Survivor, "reason_code": reasonCode})
}

// lockLinks reads the links of the persons that the records belong to, and lets one merge of
// the clinic at a time go on, since two merges at once could close a circle. NOT_FOUND for a
// record that is not there.
func lockLinks(tx *sqldb.Tx, c caller, ids ...string) (people.Links, error) {
	if err := store.LockClinic(tx, c.scope); err != nil {
		return nil, found(err, "clinic")
	}
	links, err := store.PersonLinks(tx, c.scope, ids...)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if _, ok := links[id]; !ok {
			return nil, fault.NotFoundf("patient")
		}
	}
	return links, nil
}
