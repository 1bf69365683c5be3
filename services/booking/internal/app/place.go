package app

import (
	"crypto/subtle"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// wish is time that somebody wants, for an appointment or a hold.
type wish struct {
	clinic       *calendar.Clinic
	who          caller
	typ          *store.Type
	practitioner *schedule.Practitioner
	patientID    string // empty: a hold for nobody in particular
	start        schedule.Slot
	minutes      int
	mode         schedule.Mode
	roomID       string // the room wanted; empty takes any that suits
	keepRoomID   string // taken first among those that suit
	planID       string
	gate         schedule.Gate
	ungated      bool   // gate and plan are not asked: a hold
	holderID     string // the appointment or hold that the claims are for
	moving       *store.Appointment
	oldClaims    []store.Claim // what the moving appointment has
	series       []string      // appointments that move together with it: their old time is theirs
	leaving      []string      // sessions of several that end with its move: their time is its own
	later        bool          // a session of the same course comes before it, in the same attempt
	holdID       string
	ownerToken   string
	source       string // the system that an import takes it from, with its id there
	externalID   string
	override     string // staff's reason to book although something refuses
	again        bool   // the same time was booked before: notice and horizon are not asked
	explain      bool   // nothing will be written: nothing is locked
	careful      bool   // the database has refused the first try: look before taking
}

// owns reports whether a claim in the way is the wish's own.
func (w *wish) owns(holderID string) bool {
	return holderID == w.holderID || slices.Contains(w.series, holderID) || slices.Contains(w.leaving, holderID)
}

// date is the civil date of the wish, where the practitioner works then.
func (w *wish) date() civil.Date {
	at, _ := w.clinic.WorksAt(w.practitioner.ID, w.typ.Footprint(w.start, w.minutes).Practitioner)
	return w.clinic.DateAt(at, w.start.Time())
}

// placement is where a wish has its place.
type placement struct {
	footprint  schedule.Footprint
	locationID string
	date       civil.Date
	zone       *time.Location
	roomID     string
	devices    []string
	patientID  string // the surviving record
	flags      []string
	claims     []store.Claim
	group      *group // the session of several patients that it is in, if any
	blind      bool   // nobody has looked whether the claims are free
	overrides  []store.OverlapOverride
	freed      []*store.Hold // holds in the way that have expired
	taken      []*store.Hold // the caller's own holds, which the placement takes over
}

// examination is an examine under way.
type examination struct {
	*App
	tx      *sqldb.Tx
	w       *wish
	p       *placement
	refused []*fault.Error
}

func (e *examination) refuse(r *fault.Error) { e.refused = append(e.refused, r) }

// examine finds the place for a wish in the database as it is now, or everything that refuses
// it. Unless it only explains, it locks the patient's gate and the resources, so that what it
// finds stays true until the transaction ends. It returns errStaleCatalogue, errNewerGate,
// errUnknownPatient or errRace when it must be run again after something was done outside.
func (a *App) examine(tx *sqldb.Tx, w *wish) (*placement, []*fault.Error, error) {
	e := &examination{App: a, tx: tx, w: w, p: &placement{footprint: w.typ.Footprint(w.start, w.minutes)}}
	if err := e.checkVersions(); err != nil {
		return nil, nil, err
	}
	if err := e.checkHold(); err != nil {
		return nil, nil, err
	}
	outside := e.checkPlace()
	if err := e.checkRules(); err != nil {
		return nil, nil, err
	}
	if outside != nil {
		e.refuse(outside)
	}
	if len(e.refused) > 0 && !w.explain {
		return nil, e.refused, nil
	}
	if err := e.pick(); err != nil {
		return nil, nil, err
	}
	return e.p, e.refused, nil
}

// find is examine for who books: it answers with the first refusal. Rules come before taken
// time, and taken time before rooms, so the first is what should be mended first.
func (a *App) find(tx *sqldb.Tx, w *wish) (*placement, error) {
	p, refused, err := a.examine(tx, w)
	if err != nil {
		return nil, err
	}
	if len(refused) > 0 {
		return nil, refused[0]
	}
	return p, nil
}

// checkVersions compares the catalogue that the wish was read with, and the gate that intake
// gave, with the database, and locks the patient's gate.
func (e *examination) checkVersions() error {
	w := e.w
	if w.patientID == "" {
		version, _, err := store.CatalogueVersion(e.tx, w.clinic.ID)
		if err == nil && version != w.clinic.Version {
			err = errStaleCatalogue
		}
		return err
	}
	read := store.LockGate
	if w.explain {
		read = store.ReadGate
	}
	gate, err := read(e.tx, w.clinic.ID, w.patientID)
	switch {
	case err != nil:
		return err
	case gate == nil:
		return errUnknownPatient
	case gate.CatalogueVersion != w.clinic.Version:
		return errStaleCatalogue
	}
	e.p.patientID = gate.SurvivingID
	if w.ungated {
		return nil
	}
	w.gate.Forbidden = gate.Forbidden
	if gate.Version > w.gate.Version {
		return errNewerGate
	}
	if gate.Version == w.gate.Version {
		w.gate.ChangeTime = gate.ChangedAt
	}
	return nil
}

// checkHold answers NOT_FOUND for a hold that is not there or not the caller's. One that was
// given up or has expired is no error: its time may still be free.
func (e *examination) checkHold() error {
	if e.w.holdID == "" {
		return nil
	}
	h, err := store.LockHold(e.tx, e.w.clinic.ID, e.w.holdID)
	if err != nil {
		return err
	}
	if h == nil || !e.ownHold(h) {
		return fault.NotFoundf("hold")
	}
	return nil
}

// checkPlace finds where the practitioner works then, or refuses. An override books outside
// working hours where the wanted room is or the practitioner usually works, and one who has no
// shifts at all at the clinic's first location.
func (e *examination) checkPlace() (refusal *fault.Error) {
	w, p := e.w, e.p
	at, works := w.clinic.WorksAt(w.practitioner.ID, p.footprint.Practitioner)
	if !works {
		refusal = fault.New(fault.Aborted, "OUTSIDE_SHIFT", "The practitioner does not work at that time.").
			With("resource_kind", string(schedule.PractitionerResource)).With("resource_id", w.practitioner.ID)
		at = w.clinic.Resources[w.roomID].LocationID
		if usual := w.clinic.LocationsOf(w.practitioner.ID); at == "" && len(usual) > 0 {
			at = usual[0]
		}
		if at == "" {
			at = w.clinic.FirstLocation()
		}
		switch {
		case at == "": // nowhere to book it
		case w.override == "":
			refusal = refusal.With("overridable", "true")
		default:
			refusal = nil
		}
	}
	p.locationID = at
	p.zone = w.clinic.ZoneOf(at)
	p.date = civil.Of(p.footprint.Visit.Start(), p.zone)
	return refusal
}

// checkRules asks the rules of type, time, person and gate.
func (e *examination) checkRules() error {
	w, p := e.w, e.p
	now := e.tx.Now()
	today := civil.Of(now, p.zone)
	visit := schedule.Visit{
		Type: &w.typ.Type, Practitioner: w.practitioner, By: w.who.party, Mode: w.mode, Minutes: w.minutes,
		Start: p.footprint.Visit.Start(), Date: p.date, Today: today, Now: now,
		UnderPlan: w.planID != "" || w.ungated,
	}
	if w.typ.Discipline == schedule.Massage && w.patientID != "" && !w.later {
		first, err := e.firstMassage()
		if err != nil {
			return err
		}
		visit.FirstMassage = first
	}
	late := e.checkLateMove(now)
	for _, r := range visit.Check() {
		if !w.excuses(r.Reason) {
			e.refuse(r)
		}
	}
	if w.patientID == "" || w.ungated {
		return nil
	}
	ask := schedule.GateAsk{
		Kind: w.typ.Kind, Discipline: w.typ.Discipline, Mode: w.mode, By: w.who.party,
		Date: p.date, Today: today, Now: now, UnderPlan: w.planID != "",
	}
	if w.planID != "" {
		at, err := store.PlanTime(e.tx, w.clinic.ID, w.planID)
		if err != nil {
			return err
		}
		ask.PlanTime = at
	}
	flags, refusal := w.gate.Ask(ask)
	p.flags = append(flags, late...)
	if refusal != nil {
		e.refuse(refusal)
	}
	return nil
}

// checkLateMove refuses a patient's move that comes too late, or returns the flag of one that
// comes late. The undo of a cancel is no move.
func (e *examination) checkLateMove(now time.Time) (flags []string) {
	if e.w.moving == nil || e.w.again || e.w.who.party != schedule.Patient {
		return nil
	}
	late, refusal := lateChange(e.w.clinic, e.w.who, e.w.moving, now)
	if refusal != nil {
		e.refuse(refusal)
	}
	if late {
		flags = append(flags, FlagMovedLate)
	}
	return flags
}

// excuses reports whether a rule does not bear on what was booked before: the undo of a cancel
// gives back a time that was agreed, and a move keeps a type and length that are not offered
// any more.
func (w *wish) excuses(reason string) bool {
	switch reason {
	case "NOTICE_TOO_SHORT", "BEYOND_HORIZON":
		return w.again
	case "TYPE_INACTIVE":
		return w.moving != nil
	case "WRONG_DURATION":
		return w.moving != nil && schedule.Slot(w.minutes/5) == w.moving.Visit.To-w.moving.Visit.From
	}
	return false
}

// firstMassage reports whether the wish would be the patient's first massage.
func (e *examination) firstMassage() (bool, error) {
	ids, err := store.PatientRecords(e.tx, e.w.clinic.ID, e.p.patientID)
	if err != nil {
		return false, err
	}
	first, any, err := store.FirstMassage(e.tx, e.w.clinic.ID, ids, e.w.holderID)
	return !any || e.w.start <= first, err
}

// ownHold decides whose hold it is that stands in the way: the caller's own, by the token that
// came with it or because the same account set the time aside for the same patient.
func (e *examination) ownHold(h *store.Hold) bool {
	if h.ID == e.w.holdID && (h.OwnerSubject == e.w.who.Subject || sameToken(h.OwnerToken, e.w.ownerToken)) {
		return true
	}
	return h.OwnerSubject == e.w.who.Subject && h.PatientID != "" && h.PatientID == e.w.patientID
}

func sameToken(want, got string) bool {
	return want != "" && subtle.ConstantTimeCompare([]byte(want), []byte(got)) == 1
}
