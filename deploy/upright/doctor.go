package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

const warn = slog.LevelWarn

type doctorCommand struct{ storage }

// finding is what one check says; problem is empty when all is well.
type finding struct{ what, problem string }

// errSick ends the program with 1 after the findings were printed.
var errSick = errors.New("the checks marked with !! need attention")

// Run opens the clinic's data, beside a running program or alone, and prints a line a check.
func (d *doctorCommand) Run(ctx context.Context) error {
	if d.Database == "sqlite" {
		if _, err := os.Stat(filepath.Join(d.Data, "directory.db")); err != nil {
			return fmt.Errorf("there is no clinic in %s: start one with `upright serve --data %s`", d.Data, d.Data)
		}
	}
	var found []finding
	err := within(ctx, d.storage, func(c *clinic) error {
		found = append(found, checkZoneData())
		for _, name := range serviceNames {
			found = append(found, checkDatabase(ctx, name, c.dbs[name]), checkParked(ctx, name, c.dbs[name]))
		}
		found = append(found, checkClinics(ctx, c)...)
		return nil
	})
	if err != nil {
		return err
	}
	return printFindings(os.Stdout, found)
}

func printFindings(w io.Writer, found []finding) error {
	sick := false
	for _, f := range found {
		mark, text := "ok", f.what
		if f.problem != "" {
			mark, text, sick = "!!", f.what+": "+f.problem, true
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n", mark, text); err != nil {
			return err
		}
	}
	if sick {
		return errSick
	}
	return nil
}

// checkZoneData looks for a change of zone rules that older data does not have: British
// Columbia stays on daylight time from 2026, so Vancouver is at -07:00 in January 2027
// (tzdata 2026; reference ux.md, finding 8).
func checkZoneData() finding {
	f := finding{what: "time zone data is of 2026 or later"}
	loc, err := time.LoadLocation("America/Vancouver")
	if err != nil {
		f.problem = "there is none"
		return f
	}
	if _, offset := time.Date(2027, 1, 15, 12, 0, 0, 0, loc).Zone(); offset != -7*60*60 {
		f.problem = "it is older, so times in zones that changed since are an hour wrong; set ZONEINFO to a newer zoneinfo.zip"
	}
	return f
}

// checkDatabase asks SQLite to look at every page, and any database to answer.
func checkDatabase(ctx context.Context, name string, db *sqldb.DB) finding {
	f := finding{what: name + ": database answers and is whole"}
	if db.Dialect() == sqldb.Postgres {
		if err := db.Ping(ctx); err != nil {
			f.problem = "it does not answer"
		}
		return f
	}
	var verdict string
	err := db.Read(ctx, func(tx *sqldb.Tx) error { return tx.QueryRow(`PRAGMA quick_check(1)`).Scan(&verdict) })
	if err != nil || verdict != "ok" {
		f.problem = "SQLite finds it damaged; restore it from a backup"
	}
	return f
}

func checkParked(ctx context.Context, name string, db *sqldb.DB) finding {
	f := finding{what: name + ": no event is parked"}
	parked, err := eventlog.ListParked(ctx, db)
	switch {
	case err != nil:
		f.problem = "the parked events cannot be read"
	case len(parked) > 0:
		f.problem = fmt.Sprintf("%d are; see `upright events list-parked`", len(parked))
	}
	return f
}

// checkClinics finds clinics whose public form may not open yet.
func checkClinics(ctx context.Context, c *clinic) []finding {
	own, err := c.own()
	if err != nil {
		return []finding{{"clinics", "cannot be asked for"}}
	}
	all, err := directoryv1.NewPlaceServiceClient(own("directory")).ListClinics(authn.WithService(ctx, "upright", ""), &directoryv1.ListClinicsRequest{})
	if err != nil {
		return []finding{{"clinics", "cannot be listed"}}
	}
	var found []finding
	for _, clinic := range all.GetClinics() {
		f := finding{what: "clinic " + clinic.GetSlug() + ": emergency numbers and a clinical safety officer are set"}
		if len(clinic.GetEmergencyNumbers()) == 0 || clinic.GetClinicalSafetyOfficer().GetName() == "" {
			f.problem = "they are not, so its public form stays closed"
		}
		found = append(found, f)
	}
	return found
}
