package app

import (
	"context"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Proffer is a time that staff offer to somebody who waits; a zero start takes the first free
// one that suits the wishes.
type Proffer struct {
	Fingerprint    []byte
	EntryID        string
	Start          time.Time
	PractitionerID string
}

// errNotOffered says that a request id has not made an offer yet.
var errNotOffered = errors.New("booking: nothing was offered by this request")

// OfferWaitlistTime offers a time out of turn. NOT_FOUND, NOT_WAITING unless the patient waits
// without an open offer, NO_TIME when nothing that suits is free, TOO_SOON when there is no time
// for an answer, and the refusals of a hold.
func (a *App) OfferWaitlistTime(ctx context.Context, p Proffer) (*store.WaitlistOffer, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if made, err := a.offeredBefore(ctx, who, p.Fingerprint); err == nil || !errors.Is(err, errNotOffered) {
		return made, err
	}
	var e *store.WaitlistEntry
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		e, err = store.GetEntry(tx, who.ClinicID, p.EntryID)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case e == nil:
		return nil, fault.NotFoundf("waitlist entry")
	case e.State != store.Waiting:
		return nil, notWaiting(e)
	}
	offer, err := a.proffer(ctx, e, p)
	if errors.Is(err, errNotWaiting) {
		return nil, notWaiting(e)
	}
	return offer, err
}

// offeredBefore returns the offer that the same request made already, or errNotOffered.
func (a *App) offeredBefore(ctx context.Context, who caller, fingerprint []byte) (offer *store.WaitlistOffer, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.OnceAs(ctx, tx, methodOffer, fingerprint, "", func() error { return errNotOffered })
		if err == nil {
			offer, err = store.GetOffer(tx, who.ClinicID, id)
		}
		return err
	})
	return offer, err
}

func (a *App) proffer(ctx context.Context, e *store.WaitlistEntry, p Proffer) (*store.WaitlistOffer, error) {
	if p.Start.IsZero() {
		offer, err := a.offerTo(ctx, e, p.Fingerprint)
		if err == nil && offer == nil {
			err = fault.New(fault.FailedPrecondition, "NO_TIME", "Nothing that suits the wishes is free.")
		}
		return offer, err
	}
	if p.PractitionerID == "" {
		return nil, fault.Invalid("practitioner_id", "is required with a start")
	}
	start, err := slotOf("start_time", p.Start)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, e.ClinicID)
	if err != nil {
		return nil, err
	}
	until, ok := clinic.Waitlist.Deadline(a.Clock.Now(), start.Time())
	if !ok {
		return nil, fault.New(fault.FailedPrecondition, "TOO_SOON", "The visit starts before there is time for an answer.")
	}
	return a.placeOffer(ctx, e, wished{at: start, practitioner: p.PractitionerID, until: until}, p.Fingerprint)
}

// GetWaitlistOffer returns an offer. NOT_FOUND for one that the caller may not know of.
func (a *App) GetWaitlistOffer(ctx context.Context, id string) (offer *store.WaitlistOffer, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		offer, err = store.GetOffer(tx, who.ClinicID, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if offer == nil || !who.SeesPatient(offer.PatientID) {
		return nil, fault.NotFoundf("offer")
	}
	return offer, nil
}
