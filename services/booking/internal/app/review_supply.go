package app

import (
	"context"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// scope is what a change of supply can bear on: the appointments of one practitioner, or of all,
// on a run of civil dates.
type scope struct {
	practitionerID string
	from, to       civil.Date // zero: from today, without end
}

// reviewSupply flags every appointment to come that shifts, people and places do not carry any
// more, and clears the flags of those that they carry again. Nothing is cancelled: a person
// decides. It reads the catalogue as the transaction has written it.
func (a *App) reviewSupply(ctx context.Context, tx *sqldb.Tx, clinicID string, s scope) error {
	if today := civil.Of(tx.Now(), time.UTC).AddDays(-1); s.from.Before(today) {
		s.from = today
	}
	if s.to.IsZero() {
		s.to = civil.Date{Year: 9999, Month: time.December, Day: 31}
	}
	coming, err := store.ListBooked(tx, clinicID, s.practitionerID, s.from, s.to)
	if err != nil || len(coming) == 0 {
		return err
	}
	cat, err := store.LoadCatalogue(tx, clinicID)
	if err != nil {
		return err
	}
	clinic, err := calendar.NewClinic(cat)
	if err != nil {
		return err
	}
	for _, apt := range coming {
		if apt.Visit.End().Before(tx.Now()) || !setFlags(apt, supplyFlags, supplyProblems(clinic, apt)) {
			continue
		}
		if err := a.saveFlags(ctx, tx, apt); err != nil {
			return err
		}
	}
	return nil
}

// supplyProblems are the flags that an appointment has because of the clinic's supply. What
// staff booked outside working hours stays as it was decided.
func supplyProblems(clinic *calendar.Clinic, apt *store.Appointment) (flags []string) {
	t := clinic.Types[apt.TypeID]
	if t == nil {
		return nil
	}
	shape := t.Footprint(apt.Visit.From, minutesOf(apt))
	if !clinic.Open(apt.PractitionerID, apt.LocationID, shape.Visit).All(shape.Visit) && apt.OverrideReason == "" {
		flags = append(flags, FlagOutsideShift)
	}
	if p := clinic.Practitioners[apt.PractitionerID]; p != nil {
		if r := schedule.CheckPractitioner(&t.Type, p, apt.LocalDate); r != nil {
			flags = append(flags, r.Reason)
		}
	}
	if apt.RoomID != "" && (clinic.Resources[apt.RoomID].Inactive || clinic.Away(apt.RoomID, shape.Visit)) {
		flags = append(flags, "ROOM_AWAY")
	}
	for _, id := range apt.EquipmentIDs {
		if clinic.Resources[id].Inactive || clinic.Away(id, shape.Visit) {
			flags = append(flags, "EQUIPMENT_AWAY")
		}
	}
	return flags
}
