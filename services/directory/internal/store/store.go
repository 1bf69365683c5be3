// Package store has directory's tables: rows in, rows out, no rules.
//
// Every query of a clinic's data takes a [Scope], so that what the caller may not see is not
// there. What is not found is sqldb.ErrNoRows.
package store

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes directory's tables.
var Migrations = sqldb.Set{Name: "directory", FS: func() fs.FS {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the name is fixed and embedded
	}
	return dir
}()}

// Scope is what a caller may see: one clinic, and in it every patient or only some.
type Scope struct {
	clinicID string
	only     []string
	some     bool
}

// WholeClinic is the scope of staff and of services.
func WholeClinic(clinicID string) Scope { return Scope{clinicID: clinicID} }

// OnlyPatients is the scope of a patient: the own record and those acted for.
func OnlyPatients(clinicID string, patientIDs []string) Scope {
	return Scope{clinicID: clinicID, only: patientIDs, some: true}
}

// ClinicID is the clinic of the scope.
func (s Scope) ClinicID() string { return s.clinicID }

// sees reports whether the patient is within the scope.
func (s Scope) sees(patientID string) bool { return !s.some || slices.Contains(s.only, patientID) }

// encode gives a part of a row that is read and written as a whole.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

// decode reads what encode wrote.
func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("store: read a stored value: %w", err)
	}
	return nil
}

// join stores a set of codes, which have no commas in them.
func join(codes []string) string { return strings.Join(codes, ",") }

// split reads what join stored.
func split(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// null stores "" as NULL, for columns that refer to another table.
func null(id string) any {
	if id == "" {
		return nil
	}
	return id
}

// changed wants exactly one row to have been changed: none means that somebody changed it in
// between, ABORTED with VERSION_MISMATCH.
func changed(n int64, err error) error {
	if err != nil {
		return err
	}
	if n != 1 {
		return VersionMismatch()
	}
	return nil
}

// VersionMismatch is what an update on an old version answers.
func VersionMismatch() error {
	return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.")
}

// endOf is behind everything that begins with prefix, in the order of bytes.
func endOf(prefix string) string { return prefix + "\U0010FFFF" }
