package importfile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

func stamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }

// Plan says how rows are taken over.
type Plan struct {
	// Source is the code of the other system, for example CLINIKO.
	Source string
	// DryRun says what would happen and changes nothing.
	DryRun bool
	// LinkDuplicates takes a record that looks the same to be the same.
	LinkDuplicates bool
	// OverrideReason books overlaps and times outside of working hours all the same.
	OverrideReason string
}

// Line is what became of a row. It names nobody.
type Line struct {
	File       string `json:"file"`
	Kind       Kind   `json:"kind"`
	Row        int32  `json:"row"`
	ExternalID string `json:"external_id"`
	// Outcome is IMPORTED, PRESENT, CONFLICT or REFUSED.
	Outcome  string   `json:"outcome"`
	RecordID string   `json:"record_id,omitempty"`
	Reason   string   `json:"reason,omitempty"`
	Field    string   `json:"field,omitempty"`
	Detail   string   `json:"detail,omitempty"`
	OtherIDs []string `json:"other_ids,omitempty"`
}

// Report answers for every row.
type Report struct {
	DryRun bool           `json:"dry_run"`
	Lines  []Line         `json:"lines"`
	Counts map[string]int `json:"counts"`
	Unused []string       `json:"unused_columns,omitempty"`
}

// batch is how many rows are sent at once.
const batch = 200

// runner takes rows over.
type runner struct {
	plan      Plan
	directory directoryv1.ImportServiceClient
	people    directoryv1.PractitionerServiceClient
	types     bookingv1.AppointmentTypeServiceClient
	booking   bookingv1.AppointmentImportServiceClient
	report    *Report
	// known are records by kind and id in the other system; an empty one is of a dry run.
	known map[Kind]map[string]string
}

// Run takes over what files hold: practitioners first, then patients, then appointments. It
// fails when a service cannot be asked; what was taken over until then stays, and the same
// import again goes on from there.
func Run(ctx context.Context, peer func(service string) grpc.ClientConnInterface, plan Plan, files ...*File) (*Report, error) {
	r := &runner{
		plan: plan, directory: directoryv1.NewImportServiceClient(peer("directory")), people: directoryv1.NewPractitionerServiceClient(peer("directory")),
		types: bookingv1.NewAppointmentTypeServiceClient(peer("booking")), booking: bookingv1.NewAppointmentImportServiceClient(peer("booking")),
		report: &Report{DryRun: plan.DryRun, Counts: map[string]int{}}, known: map[Kind]map[string]string{Patients: {}, Practitioners: {}},
	}
	var rows []*Row
	names := map[string]string{}
	for _, f := range files {
		for i := range f.Rows {
			rows = append(rows, &f.Rows[i])
		}
		maps.Copy(names, f.Types)
		r.report.Unused = append(r.report.Unused, f.Unused...)
	}
	refuseTwice(rows)
	for _, kind := range []Kind{Practitioners, Patients, Appointments} {
		var of []*Row
		for _, row := range rows {
			if row.Kind == kind {
				of = append(of, row)
			}
		}
		if err := r.takeOver(ctx, kind, of, names); err != nil {
			return nil, fmt.Errorf("%ss: %w", kind, err)
		}
	}
	return r.report, nil
}

// refuseTwice refuses the second of two rows with one id.
func refuseTwice(rows []*Row) {
	type key struct {
		kind Kind
		id   string
	}
	first := map[key]*Row{}
	for _, row := range rows {
		k := key{row.Kind, row.ExternalID}
		if had := first[k]; had != nil && row.ExternalID != "" {
			row.wrong("SAME_ID_TWICE", "external_id", fmt.Sprintf("Row %d of %s has the same id.", had.Number, had.File))
		} else {
			first[k] = row
		}
	}
}

// takeOver sends the rows of one kind, and notes what became of them in their order.
func (r *runner) takeOver(ctx context.Context, kind Kind, rows []*Row, types map[string]string) error {
	if kind == Appointments && len(rows) > 0 {
		if err := r.resolve(ctx, rows, types); err != nil {
			return err
		}
	}
	lines := map[*Row]Line{}
	var good []*Row
	for _, row := range rows {
		if row.Wrong != nil {
			lines[row] = Line{Outcome: "REFUSED", Reason: row.Wrong.Reason, Field: row.Wrong.Field, Detail: row.Wrong.Detail}
		} else {
			good = append(good, row)
		}
	}
	for part := range slices.Chunk(good, batch) {
		send := map[Kind]func(context.Context, []*Row) ([]Line, error){Practitioners: r.sendPractitioners, Patients: r.sendPatients, Appointments: r.sendAppointments}[kind]
		got, err := send(ctx, part)
		if err != nil {
			return err
		}
		for i, row := range part {
			lines[row] = got[i]
			if got[i].Outcome == "IMPORTED" || got[i].Outcome == "PRESENT" {
				if r.known[kind] != nil {
					r.known[kind][row.ExternalID] = got[i].RecordID
				}
			}
		}
	}
	for _, row := range rows {
		line := lines[row]
		line.File, line.Kind, line.Row, line.ExternalID = row.File, kind, row.Number, row.ExternalID
		r.report.Lines = append(r.report.Lines, line)
		r.report.Counts[line.Outcome]++
	}
	return nil
}

func (r *runner) sendPatients(ctx context.Context, rows []*Row) ([]Line, error) {
	request := &directoryv1.ImportPatientsRequest{Source: r.plan.Source, DryRun: r.plan.DryRun, LinkDuplicates: r.plan.LinkDuplicates}
	for _, row := range rows {
		request.Rows = append(request.Rows, &directoryv1.ImportedPatient{Row: row.Number, ExternalId: row.ExternalID, Patient: row.patient})
	}
	got, err := r.directory.ImportPatients(ctx, request)
	return people(got.GetOutcomes()), err
}

