package app

import (
	"cmp"
	"context"
	"slices"
	"strconv"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// WaitRequest says who waits for what.
type WaitRequest struct {
	Fingerprint                []byte
	PatientID, TypeID          string
	Minutes                    int
	Mode                       schedule.Mode
	PractitionerID, LocationID string
	PlanID, CourseID           string
	Days                       schedule.Weekdays
	FromMinute, ToMinute       int
	From, To                   civil.Date
	Urgent                     bool
}

const (
	waitDays    = 28  // how long a patient waits who does not say
	maxWaitDays = 366 // and at most
	maxWaiting  = 500 // entries and offers of one list
)

// CreateWaitlistEntry puts a patient on the waitlist. ALREADY_WAITING names the entry that is
// there; a refusal that no time would mend is given at once.
func (a *App) CreateWaitlistEntry(ctx context.Context, r WaitRequest) (entry *store.WaitlistEntry, err error) {
	e, err := a.newEntry(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := a.fetchPatient(ctx, e.ClinicID, e.PatientID); err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		e.CreatedAt = tx.Now()
		id, replayed, err := requestid.OnceAs(ctx, tx, "CreateWaitlistEntry", r.Fingerprint, e.ID, func() error { return a.join(ctx, tx, e) })
		if entry = e; err == nil && replayed {
			entry, err = store.LockEntry(tx, e.ClinicID, id)
		}
		return err
	})
	return entry, err
}

// newEntry reads the request against the clinic's catalogue.
func (a *App) newEntry(ctx context.Context, r WaitRequest) (*store.WaitlistEntry, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if r.PatientID, err = who.patient(r.PatientID); err != nil {
		return nil, err
	}
	if r.Urgent && who.party != schedule.Staff {
		return nil, fault.New(fault.PermissionDenied, "STAFF_ONLY", "Only staff may mark it urgent.")
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	typ := clinic.Types[r.TypeID]
	if typ == nil {
		return nil, fault.NotFoundf("appointment type")
	}
	if r.PractitionerID != "" && clinic.Practitioners[r.PractitionerID] == nil {
		return nil, fault.NotFoundf("practitioner")
	}
	if _, ok := clinic.Locations[r.LocationID]; !ok && r.LocationID != "" {
		return nil, fault.NotFoundf("location")
	}
	visit := schedule.Visit{Type: &typ.Type, By: who.party, Mode: r.Mode, Minutes: r.Minutes, UnderPlan: r.PlanID != ""}
	if refused := visit.CheckType(); len(refused) > 0 {
		return nil, refused[0]
	}
	if r.PlanID != "" {
		s, err := a.courseOf(ctx, r.PlanID, r.CourseID)
		if err != nil {
			return nil, err
		}
		if s.patientID != r.PatientID {
			return nil, fault.NotFoundf("plan")
		}
		r.CourseID = s.course.ID
	}
	e := &store.WaitlistEntry{
		ClinicID: clinic.ID, ID: ident.New("wait"), Version: 1, State: store.Waiting, PatientID: r.PatientID, TypeID: typ.ID,
		PractitionerID: r.PractitionerID, LocationID: r.LocationID, PlanID: r.PlanID, CourseID: r.CourseID, Weekdays: r.Days,
		FromMinute: r.FromMinute, ToMinute: r.ToMinute, From: r.From, To: r.To, Urgent: r.Urgent,
	}
	e.Minutes, _ = typ.Lasts(r.Minutes)
	e.Mode, _ = typ.In(r.Mode)
	return e, setDates(e, civil.Of(a.Clock.Now(), clinic.ZoneOf(r.LocationID)))
}

// setDates fills in the dates that were left out and refuses those that make no sense.
func setDates(e *store.WaitlistEntry, today civil.Date) error {
	if e.From.IsZero() {
		e.From = today
	}
	if e.To.IsZero() {
		e.To = latest(e.From, today).AddDays(waitDays)
	}
	switch {
	case e.To.Before(e.From) || e.To.Before(today):
		return fault.Invalid("end_date", "must be on or after start_date, and not in the past")
	case e.From.DaysUntil(e.To) > maxWaitDays:
		return fault.Invalid("end_date", "must be at most a year after start_date")
	case e.ToMinute > 0 && e.FromMinute+e.Minutes > e.ToMinute:
		return fault.Invalid("to", "must leave time for the visit after from")
	}
	return nil
}

// join writes the entry.
func (a *App) join(ctx context.Context, tx *sqldb.Tx, e *store.WaitlistEntry) error {
	ok, err := store.InsertEntry(tx, e)
	if err != nil {
		return err
	}
	if !ok {
		refusal := fault.New(fault.FailedPrecondition, "ALREADY_WAITING", "The patient waits for this already.")
		have, err := store.ListEntries(tx, e.ClinicID, e.PatientID, "", maxWaiting)
		if i := slices.IndexFunc(have, func(h *store.WaitlistEntry) bool { return h.TypeID == e.TypeID }); err == nil && i >= 0 {
			refusal = refusal.With("waitlist_entry_id", have[i].ID)
		}
		return cmp.Or(err, error(refusal))
	}
	if err := audit.Write(ctx, tx, audit.Entry{Action: "waitlist.join", Resource: e.ID, PatientID: e.PatientID}); err != nil {
		return err
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "waitlist_entry", AggregateID: e.ID, AggregateVersion: e.Version,
		Message: &bookingv1.WaitlistJoined{ClinicId: e.ClinicID, WaitlistEntryId: e.ID, PatientId: e.PatientID},
	})
}

