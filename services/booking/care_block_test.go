package booking_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// manual is what an abnormal neurological examination forbids.
var manual = []typev1.Discipline{typev1.Discipline_DISCIPLINE_MASSAGE, typev1.Discipline_DISCIPLINE_ACUPUNCTURE}

// examined lets plans tell of an examination and waits until booking knows.
func (w *world) examined(t *testing.T, patientID, examinationID string, forbidden ...typev1.Discipline) {
	t.Helper()
	w.plans.tell(t, &plansv1.ExaminationRecorded{
		ClinicId: clinic, PatientId: patientID, OriginPatientId: patientID, ExaminationId: examinationID, Kind: "NEURO",
		Blocking: len(forbidden) > 0, Forbidden: forbidden,
	})
	told := w.plans.seq
	waitFor(t, "the examination is heard of", func() bool {
		return w.rows(`select count(*) from care_blocks where examination_id = $1 and version = $2`, examinationID, told) == 1
	})
}

// massage is a booking of a massage without a plan.
func (w *world) massage(typ, patientID string, start time.Time) *bookingv1.CreateAppointmentRequest {
	r := w.ask(start)
	r.AppointmentTypeId, r.PatientId, r.PractitionerId = typ, patientID, ben
	return r
}

func (w *world) massageType() string {
	return w.newType(&bookingv1.AppointmentType{DisplayName: "Massage", Kind: "TREATMENT", Discipline: "MASSAGE", DurationMinutes: 30, PatientBookable: true})
}

// F108: an abnormal examination stops manual and needle care that is booked without a plan, for
// every party and by every door, until it is cleared; what is booked already is flagged.
func TestF108AnExaminationForbidsCareWithoutAPlan(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		typ := w.massageType()
		w.intake.set(patient, care(1))
		w.intake.mu.Lock()
		w.intake.gates[patient].Blocked = nil
		w.intake.mu.Unlock()
		booked := w.book(w.massage(typ, patient, at(9, 0))).GetAppointmentId()
		other := w.book(w.ask(at(10, 0))).GetAppointmentId()
		w.examined(t, patient, "exm_1", manual...)
		if got := w.flagsOf(booked); !slices.Contains(got, "PLAN_CONTRAINDICATED") || len(w.flagsOf(other)) != 0 {
			t.Errorf("the massage has %v, the physiotherapy %v", got, w.flagsOf(other))
		}
		_, err := w.appointments.CreateAppointment(w.reception(), w.massage(typ, patient, at(11, 0)))
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule_ids"] != "NEURO_ABNORMAL" {
			t.Errorf("facts %v", f.Facts)
		}
		_, err = w.appointments.CreateAppointment(w.patient(), w.massage(typ, patient, at(11, 0)))
		if f := refused(t, err, "CONTRAINDICATED"); f.Facts["rule_ids"] != "" {
			t.Errorf("the patient is told %v", f.Facts)
		}
		_, err = w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{
			AppointmentId: booked, StartTime: timestamppb.New(at(12, 0)),
		})
		refused(t, err, "CONTRAINDICATED")
		found := w.find(func(r *bookingv1.ListOpeningsRequest) { r.AppointmentTypeId, r.PatientId = typ, patient })
		if len(found.GetOpenings()) != 0 || len(found.GetRefused()) != 1 || found.GetRefused()[0].GetReason() != "CONTRAINDICATED" {
			t.Errorf("openings %v", found)
		}
		w.book(w.ask(at(13, 0)))                          // physiotherapy is none of it
		w.book(w.massage(typ, "pat_somebody", at(14, 0))) // nor is anybody else
		w.examined(t, patient, "exm_2", manual...)        // a second one
		w.examined(t, patient, "exm_1")                   // the first is cleared
		_, err = w.appointments.CreateAppointment(w.reception(), w.massage(typ, patient, at(15, 0)))
		refused(t, err, "CONTRAINDICATED")
		w.examined(t, patient, "exm_2")
		if got := w.flagsOf(booked); len(got) != 0 {
			t.Errorf("cleared, and still %v", got)
		}
		w.book(w.massage(typ, patient, at(15, 0)))
	})
}

// F108: what plans says before it answers counts at once, and its older event changes nothing.
func TestF108IsKeptBeforeItsEvent(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		typ := w.massageType()
		keep := func(version int64, forbidden ...typev1.Discipline) {
			t.Helper()
			_, err := w.appointments.KeepCareBlock(w.asPlans(), &bookingv1.KeepCareBlockRequest{
				ClinicId: clinic, PatientId: patient, ExaminationId: "exm_1", Version: version, Forbidden: forbidden,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		keep(7, manual...) // of a patient whom booking has never heard of
		keep(6)            // older
		_, err := w.appointments.CreateAppointment(w.reception(), w.massage(typ, patient, at(9, 0)))
		refused(t, err, "CONTRAINDICATED")
		keep(8)
		w.book(w.massage(typ, patient, at(9, 0)))
	})
}

// F108: an examination of a record holds for the person, through a merge and its undoing.
func TestF108ThroughAMerge(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.run()
		typ := w.massageType()
		booked := w.book(w.massage(typ, patient, at(9, 0))).GetAppointmentId()
		w.examined(t, "pat_twin", "exm_1", manual...)
		w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patient, MergedPatientId: "pat_twin"})
		waitFor(t, "the booked one is flagged", func() bool { return w.has(booked, "PLAN_CONTRAINDICATED") })
		_, err := w.appointments.CreateAppointment(w.reception(), w.massage(typ, patient, at(11, 0)))
		refused(t, err, "CONTRAINDICATED")
		w.dir.tell(t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: patient, RestoredPatientId: "pat_twin"})
		waitFor(t, "the flag is gone", func() bool { return !w.has(booked, "PLAN_CONTRAINDICATED") })
		w.book(w.massage(typ, patient, at(11, 0)))
		_, err = w.appointments.CreateAppointment(w.reception(), w.massage(typ, "pat_twin", at(13, 0)))
		refused(t, err, "CONTRAINDICATED")
	})
}
