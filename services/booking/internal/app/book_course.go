package app

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CourseBooking is sessions of a course that are to be booked together.
type CourseBooking struct {
	Fingerprint      []byte
	PlanID, CourseID string
	Sessions         []CourseSession
}

// CourseSession is one session to book, or to move when it names an appointment.
type CourseSession struct {
	Start                          time.Time
	PractitionerID, RoomID, TypeID string
	Minutes                        int
	Mode                           schedule.Mode
	AppointmentID                  string
}

const methodCourse = "BookCourse"

// series is sessions of a course that are decided together, by one attempt.
type series struct {
	*subject
	kind   store.AttemptKind
	wishes []*wish // by start
	method string
	// fingerprint tells the request from another with the same request id.
	fingerprint []byte
	gateErr     error
	failed      *wish // the one that the last refusal was about
}

// BookCourse books every session or none: one attempt fixes all ids, plans grants all or
// none, and one transaction records the outcome of all (architecture section 6, step 7). The
// same request id again returns the same appointments, by start. A refusal names the
// occurrence that it is about.
func (a *App) BookCourse(ctx context.Context, b CourseBooking) ([]*store.Appointment, error) {
	s, err := a.newSeries(ctx, b)
	if err != nil {
		return nil, err
	}
	return a.bookSeries(ctx, s)
}

// newSeries reads the sessions against the clinic's catalogue. INVALID_ARGUMENT names the
// field; NOT_FOUND says what is not there.
func (a *App) newSeries(ctx context.Context, b CourseBooking) (*series, error) {
	subject, err := a.courseOf(ctx, b.PlanID, b.CourseID)
	if err != nil {
		return nil, err
	}
	s := &series{subject: subject, kind: store.AttemptBook, method: methodCourse, fingerprint: b.Fingerprint}
	b.Sessions = slices.Clone(b.Sessions)
	slices.SortStableFunc(b.Sessions, func(x, y CourseSession) int { return x.Start.Compare(y.Start) })
	var moved []string
	for _, one := range b.Sessions {
		if one.AppointmentID != "" {
			moved = append(moved, one.AppointmentID)
		}
	}
	if len(moved) > 0 {
		s.kind = store.AttemptMove
		slices.Sort(moved)
		if len(moved) != len(b.Sessions) || len(slices.Compact(slices.Clone(moved))) != len(moved) {
			return nil, fault.Invalid("occurrences.appointment_id", "is either given for every occurrence, each another one, or for none")
		}
	}
	for i, one := range b.Sessions {
		w, err := a.newSessionWish(ctx, s, one, i, moved)
		if err != nil {
			return nil, s.about(i, b.Sessions[i].Start, err)
		}
		s.wishes = append(s.wishes, w)
	}
	return s, s.checkApart()
}

// newSessionWish is the wish of one session.
func (a *App) newSessionWish(ctx context.Context, s *series, one CourseSession, i int, moved []string) (*wish, error) {
	booking := Booking{
		PatientID: s.patientID, PractitionerID: one.PractitionerID, Start: one.Start, Minutes: one.Minutes, Mode: one.Mode,
		PlanID: s.plan.ID, CourseID: s.course.ID, TypeID: one.TypeID,
	}
	var moving *store.Appointment
	if one.AppointmentID != "" {
		at := slices.IndexFunc(s.booked, func(apt *store.Appointment) bool { return apt.ID == one.AppointmentID })
		if at < 0 || s.booked[at].EntitlementID == "" {
			return nil, fault.NotFoundf("appointment")
		}
		moving = s.booked[at]
		booking.TypeID, booking.PatientID, booking.Mode = moving.TypeID, moving.PatientID, moving.Mode
		booking.Minutes = cmp.Or(one.Minutes, minutesOf(moving))
	} else if booking.TypeID == "" || booking.Minutes == 0 {
		first := i == 0 && len(s.booked) == 0
		asked := one.Minutes
		if asked == 0 && first {
			asked = s.course.FirstMinutes
		}
		typ, err := s.typeFor(one.TypeID, asked)
		if err != nil {
			return nil, err
		}
		booking.TypeID, booking.Minutes = typ.ID, s.minutes(typ, one.Minutes, first && one.Minutes == 0)
	}
	w, err := a.newWish(ctx, booking)
	if err != nil {
		return nil, err
	}
	// Most others are looked at anyway, so each looks before it takes.
	w.careful, w.later, w.keepRoomID = true, i > 0, one.RoomID
	w.holderID = ident.New("apt")
	if moving != nil {
		w.holderID, w.moving, w.series, w.keepRoomID = moving.ID, moving, moved, cmp.Or(one.RoomID, moving.RoomID)
	}
	return w, nil
}

// checkApart refuses sessions of which one has not ended, buffers and recovery included, when
// the next begins.
func (s *series) checkApart() error {
	for i := 1; i < len(s.wishes); i++ {
		x, y := s.wishes[i-1], s.wishes[i]
		if x.typ.Footprint(x.start, x.minutes).Hull().Overlaps(y.typ.Footprint(y.start, y.minutes).Hull()) {
			return fault.Invalid("occurrences.start_time", "overlaps with the occurrence before it").With("occurrence", strconv.Itoa(i+1))
		}
	}
	return nil
}

