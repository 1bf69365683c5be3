package plans_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// complete is the record of an injection of this clinic with everything that it needs.
func complete(patientID, date string) *plansv1.RecordInjectionRequest {
	return &plansv1.RecordInjectionRequest{
		PatientId: patientID, LocalDate: date, State: "ADMINISTERED", Region: "THORACIC", Side: "BILATERAL", Levels: []string{"T4-5", "T5-6"},
		Drugs: []*plansv1.InjectedDrug{
			{Drug: "Methylprednisolone acetate", DoseMg: 40, Lot: "A1", ExpireDate: "2028-01-31"}, {Drug: "Lidocaine", DoseMg: 20, Lot: "B2"},
		},
		Guidance: "FLUOROSCOPY", PainBefore: proto.Int32(8), PainAfter: proto.Int32(2), ConsentVersion: "facet-1", Note: "canary-note",
	}
}

// bookedInjection gives the patient a plan and one booked injection on a date.
func (w *world) bookedInjection(patientID string, n int, date string) *plansv1.ClaimSessionsRequest {
	w.t.Helper()
	p := w.active(patientID, "facet_joint_injection")
	r := claimOf(p, session(n, date))
	if _, err := w.claim(r); err != nil {
		w.t.Fatal(err)
	}
	w.booking.book(fact(r, r.GetSessions()[0]))
	w.heard(w.booking.producer)
	return r
}

// Claim and record are one row: recording what was given at a booked session adds none, and
// what booking says afterwards does not move it.
func TestClaimAndRecordAreOneRow(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.bookedInjection(patient, 1, "2027-01-04")
		q := complete(patient, "2027-01-04")
		made := w.recorded(q)
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 1 || made.GetAppointmentId() != "apt_1" || made.GetEntitlementId() != "ent_1" {
			t.Fatalf("%d rows, record %v", n, made)
		}
		want := &plansv1.Injection{
			PatientId: patient, LocalDate: "2027-01-04", State: "ADMINISTERED", Kind: "FACET_JOINT_INJECTION", Region: "THORACIC",
			Side: "BILATERAL", Levels: q.GetLevels(), Drugs: q.GetDrugs(), Guidance: "FLUOROSCOPY", Source: "CLINIC", AppointmentId: "apt_1",
			EntitlementId: "ent_1", PractitionerId: physician, PainBefore: proto.Int32(8), PainAfter: proto.Int32(2),
			ConsentVersion: "facet-1", Note: "canary-note", Counting: true, Missing: []string{"consent_complications", "drugs.expire_date"},
		}
		ignore := protocmp.IgnoreFields(&plansv1.Injection{}, "injection_id", "etag", "create_time", "follow_ups")
		if diff := cmp.Diff(want, made, protocmp.Transform(), ignore); diff != "" {
			t.Errorf("record (-want +got)\n%s", diff)
		}
		w.booking.complete(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if got := w.injectionsOf(patient)[0]; got.GetState() != "ADMINISTERED" || got.GetRecordMissing() || len(w.open(patient)) != 0 {
			t.Errorf("after COMPLETED: %v, issues %v", got, w.open(patient))
		}
		_, err := w.injections.RecordInjection(w.physician(), withAppointment(q, "apt_1"))
		refused(t, err, "ALREADY_RECORDED")
	})
}

func withAppointment(r *plansv1.RecordInjectionRequest, id string) *plansv1.RecordInjectionRequest {
	c := proto.CloneOf(r)
	c.AppointmentId = id
	return c
}

// Without an appointment named, a record is about the one session booked that day; on
// another day, or when the physician says so, it is a session of its own.
func TestWhichSessionARecordIsAbout(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.bookedInjection(patient, 1, "2027-01-04")
		if other := w.recorded(complete(patient, "2027-01-03")); other.GetEntitlementId() != "" {
			t.Errorf("a record of another day took the booked session: %v", other)
		}
		apart := complete(patient, "2027-01-04")
		apart.SeparateSession = true
		if own := w.recorded(apart); own.GetEntitlementId() != "" {
			t.Errorf("a separate session took the booked one: %v", own)
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 3 {
			t.Errorf("%d rows, want 3", n)
		}
	})
}

