package app

import (
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/ident"
)

// stops are what refuses an injection although it is booked: what was learnt since of other
// injections and of the patient. That its plan was closed meanwhile, or a review is due, is for
// people to weigh; both are flagged.
var stops = []string{"INJECTION_LIMIT", "CONTRAINDICATED", "RELEASE_NEEDED"}

// timeOut is the last look before a needle (clinical reference 3.4): plans judges the booked
// injection as if it were asked for now in its own place. It fails with INJECTION_LIMIT,
// CONTRAINDICATED or RELEASE_NEEDED, and with UNAVAILABLE when plans cannot be asked: then
// nobody knows.
func (a *App) timeOut(ctx context.Context, appointmentID string) error {
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	apt, err := a.seen(ctx, who, appointmentID)
	if err != nil {
		return err
	}
	if apt.EntitlementID == "" || apt.State != store.Booked && apt.State != store.CheckedIn {
		return nil
	}
	clinic, err := a.clinic(ctx, who.ClinicID)
	if err != nil {
		return err
	}
	if t := clinic.Types[apt.TypeID]; t == nil || t.Discipline != schedule.FacetJointInjection {
		return nil
	}
	answers, err := a.Peers.CheckSessions(ctx, peer.Claim{
		ClinicID: apt.ClinicID, PatientID: apt.PatientID, PlanID: apt.PlanID, CourseID: apt.CourseID,
		Discipline: schedule.FacetJointInjection, PractitionerID: apt.PractitionerID,
		Sessions: []peer.Session{{
			EntitlementID: ident.New("ent"), AppointmentID: apt.ID, Replaces: apt.EntitlementID,
			Start: apt.Visit.Start(), LocalDate: apt.LocalDate,
		}},
	})
	if err != nil {
		return err
	}
	for _, refusal := range answers {
		if refusal != nil && slices.Contains(stops, refusal.Reason) {
			return refusal
		}
	}
	return nil
}
