package app

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// AppointmentQuery picks a run of civil dates, or a patient.
type AppointmentQuery struct {
	From, To                   civil.Date // both included; zero with a patient for all
	PractitionerID, LocationID string
	PatientID                  string
	PageSize                   int
	PageToken                  string
}

// GetAppointment returns an appointment; NOT_FOUND for one that the caller may not know of.
func (a *App) GetAppointment(ctx context.Context, id string) (*store.Appointment, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return a.seen(ctx, who, id)
}

// ListAppointments returns appointments by date and start, and where the next page begins.
// People signed in as patients get their own only. INVALID_ARGUMENT when neither date nor
// patient is given or the range is too long.
func (a *App) ListAppointments(ctx context.Context, q AppointmentQuery) (list []*store.Appointment, next string, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	if who.party == schedule.Patient || q.PatientID != "" {
		if q.PatientID, err = who.patient(q.PatientID); err != nil {
			return nil, "", err
		}
		list, err = a.listPatient(ctx, who, q)
		return list, "", err
	}
	if q.From.IsZero() {
		return nil, "", fault.Invalid("date", "or a patient is required")
	}
	if q.To.Before(q.From) || q.From.DaysUntil(q.To) >= MaxDays {
		return nil, "", fault.Invalid("end_date", "must be on or after start_date, and at most "+strconv.Itoa(MaxDays)+" days in all")
	}
	after, err := parseCursor(q.PageToken)
	if err != nil {
		return nil, "", err
	}
	size := cmp.Or(min(q.PageSize, 1000), 500)
	list, err = a.listDays(ctx, store.DayQuery{
		ClinicID: who.ClinicID, From: q.From, To: q.To, PractitionerID: q.PractitionerID, LocationID: q.LocationID, After: after, Limit: size + 1,
	})
	if len(list) > size {
		list = list[:size]
		last := list[size-1]
		next = last.LocalDate.String() + "." + strconv.FormatInt(int64(last.Visit.From), 36) + "." + last.ID
	}
	return list, next, err
}

// listDays reads one page of days; the sheet of a single day from memory where that may be
// kept.
func (a *App) listDays(ctx context.Context, q store.DayQuery) (list []*store.Appointment, err error) {
	read := func() ([]*store.Appointment, error) {
		err := a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
			list, err = store.ListDays(tx, q)
			return err
		})
		return list, err
	}
	whole := q.From == q.To && q.PractitionerID == "" && q.LocationID == "" && q.After == (store.Cursor{})
	if a.Sheets == nil || !whole {
		return read()
	}
	if _, settled := a.DB.Generation(); !settled { // a change that others see may not have reached the sheet yet
		return read()
	}
	limit := q.Limit
	q.Limit = maxSheet
	if list, err = a.Sheets.Day(q.ClinicID, q.From, read); err == nil && len(list) == maxSheet {
		q.Limit = limit
		return read()
	}
	return list[:min(limit, len(list))], err
}

// maxSheet is how long a day is kept whole; a longer one is read page by page.
const maxSheet = 2000

// listPatient returns a person's appointments under all records that were merged.
func (a *App) listPatient(ctx context.Context, who caller, q AppointmentQuery) (list []*store.Appointment, err error) {
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		list = nil
		ids := []string{q.PatientID}
		surviving, err := store.SurvivingPatient(tx, who.ClinicID, q.PatientID)
		if err != nil {
			return err
		}
		if surviving == q.PatientID && who.party == schedule.Staff {
			if ids, err = store.PatientRecords(tx, who.ClinicID, surviving); err != nil {
				return err
			}
		}
		for _, id := range ids {
			more, err := store.ListPatient(tx, who.ClinicID, id, q.From, q.To)
			if err != nil {
				return err
			}
			list = append(list, more...)
		}
		return nil
	})
	list = slices.DeleteFunc(list, func(apt *store.Appointment) bool {
		return q.PractitionerID != "" && apt.PractitionerID != q.PractitionerID || q.LocationID != "" && apt.LocationID != q.LocationID
	})
	slices.SortStableFunc(list, func(x, y *store.Appointment) int { return cmp.Compare(x.Visit.From, y.Visit.From) })
	return list, err
}

func parseCursor(token string) (c store.Cursor, err error) {
	if token == "" {
		return c, nil
	}
	date, rest, _ := strings.Cut(token, ".")
	at, id, _ := strings.Cut(rest, ".")
	start, err := strconv.ParseInt(at, 36, 64)
	if _, dateErr := civil.Parse(date); err != nil || dateErr != nil {
		return c, fault.Invalid("page_token", "is not one that this list gave")
	}
	return store.Cursor{Date: date, Start: schedule.Slot(start), ID: id}, nil
}
