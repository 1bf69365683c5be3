package booking_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// imported is a row of an import: the world's physiotherapy.
func (w *world) imported(n int32, who, patientID string, start time.Time) *bookingv1.ImportedAppointment {
	return &bookingv1.ImportedAppointment{
		Row: n, ExternalId: "x" + strconv.Itoa(int(n)), AppointmentTypeId: w.physio, PatientId: patientID, PractitionerId: who, StartTime: timestamppb.New(start),
	}
}

// outcomes are the outcomes as one text a row.
func outcomes(r *bookingv1.ImportAppointmentsResponse) (texts []string) {
	for _, o := range r.GetOutcomes() {
		text := o.GetExternalId() + " " + o.GetOutcome()
		for _, f := range o.GetRefusals() {
			text += " " + f.GetReason()
		}
		texts = append(texts, text)
	}
	return texts
}

func (w *world) imports() bookingv1.AppointmentImportServiceClient {
	return bookingv1.NewAppointmentImportServiceClient(w.served.Conn())
}

func (w *world) importAll(r *bookingv1.ImportAppointmentsRequest) *bookingv1.ImportAppointmentsResponse {
	w.t.Helper()
	got, err := w.imports().ImportAppointments(w.admin(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// TestImportAppointments: every row is answered for, what booking refuses is not taken over,
// a dry run changes nothing and a second run adds nothing.
func TestImportAppointments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.book(w.ask(at(9, 0)))
		rows := []*bookingv1.ImportedAppointment{
			w.imported(1, ana, "pat_two", at(9, 15)),       // overlaps what is booked
			w.imported(2, ana, "pat_two", at(10, 0)),       // fine
			w.imported(3, ana, "pat_other", at(10, 15)),    // overlaps row 2
			w.imported(4, ben, "pat_two", at(10, 15)),      // the patient of row 2
			w.imported(5, ana, "pat_two", at(20, 0)),       // not at work
			w.imported(6, ana, "pat_two", at(-24*30, 0)),   // over
			w.imported(7, ana, "pat_two", at(11, 2)),       // not on five minutes
			w.imported(8, "prac_no", "pat_two", at(11, 0)), // nobody
			w.imported(9, ana, "pat_two", at(11, 0)),       // an unknown type
			w.imported(10, ana, "pat_two", at(12, 0)),      // no time at all
		}
		rows[8].AppointmentTypeId, rows[9].StartTime = "atype_no", nil
		request := &bookingv1.ImportAppointmentsRequest{Source: "CLINIKO", DryRun: true, Rows: rows}
		want := []string{
			"x1 CONFLICT SLOT_TAKEN", "x2 IMPORTED", "x3 CONFLICT SLOT_TAKEN", "x4 CONFLICT PATIENT_BUSY", "x5 CONFLICT OUTSIDE_SHIFT",
			"x6 REFUSED IN_THE_PAST", "x7 REFUSED INVALID_ARGUMENT", "x8 REFUSED NOT_FOUND", "x9 REFUSED NOT_FOUND", "x10 REFUSED INVALID_ARGUMENT",
		}
		if diff := cmp.Diff(want, firstReasons(outcomes(w.importAll(request)))); diff != "" {
			t.Errorf("dry run: %s", diff)
		}
		if n := len(w.live()); n != 1 || w.rows(`select count(*) from external_ids`) != 0 {
			t.Errorf("a dry run leaves %d appointments", n)
		}
		request.DryRun = false
		first := w.importAll(request)
		if diff := cmp.Diff(want, firstReasons(outcomes(first))); diff != "" {
			t.Errorf("import: %s", diff)
		}
		again := w.importAll(request)
		want[1] = "x2 PRESENT"
		if diff := cmp.Diff(want, firstReasons(outcomes(again))); diff != "" {
			t.Errorf("again: %s", diff)
		}
		if n := len(w.live()); n != 2 || again.GetOutcomes()[1].GetRecordId() != first.GetOutcomes()[1].GetRecordId() {
			t.Errorf("%d appointments after two runs", n)
		}
	})
}

// firstReasons keeps one reason a row: a row may break several rules.
func firstReasons(texts []string) (short []string) {
	for _, text := range texts {
		short = append(short, strings.Join(strings.Fields(text)[:min(3, len(strings.Fields(text)))], " "))
	}
	return short
}

// TestAsk11ImportOverlapsOnPurpose: an overlap is taken over only when asked for, with the
// reason, under the caller's name and with a badge; what needs no override gets none.
func TestAsk11ImportOverlapsOnPurpose(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.book(w.ask(at(9, 0)))
		request := &bookingv1.ImportAppointmentsRequest{
			Source: "CLINIKO", DryRun: true, Override: &bookingv1.Override{Reason: "taken over as it was"},
			Rows: []*bookingv1.ImportedAppointment{w.imported(1, ana, "pat_two", at(9, 15)), w.imported(2, ana, "pat_two", at(11, 0)), w.imported(3, ana, "pat_two", at(-24*30, 0))},
		}
		want := []string{"x1 IMPORTED", "x2 IMPORTED", "x3 REFUSED IN_THE_PAST"}
		for _, dry := range []bool{true, false} {
			request.DryRun = dry
			got := w.importAll(request)
			if diff := cmp.Diff(want, outcomes(got)); diff != "" {
				t.Errorf("dry %v: %s", dry, diff)
			}
			if dry {
				continue
			}
			for i, id := range []string{got.GetOutcomes()[0].GetRecordId(), got.GetOutcomes()[1].GetRecordId()} {
				a, err := w.appointments.GetAppointment(w.reception(), &bookingv1.GetAppointmentRequest{AppointmentId: id})
				if err != nil {
					t.Fatal(err)
				}
				reason, badge := a.GetAppointment().GetOverride().GetReason(), strings.Contains(strings.Join(a.GetAppointment().GetFlags(), " "), "OVERRIDDEN")
				if overlaps := i == 0; badge != overlaps || (reason != "") != overlaps {
					t.Errorf("row %d: override %q, flags %v", i+1, reason, a.GetAppointment().GetFlags())
				}
			}
		}
		if n := w.rows(`select count(*) from audit_log where facts like '%override%'`); n != 1 {
			t.Errorf("%d audited overrides", n)
		}
	})
}

// TestImportsRace lets eight imports of the same rows run at once, beside a person who books:
// nothing is there twice.
func TestImportsRace(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		request := &bookingv1.ImportAppointmentsRequest{Source: "CSV"}
		for i := range int32(6) {
			request.Rows = append(request.Rows, w.imported(i, ana, "pat_two", at(9+int(i), 0)))
		}
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				got, err := w.imports().ImportAppointments(w.admin(), proto.CloneOf(request))
				if err != nil {
					t.Error(err)
					return
				}
				for _, o := range got.GetOutcomes() {
					if o.GetOutcome() == "REFUSED" {
						t.Errorf("%v", o)
					}
				}
			})
		}
		wg.Go(func() { _, _ = w.appointments.CreateAppointment(w.reception(), w.ask(at(11, 0))) }) // it may win one of them
		wg.Wait()
		starts := map[int64]int{}
		for _, a := range w.live() {
			if starts[a.GetStartTime().AsTime().Unix()]++; starts[a.GetStartTime().AsTime().Unix()] > 1 {
				t.Errorf("two at %s", a.GetLocalStart())
			}
		}
		if len(starts) != 6 {
			t.Errorf("%d appointments", len(starts))
		}
	})
}