// Delivered without a record: it counts, and a task is open until the record is there. The
// record's true date may be another than the booked one.
func TestCompletedWithoutARecord(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.bookedInjection(patient, 1, "2027-01-04")
		w.booking.complete(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		got, open := w.injectionsOf(patient), w.open(patient)
		if len(got) != 1 || !got[0].GetRecordMissing() || !got[0].GetCounting() || len(open) != 1 || open[0].GetRule() != "INJECTION_RECORD_MISSING" {
			t.Fatalf("ledger %v, issues %v", got, open)
		}
		made := w.recorded(withAppointment(complete(patient, "2027-01-03"), "apt_1"))
		if made.GetLocalDate() != "2027-01-03" || made.GetRecordMissing() || len(w.open(patient)) != 0 || w.rows(`SELECT count(*) FROM ledger`) != 1 {
			t.Errorf("record %v, issues %v", made, w.open(patient))
		}
	})
}

// An injection that was given stays given, whatever booking says; the contradiction is an
// issue. A no-show never counts.
func TestContradictions(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		r := w.bookedInjection(patient, 1, "2027-01-04")
		w.recorded(complete(patient, "2027-01-04"))
		w.booking.cancel(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		if got := w.injectionsOf(patient); len(got) != 1 || got[0].GetState() != "ADMINISTERED" {
			t.Errorf("after CANCELLED: %v", got)
		}
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "INJECTION_CONTRADICTION" || open[0].GetCodes()[0] != "CANCELLED" {
			t.Errorf("issues %v", open)
		}
		other := w.bookedInjection("pat_other", 2, "2027-01-04")
		w.booking.noShow(fact(other, other.GetSessions()[0]))
		w.heard(w.booking.producer)
		if got := w.injectionsOf("pat_other"); len(got) != 0 {
			t.Errorf("a no-show counts: %v", got)
		}
		w.recorded(withAppointment(complete("pat_other", "2027-01-04"), "apt_2"))
		if open := w.open("pat_other"); len(open) != 1 || open[0].GetCodes()[0] != "NO_SHOW" || len(w.injectionsOf("pat_other")) != 1 {
			t.Errorf("given after a no-show: issues %v", open)
		}
	})
}

