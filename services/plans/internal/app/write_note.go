package app

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// NoteView is a note with what its author should mind.
type NoteView struct {
	store.Note
	Prompts []string
}

// NoteStart begins a note.
type NoteStart struct {
	PatientID     string
	AppointmentID string
	PlanID        string
	CourseID      string
	Discipline    string
	Date          civil.Date // zero: today
	Blank         bool
	Fingerprint   []byte // of the request
}

// CreateNote begins a draft with the words of the patient's last signed note of the same kind
// of care. It fails with NOT_FOUND for a patient, plan or course, with INVALID_ARGUMENT for a
// date that has not come, and with NOTE_EXISTS when the author has one for the appointment.
func (a *App) CreateNote(ctx context.Context, s NoteStart) (NoteView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return NoteView{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, s.PatientID)
	if err != nil {
		return NoteView{}, err
	}
	today, err := a.today(ctx, clinicID)
	if err != nil {
		return NoteView{}, err
	}
	if s.Date.IsZero() {
		s.Date = today
	}
	if s.Date.After(today) {
		return NoteView{}, fault.Invalid("local_date", "has not come yet")
	}
	n := store.Note{
		ID: ident.New("not"), OriginPatientID: s.PatientID, AppointmentID: s.AppointmentID, PlanID: s.PlanID, CourseID: s.CourseID,
		Discipline: s.Discipline, Date: s.Date, Author: p.Subject, Version: 1,
	}
	var v NoteView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.Once(ctx, tx, "SessionNoteService.CreateNote", s.Fingerprint, func() (string, error) {
			return n.ID, a.beginNote(ctx, tx, clinicID, survivor, n, s.Blank)
		})
		if err != nil {
			return err
		}
		v, err = a.viewNote(tx, clinicID, id)
		return err
	})
	return v, err
}

// beginNote is the transaction's part.
func (a *App) beginNote(ctx context.Context, tx *sqldb.Tx, clinicID, survivor string, n store.Note, blank bool) error {
	head, err := store.LockHead(tx, clinicID, survivor)
	if err != nil {
		return err
	}
	if n.PlanID != "" {
		pl, err := store.PlanByID(tx, clinicID, n.PlanID)
		if err != nil {
			return err
		}
		if pl.PatientID != head.PatientID {
			return fault.NotFoundf("plan")
		}
		if n.CourseID != "" {
			c, ok := pl.Course(n.CourseID, "")
			if !ok {
				return fault.NotFoundf("course")
			}
			if n.Discipline != "" && n.Discipline != c.Discipline {
				return fault.Invalid("discipline", "is not the course's")
			}
			n.Discipline = c.Discipline
		}
	}
	last, had, err := store.LastSigned(tx, clinicID, head.PatientID, n.Discipline)
	if err != nil {
		return err
	}
	if had && !blank {
		n.Words, n.CarriedFrom = last.Words, last.ID
		n.Pressure = nil // what was tolerated then says nothing of today
	}
	n.PatientID, n.CreatedAt, n.UpdatedAt = head.PatientID, tx.Now(), tx.Now()
	fresh, err := store.InsertNote(tx, clinicID, n)
	if err != nil {
		return err
	}
	if !fresh {
		there, err := store.NoteOfAppointment(tx, clinicID, n.AppointmentID, n.Author)
		if err != nil {
			return err
		}
		return fault.New(fault.AlreadyExists, "NOTE_EXISTS", "There is a note of yours for this appointment.").With("note_id", there.ID)
	}
	return audit.Write(ctx, tx, audit.Entry{Action: "note.begin", Resource: n.ID, PatientID: n.PatientID})
}

// viewNote gives a note, with the prompts from the session before a draft.
func (a *App) viewNote(tx *sqldb.Tx, clinicID, noteID string) (NoteView, error) {
	n, err := store.NoteByID(tx, clinicID, noteID)
	if err != nil {
		return NoteView{}, err
	}
	v := NoteView{Note: n}
	if n.SignedAt.IsZero() {
		last, had, err := store.LastSigned(tx, clinicID, n.PatientID, n.Discipline)
		if err != nil {
			return v, err
		}
		if had {
			v.Prompts = a.cfg.Notes.Prompts(last.Pressure)
		}
	}
	return v, nil
}

// NoteSave is a draft as a whole.
type NoteSave struct {
	NoteID      string
	Etag        string
	Words       store.Words
	Fingerprint []byte // of the request
}

// UpdateNote saves a draft. It fails with NOTE_SIGNED, NOT_THE_AUTHOR, VERSION_MISMATCH and the
// refusals of note.Rules.Check.
func (a *App) UpdateNote(ctx context.Context, s NoteSave) (NoteView, error) {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return NoteView{}, err
	}
	var had store.Note
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		had, err = store.NoteByID(tx, clinicID, s.NoteID)
		return err
	})
	if err != nil {
		return NoteView{}, err
	}
	var known map[string][]string
	if len(s.Words.Procedures)+len(s.Words.Adjuncts) > 0 {
		c, err := a.asks.Conditions(ctx, clinicID, had.PatientID)
		if err != nil {
			return NoteView{}, err
		}
		known = c.Answers
	}
	return a.changeNote(ctx, "UpdateNote", "note.save", s.NoteID, s.Etag, s.Fingerprint, func(_ *sqldb.Tx, n *store.Note) error {
		n.Words = s.Words
		return a.cfg.Notes.Check(n.Discipline, s.Words.Procedures, s.Words.Adjuncts, known)
	})
}

