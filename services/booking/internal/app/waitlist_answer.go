package app

import (
	"context"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// AcceptWaitlistOffer books the time that an offer holds, through the one use case that books.
// Whoever accepts again, or after a crash between the booking and its mark on the offer, gets
// the same appointment. OFFER_GONE once the deadline has passed or the offer has ended.
func (a *App) AcceptWaitlistOffer(ctx context.Context, id string) (*store.WaitlistOffer, *store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, nil, err
	}
	offer, entry, hold, err := a.settledOffer(ctx, who, id)
	if err != nil {
		return nil, nil, err
	}
	if offer.State == store.OfferAccepted {
		apt, err := a.appointment(ctx, who.ClinicID, offer.AppointmentID)
		return offer, apt, err
	}
	if offer.State != store.OfferOpen || !a.Clock.Now().Before(offer.ExpiresAt) {
		return nil, nil, offerGone(offer)
	}
	// Every try has the same request id, so a lost answer does not book twice.
	book := requestid.With(ctx, "accept-"+offer.ID)
	apt, err := a.BookAppointment(book, Booking{
		Fingerprint: []byte(offer.ID), TypeID: entry.TypeID, PatientID: entry.PatientID, PractitionerID: offer.PractitionerID,
		RoomID: hold.RoomID, Start: offer.Visit.Start(), Minutes: entry.Minutes, Mode: entry.Mode, PlanID: entry.PlanID,
		CourseID: entry.CourseID, HoldID: hold.ID, OwnerToken: hold.OwnerToken, offered: true,
	})
	if err != nil {
		return nil, nil, err
	}
	failpoint.Hit("booking.offer_booked")
	offer, _, _, err = a.settledOffer(ctx, who, id)
	return offer, apt, err
}

func offerGone(o *store.WaitlistOffer) error {
	return fault.New(fault.FailedPrecondition, "OFFER_GONE", "The offer cannot be accepted any more.").
		With("state", string(o.State)).With("expire_time", o.ExpiresAt.Format(time.RFC3339))
}

// settledOffer returns an offer as its hold says that it stands, with its entry and hold.
// NOT_FOUND for one that the caller may not know of.
func (a *App) settledOffer(ctx context.Context, who caller, id string) (o *store.WaitlistOffer, e *store.WaitlistEntry, h *store.Hold, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		o, e, h, err = a.lockOffer(tx, who.ClinicID, id)
		if err != nil {
			return err
		}
		if o == nil || !who.SeesPatient(o.PatientID) {
			return fault.NotFoundf("offer")
		}
		return a.settleOffer(ctx, tx, o, e, h)
	})
	return o, e, h, err
}

// lockOffer locks an offer with what belongs to it: entry, offer, hold, in this order. All are
// nil when there is no such offer.
func (a *App) lockOffer(tx *sqldb.Tx, clinicID, id string) (*store.WaitlistOffer, *store.WaitlistEntry, *store.Hold, error) {
	o, err := store.GetOffer(tx, clinicID, id)
	if err != nil || o == nil {
		return nil, nil, nil, err
	}
	e, err := store.LockEntry(tx, clinicID, o.EntryID)
	if err != nil {
		return nil, nil, nil, err
	}
	if o, err = store.LockOffer(tx, clinicID, id); err != nil {
		return nil, nil, nil, err
	}
	h, err := store.LockHold(tx, clinicID, o.HoldID)
	return o, e, h, err
}

// settleOffer brings an open offer to what has become of its hold and its deadline:
//   - its hold was taken over by an appointment: accepted;
//   - the deadline has passed: expired, and the entry has missed one;
//   - its hold was given up, or the booking that took it was refused: withdrawn, and the patient
//     waits on.
func (a *App) settleOffer(ctx context.Context, tx *sqldb.Tx, o *store.WaitlistOffer, e *store.WaitlistEntry, h *store.Hold) error {
	if o.State != store.OfferOpen {
		return nil
	}
	if h.State == store.TakenOver {
		return a.settleTaken(ctx, tx, o, e, h)
	}
	if !tx.Now().Before(o.ExpiresAt) {
		if err := a.endOffer(ctx, tx, o, store.OfferExpired, ""); err != nil {
			return err
		}
		return a.missOffer(ctx, tx, e)
	}
	if h.State != store.Released {
		return nil
	}
	if err := a.endOffer(ctx, tx, o, store.OfferWithdrawn, ""); err != nil {
		return err
	}
	return moveEntry(tx, e, store.Waiting)
}

