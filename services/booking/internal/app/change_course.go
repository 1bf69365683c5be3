package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CourseScope is which sessions of a course a change is about.
type CourseScope string

// The scopes.
const (
	ThisSession       CourseScope = "THIS"
	FollowingSessions CourseScope = "FOLLOWING"
	AllSessions       CourseScope = "ALL"
)

// CourseChange is a change of a session and, by its scope, of others of its course.
type CourseChange struct {
	Fingerprint    []byte
	AppointmentID  string
	Scope          CourseScope
	ReasonCode     string    // of a cancel
	Start          time.Time // of a move: the named session's new start
	PractitionerID string    // of a move; empty keeps each one's
}

const methodCancelCourse = "CancelCourse"

// CancelCourse cancels the sessions of a scope in one transaction, and returns them by start.
// Sessions that have begun or ended stay as they are; NOT_CANCELLABLE when the named one has.
func (a *App) CancelCourse(ctx context.Context, c CourseChange) (list []*store.Appointment, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	named, err := a.seen(ctx, who, c.AppointmentID)
	if err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		list = nil
		_, replayed, err := requestid.OnceAs(ctx, tx, methodCancelCourse, c.Fingerprint, named.ID, func() error {
			sessions, err := a.scopeOf(tx, named, c.Scope)
			if err != nil {
				return err
			}
			// Rows are locked in order of id, as everybody does.
			slices.SortFunc(sessions, func(x, y *store.Appointment) int { return cmp.Compare(x.ID, y.ID) })
			for _, one := range sessions {
				apt, err := a.changeOnce(ctx, tx, who, "appointment.cancel", Change{AppointmentID: one.ID}, a.cancelStep(clinic, who, c.ReasonCode))
				if err != nil {
					return err
				}
				list = append(list, apt)
			}
			return nil
		})
		if err == nil && replayed {
			list, err = cancelledWith(tx, named)
		}
		return err
	})
	slices.SortFunc(list, byStart)
	return list, a.sayWhomToCall(ctx, err)
}

func byStart(x, y *store.Appointment) int {
	return cmp.Or(cmp.Compare(x.Visit.From, y.Visit.From), cmp.Compare(x.ID, y.ID))
}

// scopeOf are the sessions that a change is about: the named one, whatever its state, and those
// of its course that wait to take place, by start.
func (a *App) scopeOf(tx *sqldb.Tx, named *store.Appointment, scope CourseScope) ([]*store.Appointment, error) {
	list := []*store.Appointment{named}
	if scope == ThisSession || named.PlanID == "" {
		return list, nil
	}
	records, err := store.PatientRecords(tx, named.ClinicID, named.ClaimedPatientID)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		records = []string{named.PatientID}
	}
	sessions, err := store.ListPlanSessions(tx, named.ClinicID, named.PlanID, records)
	for _, apt := range sessions {
		coming := apt.State == store.Booked && apt.Visit.Start().After(tx.Now())
		if apt.ID != named.ID && apt.CourseID == named.CourseID && coming && (scope == AllSessions || apt.Visit.From > named.Visit.From) {
			list = append(list, apt)
		}
	}
	slices.SortFunc(list, byStart)
	return list, err
}

// cancelledWith are the sessions that were cancelled in the transaction that cancelled the named
// one.
func cancelledWith(tx *sqldb.Tx, named *store.Appointment) ([]*store.Appointment, error) {
	now, err := store.GetAppointment(tx, named.ClinicID, named.ID)
	if err != nil || now.PlanID == "" || now.State != store.Cancelled {
		return []*store.Appointment{now}, err
	}
	all, err := store.ListPatient(tx, named.ClinicID, named.PatientID, civil.Date{}, civil.Date{})
	return slices.DeleteFunc(all, func(apt *store.Appointment) bool {
		return apt.PlanID != now.PlanID || apt.CourseID != now.CourseID || apt.State != store.Cancelled || !apt.CancelledAt.Equal(now.CancelledAt)
	}), err
}

// RescheduleCourse moves the sessions of a scope, all or none: the named one to its new start,
// the others by as many civil days and to the same wall time of day, wherever the clocks change
// in between. It is refused as BookCourse is; a session outside a plan as RescheduleAppointment.
func (a *App) RescheduleCourse(ctx context.Context, c CourseChange) ([]*store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	named, err := a.seen(ctx, who, c.AppointmentID)
	if err != nil {
		return nil, err
	}
	if _, err := slotOf("start_time", c.Start); err != nil {
		return nil, err
	}
	if named.PlanID == "" || named.EntitlementID == "" {
		apt, err := a.RescheduleAppointment(ctx, Move{
			Fingerprint: c.Fingerprint, AppointmentID: named.ID, Start: c.Start, PractitionerID: c.PractitionerID,
		})
		return []*store.Appointment{apt}, err
	}
	if named.State != store.Booked {
		return nil, wrongState("NOT_RESCHEDULABLE", "The appointment has begun or ended.", named)
	}
	var sessions []*store.Appointment
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		sessions, err = a.scopeOf(tx, named, c.Scope)
		return err
	})
	if err != nil {
		return nil, err
	}
	b := CourseBooking{Fingerprint: c.Fingerprint, PlanID: named.PlanID, CourseID: named.CourseID}
	for _, apt := range sessions {
		b.Sessions = append(b.Sessions, CourseSession{
			Start: shifted(apt, named, c.Start), PractitionerID: cmp.Or(c.PractitionerID, apt.PractitionerID), RoomID: apt.RoomID,
			AppointmentID: apt.ID,
		})
	}
	s, err := a.newSeries(ctx, b)
	if err != nil {
		return nil, err
	}
	s.method = "RescheduleCourse"
	moved, err := a.bookSeries(ctx, s)
	return moved, a.sayWhomToCall(ctx, err)
}

// shifted is where a session goes when the named one goes to start.
func shifted(apt, named *store.Appointment, start time.Time) time.Time {
	local := start.In(zoneOf(named))
	days := named.LocalDate.DaysUntil(civil.Of(start, zoneOf(named)))
	return schedule.WallStart(apt.LocalDate.AddDays(days), local.Hour()*60+local.Minute(), zoneOf(apt))
}
