package app

import (
	"context"
	"errors"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Outcome is what became of a row of an import.
type Outcome string

// The outcomes. PRESENT is a row that was imported before.
const (
	Imported Outcome = "IMPORTED"
	Present  Outcome = "PRESENT"
	Conflict Outcome = "CONFLICT"
	Refused  Outcome = "REFUSED"
)

// Import says how the diary of another system is taken over.
type Import struct {
	// Source is the other system.
	Source string
	// DryRun says what would happen and changes nothing.
	DryRun bool
	// OverrideReason books overlaps and times outside of working hours all the same.
	OverrideReason string
}

// ImportRow is an appointment of another system.
type ImportRow struct {
	Row        int32
	ExternalID string
	Booking    Booking
	// Wrong is what could not be read of it.
	Wrong error
}

// ImportResult is what became of a row.
type ImportResult struct {
	Row           int32
	ExternalID    string
	Outcome       Outcome
	AppointmentID string
	Refusals      []*fault.Error
}

// errPresent ends a booking whose row was imported by somebody else meanwhile.
var errPresent = fault.New(fault.AlreadyExists, "ALREADY_IMPORTED", "It was imported meanwhile.")

// ImportAppointments books appointments of another system through the use case of every other
// booking, so that nothing is booked twice, by this import, another one or anybody at all.
// Each row stands alone and is answered for. A dry run examines each row against the diary as
// it is and against the rows before it.
func (a *App) ImportAppointments(ctx context.Context, in Import, rows []ImportRow) ([]ImportResult, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	ctx = requestid.With(ctx, "") // one id for many bookings would make one of them
	var before []taken
	results := make([]ImportResult, 0, len(rows))
	for _, row := range rows {
		r := ImportResult{Row: row.Row, ExternalID: row.ExternalID}
		if r.AppointmentID, err = a.importedBefore(ctx, who.ClinicID, in.Source, row.ExternalID); err != nil {
			return nil, err
		}
		switch {
		case r.AppointmentID != "":
			r.Outcome = Present
		case row.Wrong != nil:
			err = r.refuse(row.Wrong)
		case in.DryRun:
			before, err = a.tryRow(ctx, who, in, row.Booking, &r, before)
		default:
			err = a.importRow(ctx, who, in, row, &r)
		}
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

func (a *App) importedBefore(ctx context.Context, clinicID, source, externalID string) (id string, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		id, err = store.ExternalAppointment(tx, clinicID, source, externalID)
		return err
	})
	return id, err
}

// importRow books one row.
func (a *App) importRow(ctx context.Context, who caller, in Import, row ImportRow, r *ImportResult) error {
	b := row.Booking
	b.OverrideReason, b.source, b.externalID = in.OverrideReason, in.Source, row.ExternalID
	if in.OverrideReason != "" { // only what needs it is overridden
		b.OverrideReason = ""
		apt, err := a.BookAppointment(ctx, b)
		if err == nil || !overridable(err) {
			return r.booked(apt, err)
		}
		b.OverrideReason = in.OverrideReason
	}
	apt, err := a.BookAppointment(ctx, b)
	if errors.Is(err, errPresent) {
		r.Outcome = Present
		r.AppointmentID, err = a.importedBefore(ctx, who.ClinicID, in.Source, row.ExternalID)
		return err
	}
	return r.booked(apt, err)
}

// overridable reports whether staff may book over a refusal.
func overridable(err error) bool { return fault.From(err).Facts["overridable"] == "true" }

// booked notes what came of a booking.
func (r *ImportResult) booked(apt *store.Appointment, err error) error {
	if err != nil {
		return r.refuse(err)
	}
	r.Outcome, r.AppointmentID = Imported, apt.ID
	return nil
}

// refuse notes what speaks against a row; an error that is not the row's comes back.
func (r *ImportResult) refuse(refusals ...error) error {
	r.Outcome = Conflict
	for _, err := range refusals {
		f := fault.From(err)
		switch f.Kind { //nolint:exhaustive // the others end the import
		case fault.Aborted:
		case fault.InvalidArgument, fault.FailedPrecondition, fault.NotFound:
			r.Outcome = Refused
		default:
			return err
		}
		r.Refusals = append(r.Refusals, f)
	}
	return nil
}

// taken is time that a row of a dry run would take.
type taken struct {
	patientID, practitionerID string
	from, to                  time.Time
}

// tryRow examines one row of a dry run.
func (a *App) tryRow(ctx context.Context, who caller, in Import, b Booking, r *ImportResult, before []taken) ([]taken, error) {
	refused, err := a.ExplainOpening(ctx, b)
	if err != nil {
		return before, r.refuse(err)
	}
	_, typ, _, err := a.lookUp(ctx, who.ClinicID, b.TypeID, b.PractitionerID)
	if err != nil {
		return before, r.refuse(err)
	}
	minutes, _ := typ.Lasts(b.Minutes)
	mine := taken{b.PatientID, b.PractitionerID, b.Start, b.Start.Add(time.Duration(minutes) * time.Minute)}
	for _, t := range before {
		if mine.from.Before(t.to) && t.from.Before(mine.to) {
			refused = append(refused, mine.against(t)...)
		}
	}
	var against []error
	for _, f := range refused {
		if in.OverrideReason == "" || f.Facts["overridable"] != "true" {
			against = append(against, f)
		}
	}
	if len(against) > 0 {
		return before, r.refuse(against...)
	}
	r.Outcome = Imported
	return append(before, mine), nil
}

// against says what a row cannot have because another one before it takes it.
func (t taken) against(o taken) (refused []*fault.Error) {
	note := func(reason, detail, kind, id string) {
		refused = append(refused, fault.New(fault.Aborted, reason, detail).With("resource_kind", kind).With("resource_id", id).
			With("overridable", "true").With("conflict_start_time", o.from.Format(time.RFC3339)).With("conflict_end_time", o.to.Format(time.RFC3339)))
	}
	if t.practitionerID == o.practitionerID {
		note("SLOT_TAKEN", "Another row of the import takes this time.", string(schedule.PractitionerResource), t.practitionerID)
	}
	if t.patientID != "" && t.patientID == o.patientID {
		note("PATIENT_BUSY", "Another row of the import has the patient at this time.", string(schedule.PatientResource), t.patientID)
	}
	return refused
}