func TestIncompleteRecordsAreRefused(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, c := range map[string]struct {
			change func(*plansv1.RecordInjectionRequest)
			field  string
		}{
			"F121: no fluoroscopy": {func(r *plansv1.RecordInjectionRequest) { r.Guidance = "ULTRASOUND" }, "guidance"},
			"F122: no steroid":     {func(r *plansv1.RecordInjectionRequest) { r.Drugs = r.GetDrugs()[1:] }, "drugs"},
			"F122: no dose":        {func(r *plansv1.RecordInjectionRequest) { r.Drugs[0].DoseMg = 0 }, "drugs[0].dose_mg"},
			"no lot":               {func(r *plansv1.RecordInjectionRequest) { r.Drugs[1].Lot = "" }, "drugs[1].lot"},
			"no drugs":             {func(r *plansv1.RecordInjectionRequest) { r.Drugs = nil }, "drugs"},
			"no region":            {func(r *plansv1.RecordInjectionRequest) { r.Region = "" }, "region"},
			"no side":              {func(r *plansv1.RecordInjectionRequest) { r.Side = "" }, "side"},
			"no level":             {func(r *plansv1.RecordInjectionRequest) { r.Levels = nil }, "levels"},
			"no date":              {func(r *plansv1.RecordInjectionRequest) { r.LocalDate = "" }, "local_date"},
			"date and month":       {func(r *plansv1.RecordInjectionRequest) { r.Month = "2026-12" }, "local_date"},
			"only a month, here":   {func(r *plansv1.RecordInjectionRequest) { r.LocalDate, r.Month = "", "2026-12" }, "month"},
			"only a year":          {func(r *plansv1.RecordInjectionRequest) { r.LocalDate = "2026" }, "local_date"},
			"no such day":          {func(r *plansv1.RecordInjectionRequest) { r.LocalDate = "2027-02-29" }, "local_date"},
			"no such month": {func(r *plansv1.RecordInjectionRequest) {
				r.LocalDate, r.Month, r.Source = "", "2026-13", "EXTERNAL_DOCUMENTED"
			}, "month"},
			"no such state":         {func(r *plansv1.RecordInjectionRequest) { r.State = "GIVEN" }, "state"},
			"no such level":         {func(r *plansv1.RecordInjectionRequest) { r.Levels = []string{"neck"} }, "levels[0]"},
			"no such source":        {func(r *plansv1.RecordInjectionRequest) { r.Source = "ELSEWHERE" }, "source"},
			"no such kind":          {func(r *plansv1.RecordInjectionRequest) { r.Kind = "X" }, "kind"},
			"pain 11":               {func(r *plansv1.RecordInjectionRequest) { r.PainBefore = proto.Int32(11) }, "pain_before"},
			"expired on no day":     {func(r *plansv1.RecordInjectionRequest) { r.Drugs[0].ExpireDate = "2027-02-30" }, "drugs.expire_date"},
			"foreign appointment":   {func(r *plansv1.RecordInjectionRequest) { r.AppointmentId = "apt_x" }, "appointment_id"},
			"appointment elsewhere": {func(r *plansv1.RecordInjectionRequest) { r.AppointmentId, r.Source = "apt_1", "EXTERNAL_DOCUMENTED" }, "source"},
		} {
			r := complete(patient, "2027-01-04")
			c.change(r)
			_, err := w.injections.RecordInjection(w.physician(), r)
			f := refused(t, err, "INVALID_ARGUMENT")
			if len(f.Fields) == 0 || f.Fields[0].Field != c.field {
				t.Errorf("%s: fields %v, want %s", name, f.Fields, c.field)
			}
		}
		if n := w.rows(`SELECT count(*) FROM ledger`); n != 0 {
			t.Errorf("%d rows after refusals", n)
		}
	})
}

// H01 by the way of booking: the flagged appointments and their earliest new dates reach
// booking in the event, and new claims are refused.
func TestLateFactFlagsBookings(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p := w.active(patient, "facet_joint_injection", &plansv1.CourseSpec{CourseId: "injection", Sessions: 6})
		r := claimOf(p, session(1, "2027-01-20"), session(2, "2027-04-15"), session(3, "2027-05-20"))
		if _, err := w.claim(r); err != nil {
			t.Fatal(err)
		}
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.booking.book(fact(r, r.GetSessions()[1]))
		w.heard(w.booking.producer)
		late := w.recorded(&plansv1.RecordInjectionRequest{PatientId: patient, Month: "2026-12", Source: "EXTERNAL_PATIENT_REPORTED"})
		if late.GetMonth() != "2026-12" || late.GetLocalDate() != "" || !late.GetCounting() || len(late.GetOpenIssueIds()) != 1 {
			t.Errorf("record %v", late)
		}
		raised := w.raised()
		want := &plansv1.IssueRaised{
			ClinicId: clinic, PatientId: patient, IssueId: late.GetOpenIssueIds()[0], Rule: "INJECTION_LIMIT",
			AppointmentIds: []string{"apt_1", "apt_2", "apt_3"}, NextEligibleDates: []string{"2027-06-30", "2027-06-30", "2027-06-30"},
			Discipline: r.GetDiscipline(),
		}
		if diff := cmp.Diff([]*plansv1.IssueRaised{want}, raised, protocmp.Transform()); diff != "" {
			t.Errorf("events (-want +got)\n%s", diff)
		}
		_, err := w.claim(claimOf(p, session(4, "2027-06-01")))
		refused(t, err, "INJECTION_LIMIT")
		waiting := func() int {
			return w.rows(`SELECT count(*) FROM outgoing WHERE kind = 'BOOKING_REVIEW' AND patient_id = $1 AND state = 'WAITING'`, patient)
		}
		if n := waiting(); n != 3 {
			t.Errorf("%d messages wait for the patient, want one for each booking", n)
		}
		// The third was only held when the fact came: booking hears of it again once it knows it.
		w.booking.book(fact(r, r.GetSessions()[2]))
		w.heard(w.booking.producer)
		if again := w.raised(); len(again) != 2 || again[1].GetIssueId() != want.GetIssueId() {
			t.Errorf("events %v", again)
		}
		w.booking.cancel(fact(r, r.GetSessions()[2]))
		w.heard(w.booking.producer)
		if n := waiting(); n != 2 {
			t.Errorf("one is cancelled: %d messages wait", n)
		}
		issue := w.open(patient)[0]
		_, err = w.issues.ResolveIssue(w.physician(), &plansv1.ResolveIssueRequest{
			IssueId: issue.GetIssueId(), Etag: issue.GetEtag(), Resolution: "ACCEPTED", Reason: "looked at",
		})
		if err != nil || waiting() != 0 {
			t.Errorf("decided: %d messages wait, %v", waiting(), err)
		}
	})
}

