package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

type importServer struct {
	directoryv1.UnimplementedImportServiceServer
	app *app.App
}

func (s importServer) ImportPatients(ctx context.Context, r *directoryv1.ImportPatientsRequest) (*directoryv1.ImportPatientsResponse, error) {
	rows := each(r.GetRows(), func(row *directoryv1.ImportedPatient) app.ImportRow[people.Patient] {
		p, err := checked(row.GetPatient(), people.Patient{}, decodePatient)
		return app.ImportRow[people.Patient]{Row: row.GetRow(), ExternalID: row.GetExternalId(), Record: p, Wrong: err}
	})
	results, err := s.app.ImportPatients(ctx, app.Import{Source: r.GetSource(), DryRun: r.GetDryRun(), LinkDuplicates: r.GetLinkDuplicates()}, rows)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ImportPatientsResponse{Outcomes: each(results, encodeImportResult)}, nil
}

func (s importServer) ImportPractitioners(
	ctx context.Context, r *directoryv1.ImportPractitionersRequest,
) (*directoryv1.ImportPractitionersResponse, error) {
	rows := each(r.GetRows(), func(row *directoryv1.ImportedPractitioner) app.ImportRow[people.Practitioner] {
		p, err := checked(row.GetPractitioner(), people.Practitioner{Active: true}, decodePractitioner)
		return app.ImportRow[people.Practitioner]{Row: row.GetRow(), ExternalID: row.GetExternalId(), Record: p, Wrong: err}
	})
	results, err := s.app.ImportPractitioners(ctx, app.Import{Source: r.GetSource(), DryRun: r.GetDryRun(), LinkDuplicates: r.GetLinkDuplicates()}, rows)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ImportPractitionersResponse{Outcomes: each(results, encodeImportResult)}, nil
}

func (s importServer) ListExternalRecords(ctx context.Context, r *directoryv1.ListExternalRecordsRequest) (*directoryv1.ListExternalRecordsResponse, error) {
	found, err := s.app.ListExternalRecords(ctx, r.GetSource(), store.ExternalKind(r.GetKind()), r.GetExternalIds())
	return &directoryv1.ListExternalRecordsResponse{RecordIds: found}, err
}

// checked decodes the record of a row. The rules of its fields are checked here and not with
// the request, so that one bad row does not keep the others out.
func checked[M proto.Message, T any](m M, start T, decode func(T, M) (T, error)) (T, error) {
	if err := rpc.Validate(m); err != nil {
		return start, err
	}
	return decode(start, m)
}

func encodeImportResult(r app.ImportResult) *directoryv1.ImportOutcome {
	return &directoryv1.ImportOutcome{
		Row: r.Row, ExternalId: r.ExternalID, Outcome: string(r.Outcome), RecordId: r.RecordID,
		Reason: r.Reason, Field: r.Field, Detail: r.Detail, OtherIds: r.OtherIDs,
	}
}
