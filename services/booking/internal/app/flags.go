package app

import (
	"context"
	"slices"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Flags that booking itself sets; the others are reasons of rules.
const (
	FlagOverridden    = "OVERRIDDEN"
	FlagPlanClosed    = "PLAN_CLOSED"
	FlagPatientMerged = "PATIENT_MERGED"
	FlagPatientBusy   = "PATIENT_BUSY"
	FlagFirstMassage  = "FIRST_MASSAGE"
	FlagOutsideShift  = "OUTSIDE_SHIFT"
	// FlagMovedLate marks what the patient moved later than the type's notice.
	FlagMovedLate = "MOVED_LATE"
	// FlagOutcomeMissing asks what became of an appointment that has passed.
	FlagOutcomeMissing = "OUTCOME_MISSING"
	// flagExamination marks an appointment without a plan that an examination rules out; one
	// under a plan gets the same flag from the plan's issue.
	flagExamination = "PLAN_CONTRAINDICATED"
)

// gateFlags are set and cleared as the patient's gate changes.
var gateFlags = []string{schedule.FlagScreeningDue, "GATE_CLOSED", "GATE_EXPIRED", "CONTRAINDICATED", "RELEASE_NEEDED"}

// supplyFlags are set and cleared as shifts, people and places change.
var supplyFlags = []string{
	FlagOutsideShift, "PRACTITIONER_INACTIVE", "WRONG_DISCIPLINE", "CREDENTIAL_MISSING", "CREDENTIAL_EXPIRED", "ROOM_AWAY", "EQUIPMENT_AWAY",
}

// needsReview reports whether one of the flags asks for a decision.
func needsReview(flags []string) bool {
	return slices.ContainsFunc(flags, func(f string) bool {
		return f != FlagOverridden && f != FlagMovedLate && f != schedule.FlagScreeningDue
	})
}

// setFlags replaces, among the flags of one family, those that an appointment has, and says
// whether that changed anything.
func setFlags(apt *store.Appointment, family, now []string) bool {
	next := slices.DeleteFunc(slices.Clone(apt.Flags), func(f string) bool { return slices.Contains(family, f) })
	for _, f := range now {
		if !slices.Contains(next, f) {
			next = append(next, f)
		}
	}
	slices.Sort(next)
	before := slices.Sorted(slices.Values(apt.Flags))
	apt.Flags, apt.NeedsReview = next, needsReview(next)
	return !slices.Equal(before, next)
}

// saveFlags writes an appointment whose flags have changed, with its event.
func (a *App) saveFlags(ctx context.Context, tx *sqldb.Tx, apt *store.Appointment) error {
	before := apt.Version
	apt.Version++
	if ok, err := store.UpdateAppointment(tx, apt, before); err != nil {
		return err
	} else if !ok {
		return errChanged
	}
	facts := map[string]string{}
	for _, f := range apt.Flags {
		facts[f] = "true"
	}
	return a.tell(ctx, tx, apt, "appointment.flag", facts, &bookingv1.AppointmentFlagged{
		Appointment: Fact(apt), Flags: apt.Flags, NextEligibleDate: apt.NextEligible.String(),
	})
}

// partyOf is who the rules take the caller for; staff when nobody called.
func partyOf(ctx context.Context) schedule.Party {
	if c, err := callerOf(ctx); err == nil {
		return c.party
	}
	return schedule.Staff
}

// zoneOf is the zone that an appointment was booked in. It was opened then, from the same
// tz database; should it be gone, dates are taken in UTC.
func zoneOf(apt *store.Appointment) *time.Location {
	zone, err := store.Zone(apt.TimeZone)
	if err != nil {
		return time.UTC
	}
	return zone
}