func (r *runner) sendPractitioners(ctx context.Context, rows []*Row) ([]Line, error) {
	request := &directoryv1.ImportPractitionersRequest{Source: r.plan.Source, DryRun: r.plan.DryRun, LinkDuplicates: r.plan.LinkDuplicates}
	for _, row := range rows {
		request.Rows = append(request.Rows, &directoryv1.ImportedPractitioner{Row: row.Number, ExternalId: row.ExternalID, Practitioner: row.practitioner})
	}
	got, err := r.directory.ImportPractitioners(ctx, request)
	return people(got.GetOutcomes()), err
}

// people are the lines of what directory says.
func people(outcomes []*directoryv1.ImportOutcome) (lines []Line) {
	for _, o := range outcomes {
		lines = append(lines, Line{
			Outcome: o.GetOutcome(), RecordID: o.GetRecordId(), Reason: o.GetReason(), Field: o.GetField(), Detail: o.GetDetail(), OtherIDs: o.GetOtherIds(),
		})
	}
	return lines
}

func (r *runner) sendAppointments(ctx context.Context, rows []*Row) ([]Line, error) {
	request := &bookingv1.ImportAppointmentsRequest{Source: r.plan.Source, DryRun: r.plan.DryRun}
	if r.plan.OverrideReason != "" {
		request.Override = &bookingv1.Override{Reason: r.plan.OverrideReason}
	}
	for _, row := range rows {
		a := row.appointment
		request.Rows = append(request.Rows, a.proto(row, a.Type, r.known[Patients][a.Patient], r.known[Practitioners][a.Practitioner]))
	}
	got, err := r.booking.ImportAppointments(ctx, request)
	lines := make([]Line, 0, len(rows))
	for _, o := range got.GetOutcomes() {
		line := Line{Outcome: o.GetOutcome(), RecordID: o.GetRecordId()}
		var details []string
		for _, f := range o.GetRefusals() {
			if line.Reason == "" {
				line.Reason = f.GetReason()
			}
			details = append(details, f.GetDetail())
		}
		line.Detail = strings.Join(details, " ")
		lines = append(lines, line)
	}
	return lines, err
}

// resolve finds who and what the appointments are of: records imported now or before, types by
// name or id. A row that names nobody known is refused.
func (r *runner) resolve(ctx context.Context, rows []*Row, names map[string]string) error {
	if err := r.lookUp(ctx, rows); err != nil {
		return err
	}
	got, err := r.types.ListAppointmentTypes(ctx, &bookingv1.ListAppointmentTypesRequest{})
	if err != nil {
		return err
	}
	byName := map[string]string{}
	for _, t := range got.GetAppointmentTypes() {
		byName[strings.ToLower(t.GetDisplayName())], byName[strings.ToLower(t.GetAppointmentTypeId())] = t.GetAppointmentTypeId(), t.GetAppointmentTypeId()
	}
	for _, row := range rows {
		a := row.appointment
		name := a.Type
		if there := names[name]; there != "" {
			name = there
		}
		typeID, ok := byName[strings.ToLower(name)]
		if !ok {
			row.wrong("UNKNOWN_TYPE", "type", "The clinic has no type of appointment of this name.")
		}
		a.Type = typeID
		if id, ok := r.known[Patients][a.Patient]; !ok || (id == "" && !r.plan.DryRun) {
			row.wrong("UNKNOWN_PATIENT", "patient", "No patient with this id was imported.")
		}
		id, ok := r.known[Practitioners][a.Practitioner]
		switch {
		case !ok:
			row.wrong("UNKNOWN_PRACTITIONER", "practitioner", "No practitioner with this id was imported.")
		case id == "":
			row.wrong("PRACTITIONER_FIRST", "practitioner", "Import the practitioners first: a dry run cannot look into the diary of somebody who is not here.")
		}
	}
	return nil
}

// lookUp asks for the records that appointments name and that this import did not bring, and
// takes practitioners by their names here too.
func (r *runner) lookUp(ctx context.Context, rows []*Row) error {
	wanted := map[Kind]map[string]bool{Patients: {}, Practitioners: {}}
	want := func(kind Kind, id string) {
		if _, had := r.known[kind][id]; !had && id != "" && len(id) <= 128 {
			wanted[kind][id] = true
		}
	}
	for _, row := range rows {
		want(Patients, row.appointment.Patient)
		want(Practitioners, row.appointment.Practitioner)
	}
	for kind, ids := range wanted {
		for part := range slices.Chunk(slices.Sorted(maps.Keys(ids)), batch) {
			got, err := r.directory.ListExternalRecords(ctx, &directoryv1.ListExternalRecordsRequest{
				Source: r.plan.Source, Kind: strings.ToUpper(string(kind)), ExternalIds: part,
			})
			if err != nil {
				return err
			}
			maps.Copy(r.known[kind], got.GetRecordIds())
		}
	}
	here, err := r.people.ListPractitioners(ctx, &directoryv1.ListPractitionersRequest{PageSize: 500})
	if err != nil {
		return err
	}
	for _, p := range here.GetPractitioners() {
		if name := p.GetDisplayName(); wanted[Practitioners][name] && r.known[Practitioners][name] == "" {
			r.known[Practitioners][name] = p.GetPractitionerId()
		}
	}
	return nil
}