// leave ends an entry for good, with its event.
func (a *App) leave(ctx context.Context, tx *sqldb.Tx, e *store.WaitlistEntry, state store.EntryState, appointmentID string) error {
	e.AppointmentID = appointmentID
	if err := moveEntry(tx, e, state); err != nil {
		return err
	}
	if err := audit.Write(ctx, tx, audit.Entry{Action: "waitlist.leave", Resource: e.ID, PatientID: e.PatientID, Facts: map[string]string{"state": string(state)}}); err != nil {
		return err
	}
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "waitlist_entry", AggregateID: e.ID, AggregateVersion: e.Version,
		Message: &bookingv1.WaitlistLeft{
			ClinicId: e.ClinicID, WaitlistEntryId: e.ID, PatientId: e.PatientID, State: string(state), AppointmentId: appointmentID,
		},
	})
}

// moveEntry takes an entry to its next state.
func moveEntry(tx *sqldb.Tx, e *store.WaitlistEntry, state store.EntryState) error {
	e.Version++
	e.State = state
	ok, err := store.UpdateEntry(tx, e)
	if err == nil && !ok {
		err = errChanged
	}
	return err
}

// Entry is a waitlist entry with its open offer's id, if it has one.
type Entry struct {
	*store.WaitlistEntry
	OfferID string
}

// WithdrawWaitlistEntry takes a patient off the list; an open offer ends. NOT_FOUND for an entry
// that the caller may not know of, NOT_WAITING once a time was booked or the entry has run out.
func (a *App) WithdrawWaitlistEntry(ctx context.Context, fingerprint []byte, id string) (entry *store.WaitlistEntry, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		if entry, err = store.LockEntry(tx, who.ClinicID, id); err != nil {
			return err
		}
		if entry == nil || !who.SeesPatient(entry.PatientID) {
			return fault.NotFoundf("waitlist entry")
		}
		_, _, err := requestid.OnceAs(ctx, tx, "WithdrawWaitlistEntry", fingerprint, id, func() error { return a.withdraw(ctx, tx, entry) })
		return err
	})
	return entry, err
}

func (a *App) withdraw(ctx context.Context, tx *sqldb.Tx, e *store.WaitlistEntry) error {
	switch e.State {
	case store.EntryWithdrawn:
		return nil
	case store.EntryBooked, store.EntryExpired:
		return notWaiting(e)
	case store.Waiting, store.Offered:
	}
	open, err := store.ListOffers(tx, e.ClinicID, "", e.ID, store.OfferOpen, 1)
	if err != nil {
		return err
	}
	for _, o := range open {
		if err := a.endOffer(ctx, tx, o, store.OfferWithdrawn, ""); err != nil {
			return err
		}
	}
	return a.leave(ctx, tx, e, store.EntryWithdrawn, "")
}

