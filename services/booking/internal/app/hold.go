package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Times and numbers of holds. Peers hold for seven and a half to ten minutes.
const (
	// HoldTime is how long a hold lasts, from when it is placed or renewed.
	HoldTime = 10 * time.Minute
	// HoldLimit is how long a hold can be kept by renewing, from when it was placed.
	HoldLimit = 30 * time.Minute
	// patientHolds and staffHolds bound how much one account sets aside at a time, so that
	// nobody empties a diary.
	patientHolds = 3
	staffHolds   = 50
)

// HoldRequest is time to be set aside.
type HoldRequest struct {
	Fingerprint                       []byte
	TypeID, PatientID, PractitionerID string
	RoomID                            string
	Start                             time.Time
	Minutes                           int
	Mode                              schedule.Mode
}

// CreateHold sets a time aside. It is refused like a booking, but for plan and gate, which are
// asked at booking. TOO_MANY_HOLDS when the account has as many as it may.
func (a *App) CreateHold(ctx context.Context, r HoldRequest) (*store.Hold, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	b := Booking{TypeID: r.TypeID, PatientID: r.PatientID, PractitionerID: r.PractitionerID, RoomID: r.RoomID, Start: r.Start, Minutes: r.Minutes, Mode: r.Mode}
	b.forNobody = r.PatientID == "" && who.party == schedule.Staff
	w, err := a.newWish(ctx, b)
	if err != nil {
		return nil, err
	}
	w.ungated, w.holderID = true, ident.New("hold")
	token := rand.Text()
	var hold *store.Hold
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			id, replayed, err := requestid.OnceAs(ctx, tx, "CreateHold", r.Fingerprint, w.holderID, func() (err error) {
				hold, err = a.placeHold(ctx, tx, w, token)
				return err
			})
			if err == nil && replayed {
				hold, err = store.GetHold(tx, who.ClinicID, id)
			}
			return err
		})
	})
	if err != nil {
		return nil, a.suggest(ctx, w, err)
	}
	return hold, nil
}

func (a *App) placeHold(ctx context.Context, tx *sqldb.Tx, w *wish, token string) (*store.Hold, error) {
	p, err := a.find(tx, w)
	if err != nil {
		return nil, err
	}
	most := staffHolds
	if w.who.party == schedule.Patient {
		most = patientHolds
	}
	have, err := store.CountHolds(tx, w.clinic.ID, w.who.Subject, tx.Now())
	if err != nil {
		return nil, err
	}
	if have-len(p.taken) >= most {
		return nil, fault.New(fault.ResourceExhausted, "TOO_MANY_HOLDS", "Too many times are set aside already.")
	}
	if err := a.write(ctx, tx, w, p, p.claims); err != nil {
		return nil, err
	}
	h := &store.Hold{
		ClinicID: w.clinic.ID, ID: w.holderID, Version: 1, State: store.Held, OwnerSubject: w.who.Subject, OwnerToken: token,
		TypeID: w.typ.ID, PatientID: w.patientID, PractitionerID: w.practitioner.ID, RoomID: p.roomID, EquipmentIDs: p.devices,
		Visit: p.footprint.Visit, Claims: p.footprint.Hull(), CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(HoldTime), ClaimedPatientID: p.patientID,
	}
	if err := store.InsertHold(tx, h); err != nil {
		return nil, err
	}
	a.Busy.Told(h.ID, h.Version)
	return h, a.tellHold(ctx, tx, h)
}

// tellHold appends the event of a hold that was placed or renewed.
func (a *App) tellHold(ctx context.Context, tx *sqldb.Tx, h *store.Hold) error {
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "hold", AggregateID: h.ID, AggregateVersion: h.Version,
		Message: &bookingv1.HoldPlaced{
			ClinicId: h.ClinicID, HoldId: h.ID, ExpireTime: timestamppb.New(h.ExpiresAt), ResourceIds: heldIDs(h),
			StartTime: timestamppb.New(h.Claims.Start()), EndTime: timestamppb.New(h.Claims.End()),
		},
	})
}