// missOffer counts an offer that passed without an answer; after too many the patient is taken
// off the list.
func (a *App) missOffer(ctx context.Context, tx *sqldb.Tx, e *store.WaitlistEntry) error {
	policy, err := store.GetPolicy(tx, e.ClinicID)
	if err != nil {
		return err
	}
	e.Missed++
	if e.Missed >= waitlist.Default().With(policy.Waitlist).MostMissed.Value {
		return a.leave(ctx, tx, e, store.EntryExpired, "")
	}
	return moveEntry(tx, e, store.Waiting)
}

// settleTaken settles an offer whose hold a booking has taken over.
func (a *App) settleTaken(ctx context.Context, tx *sqldb.Tx, o *store.WaitlistOffer, e *store.WaitlistEntry, h *store.Hold) error {
	apt, err := store.GetAppointment(tx, o.ClinicID, h.AppointmentID)
	if err != nil {
		return err
	}
	if apt != nil {
		if err := a.endOffer(ctx, tx, o, store.OfferAccepted, apt.ID); err != nil {
			return err
		}
		return a.leave(ctx, tx, e, store.EntryBooked, apt.ID)
	}
	if trying, err := store.IsTrying(tx, o.ClinicID, h.AppointmentID); err != nil || trying {
		return err
	}
	if err := a.endOffer(ctx, tx, o, store.OfferWithdrawn, ""); err != nil {
		return err
	}
	return moveEntry(tx, e, store.Waiting)
}

// endOffer records the end of an open offer, with its event, and gives its time back unless an
// appointment has it.
func (a *App) endOffer(ctx context.Context, tx *sqldb.Tx, o *store.WaitlistOffer, state store.OfferState, appointmentID string) error {
	h, err := store.LockHold(tx, o.ClinicID, o.HoldID)
	if err != nil {
		return err
	}
	if h.State == store.Held {
		if err := a.endHold(ctx, tx, h, store.Released, ""); err != nil {
			return err
		}
	}
	o.Version++
	o.State, o.AppointmentID = state, appointmentID
	if ok, err := store.EndOffer(tx, o); err != nil {
		return err
	} else if !ok {
		return errChanged
	}
	err = audit.Write(ctx, tx, audit.Entry{Action: "waitlist.offer_end", Resource: o.ID, PatientID: o.PatientID, Facts: map[string]string{"state": string(state)}})
	if err != nil {
		return err
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "waitlist_offer", AggregateID: o.ID, AggregateVersion: o.Version,
		Message: &bookingv1.WaitlistOfferEnded{ClinicId: o.ClinicID, OfferId: o.ID, WaitlistEntryId: o.EntryID, PatientId: o.PatientID, State: string(state)},
	})
}

// DeclineWaitlistOffer gives the time to the next; the patient waits on. OFFER_GONE once it was
// accepted.
func (a *App) DeclineWaitlistOffer(ctx context.Context, fingerprint []byte, id string) (o *store.WaitlistOffer, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		var e *store.WaitlistEntry
		var h *store.Hold
		if o, e, h, err = a.lockOffer(tx, who.ClinicID, id); err != nil {
			return err
		}
		if o == nil || !who.SeesPatient(o.PatientID) {
			return fault.NotFoundf("offer")
		}
		_, _, err := requestid.OnceAs(ctx, tx, "DeclineWaitlistOffer", fingerprint, id, func() error {
			if err := a.settleOffer(ctx, tx, o, e, h); err != nil {
				return err
			}
			switch o.State {
			case store.OfferAccepted:
				return offerGone(o)
			case store.OfferDeclined, store.OfferExpired, store.OfferWithdrawn:
				return nil
			case store.OfferOpen:
			}
			if h.State == store.TakenOver { // a booking is under way
				return offerGone(o)
			}
			if err := a.endOffer(ctx, tx, o, store.OfferDeclined, ""); err != nil {
				return err
			}
			return moveEntry(tx, e, store.Waiting)
		})
		return err
	})
	return o, err
}