func TestAmendments(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, d := range []string{"2026-12-01", "2026-12-08"} {
			w.external(patient, d)
		}
		third := w.external(patient, "2026-12-15")
		amend := func(i *plansv1.Injection, action, of string) (*plansv1.Injection, error) {
			got, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
				PatientId: patient, InjectionId: i.GetInjectionId(), Etag: i.GetEtag(), Action: action, DuplicateOf: of, Reason: "canary-reason",
			})
			return got.GetInjection(), err
		}
		p := w.active(patient, "facet_joint_injection")
		_, err := w.claim(claimOf(p, session(1, "2027-01-05")))
		refused(t, err, "INJECTION_LIMIT")
		struck, err := amend(third, "MARK_ENTERED_IN_ERROR", "")
		if err != nil || struck.GetCounting() || struck.GetState() != "ENTERED_IN_ERROR" {
			t.Fatalf("%v, %v", struck, err)
		}
		_, err = amend(third, "RESTORE", "")
		refused(t, err, "VERSION_MISMATCH")
		w.granted(p, session(1, "2027-01-05"))
		back, err := amend(struck, "RESTORE", "")
		if err != nil || !back.GetCounting() || back.GetState() != "ADMINISTERED" || len(back.GetOpenIssueIds()) != 1 {
			t.Fatalf("%v, %v: a record that counts again is never refused, and overflows", back, err)
		}
		first := w.injectionsOf(patient)
		_, err = amend(back, "LINK_DUPLICATE", back.GetInjectionId())
		if f := refused(t, err, "INVALID_ARGUMENT"); f.Fields[0].Field != "duplicate_of" {
			t.Errorf("fields %v", f.Fields)
		}
		linked, err := amend(back, "LINK_DUPLICATE", first[len(first)-1].GetInjectionId())
		if err != nil || linked.GetCounting() {
			t.Fatalf("%v, %v (G04)", linked, err)
		}
		_, err = amend(first[len(first)-1], "LINK_DUPLICATE", linked.GetInjectionId())
		refused(t, err, "AMEND_NOT_POSSIBLE")
		if again, err := amend(linked, "UNLINK_DUPLICATE", ""); err != nil || !again.GetCounting() {
			t.Errorf("%v, %v", again, err)
		}
	})
}

