package app

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/ical"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// How far a feed reaches, in days: what was, for a look back, and more than a year ahead.
const (
	feedPast   = 31
	feedFuture = 400
)

// feedRefresh is how often programs are asked to read a feed again.
const feedRefresh = 15 * time.Minute

// errNoFeed is the answer to every secret that opens nothing.
var errNoFeed = fault.NotFoundf("calendar")

// ReadFeed returns the calendar at a secret address and its entity tag. NOT_FOUND for a secret
// that opens nothing, or opened the calendar of somebody who does not work here any more.
func (a *App) ReadFeed(ctx context.Context, secret string) (content []byte, etag string, err error) {
	var feed *store.Feed
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		feed, err = store.FeedBySecret(tx, digest(secret))
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if feed == nil {
		return nil, "", errNoFeed
	}
	clinic, err := a.currentClinic(ctx, feed.ClinicID)
	if err != nil {
		return nil, "", err
	}
	p := clinic.Practitioners[feed.SubjectID]
	if feed.SubjectKind == string(schedule.PractitionerResource) && (p == nil || p.Inactive) {
		return nil, "", errNoFeed
	}
	list, err := a.feedAppointments(ctx, clinic, feed)
	if err != nil {
		return nil, "", err
	}
	write := calendarWriter{clinic: clinic, kind: feed.SubjectKind, names: feed.ShowNames}
	if feed.ShowNames {
		if write.known, err = a.Peers.Names(ctx, clinic.ID, patientsOf(list, feed)); err != nil {
			return nil, "", err
		}
	}
	content = ical.Calendar{Name: "Appointments", Refresh: feedRefresh, Events: write.events(list)}.Encode()
	sum := sha256.Sum256(content)
	return content, `"` + base64.RawURLEncoding.EncodeToString(sum[:18]) + `"`, nil
}

// feedAppointments are the appointments of a feed, by start.
func (a *App) feedAppointments(ctx context.Context, clinic *calendar.Clinic, feed *store.Feed) (list []*store.Appointment, err error) {
	today := civil.Of(a.Clock.Now(), clinic.Zone)
	from, to := today.AddDays(-feedPast), today.AddDays(feedFuture)
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		if feed.SubjectKind == string(schedule.PatientResource) {
			list, err = store.ListPatient(tx, clinic.ID, feed.SubjectID, from, to)
		} else {
			list, err = store.ListResource(tx, clinic.ID, feed.SubjectID, from, to)
		}
		return err
	})
	return list, err
}

// patientsOf are the patients that a feed names: none in a patient's own.
func patientsOf(list []*store.Appointment, feed *store.Feed) (ids []string) {
	if feed.SubjectKind == string(schedule.PatientResource) {
		return nil
	}
	for _, apt := range list {
		ids = append(ids, apt.PatientID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// AppointmentCalendar returns one appointment as a calendar, with names: whoever asks may see
// it. NOT_FOUND for one that the caller may not know of.
func (a *App) AppointmentCalendar(ctx context.Context, id string) ([]byte, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	apt, err := a.seen(ctx, who, id)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	known, err := a.Peers.Names(ctx, clinic.ID, nil)
	if err != nil {
		return nil, err
	}
	write := calendarWriter{clinic: clinic, kind: string(schedule.PatientResource), names: true, known: known}
	return ical.Calendar{Method: "PUBLISH", Events: write.events([]*store.Appointment{apt})}.Encode(), nil
}

// calendarWriter turns appointments into entries.
type calendarWriter struct {
	clinic *calendar.Clinic
	kind   string
	names  bool
	known  peer.Names
}

func (w calendarWriter) events(list []*store.Appointment) (events []ical.Event) {
	for _, apt := range list {
		events = append(events, w.event(apt))
	}
	return events
}

func (w calendarWriter) event(apt *store.Appointment) ical.Event {
	e := ical.Event{
		UID: apt.ID + "@upright", Sequence: apt.Version, Stamp: stampOf(apt),
		Start: apt.Visit.Start(), End: apt.Visit.End(), Cancelled: apt.State == store.Cancelled, Summary: "Appointment",
	}
	patients := w.kind == string(schedule.PatientResource)
	typ := ""
	if t := w.clinic.Types[apt.TypeID]; t != nil {
		typ = t.Name
	}
	if typ != "" && (w.names || !patients) { // what somebody is treated for is theirs to tell
		e.Summary = typ
	}
	if !w.names {
		return e
	}
	with := w.known.Patients[apt.PatientID]
	if patients {
		with = w.known.Practitioners[apt.PractitionerID]
	}
	if with != "" {
		e.Summary += ": " + with
	}
	e.URL = apt.MeetingURI
	if apt.Mode == schedule.InPerson {
		e.Location = w.known.Locations[apt.LocationID]
	}
	return e
}

// stampOf is when an appointment is known to have changed last.
func stampOf(apt *store.Appointment) time.Time {
	last := apt.CreatedAt
	for _, t := range []time.Time{apt.MovedAt, apt.CheckedInAt, apt.CancelledAt} {
		if t.After(last) {
			last = t
		}
	}
	return last
}
