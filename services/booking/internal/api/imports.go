package api

import (
	"context"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
)

type imports struct {
	bookingv1.UnimplementedAppointmentImportServiceServer
	app *app.App
}

func (s *imports) ImportAppointments(ctx context.Context, r *bookingv1.ImportAppointmentsRequest) (*bookingv1.ImportAppointmentsResponse, error) {
	rows := make([]app.ImportRow, len(r.GetRows()))
	for i, row := range r.GetRows() {
		start, err := instant("start_time", row.GetStartTime())
		rows[i] = app.ImportRow{Row: row.GetRow(), ExternalID: row.GetExternalId(), Wrong: err, Booking: app.Booking{
			TypeID: row.GetAppointmentTypeId(), PatientID: row.GetPatientId(), PractitionerID: row.GetPractitionerId(), Start: start,
			Minutes: int(row.GetDurationMinutes()), Mode: schedule.Mode(row.GetMode()),
		}}
	}
	results, err := s.app.ImportAppointments(ctx, app.Import{Source: r.GetSource(), DryRun: r.GetDryRun(), OverrideReason: r.GetOverride().GetReason()}, rows)
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ImportAppointmentsResponse{}
	for _, o := range results {
		out.Outcomes = append(out.Outcomes, &bookingv1.AppointmentImportOutcome{
			Row: o.Row, ExternalId: o.ExternalID, Outcome: string(o.Outcome), RecordId: o.AppointmentID, Refusals: refusals(o.Refusals),
		})
	}
	return out, nil
}