// SignNote signs and locks a draft. It fails with NOTE_SIGNED, NOT_THE_AUTHOR,
// VERSION_MISMATCH, and NOTE_EMPTY when nothing is written.
func (a *App) SignNote(ctx context.Context, noteID, etag string, fingerprint []byte) (NoteView, error) {
	return a.changeNote(ctx, "SignNote", "note.sign", noteID, etag, fingerprint, func(tx *sqldb.Tx, n *store.Note) error {
		if n.Subjective+n.Objective+n.Assessment+n.Plan == "" {
			return fault.New(fault.FailedPrecondition, "NOTE_EMPTY", "Nothing is written.")
		}
		n.SignedAt = tx.Now()
		return nil
	})
}

// changeNote loads an author's draft, lets a use case change it, and stores it, once for a
// request id.
func (a *App) changeNote(ctx context.Context, method, action, id, etag string, fingerprint []byte, do func(tx *sqldb.Tx, n *store.Note) error) (NoteView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return NoteView{}, err
	}
	var v NoteView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "SessionNoteService."+method, fingerprint, id, func() error {
			n, err := store.NoteByID(tx, clinicID, id)
			if err != nil {
				return err
			}
			switch {
			case !n.SignedAt.IsZero():
				return fault.New(fault.FailedPrecondition, "NOTE_SIGNED", "The note is signed. Add to it instead.")
			case n.Author != p.Subject:
				return fault.New(fault.PermissionDenied, "NOT_THE_AUTHOR", "A draft is its author's.")
			}
			if err := etagMatches(etag, n.Version); err != nil {
				return err
			}
			if err := do(tx, &n); err != nil {
				return err
			}
			n.UpdatedAt = tx.Now()
			if err := store.UpdateNote(tx, clinicID, &n); err != nil {
				return err
			}
			if !n.SignedAt.IsZero() {
				if err := tellNote(ctx, tx, clinicID, n); err != nil {
					return err
				}
			}
			return audit.Write(ctx, tx, audit.Entry{Action: action, Resource: n.ID, PatientID: n.PatientID})
		})
		if err != nil {
			return err
		}
		v, err = a.viewNote(tx, clinicID, id)
		return err
	})
	return v, err
}

func tellNote(ctx context.Context, tx *sqldb.Tx, clinicID string, n store.Note) error {
	return eventlog.Append(ctx, tx, eventlog.Event{
		AggregateType: "note", AggregateID: n.ID, AggregateVersion: n.Version,
		Message: &plansv1.NoteSigned{ClinicId: clinicID, PatientId: n.PatientID, NoteId: n.ID, Version: n.Version},
	})
}

// AddAddendum adds to a signed note; what it says stays as it was. NOTE_DRAFT while it is not
// signed.
func (a *App) AddAddendum(ctx context.Context, noteID, text string, fingerprint []byte) (NoteView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return NoteView{}, err
	}
	var v NoteView
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "SessionNoteService.AddAddendum", fingerprint, noteID, func() error {
			n, err := store.NoteByID(tx, clinicID, noteID)
			if err != nil {
				return err
			}
			if n.SignedAt.IsZero() {
				if n.Author != p.Subject {
					return fault.NotFoundf("note")
				}
				return fault.New(fault.FailedPrecondition, "NOTE_DRAFT", "The note is not signed. Change it instead.")
			}
			err = store.AddAddendum(tx, clinicID, &n, store.Addendum{ID: ident.New("add"), NoteID: n.ID, Text: text, Author: p.Subject, At: tx.Now()})
			if err != nil {
				return err
			}
			if err := tellNote(ctx, tx, clinicID, n); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{Action: "note.add", Resource: n.ID, PatientID: n.PatientID})
		})
		if err != nil {
			return err
		}
		v, err = a.viewNote(tx, clinicID, noteID)
		return err
	})
	return v, err
}

// GetNote gives a note. A draft is its author's: NOT_FOUND for others.
func (a *App) GetNote(ctx context.Context, noteID string) (NoteView, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return NoteView{}, err
	}
	var v NoteView
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		v, err = a.viewNote(tx, clinicID, noteID)
		return err
	})
	if err == nil && v.SignedAt.IsZero() && v.Author != p.Subject {
		err = fault.NotFoundf("note")
	}
	if err != nil {
		return NoteView{}, err
	}
	return v, a.logRead(ctx, p, "note.read", noteID, v.PatientID)
}

// ListNotes gives a patient's signed notes and the caller's drafts, newest first, and where the
// next page starts; empty at the end.
func (a *App) ListNotes(ctx context.Context, patientID string, page Page) ([]NoteView, string, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, "", err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, "", err
	}
	at, err := page.start()
	if err != nil {
		return nil, "", err
	}
	size := page.size(50, 200)
	var found []store.Note
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = store.Notes(tx, clinicID, survivor, p.Subject, at.micros, at.id, size+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	next := ""
	if len(found) > size {
		found = found[:size]
		next = token(found[size-1].CreatedAt, found[size-1].ID)
	}
	views := make([]NoteView, len(found))
	for i, n := range found {
		views[i].Note = n
	}
	return views, next, a.logRead(ctx, p, "note.list", survivor, survivor)
}