// about says which occurrence an error is about.
func (s *series) about(i int, start time.Time, err error) error {
	var refusal *fault.Error
	if !errors.As(err, &refusal) {
		return err
	}
	if i < len(s.wishes) {
		s.failed = s.wishes[i]
	}
	return refusal.With("occurrence", strconv.Itoa(i+1)).With("start_time", start.UTC().Format(time.RFC3339))
}

// bookSeries runs the entitlement protocol for all sessions at once.
func (a *App) bookSeries(ctx context.Context, s *series) ([]*store.Appointment, error) {
	s.gateErr = a.askSeriesGate(ctx, s)
	newID, id := ident.New("att"), ""
	err := a.settleSeries(ctx, s, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			origin, replayed, err := requestid.OnceAs(ctx, tx, s.method, s.fingerprint, newID, func() error {
				return a.recordSeries(ctx, tx, s, newID, newID)
			})
			if id = newID; err == nil && replayed {
				id, err = a.resumeSeries(ctx, tx, s, origin)
			}
			return err
		})
	})
	if err != nil {
		if s.failed != nil {
			err = a.suggest(ctx, s.failed, err)
		}
		return nil, err
	}
	failpoint.Hit("booking.attempt_recorded")
	return a.runSeries(ctx, s, id)
}

// askSeriesGate asks intake once for all sessions.
func (a *App) askSeriesGate(ctx context.Context, s *series) error {
	err := a.askGate(ctx, s.wishes[0])
	for _, w := range s.wishes[1:] {
		w.gate = s.wishes[0].gate
	}
	return err
}

