package app

import (
	"context"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
)

// IsStaff reports whether the caller works for the clinic.
func IsStaff(ctx context.Context) bool {
	c, err := callerOf(ctx)
	return err == nil && c.party == schedule.Staff
}

// LocalStart is the wall time at which an appointment starts, where it is.
func LocalStart(apt *store.Appointment) string {
	return apt.Visit.Start().In(zoneOf(apt)).Format("2006-01-02T15:04")
}
