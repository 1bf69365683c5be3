package app

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/ical"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// HolidayImport is a file with days off to be taken as exceptions.
type HolidayImport struct {
	Fingerprint []byte
	Content     string
	LocationID  string // empty: the whole clinic
	From, To    civil.Date
	DryRun      bool
}

// HolidayEntry says what became, or would become, of an entry of the file.
type HolidayEntry struct {
	ical.Holiday
	Action, ExceptionID string
	// Hit is how many booked appointments it hits.
	Hit int
}

// What is done with an entry.
const (
	HolidayCreated   = "CREATED"
	HolidayUpdated   = "UPDATED"
	HolidayRemoved   = "REMOVED"
	HolidayUnchanged = "UNCHANGED"
	HolidaySkipped   = "SKIPPED"
)

// Bounds of an import, in years.
const (
	importYears    = 2
	importMaxYears = 10
)

// ImportHolidays takes the days off of an iCalendar file as exceptions, each entry once: see
// ShiftService.ImportHolidays. INVALID_ARGUMENT for a file that is none; NOT_FOUND for a
// location that the clinic does not have.
func (a *App) ImportHolidays(ctx context.Context, r HolidayImport) (entries []HolidayEntry, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	if _, ok := clinic.Locations[r.LocationID]; !ok && r.LocationID != "" {
		return nil, fault.NotFoundf("location")
	}
	zone := clinic.ZoneOf(r.LocationID)
	if r.From.IsZero() {
		r.From = civil.Of(a.Clock.Now(), zone)
	}
	if r.To.IsZero() {
		r.To = r.From.AddMonths(12 * importYears)
	}
	if r.To.Before(r.From) || r.From.AddMonths(12*importMaxYears).Before(r.To) {
		return nil, fault.Invalid("end_date", "must be on or after start_date, and at most "+strconv.Itoa(importMaxYears)+" years after it")
	}
	holidays, err := ical.Holidays([]byte(r.Content), zone, r.From, r.To)
	switch {
	case errors.Is(err, ical.ErrTooMany):
		return nil, fault.Invalid("content", "has too many entries; import fewer years at a time")
	case err != nil:
		return nil, fault.Invalid("content", "is not an iCalendar file")
	}
	i := &holidayImport{App: a, clinicID: who.ClinicID, subjectID: r.LocationID, zone: zone, holidays: holidays}
	if r.DryRun {
		err = a.DB.Read(ctx, i.plan)
		return i.entries, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, replayed, err := requestid.OnceAs(ctx, tx, "ImportHolidays", r.Fingerprint, who.ClinicID, func() error {
			if err := i.plan(tx); err != nil {
				return err
			}
			return i.carryOut(ctx, tx)
		})
		if err == nil && replayed { // everything is there already
			err = i.plan(tx)
		}
		return err
	})
	return i.entries, err
}

// holidayImport is an import under way.
type holidayImport struct {
	*App
	clinicID, subjectID string
	zone                *time.Location
	holidays            []ical.Holiday
	entries             []HolidayEntry
}

func (i *holidayImport) span(h ical.Holiday) schedule.Span {
	return schedule.SpanOf(schedule.WallStart(h.Start.Date, h.Start.Minute, i.zone), schedule.WallEnd(h.End.Date, h.End.Minute, i.zone))
}

// plan decides what is to be done with each entry.
func (i *holidayImport) plan(tx *sqldb.Tx) error {
	had, err := store.HolidayImports(tx, i.clinicID, i.subjectID)
	if err != nil {
		return err
	}
	i.entries = nil
	seen := map[string]bool{}
	from, to := civil.Date{}, civil.Date{}
	for _, h := range i.holidays {
		e := HolidayEntry{Holiday: h}
		e.decide(had[h.UID], seen[h.UID])
		seen[h.UID] = true
		if e.Action != HolidaySkipped {
			if from.IsZero() || h.Start.Date.Before(from) {
				from = h.Start.Date
			}
			if to.Before(h.End.Date) {
				to = h.End.Date
			}
		}
		i.entries = append(i.entries, e)
	}
	if from.IsZero() {
		return nil
	}
	booked, err := store.BookedSpans(tx, i.clinicID, i.subjectID, from.AddDays(-1), to.AddDays(1))
	if err != nil {
		return err
	}
	for n := range i.entries {
		e := &i.entries[n]
		if e.Action == HolidaySkipped || e.Action == HolidayRemoved {
			continue
		}
		off := i.span(e.Holiday)
		for _, visit := range booked {
			if visit.Overlaps(off) {
				e.Hit++
			}
		}
	}
	return nil
}

// decide compares an entry with what was imported of it before.
func (e *HolidayEntry) decide(had store.HolidayImport, seen bool) {
	known := had.UID != ""
	e.Action = HolidaySkipped
	switch {
	case e.Problem != "":
	case seen:
		e.Problem = "DUPLICATE"
	case known && had.Gone && !e.Cancelled:
		e.Problem = "DELETED_BY_HAND"
	case e.Cancelled && known && !had.Gone:
		e.Action, e.ExceptionID = HolidayRemoved, had.ExceptionID
	case e.Cancelled:
		e.Problem = "CANCELLED"
	case !known:
		e.Action = HolidayCreated
	case had.StartLocal != e.Start.String() || had.EndLocal != e.End.String():
		e.Action, e.ExceptionID = HolidayUpdated, had.ExceptionID
	default:
		e.Action, e.ExceptionID = HolidayUnchanged, had.ExceptionID
	}
}

// carryOut does what was planned, and reviews what is booked once for all of it.
func (i *holidayImport) carryOut(ctx context.Context, tx *sqldb.Tx) error {
	changed := false
	for n := range i.entries {
		e := &i.entries[n]
		if e.Action == HolidayRemoved || e.Action == HolidayUpdated {
			changed = true
			if _, err := store.DeleteException(tx, i.clinicID, e.ExceptionID); err != nil {
				return err
			}
			e.ExceptionID = ""
		}
		switch e.Action {
		case HolidayRemoved:
			if err := store.DeleteHolidayImport(tx, i.clinicID, i.subjectID, e.UID); err != nil {
				return err
			}
		case HolidayCreated, HolidayUpdated:
			changed = true
			if err := i.create(tx, e); err != nil {
				return err
			}
		}
	}
	if !changed {
		return nil
	}
	facts := map[string]string{"subject_id": i.subjectID, "entries": strconv.Itoa(len(i.entries))}
	if err := audit.Write(ctx, tx, audit.Entry{Action: "shift_exception.import", Resource: i.clinicID, Facts: facts}); err != nil {
		return err
	}
	if err := i.catalogueChanged(ctx, tx, i.clinicID); err != nil {
		return err
	}
	return i.reviewSupply(ctx, tx, i.clinicID, scope{})
}

func (i *holidayImport) create(tx *sqldb.Tx, e *HolidayEntry) error {
	e.ExceptionID = ident.New("shf")
	err := store.InsertException(tx, i.clinicID, store.Exception{
		ID: e.ExceptionID, SubjectID: i.subjectID, ReasonCode: "HOLIDAY", StartLocal: e.Start.String(), EndLocal: e.End.String(),
		TimeZone: i.zone.String(), Span: i.span(e.Holiday),
	})
	if err != nil {
		return err
	}
	return store.PutHolidayImport(tx, i.clinicID, i.subjectID, store.HolidayImport{
		UID: e.UID, ExceptionID: e.ExceptionID, StartLocal: e.Start.String(), EndLocal: e.End.String(),
	})
}