// settleSeries is settleWish for several wishes that are tried together.
func (a *App) settleSeries(ctx context.Context, s *series, try func() error) error {
	for _, w := range s.wishes {
		if err := a.fetchRooms(ctx, w); err != nil {
			return err
		}
	}
	var last error
	for range maxTries {
		s.failed = nil
		last = try()
		switch {
		case errors.Is(last, errCareful), errors.Is(last, errRace):
		case errors.Is(last, errStaleCatalogue):
			for i, w := range s.wishes {
				if err := a.refresh(ctx, w); err != nil {
					return s.about(i, w.start.Time(), err)
				}
			}
		case errors.Is(last, errNewerGate):
			if err := a.askSeriesGate(ctx, s); err != nil {
				return err
			}
		case errors.Is(last, errUnknownPatient):
			if err := a.fetchPatient(ctx, s.catalogue.ID, s.wishes[0].patientID); err != nil {
				return err
			}
		default:
			return last
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return fault.New(fault.Aborted, "BUSY", "Others book the same at the same time. Please try again.").Because(last)
}

// recordSeries is step 1 for all sessions: ids are fixed and every claim is placed.
func (a *App) recordSeries(ctx context.Context, tx *sqldb.Tx, s *series, id, originID string) error {
	if s.gateErr != nil {
		return s.gateErr
	}
	if err := a.lockSeries(tx, s); err != nil {
		return err
	}
	lead := s.wishes[0]
	att := &store.Attempt{
		ClinicID: s.catalogue.ID, ID: id, OriginID: originID, Kind: s.kind, State: store.AttemptOpen, PatientID: lead.patientID,
		PlanID: s.plan.ID, CourseID: s.course.ID, GateVersion: lead.gate.Version, CreatedAt: tx.Now(),
	}
	for i, w := range s.wishes {
		item, err := a.recordSession(ctx, tx, s, w)
		if err != nil {
			return s.about(i, w.start.Time(), err)
		}
		att.Items = append(att.Items, item)
	}
	err := store.InsertAttempt(tx, att)
	failpoint.Hit("booking.claims_placed")
	return err
}

// lockSeries locks what all sessions need before any is looked at, in the order in which
// everybody locks: gate, appointments, resources, each by id. On SQLite a write has the
// database to itself.
func (a *App) lockSeries(tx *sqldb.Tx, s *series) error {
	if _, err := store.LockGate(tx, s.catalogue.ID, s.wishes[0].patientID); err != nil {
		return err
	}
	var resources []string
	for _, w := range s.wishes {
		resources = append(resources, w.practitioner.ID, s.plan.PatientID)
		f := w.typ.Footprint(w.start, w.minutes)
		at, _ := w.clinic.WorksAt(w.practitioner.ID, f.Practitioner)
		if w.typ.NeedsRoom(w.mode) {
			for _, r := range w.clinic.Rooms(w.typ, at, w.practitioner.ID) {
				resources = append(resources, r.ID)
			}
		}
		for i := range w.typ.NeedsEquipment(w.mode) {
			for _, d := range w.clinic.Devices(w.typ, i, at, w.practitioner.ID) {
				resources = append(resources, d.ID)
			}
		}
	}
	moving := slices.SortedFunc(slices.Values(s.wishes), func(x, y *wish) int { return cmp.Compare(x.holderID, y.holderID) })
	var old []store.Claim
	for _, w := range moving {
		if w.moving == nil {
			continue
		}
		now, err := store.LockAppointment(tx, s.catalogue.ID, w.holderID)
		if err != nil {
			return err
		}
		w.moving = now
		own, err := a.claimsOf(tx, now)
		if err != nil {
			return err
		}
		old = append(old, own...)
	}
	for _, w := range s.wishes {
		w.oldClaims = old
	}
	slices.Sort(resources)
	return store.LockResources(tx, s.catalogue.ID, slices.Compact(resources))
}

// recordSession places the claims of one session and fixes its ids.
func (a *App) recordSession(ctx context.Context, tx *sqldb.Tx, s *series, w *wish) (store.AttemptItem, error) {
	apt, place, err := a.placeSession(tx, s, w)
	if err != nil {
		return store.AttemptItem{}, err
	}
	last, err := store.LastNumber(tx, apt.ClinicID, apt.ID)
	if err != nil {
		return store.AttemptItem{}, err
	}
	item := store.AttemptItem{
		AppointmentID: apt.ID, Attempt: last + 1, EntitlementID: ident.Derive("ent", apt.ID, int(last+1)),
		Appointment: apt, Claims: place.claims, Placed: place.claims,
	}
	if s.kind == store.AttemptMove {
		item.ReplacesEntitlementID = w.moving.EntitlementID
		item.Placed = without(place.claims, w.oldClaims)
	}
	apt.EntitlementID, apt.Attempt, apt.CourseID = item.EntitlementID, item.Attempt, s.course.ID
	return item, a.write(ctx, tx, w, place, item.Placed)
}

// placeSession finds the place of one session and makes its appointment's row.
func (a *App) placeSession(tx *sqldb.Tx, s *series, w *wish) (*store.Appointment, *placement, error) {
	if s.kind == store.AttemptMove && w.moving.State != store.Booked {
		return nil, nil, wrongState("NOT_RESCHEDULABLE", "The appointment has begun or ended.", w.moving)
	}
	p, err := a.find(tx, w)
	if err != nil {
		return nil, nil, err
	}
	if s.kind == store.AttemptBook {
		return a.newAppointment(tx, w, p), p, nil
	}
	return w.moved(p, tx.Now()), p, nil
}

// without is what claims take that none of the old ones, which go with them, has.
func without(claims, old []store.Claim) (left []store.Claim) {
	for _, c := range claims {
		spans := []schedule.Span{c.Span}
		for _, have := range old {
			if have.ResourceID != c.ResourceID {
				continue
			}
			var rest []schedule.Span
			for _, s := range spans {
				rest = append(rest, s.Minus(have.Span)...)
			}
			spans = rest
		}
		for _, s := range spans {
			left = append(left, store.Claim{ResourceID: c.ResourceID, Span: s, HolderID: c.HolderID, Override: c.Override})
		}
	}
	return left
}

// resumeSeries is resume for several sessions: after a VOID the next attempt has the same
// appointments.
func (a *App) resumeSeries(ctx context.Context, tx *sqldb.Tx, s *series, originID string) (string, error) {
	id, err := store.LatestOf(tx, s.catalogue.ID, originID)
	if err != nil {
		return "", err
	}
	att, err := store.LockAttempt(tx, s.catalogue.ID, id)
	if err != nil || att.State != store.AttemptVoid {
		return id, err
	}
	if latest, err := store.LatestOf(tx, s.catalogue.ID, originID); err != nil || latest != id {
		return latest, err // another retry was faster
	}
	for i, w := range s.wishes {
		w.holderID = att.Items[i].AppointmentID
	}
	next := ident.New("att")
	return next, a.recordSeries(ctx, tx, s, next, originID)
}

// runSeries runs the recorded attempt and returns all its appointments.
func (a *App) runSeries(ctx context.Context, s *series, id string) ([]*store.Appointment, error) {
	if _, err := a.runAttempt(ctx, s.catalogue.ID, id); err != nil {
		return nil, s.which(err)
	}
	att, err := a.attempt(ctx, s.catalogue.ID, id)
	if err != nil {
		return nil, err
	}
	list := make([]*store.Appointment, len(att.Items))
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		for i, item := range att.Items {
			if list[i], err = store.GetAppointment(tx, s.catalogue.ID, item.AppointmentID); err != nil {
				return err
			}
		}
		return nil
	})
	return list, err
}

// which says which occurrence plans has refused: its refusal names the date.
func (s *series) which(err error) error {
	var refusal *fault.Error
	if !errors.As(err, &refusal) || refusal.Facts["date"] == "" {
		return err
	}
	for i, w := range s.wishes {
		if w.date().String() == refusal.Facts["date"] {
			return s.about(i, w.start.Time(), err)
		}
	}
	return err
}
