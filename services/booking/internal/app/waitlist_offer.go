package app

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// waitlistBell rings when time may have become free, or somebody began to wait.
type waitlistBell struct {
	c chan struct{}

	mu     sync.Mutex
	due    bool
	looked time.Time
}

func newWaitlistBell() *waitlistBell { return &waitlistBell{c: make(chan struct{}, 1), due: true} }

// freeing are the types of own events after which somebody who waits may find a time.
var freeing = []string{
	typeRescheduled, typeCancelled, typeHoldReleased, typeVoided, "upright.booking.v1.ScheduleChanged",
	"upright.booking.v1.WaitlistJoined", "upright.booking.v1.WaitlistOfferEnded",
}

// hear rings for an event of the own log that may have freed time.
func (b *waitlistBell) hear(eventType string) {
	if !slices.Contains(freeing, eventType) {
		return
	}
	b.mu.Lock()
	b.due = true
	b.mu.Unlock()
	select {
	case b.c <- struct{}{}:
	default:
	}
}

// lookAgain is how often offers are looked for although nothing was heard.
const lookAgain = time.Minute

// take reports whether it is time to look for offers.
func (b *waitlistBell) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := b.due || now.Sub(b.looked) >= lookAgain
	if due {
		b.due, b.looked = false, now
	}
	return due
}

// TimeFreed rings when time may have become free for somebody who waits.
func (a *App) TimeFreed() <-chan struct{} { return a.waitlist.c }

// WorkWaitlist ends offers that have ended, and when time may have become free offers it to
// whoever comes next. It holds nothing in memory that a restart would lose, and any number of
// processes may do it at once.
func (a *App) WorkWaitlist(ctx context.Context) error {
	due := a.waitlist.take(a.Clock.Now())
	var clinics []string
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		clinics, err = store.WaitingClinics(tx)
		return err
	})
	for _, id := range clinics {
		if err != nil {
			break
		}
		ctx := authn.WithService(ctx, peer.Service, id)
		if err = a.settleOffers(ctx, id); err == nil && due {
			err = a.offerTimes(ctx, id)
		}
	}
	return err
}

// settleOffers ends a clinic's offers that have ended, and entries that have run out.
func (a *App) settleOffers(ctx context.Context, clinicID string) error {
	var open []*store.WaitlistOffer
	var waiting []*store.WaitlistEntry
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if open, err = store.ListOffers(tx, clinicID, "", "", store.OfferOpen, maxWaiting); err != nil {
			return err
		}
		waiting, err = store.ListEntries(tx, clinicID, "", store.Waiting, maxWaiting)
		return err
	})
	if err != nil {
		return err
	}
	for _, one := range open {
		err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			o, e, h, err := a.lockOffer(tx, clinicID, one.ID)
			if err != nil || o == nil {
				return err
			}
			return a.settleOffer(ctx, tx, o, e, h)
		})
		if err != nil {
			return err
		}
	}
	return a.expireEntries(ctx, clinicID, waiting)
}

// expireEntries ends entries whose last date has passed.
func (a *App) expireEntries(ctx context.Context, clinicID string, waiting []*store.WaitlistEntry) error {
	clinic, err := a.clinic(ctx, clinicID)
	if err != nil {
		return err
	}
	for _, one := range waiting {
		if !one.To.Before(clinic.DateAt(one.LocationID, a.Clock.Now())) {
			continue
		}
		err := a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			e, err := store.LockEntry(tx, clinicID, one.ID)
			if err != nil || e.State != store.Waiting {
				return err
			}
			return a.leave(ctx, tx, e, store.EntryExpired, "")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// offerTimes offers free times to those who wait, in the order of the rule.
func (a *App) offerTimes(ctx context.Context, clinicID string) error {
	clinic, err := a.currentClinic(ctx, clinicID)
	if err != nil {
		return err
	}
	var waiting []*store.WaitlistEntry
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		waiting, err = store.ListEntries(tx, clinicID, "", store.Waiting, maxWaiting)
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(waiting, func(x, y *store.WaitlistEntry) int { return clinic.Waitlist.Compare(ranked(x), ranked(y)) })
	for _, e := range waiting {
		if _, err := a.offerTo(ctx, e, nil); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// One patient's trouble is not the others'.
			a.Log.LogAttrs(ctx, slog.LevelWarn, "no offer could be made", slog.String("waitlist_entry_id", e.ID), slog.Any("error", err))
		}
	}
	return nil
}

// maxOfferTries bounds how many times are tried for one entry when others take them.
const maxOfferTries = 5

// offerTo offers the first free time that an entry wishes for and that it was not offered
// before. It returns nil when there is none, or the entry does not wait any more.
func (a *App) offerTo(ctx context.Context, e *store.WaitlistEntry, fingerprint []byte) (*store.WaitlistOffer, error) {
	var before []*store.WaitlistOffer
	err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		before, err = store.ListOffers(tx, e.ClinicID, "", e.ID, "", maxWaiting)
		return err
	})
	if err != nil {
		return nil, err
	}
	times, err := a.timesFor(ctx, e, before)
	if err != nil {
		return nil, err
	}
	for _, t := range times {
		offer, err := a.placeOffer(ctx, e, t, fingerprint)
		if fault.IsKind(err, fault.Aborted) {
			continue // somebody was faster: the next time
		}
		if errors.Is(err, errNotWaiting) {
			return nil, nil
		}
		return offer, err
	}
	return nil, nil
}

