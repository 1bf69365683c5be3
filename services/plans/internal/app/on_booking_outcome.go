package app

import (
	"context"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// What booking records of a claim, once and for all in its own database.
const (
	OutcomeBooked    = "BOOKED"
	OutcomeVoid      = "VOID"
	OutcomeCancelled = "CANCELLED"
	OutcomeCompleted = "COMPLETED"
	OutcomeNoShow    = "NO_SHOW"
)

// Outcome is what became of a claim.
type Outcome struct {
	ClinicID      string
	EntitlementID string
	Result        string
	// PatientID is the patient as booking knows them; may be empty when VOID.
	PatientID string
	// Late: cancelled later than the clinic's policy allows.
	Late bool
	// Appointment is zero when VOID.
	Appointment Appointment
}

// Appointment is what booking says of the appointment that used a claim.
type Appointment struct {
	ID             string
	PractitionerID string
	Discipline     string
	PlanID         string
	CourseID       string
	Start          time.Time
	Minutes        int
	Date           civil.Date
}

// BookingHandlers are what plans does about booking's events. Events may come twice and in
// any order: an outcome only ever moves a claim on.
func (a *App) BookingHandlers() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.AppointmentBooked, _ eventlog.Envelope) error {
			return a.onBooked(ctx, tx, m.GetAppointment(), m.GetReplacesEntitlementId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.AppointmentRescheduled, _ eventlog.Envelope) error {
			return a.onBooked(ctx, tx, m.GetAppointment(), m.GetReplacesEntitlementId())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.AppointmentCancelled, _ eventlog.Envelope) error {
			return a.onFact(ctx, tx, OutcomeCancelled, m.GetAppointment(), m.GetLate())
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.AppointmentCompleted, _ eventlog.Envelope) error {
			return a.onFact(ctx, tx, OutcomeCompleted, m.GetAppointment(), false)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.AppointmentNoShow, _ eventlog.Envelope) error {
			return a.onFact(ctx, tx, OutcomeNoShow, m.GetAppointment(), false)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *bookingv1.EntitlementVoided, _ eventlog.Envelope) error {
			for _, id := range m.GetEntitlementIds() {
				err := a.applyOutcome(ctx, tx, Outcome{
					ClinicID: m.GetClinicId(), EntitlementID: id, Result: OutcomeVoid, PatientID: m.GetPatientId(),
				})
				if err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// onBooked confirms the claim of an appointment, and releases the one that it took the
// place of: booking has recorded both in one transaction.
func (a *App) onBooked(ctx context.Context, tx *sqldb.Tx, f *bookingv1.AppointmentFact, replaces string) error {
	if err := a.onFact(ctx, tx, OutcomeBooked, f, false); err != nil || replaces == "" {
		return err
	}
	return a.applyOutcome(ctx, tx, Outcome{
		ClinicID: f.GetClinicId(), EntitlementID: replaces, Result: OutcomeCancelled, PatientID: f.GetPatientId(),
		Appointment: Appointment{ID: f.GetAppointmentId(), PlanID: f.GetPlanId(), CourseID: f.GetCourseId(), Discipline: disciplineWord(f.GetDiscipline())},
	})
}

// onFact applies what an appointment event says, if the appointment has a claim.
func (a *App) onFact(ctx context.Context, tx *sqldb.Tx, result string, f *bookingv1.AppointmentFact, late bool) error {
	if f.GetEntitlementId() == "" {
		return nil
	}
	o, err := OutcomeOf(result, f)
	if err != nil {
		return eventlog.Park(err)
	}
	o.Late = late
	return a.applyOutcome(ctx, tx, o)
}

// OutcomeOf reads what booking says of an appointment. It fails when the civil date is
// none: without it nothing can be counted.
func OutcomeOf(result string, f *bookingv1.AppointmentFact) (Outcome, error) {
	date, err := civil.Parse(f.GetLocalDate())
	if err != nil {
		return Outcome{}, err
	}
	return Outcome{
		ClinicID: f.GetClinicId(), EntitlementID: f.GetEntitlementId(), Result: result, PatientID: f.GetPatientId(),
		Appointment: Appointment{
			ID: f.GetAppointmentId(), PractitionerID: f.GetPractitionerId(), Discipline: disciplineWord(f.GetDiscipline()),
			PlanID: f.GetPlanId(), CourseID: f.GetCourseId(), Start: f.GetStartTime().AsTime(),
			Minutes: int(f.GetEndTime().AsTime().Sub(f.GetStartTime().AsTime()) / time.Minute), Date: date,
		},
	}, nil
}
