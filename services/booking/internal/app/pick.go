package app

import (
	"slices"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// option is one way to serve a wish: a room, if one is needed, and a device of each kind.
type option struct {
	roomID  string
	devices []string
}

// pick takes the first option of the pool that nobody has, and the practitioner and the
// patient. The one that memory thinks free is tried first; when somebody was faster the
// others are tried inside the same transaction.
func (e *examination) pick() error {
	w, f := e.w, e.p.footprint
	fixed := []part{{w.practitioner.ID, schedule.PractitionerResource, f.Practitioner}}
	if e.p.patientID != "" {
		fixed = append(fixed, part{e.p.patientID, schedule.PatientResource, f.Patient})
	}
	options, refusal := e.options()
	if refusal != nil {
		e.refuse(refusal)
		options = []option{{}}
	}
	first := e.parts(options[0])
	conflicts, err := e.conflicts(append(fixed, first...), true)
	if err != nil {
		return err
	}
	chosen := options[0]
	if conflicts.hit(first) && refusal == nil {
		if chosen, err = e.another(options, conflicts); err != nil {
			return err
		}
	}
	e.settle(fixed, chosen, conflicts, options)
	return nil
}

// part is what a wish takes of one resource.
type part struct {
	resourceID string
	kind       schedule.ResourceKind
	span       schedule.Span
}

// parts are what an option takes.
func (e *examination) parts(o option) (list []part) {
	if o.roomID != "" {
		list = append(list, part{o.roomID, schedule.RoomResource, e.p.footprint.Room})
	}
	for _, id := range o.devices {
		list = append(list, part{id, schedule.EquipmentResource, e.p.footprint.Equipment})
	}
	return list
}

// options lists the ways to serve the wish at its place, those first that memory thinks
// free. Without one it says why.
func (e *examination) options() ([]option, *fault.Error) {
	w, f := e.w, e.p.footprint
	rooms := []string{""}
	if w.typ.NeedsRoom(w.mode) {
		if rooms = e.rooms(); len(rooms) == 0 {
			return nil, e.none("NO_ROOM", schedule.RoomResource, w.typ.RoomCapabilities)
		}
	}
	var options []option
	for _, room := range rooms {
		if devices, ok := e.devices(room); ok {
			options = append(options, option{room, devices})
		}
	}
	if len(options) == 0 {
		return nil, e.none("NO_EQUIPMENT", schedule.EquipmentResource, w.typ.EquipmentCapabilities)
	}
	slices.SortStableFunc(options, func(a, b option) int { return e.taken(a, f) - e.taken(b, f) })
	return options, nil
}

// rooms are the rooms that suit, in the order to try them.
func (e *examination) rooms() (ids []string) {
	w := e.w
	for _, r := range w.clinic.Pool(schedule.RoomResource, e.p.locationID, w.typ.RoomCapabilities, w.practitioner.ID) {
		if (w.roomID == "" || w.roomID == r.ID) && !w.clinic.Away(r.ID, e.p.footprint.Room) {
			ids = append(ids, r.ID)
		}
	}
	if i := slices.Index(ids, w.keepRoomID); i > 0 {
		ids = slices.Insert(slices.Delete(ids, i, i+1), 0, w.keepRoomID)
	}
	return ids
}

// devices picks, for each capability needed, a device that can be used in the room and that
// memory thinks free. One device may serve several capabilities.
func (e *examination) devices(roomID string) (ids []string, ok bool) {
	w, need := e.w, e.p.footprint.Equipment
	for _, capability := range w.typ.NeedsEquipment(w.mode) {
		best := ""
		for _, d := range w.clinic.Pool(schedule.EquipmentResource, e.p.locationID, []string{capability}, w.practitioner.ID) {
			if w.clinic.Away(d.ID, need) || roomID != "" && d.RoomID != "" && d.RoomID != roomID {
				continue
			}
			if slices.Contains(ids, d.ID) || !e.Busy.Taken(w.clinic.ID, d.ID, need) {
				best = d.ID
				break
			}
			if best == "" {
				best = d.ID
			}
		}
		if best == "" {
			return nil, false
		}
		if !slices.Contains(ids, best) {
			ids = append(ids, best)
		}
	}
	return ids, true
}

// taken counts the parts of an option that memory knows to be taken. The room to keep counts
// as free: what memory knows of may be the appointment's own old time.
func (e *examination) taken(o option, f schedule.Footprint) int {
	if o.roomID != "" && o.roomID == e.w.keepRoomID {
		return 0
	}
	n := 0
	if o.roomID != "" && e.Busy.Taken(e.w.clinic.ID, o.roomID, f.Room) {
		n++
	}
	for _, id := range o.devices {
		if e.Busy.Taken(e.w.clinic.ID, id, f.Equipment) {
			n++
		}
	}
	return n
}

func (e *examination) none(reason string, kind schedule.ResourceKind, capabilities []string) *fault.Error {
	message := "No room that suits is free then."
	if kind == schedule.EquipmentResource {
		message = "No device that suits is free then."
	}
	return fault.New(fault.Aborted, reason, message).With("resource_kind", string(kind)).
		With("capabilities", strings.Join(capabilities, ","))
}

// conflict is a claim of somebody else on a part of the wish.
type conflict struct {
	part
	claim store.Claim
}

type conflictList []conflict

func (c conflictList) of(resourceID string) (conflict, bool) {
	for _, x := range c {
		if x.resourceID == resourceID {
			return x, true
		}
	}
	return conflict{}, false
}

func (c conflictList) hit(parts []part) bool {
	return slices.ContainsFunc(parts, func(p part) bool { _, hit := c.of(p.resourceID); return hit })
}

// conflicts reads who has the parts. The caller's own old time and holds are no conflict, and
// neither are holds that have expired; both are remembered for write.
func (e *examination) conflicts(parts []part, lock bool) (conflictList, error) {
	ids := make([]string, 0, len(parts))
	var hull schedule.Span
	for _, p := range parts {
		ids = append(ids, p.resourceID)
		hull = hull.Hull(p.span)
	}
	slices.Sort(ids)
	if lock && !e.w.explain {
		if err := store.LockResources(e.tx, e.w.clinic.ID, ids); err != nil {
			return nil, err
		}
	}
	claims, err := store.Overlapping(e.tx, e.w.clinic.ID, ids, hull)
	if err != nil {
		return nil, err
	}
	var list conflictList
	for _, c := range claims {
		i := slices.IndexFunc(parts, func(p part) bool { return p.resourceID == c.ResourceID })
		if !parts[i].span.Overlaps(c.Span) || c.HolderID == e.w.holderID {
			continue
		}
		if strings.HasPrefix(c.HolderID, "hold_") {
			if free, err := e.freeHold(c.HolderID); err != nil {
				return nil, err
			} else if free {
				continue
			}
		}
		list = append(list, conflict{parts[i], c})
	}
	return list, nil
}

// freeHold reports whether a hold in the way gives up its time: to its owner, or to anybody
// once it has expired.
func (e *examination) freeHold(id string) (bool, error) {
	same := func(h *store.Hold) bool { return h.ID == id }
	if slices.ContainsFunc(e.p.taken, same) || slices.ContainsFunc(e.p.freed, same) {
		return true, nil
	}
	read := store.LockHold
	if e.w.explain {
		read = store.GetHold
	}
	h, err := read(e.tx, e.w.clinic.ID, id)
	switch {
	case err != nil:
		return false, err
	case h == nil || h.State != store.Held:
		return false, nil
	case e.ownHold(h):
		e.p.taken = append(e.p.taken, h)
		return true, nil
	case !e.tx.Now().Before(h.ExpiresAt):
		e.p.freed = append(e.p.freed, h)
		return true, nil
	}
	return false, nil
}

// another finds an option of which nothing is taken, when the first was. What it finds is
// locked out of order and therefore without waiting; when somebody else has the lock the
// whole transaction is run again.
func (e *examination) another(options []option, known conflictList) (option, error) {
	var parts []part
	for _, o := range options {
		for _, p := range e.parts(o) {
			if !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
	}
	conflicts, err := e.conflicts(parts, false)
	if err != nil {
		return option{}, err
	}
	for _, o := range options {
		if conflicts.hit(e.parts(o)) || known.hit(e.parts(o)) {
			continue
		}
		if e.w.explain {
			return o, nil
		}
		return o, e.lockLate(o)
	}
	return options[0], nil
}

func (e *examination) lockLate(o option) error {
	for _, p := range e.parts(o) {
		if ok, err := store.TryLockResource(e.tx, e.w.clinic.ID, p.resourceID); err != nil {
			return err
		} else if !ok {
			return errRace
		}
	}
	// PostgreSQL: what was read before the lock may have changed since.
	if e.tx.ForUpdate() == "" {
		return nil
	}
	again, err := e.conflicts(e.parts(o), false)
	if err == nil && len(again) > 0 {
		return errRace
	}
	return err
}

// settle turns the choice into claims. What is still taken refuses, or is overridden.
func (e *examination) settle(fixed []part, chosen option, conflicts conflictList, options []option) {
	e.p.roomID, e.p.devices = chosen.roomID, chosen.devices
	for _, p := range append(fixed, e.parts(chosen)...) {
		c, hit := conflicts.of(p.resourceID)
		if hit && e.w.override == "" {
			e.refuse(e.refusal(c, len(options) > 1))
		}
		for _, x := range conflicts {
			if x.resourceID == p.resourceID && e.w.override != "" {
				e.p.overrides = append(e.p.overrides, store.OverlapOverride{
					AppointmentID: e.w.holderID, ResourceID: p.resourceID, OverHolderID: x.claim.HolderID,
					Span: p.span, Reason: e.w.override, AccountID: e.w.who.Subject,
				})
			}
		}
		e.p.claims = append(e.p.claims, store.Claim{ResourceID: p.resourceID, Span: p.span, HolderID: e.w.holderID, Override: hit})
	}
	store.SortClaims(e.p.claims)
}

// refusal says what is taken and when, and nothing of who has it.
func (e *examination) refusal(c conflict, pool bool) *fault.Error {
	reason, message := "SLOT_TAKEN", "This time is taken."
	switch {
	case c.kind == schedule.PatientResource:
		reason, message = "PATIENT_BUSY", "The patient has another appointment then."
	case c.kind == schedule.RoomResource && (pool || e.w.roomID == ""):
		reason, message = "NO_ROOM", "No room that suits is free then."
	case c.kind == schedule.EquipmentResource:
		reason, message = "NO_EQUIPMENT", "No device that suits is free then."
	}
	r := fault.New(fault.Aborted, reason, message).
		With("resource_kind", string(c.kind)).
		With("conflict_start_time", c.claim.Span.Start().Format(time.RFC3339)).
		With("conflict_end_time", c.claim.Span.End().Format(time.RFC3339)).
		With("overridable", "true")
	if c.kind != schedule.PatientResource {
		r = r.With("resource_id", c.resourceID)
	}
	if strings.HasPrefix(c.claim.HolderID, "hold_") {
		r = r.With("held", "true")
	}
	return r
}
