package app

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// CreateShift adds a shift. INVALID_ARGUMENT names the field; NOT_FOUND for a practitioner or
// location that the clinic does not have.
func (a *App) CreateShift(ctx context.Context, fingerprint []byte, s store.Shift) (*store.Shift, error) {
	s.ID, s.Version = ident.New("shf"), 1
	return a.saveShift(ctx, "CreateShift", "shift.create", fingerprint, "", s)
}

// UpdateShift replaces a shift. Appointments that it leaves outside are flagged, not
// cancelled. VERSION_MISMATCH, and as CreateShift.
func (a *App) UpdateShift(ctx context.Context, fingerprint []byte, etag string, s store.Shift) (*store.Shift, error) {
	return a.saveShift(ctx, "UpdateShift", "shift.update", fingerprint, etag, s)
}

func (a *App) saveShift(ctx context.Context, method, action string, fingerprint []byte, etag string, s store.Shift) (saved *store.Shift, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if s, err = a.checkShift(ctx, who.ClinicID, s); err != nil {
		return nil, err
	}
	update := method == "UpdateShift"
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		id, replayed, err := requestid.OnceAs(ctx, tx, method, fingerprint, s.ID, func() error {
			next := s
			if update {
				now, err := store.GetShift(tx, who.ClinicID, s.ID)
				if err != nil {
					return err
				}
				if now == nil {
					return fault.NotFoundf("shift")
				}
				if err := checkEtag(etag, now.Version); err != nil {
					return err
				}
				next.Version = now.Version + 1
			}
			if ok, err := store.PutShift(tx, who.ClinicID, next); err != nil || !ok {
				return cmp.Or(err, error(errChanged))
			}
			saved = &next
			if err := audit.Write(ctx, tx, audit.Entry{Action: action, Resource: next.ID}); err != nil {
				return err
			}
			if err := a.catalogueChanged(ctx, tx, who.ClinicID); err != nil || !update {
				return err
			}
			return a.reviewSupply(ctx, tx, who.ClinicID, scope{})
		})
		if err == nil && replayed {
			saved, err = store.GetShift(tx, who.ClinicID, id)
		}
		return err
	})
	return saved, err
}

// checkShift fills in the zone and refuses a shift that cannot be.
func (a *App) checkShift(ctx context.Context, clinicID string, s store.Shift) (store.Shift, error) {
	clinic, err := a.currentClinic(ctx, clinicID)
	if err != nil {
		return s, err
	}
	if clinic.Practitioners[s.PractitionerID] == nil {
		if clinic, err = a.fetchPractitioner(ctx, clinicID, s.PractitionerID); err != nil {
			return s, err
		}
	}
	if _, ok := clinic.Locations[s.LocationID]; !ok {
		if clinic, err = a.fetchLocation(ctx, clinicID, s.LocationID); err != nil {
			return s, err
		}
	}
	if s.TimeZone == "" {
		s.TimeZone = clinic.ZoneOf(s.LocationID).String()
	}
	if err := checkZone("shift.time_zone", s.TimeZone); err != nil {
		return s, err
	}
	switch {
	case s.From.IsZero():
		return s, fault.Invalid("shift.start_date", "is required")
	case s.Weekdays == 0 && !s.To.IsZero():
		return s, fault.Invalid("shift.end_date", "belongs to a weekly shift; a dated one names start_date only")
	case !s.To.IsZero() && s.To.Before(s.From):
		return s, fault.Invalid("shift.end_date", "must be on or after start_date")
	}
	return s, nil
}

// checkZone refuses what is no zone of the tz database, and names that mean another zone on
// another machine.
func checkZone(field, name string) error {
	if _, err := store.Zone(name); err != nil || name == "" || name == "Local" || strings.HasPrefix(name, "posix/") {
		return fault.Invalid(field, "is not an IANA time zone")
	}
	return nil
}