// RenewHold moves a hold's expiry on to HoldTime from now, at most to HoldLimit after it was
// placed. HOLD_GONE when it was released or taken over, or its time was needed by somebody
// after it had expired.
func (a *App) RenewHold(ctx context.Context, fingerprint []byte, id, token string) (hold *store.Hold, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, replayed, err := requestid.OnceAs(ctx, tx, "RenewHold", fingerprint, id, func() (err error) {
			hold, err = a.renew(ctx, tx, who, id, token)
			return err
		})
		if err == nil && replayed {
			hold, err = lockOwn(tx, who, id, token)
		}
		return err
	})
	return hold, err
}

func (a *App) renew(ctx context.Context, tx *sqldb.Tx, who caller, id, token string) (*store.Hold, error) {
	h, err := lockOwn(tx, who, id, token)
	if err != nil {
		return nil, err
	}
	if h.State != store.Held {
		return nil, fault.New(fault.FailedPrecondition, "HOLD_GONE", "The time is not set aside any more.").With("state", string(h.State))
	}
	until := tx.Now().Add(HoldTime)
	if limit := h.CreatedAt.Add(HoldLimit); until.After(limit) {
		until = limit
	}
	if !until.After(h.ExpiresAt) {
		return h, nil
	}
	h.ExpiresAt = until
	h.Version++
	if ok, err := store.UpdateHold(tx, h); err != nil || !ok {
		return nil, cmp.Or(err, error(errChanged))
	}
	a.Busy.Told(h.ID, h.Version)
	return h, a.tellHold(ctx, tx, h)
}

// lockOwn returns the caller's own hold; NOT_FOUND for any other.
func lockOwn(tx *sqldb.Tx, who caller, id, token string) (*store.Hold, error) {
	h, err := store.LockHold(tx, who.ClinicID, id)
	if err != nil {
		return nil, err
	}
	if h == nil || h.OwnerSubject != who.Subject && !sameToken(h.OwnerToken, token) {
		return nil, fault.NotFoundf("hold")
	}
	return h, nil
}

// DeleteHold gives a hold's time back: the caller's own, or for staff any of the clinic's. One
// that has ended already is no error. NOT_FOUND for one that the caller may not know of.
func (a *App) DeleteHold(ctx context.Context, fingerprint []byte, id string) error {
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "DeleteHold", fingerprint, id, func() error {
			h, err := store.LockHold(tx, who.ClinicID, id)
			switch {
			case err != nil:
				return err
			case h == nil || who.party != schedule.Staff && h.OwnerSubject != who.Subject:
				return fault.NotFoundf("hold")
			case h.State != store.Held:
				return nil
			}
			return a.endHold(ctx, tx, h, store.Released, "")
		})
		return err
	})
}

// ListHolds returns the holds of a civil date, in each location's own zone, by start. Expired
// ones are left out.
func (a *App) ListHolds(ctx context.Context, date civil.Date, practitionerID string) (holds []*store.Hold, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.clinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	var all []*store.Hold
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		// Wide enough for any zone; each hold is then asked for its own date.
		all, err = store.ListHolds(tx, who.ClinicID, schedule.SpanOf(date.AddDays(-1).At(0, 0, time.UTC), date.AddDays(2).At(0, 0, time.UTC)))
		return err
	})
	now := a.Clock.Now()
	for _, h := range all {
		location, _ := clinic.WorksAt(h.PractitionerID, h.Visit)
		if clinic.DateAt(location, h.Visit.Start()) == date && now.Before(h.ExpiresAt) && (practitionerID == "" || practitionerID == h.PractitionerID) {
			holds = append(holds, h)
		}
	}
	return holds, err
}

// ReleaseExpiredHolds gives back the time of holds that have expired, each with its event, and
// returns how many there were. A booking that wants the time does the same in its own
// transaction; this only keeps openings from hiding it.
func (a *App) ReleaseExpiredHolds(ctx context.Context) (n int, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		holds, err := store.ExpiredHolds(tx, tx.Now(), sweepBatch)
		if err != nil {
			return err
		}
		n = len(holds)
		for _, h := range holds {
			if err := a.endHold(ctx, tx, h, store.Released, ""); err != nil {
				return err
			}
		}
		return nil
	})
	return n, err
}

// sweepBatch bounds how many holds one transaction releases.
const sweepBatch = 100
