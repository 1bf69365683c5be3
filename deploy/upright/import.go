package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/gateway/importfile"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

type importCommand struct {
	storage
	Clinic        string   `help:"Short name of the clinic, as in its public address /c/NAME." required:"" placeholder:"NAME"`
	Source        string   `help:"Code of the other system, which stays the same from import to import." required:"" placeholder:"CODE"`
	Practitioners []string `help:"CSV file of practitioners." type:"existingfile" placeholder:"FILE"`
	Patients      []string `help:"CSV file of patients." type:"existingfile" placeholder:"FILE"`
	Appointments  []string `help:"CSV file of appointments." type:"existingfile" placeholder:"FILE"`
	Cliniko       []string `help:"JSON file with pages of Cliniko's API." type:"existingfile" placeholder:"FILE"`
	DateOrder     string   `help:"How dates such as 3/4/1980 are meant: dmy or mdy; without it those that could be both are refused." enum:",dmy,mdy" default:""`
	Encoding      string   `help:"Encoding of CSV files that are not UTF-8: windows-1252." enum:",windows-1252" default:""`
	Link          bool     `help:"Take a record with the same name and birth date to be the same person."`
	Override      string   `help:"Book what overlaps or is outside of working hours all the same, for this reason." placeholder:"REASON"`
	Apply         bool     `help:"Change the clinic. Without it nothing is changed: it is only said what would happen."`
	JSON          bool     `help:"Print the report as JSON." name:"json"`
}

// errLeft says that rows were left out, so that a script notices.
var errLeft = errors.New("some rows were not taken over; the report says which and why")

// Run reads the files and takes them over, or without --apply says what would happen. It fails
// when a row is left out.
func (i *importCommand) Run(ctx context.Context) error {
	var report *importfile.Report
	err := within(ctx, i.storage, func(c *clinic) (err error) {
		work, stop := context.WithCancelCause(ctx)
		wait := c.runServices(work, stop)
		defer wait()
		defer stop(nil)
		report, err = i.run(ctx, c)
		return err
	})
	if err != nil {
		return err
	}
	if err := i.print(os.Stdout, report); err != nil {
		return err
	}
	if report.Counts["CONFLICT"]+report.Counts["REFUSED"] > 0 {
		return errLeft
	}
	return nil
}

func (i *importCommand) run(ctx context.Context, c *clinic) (*importfile.Report, error) {
	peer, err := c.own()
	if err != nil {
		return nil, err
	}
	clinic, err := findClinic(ctx, peer, i.Clinic)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(clinic.GetTimeZone())
	if err != nil {
		return nil, err
	}
	files, err := i.read(importfile.Options{Dates: importfile.DateOrder(i.DateOrder), Zone: zone, Encoding: i.Encoding})
	if err != nil {
		return nil, err
	}
	plan := importfile.Plan{Source: i.Source, DryRun: !i.Apply, LinkDuplicates: i.Link, OverrideReason: i.Override}
	return importfile.Run(authn.WithService(ctx, "upright", clinic.GetClinicId()), peer, plan, files...)
}

// findClinic finds a clinic by its short name.
func findClinic(ctx context.Context, peer func(string) grpc.ClientConnInterface, slug string) (*directoryv1.Clinic, error) {
	all, err := directoryv1.NewPlaceServiceClient(peer("directory")).ListClinics(authn.WithService(ctx, "upright", ""), &directoryv1.ListClinicsRequest{})
	if err != nil {
		return nil, err
	}
	for _, c := range all.GetClinics() {
		if c.GetSlug() == slug {
			return c, nil
		}
	}
	return nil, fmt.Errorf("there is no clinic %s", slug)
}

// read reads every file before anything is taken over.
func (i *importCommand) read(o importfile.Options) (files []*importfile.File, err error) {
	var errs []error
	take := func(paths []string, read func(name string, data []byte) (*importfile.File, error)) {
		for _, path := range paths {
			data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
			if err != nil {
				errs = append(errs, err)
				continue
			}
			f, err := read(filepath.Base(path), data)
			files, errs = append(files, f), append(errs, err)
		}
	}
	for kind, paths := range map[importfile.Kind][]string{
		importfile.Practitioners: i.Practitioners, importfile.Patients: i.Patients, importfile.Appointments: i.Appointments,
	} {
		take(paths, func(name string, data []byte) (*importfile.File, error) {
			return importfile.ReadCSV(name, kind, data, o)
		})
	}
	take(i.Cliniko, func(name string, data []byte) (*importfile.File, error) { return importfile.ReadCliniko(name, data, o) })
	if len(files) == 0 && len(errs) == 0 {
		return nil, errors.New("name a file: --patients, --practitioners, --appointments or --cliniko")
	}
	return files, errors.Join(errs...)
}

// print writes the report: what was left out row by row, then how many of each.
func (i *importCommand) print(w io.Writer, r *importfile.Report) error {
	if i.JSON {
		return json.NewEncoder(w).Encode(r)
	}
	for _, l := range r.Lines {
		if l.Outcome != "CONFLICT" && l.Outcome != "REFUSED" {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s row %d, id %s: %s %s %s %s %v\n", l.File, l.Row, l.ExternalID, l.Outcome, l.Reason, l.Field, l.Detail, l.OtherIDs); err != nil {
			return err
		}
	}
	for _, column := range r.Unused {
		if _, err := fmt.Fprintf(w, "the column %q is not used\n", column); err != nil {
			return err
		}
	}
	verb := "taken over"
	if r.DryRun {
		verb = "would be taken over; nothing was changed"
	}
	_, err := fmt.Fprintf(w, "%d rows: %d %s, %d here already, %d in conflict, %d refused\n",
		len(r.Lines), r.Counts["IMPORTED"], verb, r.Counts["PRESENT"], r.Counts["CONFLICT"], r.Counts["REFUSED"])
	return err
}
