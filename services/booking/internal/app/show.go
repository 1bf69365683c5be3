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

// MeetingURI is where to meet online; empty for an appointment that is not online or not to
// come. The last part is secret, so whoever has the address may join.
func (a *App) MeetingURI(apt *store.Appointment) string {
	if apt.MeetingToken == "" || !apt.State.Live() {
		return ""
	}
	clinic := a.Catalogues.Cached(apt.ClinicID)
	if clinic == nil || clinic.Types[apt.TypeID] == nil {
		return ""
	}
	return clinic.Types[apt.TypeID].MeetingURIPrefix + apt.MeetingToken
}
