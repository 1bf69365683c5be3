// Package audit keeps who did what to whose record. The table takes rows and gives them
// back; the database itself refuses to change or delete one.
//
// A change writes its row in its own transaction ([Write]); an answer with clinical content
// appends one before it leaves ([Read]). When the row cannot be written, neither happens.
package audit

import (
	"context"
	"embed"
	"encoding/json"
	"io/fs"
	"strings"

	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

//go:embed migrations
var migrations embed.FS

// Migrations makes the table audit_log.
var Migrations = sqldb.Set{Name: "audit", FS: sub(migrations)}

func sub(f embed.FS) fs.FS {
	s, err := fs.Sub(f, "migrations")
	if err != nil { // the folder is embedded above
		panic(err)
	}
	return s
}

// Entry is one action.
type Entry struct {
	// Action is what was done, for example "plan.activate" or "intake.read".
	Action string
	// Resource is the id of the thing it was done to.
	Resource string
	// PatientID is whose record it is; empty for things that are nobody's.
	PatientID string
	// Facts are codes and ids that explain it; never names, answers or free text.
	Facts map[string]string
}

// Write appends the entry in the transaction of the change. The actor is the caller of ctx,
// or "system" for what the program does by itself.
func Write(ctx context.Context, tx *sqldb.Tx, e Entry) error {
	p, ok := authn.From(ctx)
	if !ok {
		p.Subject = "system"
	}
	facts := ""
	if len(e.Facts) > 0 {
		b, err := json.Marshal(e.Facts)
		if err != nil {
			return err
		}
		facts = string(b)
	}
	return tx.Later(`INSERT INTO audit_log (clinic_id, at, actor, roles, session_id, service, action, resource_id, patient_id, facts)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, nil,
		p.ClinicID, sqldb.Micros(tx.Now()), p.Subject, roles(p), p.SessionID, p.Service, e.Action, e.Resource, e.PatientID, facts)
}

// Read appends the entry for an answer that is about to be given, durable when it returns.
func Read(ctx context.Context, db *sqldb.DB, e Entry) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error { return Write(ctx, tx, e) })
}

func roles(p authn.Principal) string {
	if len(p.Roles) == 1 {
		return strings.TrimPrefix(p.Roles[0].String(), "ROLE_")
	}
	names := make([]string, len(p.Roles))
	for i, r := range p.Roles {
		names[i] = strings.TrimPrefix(r.String(), "ROLE_")
	}
	return strings.Join(names, ",")
}
