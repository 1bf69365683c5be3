package plans_test

import (
	"testing"
	"time"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TestTimeOut is booking's last question before a needle (clinical reference 3.4): may the
// booked session still be given in its own place? It never counts against itself, recorded or
// not; what was learnt of others since does count.
func TestTimeOut(t *testing.T) {
	t.Parallel()
	rows := []struct {
		id       string
		existing []string // given elsewhere before the booking
		late     []string // given elsewhere, known after it
		record   string   // date on which the booked one was given; empty: not recorded
		state    string
		allowed  bool
		next     string
	}{
		{id: "third, nothing new", existing: []string{"2024-01-10", "2024-02-10"}, allowed: true},
		{id: "a late fact makes it the fourth", existing: []string{"2024-01-10", "2024-02-10"}, late: []string{"2024-03-10"}, next: "2024-07-10"},
		{id: "a late fact six months before it", existing: []string{"2024-01-10", "2024-02-10"}, late: []string{"2023-12-03"}, allowed: true},
		{id: "third, recorded before the start is pressed", existing: []string{"2024-01-10", "2024-02-10"}, record: "2024-06-03", allowed: true},
		{id: "recorded, in part", existing: []string{"2024-01-10", "2024-02-10"}, record: "2024-06-03", state: "PARTIALLY_ADMINISTERED", allowed: true},
		{id: "recorded on the day before", existing: []string{"2024-01-10", "2024-02-10"}, record: "2024-06-02", allowed: true},
		{
			id: "recorded, and a late fact: it is given, nothing can be stopped", existing: []string{"2024-01-10", "2024-02-10"},
			late: []string{"2024-03-10"}, record: "2024-06-03", allowed: true,
		},
		{id: "aborted before any drug, tried again", existing: []string{"2024-01-10", "2024-02-10"}, record: "2024-06-03", state: "ABORTED", allowed: true},
		{
			id: "aborted, tried again, and a late fact", existing: []string{"2024-01-10", "2024-02-10"},
			late: []string{"2024-03-10"}, record: "2024-06-03", state: "ABORTED", next: "2024-07-10",
		},
	}
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			w.clock.Advance(48 * time.Hour) // 3 June 2024, the day of the appointment
			for n, r := range rows {
				t.Run(r.id, func(t *testing.T) {
					w.t = t
					patientID, p := w.having("timeout"+string(rune('a'+n)), r.existing)
					booked := claimOf(p, own(patientID, 1, "2024-06-03"))
					w.granted(p, booked.GetSessions()[0])
					w.booking.book(fact(booked, booked.GetSessions()[0]))
					w.heard(w.booking.producer)
					for _, date := range r.late {
						w.external(patientID, date)
					}
					if r.record != "" {
						q := withAppointment(complete(patientID, r.record), booked.GetSessions()[0].GetAppointmentId())
						if r.state != "" {
							q.State = r.state
						}
						w.recorded(q)
					}
					w.startable(p, booked.GetSessions()[0], r.allowed, r.next)
				})
			}
		})
	}
}

// startable asks as booking does before the start of an injection.
func (w *world) startable(p *plansv1.Plan, s *plansv1.SessionClaim, allowed bool, next string) {
	w.t.Helper()
	again := own(p.GetPatientId(), 99, s.GetLocalDate())
	again.AppointmentId, again.StartTime, again.ReplacesEntitlementId = s.GetAppointmentId(), s.GetStartTime(), s.GetEntitlementId()
	got, err := w.entitlements.CheckSessions(w.asBooking(), &plansv1.CheckSessionsRequest{Claim: claimOf(p, again)})
	if err != nil {
		w.t.Fatal(err)
	}
	v := got.GetVerdicts()[0]
	if v.GetAllowed() != allowed || !allowed && (v.GetReason() != "INJECTION_LIMIT" || v.GetNextEligibleDate() != next) {
		w.t.Errorf("verdict %v, want allowed %v, from %q on", v, allowed, next)
	}
}
