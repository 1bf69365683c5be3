package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"time"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Booking is an appointment that is asked for.
type Booking struct {
	// Fingerprint tells this request from another with the same request id.
	Fingerprint            []byte
	TypeID, PatientID      string
	PractitionerID, RoomID string
	Start                  time.Time
	Minutes                int
	Mode                   schedule.Mode
	PlanID, CourseID       string
	HoldID, OwnerToken     string
	OverrideReason         string
	// source and externalID are whose appointment of another system it is; empty: nobody's.
	source, externalID string
	// forNobody leaves the patient out, as staff may for a hold.
	forNobody bool
	// offered says that staff's rules count whoever books: the clinic has offered the time.
	offered bool
}

const methodBook = "CreateAppointment"

// BookAppointment books. The same request id again returns the same appointment.
//
// A booking without a plan is one transaction; one with a plan goes through the entitlement
// protocol. It fails with the reasons listed at AppointmentService; a refusal because of time
// carries the conflicting interval and the next free start.
func (a *App) BookAppointment(ctx context.Context, b Booking) (*store.Appointment, error) {
	w, err := a.newWish(ctx, b)
	if err != nil {
		return nil, err
	}
	w.holderID = ident.New("apt")
	// A replay is answered even when intake is away.
	gateErr := a.askGate(ctx, w)
	if b.PlanID != "" {
		return a.bookByPlan(ctx, &proposal{
			w: w, kind: store.AttemptBook, courseID: b.CourseID, method: methodBook, fingerprint: b.Fingerprint, gateErr: gateErr,
			place: func(tx *sqldb.Tx) (*store.Appointment, *placement, error) {
				p, err := a.find(tx, w)
				if err != nil {
					return nil, nil, err
				}
				return a.newAppointment(tx, w, p), p, nil
			},
		})
	}
	var booked *store.Appointment
	err = a.settleWish(ctx, w, func() error {
		return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
			id, replayed, err := requestid.OnceAs(ctx, tx, methodBook, b.Fingerprint, w.holderID, func() (err error) {
				if gateErr != nil {
					return gateErr
				}
				booked, err = a.bookOutright(ctx, tx, w)
				return err
			})
			if err == nil && replayed {
				booked, err = store.GetAppointment(tx, w.clinic.ID, id)
			}
			return err
		})
	})
	if err != nil {
		return nil, a.suggest(ctx, w, err)
	}
	failpoint.Hit("booking.booked")
	return booked, nil
}

// newWish reads a booking against the clinic's catalogue. INVALID_ARGUMENT names a field,
// NOT_FOUND what the clinic does not have.
func (a *App) newWish(ctx context.Context, b Booking) (*wish, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	patient := ""
	if !b.forNobody {
		if patient, err = who.patient(b.PatientID); err != nil {
			return nil, err
		}
	}
	start, err := slotOf("start_time", b.Start)
	if err != nil {
		return nil, err
	}
	if b.OverrideReason != "" && who.party != schedule.Staff {
		return nil, fault.New(fault.PermissionDenied, "OVERRIDE_NOT_ALLOWED", "Only staff may book over a refusal.")
	}
	clinic, typ, practitioner, err := a.lookUp(ctx, who.ClinicID, b.TypeID, b.PractitionerID)
	if err != nil {
		return nil, err
	}
	w := &wish{
		clinic: clinic, who: who, typ: typ, practitioner: practitioner, patientID: patient, start: start,
		roomID: b.RoomID, planID: b.PlanID, holdID: b.HoldID, ownerToken: b.OwnerToken, override: b.OverrideReason,
		source: b.source, externalID: b.externalID,
	}
	if b.offered {
		w.who.party = schedule.Staff
	}
	w.shape(b.Minutes, b.Mode)
	if b.RoomID != "" && clinic.Resources[b.RoomID].Kind != schedule.RoomResource {
		return nil, fault.NotFoundf("room")
	}
	return w, nil
}

// shape sets length and mode. What the type does not have stays as asked for, and is refused
// by the rules, which say what it has.
func (w *wish) shape(minutes int, mode schedule.Mode) {
	w.minutes, _ = w.typ.Lasts(minutes)
	w.mode, _ = w.typ.In(mode)
}

