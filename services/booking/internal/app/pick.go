package app

import (
	"iter"
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

// pick takes the practitioner, the patient, and an option of the pool.
//
// The first try takes the option that memory thinks free without looking: the database
// refuses if it is not, and that is rare. The second (wish.careful) looks who has what, so
// that it can give a reason, free an expired hold, or take another of the pool inside the
// same transaction.
func (e *examination) pick() error {
	if e.w.typ.Shared() {
		return e.pickGroup()
	}
	w, f := e.w, e.p.footprint
	fixed := []part{{w.practitioner.ID, schedule.PractitionerResource, f.Practitioner}}
	if e.p.patientID != "" {
		fixed = append(fixed, part{e.p.patientID, schedule.PatientResource, f.Patient})
	}
	chosen, refusal := e.likely()
	if refusal != nil {
		e.refuse(refusal)
	}
	parts := e.parts(chosen)
	all := slices.Concat(fixed, parts)
	if err := e.lock(all); err != nil {
		return err
	}
	if refusal == nil && !w.careful && !w.explain && w.override == "" && w.moving == nil {
		e.p.blind = true
		e.settle(fixed, chosen, nil)
		return nil
	}
	conflicts, err := e.conflicts(all)
	if err != nil {
		return err
	}
	if conflicts.hit(parts) && refusal == nil {
		if chosen, err = e.another(chosen, conflicts); err != nil {
			return err
		}
	}
	e.settle(fixed, chosen, conflicts)
	return nil
}

// lock locks the resources in order of id.
func (e *examination) lock(parts []part) error {
	if e.w.explain || e.tx.ForUpdate() == "" {
		return nil
	}
	ids := make([]string, len(parts))
	for i, p := range parts {
		ids[i] = p.resourceID
	}
	slices.Sort(ids)
	return store.LockResources(e.tx, e.w.clinic.ID, ids)
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

// likely is the first option that memory thinks free, else the first of all. Without one it
// says why.
func (e *examination) likely() (option, *fault.Error) {
	w := e.w
	if !w.typ.NeedsRoom(w.mode) {
		if devices, ok := e.devices(""); ok {
			return option{"", devices}, nil
		}
		return option{}, e.none("NO_EQUIPMENT", schedule.EquipmentResource, w.typ.EquipmentCapabilities)
	}
	first, rooms := option{}, 0
	for room := range e.rooms() {
		rooms++
		devices, ok := e.devices(room)
		if !ok {
			continue
		}
		o := option{room, devices}
		if !e.taken(o) {
			return o, nil
		}
		if first.roomID == "" {
			first = o
		}
	}
	switch {
	case rooms == 0:
		return option{}, e.none("NO_ROOM", schedule.RoomResource, w.typ.RoomCapabilities)
	case first.roomID == "":
		return option{}, e.none("NO_EQUIPMENT", schedule.EquipmentResource, w.typ.EquipmentCapabilities)
	}
	return first, nil
}

// options lists all ways to serve the wish at its place, in the order to try them.
func (e *examination) options() (options []option) {
	if !e.w.typ.NeedsRoom(e.w.mode) {
		if devices, ok := e.devices(""); ok {
			return []option{{"", devices}}
		}
		return nil
	}
	for room := range e.rooms() {
		if devices, ok := e.devices(room); ok {
			options = append(options, option{room, devices})
		}
	}
	return options
}

// rooms yields the rooms that suit, in the order to try them.
func (e *examination) rooms() iter.Seq[string] {
	w, need := e.w, e.p.footprint.Room
	suits := func(id string) bool {
		return (w.roomID == "" || w.roomID == id) && !w.clinic.Away(id, need)
	}
	return func(yield func(string) bool) {
		pool := w.clinic.Rooms(w.typ, e.p.locationID, w.practitioner.ID)
		kept := slices.ContainsFunc(pool, func(r schedule.Resource) bool { return r.ID == w.keepRoomID })
		if kept && suits(w.keepRoomID) && !yield(w.keepRoomID) {
			return
		}
		for _, r := range pool {
			if r.ID != w.keepRoomID && suits(r.ID) && !yield(r.ID) {
				return
			}
		}
	}
}

// devices picks, for each capability needed, a device that can be used in the room and that
// memory thinks free. One device may serve several capabilities.
func (e *examination) devices(roomID string) (ids []string, ok bool) {
	w, need := e.w, e.p.footprint.Equipment
	for i := range w.typ.NeedsEquipment(w.mode) {
		best := ""
		for _, d := range w.clinic.Devices(w.typ, i, e.p.locationID, w.practitioner.ID) {
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

// taken reports whether memory knows a part of an option to be taken. The room to keep counts
// as free: what memory knows of may be the appointment's own old time.
func (e *examination) taken(o option) bool {
	if o.roomID != "" && o.roomID == e.w.keepRoomID {
		return false
	}
	if o.roomID != "" && e.Busy.Taken(e.w.clinic.ID, o.roomID, e.p.footprint.Room) {
		return true
	}
	return slices.ContainsFunc(o.devices, func(id string) bool { return e.Busy.Taken(e.w.clinic.ID, id, e.p.footprint.Equipment) })
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
func (e *examination) conflicts(parts []part) (conflictList, error) {
	ids := make([]string, 0, len(parts))
	var hull schedule.Span
	for _, p := range parts {
		ids = append(ids, p.resourceID)
		hull = hull.Hull(p.span)
	}
	claims, err := store.Overlapping(e.tx, e.w.clinic.ID, ids, hull)
	if err != nil {
		return nil, err
	}
	var list conflictList
	for _, c := range claims {
		i := slices.IndexFunc(parts, func(p part) bool { return p.resourceID == c.ResourceID })
		if !parts[i].span.Overlaps(c.Span) || e.w.owns(c.HolderID) {
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
func (e *examination) another(first option, known conflictList) (option, error) {
	options := e.options()
	var parts []part
	for _, o := range options {
		for _, p := range e.parts(o) {
			if !slices.Contains(parts, p) {
				parts = append(parts, p)
			}
		}
	}
	conflicts, err := e.conflicts(parts)
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
	return first, nil
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
	again, err := e.conflicts(e.parts(o))
	if err == nil && len(again) > 0 {
		return errRace
	}
	return err
}

// settle turns the choice into claims. What is still taken refuses, or is overridden.
func (e *examination) settle(fixed []part, chosen option, conflicts conflictList) {
	e.p.roomID, e.p.devices = chosen.roomID, chosen.devices
	for _, p := range append(fixed, e.parts(chosen)...) {
		c, hit := conflicts.of(p.resourceID)
		if hit && e.w.override == "" {
			e.refuse(e.refusal(c))
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
func (e *examination) refusal(c conflict) *fault.Error {
	reason, message := "SLOT_TAKEN", "This time is taken."
	switch {
	case c.kind == schedule.PatientResource:
		reason, message = "PATIENT_BUSY", "The patient has another appointment then."
	case c.kind == schedule.RoomResource && e.w.roomID == "":
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
