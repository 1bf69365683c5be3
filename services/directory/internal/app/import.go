package app

import (
	"context"
	"errors"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Outcome is what became of a row of an import.
type Outcome string

// The outcomes. PRESENT is a row that was imported before, or that was linked now.
const (
	Imported Outcome = "IMPORTED"
	Present  Outcome = "PRESENT"
	Conflict Outcome = "CONFLICT"
	Refused  Outcome = "REFUSED"
)

// Import says how rows are taken over.
type Import struct {
	// Source is the other system.
	Source string
	// DryRun says what would happen and changes nothing.
	DryRun bool
	// LinkDuplicates takes the one record that looks the same to be the same.
	LinkDuplicates bool
}

// ImportRow is a record of another system. Wrong is what could not be read of it.
type ImportRow[T any] struct {
	Row        int32
	ExternalID string
	Record     T
	Wrong      error
}

// ImportResult is what became of a row.
type ImportResult struct {
	Row                   int32
	ExternalID            string
	Outcome               Outcome
	RecordID              string
	Reason, Field, Detail string
	OtherIDs              []string
}

// errUndone rolls back what a row must not leave behind.
var errUndone = errors.New("directory: nothing of this row is kept")

// importer is how one kind of record is taken over.
type importer[T any] struct {
	kind   store.ExternalKind
	idOf   func(T) string
	clean  func(T, civil.Date) (T, error)
	same   func(*sqldb.Tx, store.Scope, T) ([]string, error)
	insert func(context.Context, *sqldb.Tx, caller, T) error
}

// ImportPatients takes over patients. A row that is refused or in conflict does not keep the
// others from it; every row is answered for.
func (a *App) ImportPatients(ctx context.Context, in Import, rows []ImportRow[people.Patient]) ([]ImportResult, error) {
	for i := range rows {
		rows[i].Record.ID = ident.New("pat")
	}
	return importRows(ctx, a, in, rows, importer[people.Patient]{
		kind: store.ExternalPatient, idOf: func(p people.Patient) string { return p.ID },
		clean: func(p people.Patient, today civil.Date) (people.Patient, error) {
			return people.CleanPatient("", p, today)
		},
		same: store.SamePatients,
		insert: func(ctx context.Context, tx *sqldb.Tx, c caller, p people.Patient) error {
			return insertPatient(ctx, tx, c.scope, p, "patient.import")
		},
	})
}

// ImportPractitioners takes over practitioners, as ImportPatients does patients.
func (a *App) ImportPractitioners(ctx context.Context, in Import, rows []ImportRow[people.Practitioner]) ([]ImportResult, error) {
	for i := range rows {
		rows[i].Record.ID = ident.New("prac")
	}
	return importRows(ctx, a, in, rows, importer[people.Practitioner]{
		kind: store.ExternalPractitioner, idOf: func(p people.Practitioner) string { return p.ID },
		clean: func(p people.Practitioner, _ civil.Date) (people.Practitioner, error) {
			return people.CleanPractitioner("", p)
		},
		same: store.SamePractitioners,
		insert: func(ctx context.Context, tx *sqldb.Tx, c caller, p people.Practitioner) error {
			if err := store.InsertPractitioner(tx, c.scope, p); err != nil {
				return err
			}
			if err := note(ctx, tx, "practitioner.import", p.ID, nil); err != nil {
				return err
			}
			return emitPractitioner(ctx, tx, c, p.ID, 1, people.ChangedCredentials(nil, p.Credentials))
		},
	})
}

// importRows takes over rows, each in its own transaction.
func importRows[T any](ctx context.Context, a *App, in Import, rows []ImportRow[T], im importer[T]) ([]ImportResult, error) {
	c, err := staffOf(ctx)
	if err != nil {
		return nil, err
	}
	results := make([]ImportResult, 0, len(rows))
	for _, row := range rows {
		var result ImportResult
		err := a.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			if result, err = importRow(ctx, tx, a, c, in, row, im); err != nil {
				return err
			}
			if in.DryRun || result.Outcome == Conflict || result.Outcome == Refused {
				return errUndone
			}
			return nil
		})
		if err != nil && !errors.Is(err, errUndone) {
			return nil, err
		}
		if in.DryRun && result.Outcome == Imported {
			result.RecordID = "" // it was taken back
		}
		results = append(results, result)
	}
	return results, nil
}

// importRow takes over one row.
func importRow[T any](ctx context.Context, tx *sqldb.Tx, a *App, c caller, in Import, row ImportRow[T], im importer[T]) (ImportResult, error) {
	r := ImportResult{Row: row.Row, ExternalID: row.ExternalID}
	had, err := store.ExternalRecord(tx, c.scope, in.Source, im.kind, row.ExternalID)
	if err != nil || had != "" {
		r.Outcome, r.RecordID = Present, had
		return r, err
	}
	today, err := a.today(tx, c.ClinicID)
	if err != nil {
		return r, err
	}
	record, wrong := row.Record, row.Wrong
	if wrong == nil {
		record, wrong = im.clean(row.Record, today)
	}
	if wrong != nil {
		return r.refused(wrong)
	}
	if r.OtherIDs, err = im.same(tx, c.scope, record); err != nil {
		return r, err
	}
	id := im.idOf(record)
	switch {
	case len(r.OtherIDs) == 1 && in.LinkDuplicates:
		r.Outcome, r.Reason, id = Present, "LINKED", r.OtherIDs[0]
		err = note(ctx, tx, "external_id.link", id, map[string]string{"source": in.Source})
	case len(r.OtherIDs) > 0:
		r.Outcome, r.Reason, r.Detail = Conflict, "POSSIBLE_DUPLICATE", "Somebody with the same name and birth date is here already."
		return r, nil
	default:
		r.Outcome = Imported
		err = im.insert(ctx, tx, c, record)
	}
	if err != nil {
		return r, err
	}
	r.RecordID = id
	_, err = store.InsertExternalID(tx, c.scope, in.Source, im.kind, row.ExternalID, id)
	return r, err
}

// refused says what is wrong with the row; an error that is not the row's fault comes back.
func (r ImportResult) refused(err error) (ImportResult, error) {
	f := fault.From(err)
	if f.Kind != fault.InvalidArgument && f.Kind != fault.FailedPrecondition {
		return r, err
	}
	r.Outcome, r.Reason, r.Detail = Refused, f.Reason, f.Message
	if len(f.Fields) > 0 {
		r.Field, r.Detail = f.Fields[0].Field, f.Fields[0].Description
		if i := strings.IndexByte(r.Field, '.'); i >= 0 && (strings.HasPrefix(r.Field, "patient.") || strings.HasPrefix(r.Field, "practitioner.")) {
			r.Field = r.Field[i+1:]
		}
	}
	return r, nil
}

// ListExternalRecords gives what records of another system have become here.
func (a *App) ListExternalRecords(ctx context.Context, source string, kind store.ExternalKind, externalIDs []string) (map[string]string, error) {
	c, err := staffOf(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		clear(found)
		for _, id := range externalIDs {
			record, err := store.ExternalRecord(tx, c.scope, source, kind, id)
			if err != nil {
				return err
			}
			if record != "" {
				found[id] = record
			}
		}
		return nil
	})
	return found, err
}