// A record struck out gives its appointment back what booking says of it.
func TestStruckOutRecordOfAClaim(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.bookedInjection(patient, 1, "2027-01-08")
		made := w.recorded(withAppointment(complete(patient, "2027-01-03"), "apt_1"))
		got, err := w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
			PatientId: patient, InjectionId: made.GetInjectionId(), Etag: made.GetEtag(), Action: "MARK_ENTERED_IN_ERROR", Reason: "wrong patient",
		})
		if err != nil || got.GetInjection().GetState() != "BOOKED" || got.GetInjection().GetLocalDate() != "2027-01-08" {
			t.Errorf("%v, %v", got, err)
		}
		// An outcome never goes back: BOOKED that comes after CANCELLED changes nothing.
		r := w.bookedInjection("pat_late", 2, "2027-01-08")
		made = w.recorded(withAppointment(complete("pat_late", "2027-01-03"), "apt_2"))
		w.booking.cancel(fact(r, r.GetSessions()[0]))
		w.booking.book(fact(r, r.GetSessions()[0]))
		w.heard(w.booking.producer)
		list := w.injectionsOf("pat_late")
		got, err = w.injections.AmendInjection(w.physician(), &plansv1.AmendInjectionRequest{
			PatientId: "pat_late", InjectionId: made.GetInjectionId(), Etag: list[0].GetEtag(), Action: "MARK_ENTERED_IN_ERROR", Reason: "wrong patient",
		})
		if err != nil || got.GetInjection().GetState() != "RELEASED" {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// A merge moves the ledger, keeps the origin, and can be undone.
func TestMergeAndUnmerge(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, d := range []string{"2026-11-10", "2026-12-10"} {
			w.external(patient, d)
		}
		twin := w.bookedInjection("pat_twin", 1, "2027-02-10")
		w.external("pat_twin", "2026-12-20")
		w.dir.tell(t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: patient, MergedPatientId: "pat_twin"})
		w.heard(w.dir.producer)
		if got := w.injectionsOf("pat_twin"); len(got) != 4 || got[0].GetPatientId() != patient || got[0].GetOriginPatientId() != "pat_twin" {
			t.Fatalf("ledger after the merge: %v", got)
		}
		open := w.open(patient)
		if len(open) != 1 || open[0].GetRule() != "INJECTION_LIMIT" || open[0].GetAppointments()[0].GetAppointmentId() != "apt_1" ||
			open[0].GetAppointments()[0].GetNextEligibleDate() != "2027-05-10" {
			t.Fatalf("issues %v", open)
		}
		if _, err := w.claim(twin); err != nil { // booking still knows the patient by the old record
			t.Errorf("a retry by the old record: %v", err)
		}
		if got := w.plan(twin.GetPlanId()).GetPatientId(); got != patient {
			t.Errorf("the plan is %s's", got)
		}
		w.dir.tell(t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: patient, RestoredPatientId: "pat_twin"})
		w.heard(w.dir.producer)
		if mine, theirs := w.injectionsOf(patient), w.injectionsOf("pat_twin"); len(mine) != 2 || len(theirs) != 2 {
			t.Errorf("after the undoing: %d and %d", len(mine), len(theirs))
		}
		if got := w.plan(twin.GetPlanId()).GetPatientId(); got != "pat_twin" {
			t.Errorf("the plan is %s's", got)
		}
	})
}

func TestOnlyPhysiciansRecord(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		_, err := w.injections.RecordInjection(w.physio(), complete(patient, "2027-01-04"))
		if f := refused(t, err, "PROFESSION_REQUIRED"); f.Kind != fault.PermissionDenied {
			t.Errorf("kind %s", f.Kind)
		}
		future := w.recorded(&plansv1.RecordInjectionRequest{PatientId: patient, LocalDate: "2027-03-01", Source: "EXTERNAL_DOCUMENTED"})
		if open := w.open(patient); len(open) != 1 || open[0].GetRule() != "INJECTION_DATE" || !future.GetCounting() {
			t.Errorf("given in the future: %v", open)
		}
	})
}
