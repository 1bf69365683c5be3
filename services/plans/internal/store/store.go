// Package store keeps plans, the ledger of sessions and injections, and issues: SQL and
// nothing else. Every function takes the transaction; what they must hold to, such as
// locking a person's ledger head first, is said where it matters.
package store

import (
	"embed"
	"encoding/json"
	"errors"
	"io/fs"

	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes the tables of plans.
var Migrations = sqldb.Set{Name: "plans", FS: sub(migrations)}

func sub(f embed.FS) fs.FS {
	s, err := fs.Sub(f, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return s
}

// none turns a missing row into NOT_FOUND in the words for what is missing.
func none(err error, what string) error {
	if errors.Is(err, sqldb.ErrNoRows) {
		return fault.NotFoundf(what)
	}
	return err
}

// errChanged is ABORTED / VERSION_MISMATCH: the row is not the one that was read.
func errChanged() error {
	return fault.New(fault.Aborted, "VERSION_MISMATCH", "It was changed by someone else meanwhile. Load it again.")
}

func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	return string(b), err
}

func decode(text string, v any) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), v)
}