// lookUp finds type and practitioner, in memory, then in the database, then in directory.
func (a *App) lookUp(ctx context.Context, clinicID, typeID, practitionerID string) (*calendar.Clinic, *store.Type, *schedule.Practitioner, error) {
	clinic, err := a.clinic(ctx, clinicID)
	if err != nil {
		return nil, nil, nil, err
	}
	if clinic.Types[typeID] == nil || clinic.Practitioners[practitionerID] == nil {
		if clinic, err = a.currentClinic(ctx, clinicID); err != nil {
			return nil, nil, nil, err
		}
	}
	typ := clinic.Types[typeID]
	if typ == nil {
		return nil, nil, nil, fault.NotFoundf("appointment type")
	}
	if clinic.Practitioners[practitionerID] == nil {
		if clinic, err = a.fetchPractitioner(ctx, clinicID, practitionerID); err != nil {
			return nil, nil, nil, err
		}
	}
	return clinic, typ, clinic.Practitioners[practitionerID], nil
}

// bookOutright is a booking without a plan, inside its one transaction.
func (a *App) bookOutright(ctx context.Context, tx *sqldb.Tx, w *wish) (*store.Appointment, error) {
	p, err := a.find(tx, w)
	if err != nil {
		return nil, err
	}
	if err := a.write(ctx, tx, w, p, p.claims); err != nil {
		return nil, err
	}
	apt := a.newAppointment(tx, w, p)
	if err := store.InsertAppointment(tx, apt); err != nil {
		return nil, err
	}
	if w.externalID != "" {
		if first, err := store.InsertExternalID(tx, w.clinic.ID, w.source, w.externalID, apt.ID); err != nil || !first {
			return nil, cmp.Or(err, error(errPresent))
		}
	}
	if err := a.tell(ctx, tx, apt, "appointment.book", auditFacts(apt), &bookingv1.AppointmentBooked{Appointment: Fact(apt)}); err != nil {
		return nil, err
	}
	a.Busy.Told(apt.ID, apt.Version)
	failpoint.Hit("booking.booked_uncommitted")
	return apt, nil
}

// newAppointment is the row for a placement.
func (a *App) newAppointment(tx *sqldb.Tx, w *wish, p *placement) *store.Appointment {
	apt := &store.Appointment{
		ClinicID: w.clinic.ID, ID: w.holderID, Version: 1, State: store.Booked,
		TypeID: w.typ.ID, Kind: w.typ.Kind, Discipline: w.typ.Discipline, Mode: w.mode, PatientID: w.patientID,
		PlanID: w.planID, CreatedAt: tx.Now(),
	}
	if w.mode == schedule.Online {
		apt.MeetingURI = w.typ.MeetingURIPrefix + rand.Text() // the last part is secret: who has it may join
	}
	w.occupy(apt, p)
	return apt
}

// occupy writes a placement into an appointment's row.
func (w *wish) occupy(apt *store.Appointment, p *placement) {
	apt.PractitionerID, apt.LocationID, apt.RoomID, apt.EquipmentIDs = w.practitioner.ID, p.locationID, p.roomID, p.devices
	apt.Visit, apt.Claims = p.footprint.Visit, p.footprint.Hull()
	apt.LocalDate, apt.TimeZone = p.date, p.zone.String()
	apt.ClaimedPatientID, apt.GateVersion = p.patientID, w.gate.Version
	if apt.GroupSessionID = ""; p.group != nil {
		apt.GroupSessionID = p.group.ID
	}
	apt.OverrideReason, apt.OverrideBy = "", ""
	apt.Flags = p.flags
	if w.override != "" {
		apt.OverrideReason, apt.OverrideBy = w.override, w.who.Subject
		apt.Flags = append(apt.Flags, FlagOverridden)
	}
	apt.NeedsReview = needsReview(apt.Flags)
}

// auditFacts are the codes that explain a booking to an auditor.
func auditFacts(apt *store.Appointment) map[string]string {
	if apt.OverrideReason == "" && apt.PlanID == "" {
		return nil
	}
	facts := map[string]string{}
	if apt.OverrideReason != "" {
		facts["override"] = "true"
	}
	if apt.PlanID != "" {
		facts["plan_id"] = apt.PlanID
	}
	return facts
}
