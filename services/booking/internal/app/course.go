package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/calendar"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// subject is the course that a request is about, with whose it is and what has become of it.
type subject struct {
	who       caller
	catalogue *calendar.Clinic
	plan      peer.Plan
	course    peer.Course
	patientID string               // the record that the caller acts for
	booked    []*store.Appointment // sessions that took place or will, by start
}

// courseOf finds a course for the caller. NOT_FOUND for a plan that they may not know of,
// WRONG_DISCIPLINE when it has no such course.
func (a *App) courseOf(ctx context.Context, planID, courseID string) (*subject, error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	s := &subject{who: who}
	if s.plan, err = a.Peers.Plan(ctx, who.ClinicID, planID); err != nil {
		return nil, err
	}
	if who.party == schedule.Patient && s.plan.State == "DRAFT" {
		return nil, fault.NotFoundf("plan")
	}
	if err := a.readSubject(ctx, s); err != nil {
		return nil, err
	}
	course, ok := s.plan.Course(courseID)
	if !ok {
		return nil, fault.New(fault.FailedPrecondition, "WRONG_DISCIPLINE", "The plan has no such course, or several.").
			With("plan_id", planID).With("course_id", courseID)
	}
	s.course = course
	s.booked = slices.DeleteFunc(s.booked, func(apt *store.Appointment) bool { return apt.CourseID != course.ID })
	s.catalogue, err = a.currentClinic(ctx, who.ClinicID)
	return s, err
}

// readSubject finds the patient's record that the caller acts for, and the plan's sessions. A
// patient who acts for none of the person's records gets NOT_FOUND.
func (a *App) readSubject(ctx context.Context, s *subject) error {
	return a.DB.Read(ctx, func(tx *sqldb.Tx) error {
		s.patientID, s.booked = "", nil
		records, err := store.PatientRecords(tx, s.who.ClinicID, s.plan.PatientID)
		if err != nil {
			return err
		}
		for _, id := range append([]string{s.plan.PatientID}, records...) {
			if s.patientID == "" && s.who.SeesPatient(id) {
				s.patientID = id
			}
		}
		if s.patientID == "" {
			return fault.NotFoundf("plan")
		}
		if len(records) == 0 { // booking has not heard of the patient yet
			records = []string{s.plan.PatientID}
		}
		s.booked, err = store.ListPlanSessions(tx, s.who.ClinicID, s.plan.ID, records)
		return err
	})
}

// typeFor picks the clinic's type of appointment for the course: the one asked for, else the
// one that has the length and most other lengths, in person before online. NO_APPOINTMENT_TYPE
// when there is none.
func (s *subject) typeFor(id string, minutes int) (*store.Type, error) {
	if id != "" {
		if t := s.catalogue.Types[id]; t != nil {
			return t, nil
		}
		return nil, fault.NotFoundf("appointment type")
	}
	var fit []*store.Type
	for _, t := range s.catalogue.Types {
		_, lasts := t.Lasts(minutes)
		treats := t.Kind == schedule.Treatment || t.Kind == schedule.Injection
		if treats && t.Discipline == s.course.Discipline && !t.Inactive && lasts && (s.who.party == schedule.Staff || t.PatientBookable) {
			fit = append(fit, t)
		}
	}
	remote := func(t *store.Type) int {
		if t.Modes[0] == schedule.InPerson {
			return 0
		}
		return 1
	}
	if len(fit) == 0 {
		return nil, fault.New(fault.FailedPrecondition, "NO_APPOINTMENT_TYPE", "The clinic has no type of appointment for this course that can be booked.").
			With("discipline", string(s.course.Discipline))
	}
	return slices.MinFunc(fit, func(x, y *store.Type) int {
		return cmp.Or(cmp.Compare(remote(x), remote(y)), cmp.Compare(len(y.OtherDurations), len(x.OtherDurations)), cmp.Compare(x.ID, y.ID))
	}), nil
}

// minutes is how long a session lasts: as asked, else as the course's first session or its
// sessions do when the type's usual length is none of theirs, else as the type does.
func (s *subject) minutes(t *store.Type, asked int, first bool) int {
	switch {
	case first && s.course.FirstMinutes > 0:
		return s.course.FirstMinutes
	case asked > 0:
		return asked
	case len(s.course.Minutes) > 0 && !slices.Contains(s.course.Minutes, t.Duration):
		return s.course.Minutes[0]
	}
	return t.Duration
}