// wished is a free time with whom.
type wished struct {
	at           schedule.Slot
	practitioner string
	until        time.Time
}

// timesFor finds the first free times that an entry wishes for, as openings find them, gate,
// plan and the patient's other appointments subtracted.
func (a *App) timesFor(ctx context.Context, e *store.WaitlistEntry, before []*store.WaitlistOffer) ([]wished, error) {
	clinic, err := a.currentClinic(ctx, e.ClinicID)
	if err != nil {
		return nil, err
	}
	from := latest(e.From, clinic.DateAt(e.LocationID, a.Clock.Now()))
	to := from.AddDays(MaxDays - 1)
	if e.To.Before(to) {
		to = e.To
	}
	if to.Before(from) {
		return nil, nil
	}
	f, err := a.newFinder(ctx, OpeningQuery{
		TypeID: e.TypeID, From: from, To: to, PractitionerID: e.PractitionerID, LocationID: e.LocationID, PatientID: e.PatientID,
		PlanID: e.PlanID, CourseID: e.CourseID, Minutes: e.Minutes, Mode: e.Mode,
	})
	if err != nil {
		return nil, err
	}
	if err := f.askPatient(ctx); err != nil {
		return nil, err
	}
	f.chooseLanes()
	if f.shut || len(f.s.lanes) == 0 {
		return nil, nil
	}
	f.s.offered = f.offered
	free, err := f.s.run(ctx, a)
	if err != nil {
		return nil, err
	}
	for i, lane := range f.s.lanes {
		a.keepWished(e, free[i], clinic.ZoneOf(lane.LocationID))
	}
	if e.PlanID != "" {
		if err := f.askPlan(ctx, free); err != nil {
			return nil, err
		}
	}
	return a.firstTimes(f, free, before), nil
}

// keepWished clears the starts of other days and times than an entry wishes for.
func (a *App) keepWished(e *store.WaitlistEntry, free schedule.Bits, zone *time.Location) {
	if e.Weekdays == 0 && e.FromMinute == 0 && e.ToMinute == 0 {
		return
	}
	for s := range free.Slots() {
		t := s.Time().In(zone)
		minute := t.Hour()*60 + t.Minute()
		if e.Weekdays != 0 && !e.Weekdays.Has(t.Weekday()) || minute < e.FromMinute || e.ToMinute > 0 && minute+e.Minutes > e.ToMinute {
			free.Clear(schedule.Span{From: s, To: s + 1})
		}
	}
}

// firstTimes are the first few times that leave time for an answer and were not offered before.
func (a *App) firstTimes(f *finder, free []schedule.Bits, before []*store.WaitlistOffer) (times []wished) {
	var all []wished
	for i, lane := range f.s.lanes {
		for s := range free[i].Slots() {
			seen := func(o *store.WaitlistOffer) bool { return o.Visit.From == s && o.PractitionerID == lane.PractitionerID }
			if until, ok := f.s.clinic.Waitlist.Deadline(a.Clock.Now(), s.Time()); ok && !slices.ContainsFunc(before, seen) {
				all = append(all, wished{s, lane.PractitionerID, until})
			}
		}
	}
	slices.SortStableFunc(all, func(x, y wished) int { return int(x.at - y.at) })
	return all[:min(len(all), maxOfferTries)]
}