// ListShifts returns the shifts of a practitioner, or of all, by practitioner and date.
func (a *App) ListShifts(ctx context.Context, practitionerID string) (list []store.Shift, err error) {
	clinic, err := a.clinicOf(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range clinic.Shifts {
		if practitionerID == "" || s.PractitionerID == practitionerID {
			list = append(list, s)
		}
	}
	return list, nil
}

// clinicOf is the caller's clinic as the database has it now.
func (a *App) clinicOf(ctx context.Context) (*calendar.Clinic, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	return a.currentClinic(ctx, who.ClinicID)
}

// DeleteShift ends a shift. Appointments left outside are flagged. NOT_FOUND when there is
// none.
func (a *App) DeleteShift(ctx context.Context, fingerprint []byte, id string) error {
	return a.deleteSupply(ctx, "DeleteShift", "shift.delete", "shift", fingerprint, id,
		func(tx *sqldb.Tx, clinicID string) (scope, bool, error) {
			s, err := store.GetShift(tx, clinicID, id)
			if err != nil || s == nil {
				return scope{}, false, err
			}
			ok, err := store.DeleteShift(tx, clinicID, id)
			return scope{practitionerID: s.PractitionerID, from: s.From}, ok, err
		})
}

// DeleteShiftException gives the time back, and clears the flags that came of it. NOT_FOUND
// when there is none.
func (a *App) DeleteShiftException(ctx context.Context, fingerprint []byte, id string) error {
	return a.deleteSupply(ctx, "DeleteShiftException", "shift_exception.delete", "shift exception", fingerprint, id,
		func(tx *sqldb.Tx, clinicID string) (scope, bool, error) {
			e, err := store.GetException(tx, clinicID, id)
			if err != nil || e == nil {
				return scope{}, false, err
			}
			ok, err := store.DeleteException(tx, clinicID, id)
			return exceptionScope(*e), ok, err
		})
}

// exceptionScope is what an exception bears on; its dates are taken wide enough for any zone.
func exceptionScope(e store.Exception) scope {
	s := scope{from: civil.Of(e.Span.Start(), time.UTC).AddDays(-1), to: civil.Of(e.Span.End(), time.UTC).AddDays(1)}
	if strings.HasPrefix(e.SubjectID, "prac_") {
		s.practitionerID = e.SubjectID
	}
	return s
}

func (a *App) deleteSupply(
	ctx context.Context, method, action, what string, fingerprint []byte, id string,
	del func(tx *sqldb.Tx, clinicID string) (scope, bool, error),
) error {
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, method, fingerprint, id, func() error {
			hit, ok, err := del(tx, who.ClinicID)
			if err != nil {
				return err
			}
			if !ok {
				return fault.NotFoundf(what)
			}
			if err := audit.Write(ctx, tx, audit.Entry{Action: action, Resource: id}); err != nil {
				return err
			}
			if err := a.catalogueChanged(ctx, tx, who.ClinicID); err != nil {
				return err
			}
			return a.reviewSupply(ctx, tx, who.ClinicID, hit)
		})
		return err
	})
}

// LocalTime is a wall time of a civil date.
type LocalTime struct {
	Date   civil.Date
	Minute int
}

// CreateShiftException takes time away from a practitioner, a location, a room, a device, or
// with an empty subject the whole clinic. Appointments hit are flagged. INVALID_ARGUMENT names
// the field, NOT_FOUND for a subject that the clinic does not have.
func (a *App) CreateShiftException(ctx context.Context, fingerprint []byte, e store.Exception, from, to LocalTime) (*store.Exception, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	if e.TimeZone == "" {
		e.TimeZone = clinic.Zone.String()
	}
	if err := checkZone("shift_exception.time_zone", e.TimeZone); err != nil {
		return nil, err
	}
	zone, err := store.Zone(e.TimeZone)
	if err != nil {
		return nil, err
	}
	e.ID = ident.New("shf")
	e.Span = schedule.SpanOf(schedule.WallStart(from.Date, from.Minute, zone), schedule.WallEnd(to.Date, to.Minute, zone))
	switch {
	case e.Span.Empty():
		return nil, fault.Invalid("shift_exception.end_local", "must be after start_local")
	case from.Date.DaysUntil(to.Date) > 2*366:
		return nil, fault.Invalid("shift_exception.end_local", "must be at most two years after start_local")
	case !knows(clinic, e.SubjectID):
		return nil, fault.NotFoundf("subject")
	}
	return a.saveException(ctx, who, fingerprint, e)
}

func knows(c *calendar.Clinic, subject string) bool {
	_, location := c.Locations[subject]
	_, resource := c.Resources[subject]
	return subject == "" || location || resource || c.Practitioners[subject] != nil
}

func (a *App) saveException(ctx context.Context, who caller, fingerprint []byte, e store.Exception) (saved *store.Exception, err error) {
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		id, replayed, err := requestid.OnceAs(ctx, tx, "CreateShiftException", fingerprint, e.ID, func() error {
			if err := store.InsertException(tx, who.ClinicID, e); err != nil {
				return err
			}
			saved = &e
			facts := map[string]string{"reason_code": e.ReasonCode, "subject_id": e.SubjectID}
			if err := audit.Write(ctx, tx, audit.Entry{Action: "shift_exception.create", Resource: e.ID, Facts: facts}); err != nil {
				return err
			}
			if err := a.catalogueChanged(ctx, tx, who.ClinicID); err != nil {
				return err
			}
			return a.reviewSupply(ctx, tx, who.ClinicID, exceptionScope(e))
		})
		if err == nil && replayed {
			saved, err = store.GetException(tx, who.ClinicID, id)
		}
		return err
	})
	return saved, err
}

// ListShiftExceptions returns what touches a run of civil dates, in the clinic's zone.
func (a *App) ListShiftExceptions(ctx context.Context, from, to civil.Date) (list []store.Exception, err error) {
	clinic, err := a.clinicOf(ctx)
	if err != nil {
		return nil, err
	}
	days := schedule.SpanOf(from.At(0, 0, clinic.Zone), to.AddDays(1).At(0, 0, clinic.Zone))
	for _, e := range clinic.Exceptions {
		if e.Span.Overlaps(days) {
			list = append(list, e)
		}
	}
	return list, nil
}