func notWaiting(e *store.WaitlistEntry) error {
	return fault.New(fault.FailedPrecondition, "NOT_WAITING", "The patient does not wait any more.").With("state", string(e.State))
}

// PrioritizeWaitlistEntry changes the priority of an entry, and with it its place in the line.
// NOT_FOUND, NOT_WAITING once the patient does not wait, VERSION_MISMATCH for another etag.
func (a *App) PrioritizeWaitlistEntry(ctx context.Context, fingerprint []byte, id, etag string, urgent bool) (*Entry, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	out := &Entry{}
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		entry, err := store.LockEntry(tx, who.ClinicID, id)
		if err != nil {
			return err
		}
		if entry == nil {
			return fault.NotFoundf("waitlist entry")
		}
		open, err := store.ListOffers(tx, who.ClinicID, "", id, store.OfferOpen, 1)
		if err != nil {
			return err
		}
		if out.WaitlistEntry = entry; len(open) > 0 {
			out.OfferID = open[0].ID
		}
		_, _, err = requestid.OnceAs(ctx, tx, "UpdateWaitlistEntry", fingerprint, id, func() error {
			if err := checkEtag(etag, entry.Version); err != nil {
				return err
			}
			if entry.State != store.Waiting && entry.State != store.Offered {
				return notWaiting(entry)
			}
			if entry.Urgent == urgent {
				return nil
			}
			entry.Urgent = urgent
			if err := moveEntry(tx, entry, entry.State); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "waitlist.prioritize", Resource: id, PatientID: entry.PatientID, Facts: map[string]string{"urgent": strconv.FormatBool(urgent)},
			})
		})
		return err
	})
	return out, err
}

// ListWaitlistEntries returns entries in the order in which times are offered, each with its
// open offer.
func (a *App) ListWaitlistEntries(ctx context.Context, patientID string, state store.EntryState) (list []Entry, err error) {
	who, patientID, err := a.waitingFor(ctx, patientID)
	if err != nil {
		return nil, err
	}
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return nil, err
	}
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		list = nil
		rows, err := store.ListEntries(tx, who.ClinicID, patientID, state, maxWaiting)
		if err != nil {
			return err
		}
		open, err := store.ListOffers(tx, who.ClinicID, patientID, "", store.OfferOpen, maxWaiting)
		for _, e := range rows {
			entry := Entry{WaitlistEntry: e}
			if i := slices.IndexFunc(open, func(o *store.WaitlistOffer) bool { return o.EntryID == e.ID }); i >= 0 {
				entry.OfferID = open[i].ID
			}
			list = append(list, entry)
		}
		return err
	})
	slices.SortFunc(list, func(x, y Entry) int { return clinic.Waitlist.Compare(ranked(x.WaitlistEntry), ranked(y.WaitlistEntry)) })
	return list, err
}

// ranked is what the rule looks at.
func ranked(e *store.WaitlistEntry) waitlist.Entry {
	return waitlist.Entry{ID: e.ID, Urgent: e.Urgent, InCourse: e.PlanID != "", Missed: e.Missed, Joined: e.CreatedAt}
}

// waitingFor reads whose entries or offers are asked for; people signed in as patients get
// their own only.
func (a *App) waitingFor(ctx context.Context, patientID string) (caller, string, error) {
	who, err := callerOf(ctx)
	if err == nil && (who.party == schedule.Patient || patientID != "") {
		patientID, err = who.patient(patientID)
	}
	return who, patientID, err
}

// ListWaitlistOffers returns offers, the newest first; an empty state is OPEN.
func (a *App) ListWaitlistOffers(ctx context.Context, patientID string, state store.OfferState) (list []*store.WaitlistOffer, err error) {
	who, patientID, err := a.waitingFor(ctx, patientID)
	if err != nil {
		return nil, err
	}
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = store.ListOffers(tx, who.ClinicID, patientID, "", cmp.Or(state, store.OfferOpen), maxWaiting)
		return err
	})
	return list, err
}