// errNotWaiting says that an entry has been answered, withdrawn or offered a time meanwhile.
var errNotWaiting = errors.New("booking: the entry does not wait any more")

const methodOffer = "OfferWaitlistTime"

// placeOffer holds a time for an entry's patient and offers it: hold, offer and entry in one
// transaction, once for a request id. It fails with errNotWaiting when the entry has been
// answered, withdrawn or offered a time meanwhile.
func (a *App) placeOffer(ctx context.Context, e *store.WaitlistEntry, t wished, fingerprint []byte) (*store.WaitlistOffer, error) {
	w, err := a.newWish(ctx, Booking{
		TypeID: e.TypeID, PatientID: e.PatientID, PractitionerID: t.practitioner, Start: t.at.Time(), Minutes: e.Minutes, Mode: e.Mode,
	})
	if err != nil {
		return nil, err
	}
	w.ungated, w.holderID = true, ident.New("hold") // gate and plan are asked again when it is accepted
	offer := &store.WaitlistOffer{ID: ident.New("off")}
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			_, _, err := requestid.OnceAs(ctx, tx, methodOffer, fingerprint, offer.ID, func() error { return a.recordOffer(ctx, tx, w, e, t, offer) })
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	failpoint.Hit("booking.offered")
	return offer, nil
}

func (a *App) recordOffer(ctx context.Context, tx *sqldb.Tx, w *wish, e *store.WaitlistEntry, t wished, o *store.WaitlistOffer) error {
	now, err := store.LockEntry(tx, e.ClinicID, e.ID)
	if err != nil {
		return err
	}
	if now == nil || now.State != store.Waiting {
		return errNotWaiting
	}
	p, err := a.find(tx, w)
	if err != nil {
		return err
	}
	if err := a.write(ctx, tx, w, p, p.claims); err != nil {
		return err
	}
	h := &store.Hold{
		ClinicID: w.clinic.ID, ID: w.holderID, Version: 1, State: store.Held, OwnerSubject: e.ID, OwnerToken: rand.Text(),
		TypeID: w.typ.ID, PatientID: w.patientID, PractitionerID: w.practitioner.ID, RoomID: p.roomID, EquipmentIDs: p.devices,
		Visit: p.footprint.Visit, Claims: p.footprint.Hull(), CreatedAt: tx.Now(), ExpiresAt: t.until, ClaimedPatientID: p.patientID,
	}
	if err := store.InsertHold(tx, h); err != nil {
		return err
	}
	a.Busy.Told(h.ID, h.Version)
	if err := a.tellHold(ctx, tx, h); err != nil {
		return err
	}
	*o = store.WaitlistOffer{
		ClinicID: h.ClinicID, ID: o.ID, Version: 1, State: store.OfferOpen, EntryID: e.ID, PatientID: e.PatientID,
		TypeID: e.TypeID, HoldID: h.ID, PractitionerID: h.PractitionerID, Visit: h.Visit, LocalDate: p.date, TimeZone: p.zone.String(),
		ExpiresAt: t.until, CreatedAt: tx.Now(),
	}
	if ok, err := store.InsertOffer(tx, o); err != nil {
		return err
	} else if !ok {
		return errNotWaiting
	}
	if err := moveEntry(tx, now, store.Offered); err != nil {
		return err
	}
	return a.tellOffer(ctx, tx, o)
}

func (a *App) tellOffer(ctx context.Context, tx *sqldb.Tx, o *store.WaitlistOffer) error {
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "waitlist_offer", AggregateID: o.ID, AggregateVersion: o.Version,
		Message: &bookingv1.WaitlistOffered{
			ClinicId: o.ClinicID, OfferId: o.ID, WaitlistEntryId: o.EntryID, PatientId: o.PatientID,
			StartTime: timestamppb.New(o.Visit.Start()), ExpireTime: timestamppb.New(o.ExpiresAt),
		},
	})
}

// OfferLocalStart is the wall time at which an offered visit starts.
func OfferLocalStart(o *store.WaitlistOffer) string {
	zone, err := store.Zone(o.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return o.Visit.Start().In(zone).Format("2006-01-02T15:04")
}
