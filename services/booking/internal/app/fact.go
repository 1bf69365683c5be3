package app

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Etag is how a version is told to clients.
func Etag(version int64) string { return strconv.FormatInt(version, 10) }

// Fact is what every event says of an appointment.
func Fact(a *store.Appointment) *bookingv1.AppointmentFact {
	return &bookingv1.AppointmentFact{
		ClinicId: a.ClinicID, AppointmentId: a.ID, PatientId: a.PatientID, PractitionerId: a.PractitionerID,
		AppointmentTypeId: a.TypeID, Discipline: peer.DisciplineEnum(a.Discipline),
		StartTime: timestamppb.New(a.Visit.Start()), EndTime: timestamppb.New(a.Visit.End()), LocalDate: a.LocalDate.String(),
		PlanId: a.PlanID, CourseId: a.CourseID, EntitlementId: a.EntitlementID,
		LocationId: a.LocationID, RoomId: a.RoomID, EquipmentIds: a.EquipmentIDs,
	}
}

// tell appends an appointment's event and the audit row of the change.
func (a *App) tell(ctx context.Context, tx *sqldb.Tx, apt *store.Appointment, action string, facts map[string]string, event proto.Message) error {
	err := audit.Write(ctx, tx, audit.Entry{Action: action, Resource: apt.ID, PatientID: apt.PatientID, Facts: facts})
	if err != nil {
		return err
	}
	if a.Sheets != nil {
		tx.OnCommit(func() { a.Sheets.Drop(apt.ClinicID, apt.LocalDate) })
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "appointment", AggregateID: apt.ID, AggregateVersion: apt.Version, Message: event,
	})
}
