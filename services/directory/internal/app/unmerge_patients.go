package app

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// UnmergePatients makes a record stand alone again, together with those that had been merged
// into it, and answers it. NOT_MERGED when it stands alone. Records that come along lead to
// the restored one from now on, which their events say.
func (a *App) UnmergePatients(ctx context.Context, request []byte, id string) (view PatientView, err error) {
	c, err := staffOf(ctx)
	if err != nil {
		return view, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "UnmergePatients", request, id, func() error {
			return a.unmergePatients(ctx, tx, c, id)
		})
		if err != nil {
			return err
		}
		view, err = viewPatient(tx, c, id)
		return err
	})
	return view, err
}

func (a *App) unmergePatients(ctx context.Context, tx *sqldb.Tx, c caller, id string) error {
	links, err := lockLinks(tx, c, id)
	if err != nil {
		return err
	}
	before, moved, err := links.Unmerge(id)
	if err != nil {
		return err
	}
	for _, record := range moved.Records {
		version, err := store.LinkPatient(tx, c.scope, record, links[record], moved.Survivor)
		if err != nil {
			return err
		}
		var event proto.Message = &directoryv1.PatientMerged{ClinicId: c.ClinicID, SurvivingPatientId: id, MergedPatientId: record}
		if record == id {
			event = &directoryv1.PatientUnmerged{ClinicId: c.ClinicID, SurvivingPatientId: before, RestoredPatientId: id}
		}
		if err := emit(ctx, tx, "patient", record, version, event); err != nil {
			return err
		}
	}
	return notePatient(ctx, tx, "patient.unmerge", id, map[string]string{"surviving_patient_id": before})
}
