package app

import (
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// group is the session of several patients that a placement is in, a new one or one that there
// is, with the claims of practitioner, room and equipment, which are the session's.
type group struct {
	store.GroupSession
	claims []store.Claim
	isNew  bool
}

// pickGroup is pick for a type that several patients share: it takes a seat of the session that
// there is at that start, or the first one of a new session. The lock on the practitioner lets
// one at a time decide which.
func (e *examination) pickGroup() error {
	w, f := e.w, e.p.footprint
	fixed := []part{{w.practitioner.ID, schedule.PractitionerResource, f.Practitioner}}
	var patient []part
	if e.p.patientID != "" {
		patient = []part{{e.p.patientID, schedule.PatientResource, f.Patient}}
	}
	if err := e.leaveAlone(); err != nil {
		return err
	}
	chosen, refusal := e.likely()
	parts := e.parts(chosen)
	if err := e.lock(slices.Concat(fixed, patient, parts)); err != nil {
		return err
	}
	there, err := store.GroupAt(e.tx, w.clinic.ID, w.practitioner.ID, w.start, !w.explain)
	if err != nil {
		return err
	}
	if there != nil && there.TypeID == w.typ.ID && there.Visit == f.Visit && there.Mode == w.mode {
		return e.join(there, patient)
	}
	if refusal != nil {
		e.refuse(refusal)
	}
	conflicts, err := e.conflicts(slices.Concat(fixed, patient, parts))
	if err != nil {
		return err
	}
	if conflicts.hit(parts) && refusal == nil {
		if chosen, err = e.another(chosen, conflicts); err != nil {
			return err
		}
	}
	e.settle(slices.Concat(fixed, patient), chosen, conflicts)
	g := &group{isNew: true, GroupSession: store.GroupSession{
		ID: ident.New("grp"), TypeID: w.typ.ID, PractitionerID: w.practitioner.ID, RoomID: e.p.roomID, EquipmentIDs: e.p.devices,
		Mode: w.mode, Visit: f.Visit, Claims: f.Hull(), Capacity: w.typ.Capacity,
	}}
	e.p.group = g
	e.p.claims = slices.DeleteFunc(e.p.claims, func(c store.Claim) bool {
		if c.ResourceID == e.p.patientID {
			return false
		}
		c.HolderID = g.ID
		g.claims = append(g.claims, c)
		return true
	})
	return nil
}

// leaveAlone finds the sessions that end when the appointment moves, since nobody else has a
// seat: their time is given up in the same transaction, so it may be moved onto a part of it. A
// session of a plan keeps its old time until the plan has agreed, and cannot.
func (e *examination) leaveAlone() error {
	w := e.w
	if w.leaving = nil; w.moving == nil || w.moving.EntitlementID != "" || w.again {
		return nil
	}
	ids, err := store.SeatsOf(e.tx, w.clinic.ID, w.holderID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		seats, err := store.Seats(e.tx, w.clinic.ID, id)
		if err != nil {
			return err
		}
		if len(seats) == 1 {
			w.leaving = append(w.leaving, id)
		}
	}
	return nil
}

// join takes a seat of a session.
func (e *examination) join(there *store.GroupSession, patient []part) error {
	w, f := e.w, e.p.footprint
	seats, err := store.Seats(e.tx, w.clinic.ID, there.ID)
	if err != nil {
		return err
	}
	taken := 0
	for _, holder := range seats {
		if holder == w.holderID {
			e.refuse(fault.New(fault.FailedPrecondition, "SAME_SESSION", "The appointment is in this session already."))
			return nil
		}
		if strings.HasPrefix(holder, "hold_") {
			if free, err := e.freeHold(holder); err != nil {
				return err
			} else if free {
				continue
			}
		}
		taken++
	}
	if taken >= there.Capacity {
		e.refuse(fault.New(fault.Aborted, "GROUP_FULL", "Every seat of this session is taken.").
			With("resource_kind", string(schedule.PractitionerResource)).With("resource_id", w.practitioner.ID).
			With("capacity", strconv.Itoa(there.Capacity)))
	}
	if w.roomID != "" && w.roomID != there.RoomID {
		e.refuse(e.none("NO_ROOM", schedule.RoomResource, w.typ.RoomCapabilities))
	}
	conflicts, err := e.conflicts(patient)
	if err != nil {
		return err
	}
	e.settle(patient, option{}, conflicts)
	e.p.roomID, e.p.devices = there.RoomID, there.EquipmentIDs
	e.p.group = &group{GroupSession: *there}
	// Who takes over their own hold's seat may end the session by it, and then begins it anew.
	for _, p := range append(e.parts(option{there.RoomID, there.EquipmentIDs}), part{there.PractitionerID, schedule.PractitionerResource, f.Practitioner}) {
		e.p.group.claims = append(e.p.group.claims, store.Claim{ResourceID: p.resourceID, Span: p.span, HolderID: there.ID})
	}
	store.SortClaims(e.p.group.claims)
	return nil
}

// sit takes the seat that was found, of a session that is there or begins with it.
func (a *App) sit(tx *sqldb.Tx, w *wish, g *group) error {
	began, err := store.InsertGroup(tx, w.clinic.ID, &g.GroupSession)
	if err != nil {
		return err
	}
	if began {
		if err := store.InsertClaims(tx, w.clinic.ID, g.claims, errRace); err != nil {
			return err
		}
		claims := g.claims
		tx.OnCommit(func() { a.Busy.Take(w.clinic.ID, claims) })
	} else if g.isNew { // somebody else's began meanwhile
		return errRace
	}
	seats, err := store.Seats(tx, w.clinic.ID, g.ID)
	if err != nil {
		return err
	}
	for n := 1; n <= g.Capacity; n++ {
		if _, taken := seats[n]; !taken {
			return store.InsertSeat(tx, w.clinic.ID, &g.GroupSession, n, w.holderID)
		}
	}
	return errRace
}

// leaveSeats gives the seats of a holder back but for that in one session. Types do not turn into
// those of a group or back, so the catalogue in memory tells for which it need not look.
func (a *App) leaveSeats(tx *sqldb.Tx, clinicID, typeID, holderID, keep string) error {
	if clinic := a.Catalogues.Cached(clinicID); clinic != nil {
		if t := clinic.Types[typeID]; t != nil && !t.Shared() {
			return nil
		}
	}
	ids, err := store.SeatsOf(tx, clinicID, holderID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if id == keep {
			continue
		}
		if err := a.leaveGroup(tx, clinicID, id, holderID); err != nil {
			return err
		}
	}
	return nil
}

func (a *App) leaveGroup(tx *sqldb.Tx, clinicID, groupID, holderID string) error {
	s, err := store.LockGroup(tx, clinicID, groupID)
	if err != nil || s == nil {
		return err
	}
	ended, err := store.DeleteSeat(tx, clinicID, s, holderID)
	if ended {
		tx.OnCommit(func() { a.Busy.Forget(clinicID, s.ResourceIDs(), s.Claims) })
	}
	return err
}
