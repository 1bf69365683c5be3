package app

import (
	"cmp"
	"context"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
)

const reasonLate = "LATE_CHANGE"

// agreedAt is when an appointment was given the time that it has.
func agreedAt(apt *store.Appointment) time.Time {
	if apt.MovedAt.After(apt.CreatedAt) {
		return apt.MovedAt
	}
	return apt.CreatedAt
}

// lateChange says what the clinic's policy makes of a move or cancel now: whether it is late,
// and a refusal when a patient must not do it any more.
func lateChange(clinic *calendar.Clinic, who caller, apt *store.Appointment, now time.Time) (late bool, refusal *fault.Error) {
	typ := clinic.Types[apt.TypeID]
	if typ == nil || !typ.IsLate(apt.Visit.Start(), agreedAt(apt), now) {
		return false, nil
	}
	if who.party != schedule.Patient || cmp.Or(clinic.Policy.LateChange, schedule.RefuseLate) == schedule.FlagLate {
		return true, nil
	}
	until := typ.ChangeUntil(apt.Visit.Start(), agreedAt(apt))
	return true, fault.New(fault.FailedPrecondition, reasonLate, "It is too late to change this visit online. Please call.").
		With("change_expire_time", until.Format(time.RFC3339))
}

// ChangeExpires is until when the caller may move or cancel an appointment by themselves, zero
// when nothing but its start ends that.
func (a *App) ChangeExpires(ctx context.Context, apt *store.Appointment) (time.Time, error) {
	who, err := callerOf(ctx)
	if err != nil || who.party != schedule.Patient || apt.State != store.Booked {
		return time.Time{}, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return time.Time{}, err
	}
	typ := clinic.Types[apt.TypeID]
	if typ == nil || typ.CancelNotice == 0 || clinic.Policy.LateChange == schedule.FlagLate {
		return time.Time{}, nil
	}
	return typ.ChangeUntil(apt.Visit.Start(), agreedAt(apt)), nil
}

// sayWhomToCall adds the clinic's telephone number to the refusal of a late change, if directory
// answers: the refusal stands without it.
func (a *App) sayWhomToCall(ctx context.Context, err error) error {
	if !fault.Is(err, reasonLate) {
		return err
	}
	who, failed := callerOf(ctx)
	if failed != nil {
		return err
	}
	if phone, failed := a.Peers.ClinicPhone(ctx, who.ClinicID); failed == nil && phone != "" {
		return fault.From(err).With("phone", phone)
	}
	return err
}
