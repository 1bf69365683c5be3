package app

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// write takes the time of a placement: holds in the way give theirs up first, each with its
// event, then the claims are inserted in order, and overlaps that were overridden recorded.
// claims may be fewer than the placement's own, see Span.Minus. The database itself refuses
// an overlap: a placement that was made without looking is then made again with care.
func (a *App) write(ctx context.Context, tx *sqldb.Tx, w *wish, p *placement, claims []store.Claim) error {
	for _, h := range p.freed {
		if err := a.endHold(ctx, tx, h, store.Released, ""); err != nil {
			return err
		}
	}
	for _, h := range p.taken {
		if err := a.endHold(ctx, tx, h, store.TakenOver, w.holderID); err != nil {
			return err
		}
	}
	if p.group != nil {
		if err := a.sit(tx, w, p.group); err != nil {
			return err
		}
	}
	overlap := errRace
	if p.blind {
		overlap = errCareful
	}
	if err := store.InsertClaims(tx, w.clinic.ID, claims, overlap); err != nil {
		return err
	}
	for _, o := range p.overrides {
		if err := store.InsertOverlapOverride(tx, w.clinic.ID, o); err != nil {
			return err
		}
	}
	tx.OnCommit(func() { a.Busy.Take(w.clinic.ID, claims) })
	return nil
}

// endHold gives a hold's time back or over, with its event.
func (a *App) endHold(ctx context.Context, tx *sqldb.Tx, h *store.Hold, to store.HoldState, appointmentID string) error {
	h.Version++
	h.State, h.AppointmentID = to, appointmentID
	ok, err := store.UpdateHold(tx, h)
	if err != nil {
		return err
	}
	if !ok {
		return errRace
	}
	if err := store.DeleteClaims(tx, h.ClinicID, h.ID, h.ResourceIDs(), h.Claims); err != nil {
		return err
	}
	if err := a.leaveSeats(tx, h.ClinicID, h.TypeID, h.ID, ""); err != nil {
		return err
	}
	tx.OnCommit(func() { a.Busy.Forget(h.ClinicID, h.ResourceIDs(), h.Claims) })
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "hold", AggregateID: h.ID, AggregateVersion: h.Version,
		Message: &bookingv1.HoldReleased{
			ClinicId: h.ClinicID, HoldId: h.ID, AppointmentId: appointmentID, ResourceIds: heldIDs(h),
			StartTime: timestamppb.New(h.Claims.Start()), EndTime: timestamppb.New(h.Claims.End()),
		},
	})
}

// heldIDs are a hold's resources but for the patient, who is nobody else's business.
func heldIDs(h *store.Hold) []string {
	c := *h
	c.ClaimedPatientID = ""
	return c.ResourceIDs()
}

// resourceIDs are the resources that an appointment has claims on.
func resourceIDs(a *store.Appointment) []string {
	ids := []string{a.PractitionerID, a.ClaimedPatientID}
	if a.RoomID != "" {
		ids = append(ids, a.RoomID)
	}
	return append(ids, a.EquipmentIDs...)
}

// giveBack deletes an appointment's claims and leaves its group session, unless that is where it
// is now (apt's id has a seat of both while it is moved).
func (a *App) giveBack(tx *sqldb.Tx, apt *store.Appointment, now *store.Appointment) error {
	keep := ""
	if now != nil {
		keep = now.GroupSessionID
	}
	if err := a.leaveSeats(tx, apt.ClinicID, apt.TypeID, apt.ID, keep); err != nil {
		return err
	}
	ids, span := resourceIDs(apt), apt.Claims
	tx.OnCommit(func() {
		a.Busy.Forget(apt.ClinicID, ids, span)
		if a.Sheets != nil { // a move leaves this day
			a.Sheets.Drop(apt.ClinicID, apt.LocalDate)
		}
	})
	return store.DeleteClaims(tx, apt.ClinicID, apt.ID, ids, span)
}
