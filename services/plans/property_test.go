package plans_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TestMain bounds the random sequences that are told to a whole service; -rapid.checks and
// -rapid.steps ask for more.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "12", "rapid.steps": "24"} {
		if err := flag.Set(name, value); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	}
	os.Exit(m.Run())
}

// span is the days on which a record may lie: one, or a month.
type span struct{ first, last civil.Date }

// touching counts the records that may lie in six months from a date.
func touching(spans []span, from civil.Date) int {
	end := from.AddMonths(6)
	n := 0
	for _, s := range spans {
		if !s.last.Before(from) && s.first.Before(end) {
			n++
		}
	}
	return n
}

// worst is the most records that any six months may hold, tried day by day.
func worst(spans []span) int {
	most := 0
	for _, s := range spans {
		for d := s.first.AddMonths(-6).AddDays(-1); !d.After(s.last); d = d.AddDays(1) {
			most = max(most, touching(spans, d))
		}
	}
	return most
}

// bruteAllowed reports whether one more on a date leaves every six months around it with
// at most three, tried day by day.
func bruteAllowed(spans []span, date civil.Date) bool {
	with := append(slices.Clone(spans), span{date, date})
	for d := date.AddMonths(-6).AddDays(-3); !d.After(date); d = d.AddDays(1) {
		if end := d.AddMonths(6); date.Before(end) && touching(with, d) > 3 {
			return false
		}
	}
	return true
}

// ends are dates around which months are not alike.
var ends = []string{"2024-02-29", "2023-08-31", "2023-02-28", "2024-08-29", "2024-03-31", "2023-11-30", "2024-12-31"}

func drawDate(t *rapid.T, label string) civil.Date {
	base := civil.MustParse(rapid.SampledFrom(ends).Draw(t, label))
	return base.AddDays(rapid.IntRange(-3, 3).Draw(t, label+" days")).AddMonths(rapid.IntRange(-7, 7).Draw(t, label+" months"))
}

// records says what counts, as clinical reference 3.1 has it.
var (
	countingStates = []string{"RESERVED", "BOOKED", "CHECKED_IN", "IN_PROGRESS", "ADMINISTERED", "PARTIALLY_ADMINISTERED"}
	otherStates    = []string{"PROPOSED", "ABORTED", "CANCELLED", "NO_SHOW", "RELEASED", "ENTERED_IN_ERROR"}
	kinds          = []string{"", "", "", "FACET_JOINT_INJECTION", "MEDIAL_BRANCH_BLOCK_DIAGNOSTIC", "EPIDURAL_STEROID_INJECTION", "RADIOFREQUENCY_ABLATION"}
)

// TestCheckAgreesWithBruteForce: for any records of any precision, state and kind, on one
// record or on two that are merged, the check of the service is what trying every day says.
func TestCheckAgreesWithBruteForce(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := vectorWorld(t, d, plans.Config{})
			n := 0
			rapid.Check(t, func(t *rapid.T) {
				n++
				id, twin := fmt.Sprintf("pat_brute%d", n), fmt.Sprintf("pat_brute%d_twin", n)
				own, theirs := map[string]span{}, map[string]span{} // what counts, by injection
				merged := false
				for range rapid.IntRange(0, 7).Draw(t, "records") {
					s, counts, q := drawRecord(t)
					q.PatientId = id
					side := own
					if rapid.IntRange(0, 2).Draw(t, "twin") == 0 {
						q.PatientId, side, merged = twin, theirs, true
					}
					if made := w.recorded(q); counts {
						side[made.GetInjectionId()] = s
					}
				}
				tell := func(m proto.Message) {
					w.dir.tell(w.t, m)
					w.heard(w.dir.producer)
				}
				if !merged {
					w.agrees(t, id, own, drawDate(t, "candidate"))
					return
				}
				tell(&directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: id, MergedPatientId: twin})
				both := maps.Clone(own)
				maps.Copy(both, theirs)
				w.agrees(t, id, both, drawDate(t, "candidate"))
				w.agrees(t, twin, both, drawDate(t, "candidate of the twin"))
				tell(&directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: id, RestoredPatientId: twin})
				w.agrees(t, id, own, drawDate(t, "candidate after"))
				w.agrees(t, twin, theirs, drawDate(t, "candidate of the twin after"))
			})
		})
	}
}

// drawRecord draws a record, its span, and whether it counts.
func drawRecord(t *rapid.T) (span, bool, *plansv1.RecordInjectionRequest) {
	date := drawDate(t, "date")
	q := &plansv1.RecordInjectionRequest{
		LocalDate: date.String(), Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		State:  rapid.SampledFrom(append(slices.Clone(countingStates), otherStates...)).Draw(t, "state"),
		Source: rapid.SampledFrom([]string{"EXTERNAL_DOCUMENTED", "EXTERNAL_PATIENT_REPORTED"}).Draw(t, "source"),
	}
	s := span{date, date}
	if rapid.IntRange(0, 3).Draw(t, "precision") == 0 {
		m := civil.Month{Year: date.Year, Month: date.Month}
		q.LocalDate, q.Month, s = "", m.String(), span{m.First(), m.Last()}
	}
	return s, slices.Contains(countingStates, q.GetState()) && (q.GetKind() == "" || q.GetKind() == "FACET_JOINT_INJECTION"), q
}

// agrees compares the check with trying every day: of one more, and of one that moves.
func (w *world) agrees(t *rapid.T, id string, counting map[string]span, date civil.Date) {
	w.agreesWithout(t, id, counting, "", date)
	if len(counting) > 0 {
		moving := rapid.SampledFrom(slices.Sorted(maps.Keys(counting))).Draw(t, "moving")
		w.agreesWithout(t, id, counting, moving, date)
	}
}

func (w *world) agreesWithout(t *rapid.T, id string, counting map[string]span, moving string, date civil.Date) {
	var spans []span
	for _, of := range slices.Sorted(maps.Keys(counting)) {
		if of != moving {
			spans = append(spans, counting[of])
		}
	}
	got, err := w.injections.CheckInjection(w.reception(), &plansv1.CheckInjectionRequest{PatientId: id, Date: date.String(), MovingInjectionId: moving})
	if err != nil {
		t.Fatal(err)
	}
	next := date
	for !bruteAllowed(spans, next) {
		next = next.AddDays(1)
	}
	if got.GetAllowed() != bruteAllowed(spans, date) || got.GetNextEligibleDate() != next.String() || int(got.GetCounting()) != len(spans) {
		t.Fatalf("%s beside %v: %v; by trying every day %v from %s", date, spans, got, bruteAllowed(spans, date), next)
	}
}

// claimed is a session as the machine remembers it.
type claimed struct {
	request *plansv1.ClaimSessionsRequest
	state   string // HELD or BOOKED; gone otherwise
}

// machine books, moves, cancels, delivers, merges and records at random.
type machine struct {
	w      *world
	n      int // names appointments
	round  int
	people [2]string
	merged bool
	plans  []*plansv1.Plan
	live   []*claimed
}

// TestNoSequenceExceedsALimit: whatever is done in whatever order, a window with more than
// three injections has an open issue, and what a plan grants stays within its limits.
func TestNoSequenceExceedsALimit(t *testing.T) {
	t.Parallel()
	for _, d := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		t.Run(string(d), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, d, start, plans.Config{})
			w.run()
			round := 0
			rapid.Check(t, func(t *rapid.T) {
				round++
				m := &machine{w: w, round: round, people: [2]string{fmt.Sprintf("pat_m%d_a", round), fmt.Sprintf("pat_m%d_b", round)}}
				for _, id := range m.people {
					m.plans = append(m.plans,
						w.active(id, "facet_joint_injection", &plansv1.CourseSpec{CourseId: "injection", Sessions: 6, Weeks: 52}),
						w.active(id, "physiotherapy", &plansv1.CourseSpec{CourseId: "physiotherapy", Sessions: 8}))
				}
				t.Repeat(map[string]func(*rapid.T){
					"start": m.start, "claim": m.claim, "move": m.move, "book": m.book, "end": m.end, "external": m.external, "give": m.give,
					"strike": m.strike, "merge": m.merge, "check": m.check,
				})
				m.check(t)
			})
		})
	}
}

// near gives a plan's request for one or two sessions on dates near each other.
func (m *machine) near(t *rapid.T, p *plansv1.Plan, replaces *claimed) *plansv1.ClaimSessionsRequest {
	sessions := 1
	days := 500
	if p.GetTemplateId() == "physiotherapy" {
		days = 30
		if replaces == nil {
			sessions = rapid.IntRange(1, 3).Draw(t, "sessions")
		}
	}
	var list []*plansv1.SessionClaim
	for range sessions {
		m.n++
		s := session(m.n, daysAfter("2027-01-04", rapid.IntRange(0, days).Draw(t, "day")))
		s.EntitlementId = fmt.Sprintf("ent_m%d_%d", m.round, m.n)
		s.AppointmentId = fmt.Sprintf("apt_m%d_%d", m.round, m.n)
		if replaces != nil {
			s.ReplacesEntitlementId = replaces.request.GetSessions()[0].GetEntitlementId()
			s.AppointmentId = replaces.request.GetSessions()[0].GetAppointmentId()
		}
		list = append(list, s)
	}
	return claimOf(p, list...)
}

// try claims, and remembers each session that was granted.
func (m *machine) try(t *rapid.T, r *plansv1.ClaimSessionsRequest) bool {
	ctx, cancel := context.WithTimeout(m.w.asBooking(), time.Minute)
	defer cancel()
	_, err := m.w.entitlements.ClaimSessions(ctx, r)
	if err != nil {
		f := fault.From(err)
		if f.Kind != fault.FailedPrecondition && !fault.Is(err, "ENTITLEMENT_REUSED") && !fault.Is(err, "CATCHING_UP") {
			t.Fatalf("claim: %v", err)
		}
		return false
	}
	for _, s := range r.GetSessions() {
		one := proto.CloneOf(r)
		one.Sessions = []*plansv1.SessionClaim{s}
		m.live = append(m.live, &claimed{request: one, state: "HELD"})
	}
	return true
}

func (m *machine) claim(t *rapid.T) {
	p := rapid.SampledFrom(m.plans).Draw(t, "plan")
	m.try(t, m.near(t, p, nil))
}

// draw takes one of the sessions in a state; nil when there is none.
func (m *machine) draw(t *rapid.T, state string) *claimed {
	var list []*claimed
	for _, c := range m.live {
		if c.state == state {
			list = append(list, c)
		}
	}
	if len(list) == 0 {
		return nil
	}
	return rapid.SampledFrom(list).Draw(t, "session")
}

// move claims another date in place of a booked one, and books it or gives it up.
func (m *machine) move(t *rapid.T) {
	old := m.draw(t, "BOOKED")
	if old == nil {
		return
	}
	i := slices.IndexFunc(m.plans, func(p *plansv1.Plan) bool { return p.GetPlanId() == old.request.GetPlanId() })
	r := m.near(t, m.plans[i], old)
	if !m.try(t, r) {
		return
	}
	now := m.live[len(m.live)-1]
	if rapid.Bool().Draw(t, "given up") {
		now.state = "VOID"
		m.w.booking.void(fact(r, r.GetSessions()[0]))
		return
	}
	now.state, old.state = "BOOKED", "CANCELLED"
	m.w.booking.reschedule(fact(r, r.GetSessions()[0]), old.request.GetSessions()[0].GetEntitlementId())
}

func (m *machine) book(t *rapid.T) {
	if c := m.draw(t, "HELD"); c != nil {
		f := fact(c.request, c.request.GetSessions()[0])
		if rapid.IntRange(0, 3).Draw(t, "void") == 0 {
			c.state = "VOID"
			m.w.booking.void(f)
			return
		}
		c.state = "BOOKED"
		m.w.booking.book(f)
	}
}

// end cancels, delivers or misses a booked session.
func (m *machine) end(t *rapid.T) {
	c := m.draw(t, "BOOKED")
	if c == nil {
		return
	}
	f := fact(c.request, c.request.GetSessions()[0])
	end := map[string]func(){
		"CANCELLED": func() { m.w.booking.cancel(f) }, "COMPLETED": func() { m.w.booking.complete(f) }, "NO_SHOW": func() { m.w.booking.noShow(f) },
	}
	c.state = rapid.SampledFrom([]string{"CANCELLED", "COMPLETED", "NO_SHOW"}).Draw(t, "end")
	end[c.state]()
}

func (m *machine) external(t *rapid.T) {
	_, _, q := drawRecord(t)
	at := civil.MustParse(daysAfter("2027-01-04", rapid.IntRange(-200, 500).Draw(t, "day")))
	if q.GetMonth() != "" {
		q.Month = civil.Month{Year: at.Year, Month: at.Month}.String()
	} else {
		q.LocalDate = at.String()
	}
	q.PatientId = rapid.SampledFrom(m.people[:]).Draw(t, "person")
	m.w.recorded(q)
}

// give records what was given at a booked injection, on its day or another.
func (m *machine) give(t *rapid.T) {
	c := m.draw(t, "BOOKED")
	if c == nil || c.request.GetDiscipline().String() != "DISCIPLINE_FACET_JOINT_INJECTION" {
		return
	}
	m.w.heard(m.w.booking.producer)
	s := c.request.GetSessions()[0]
	q := complete(c.request.GetPatientId(), daysAfter(s.GetLocalDate(), rapid.IntRange(-20, 20).Draw(t, "off by")))
	q.AppointmentId = s.GetAppointmentId()
	_, err := m.w.injections.RecordInjection(m.w.physician(), q)
	if err != nil && !fault.Is(err, "ALREADY_RECORDED") && !fault.Is(err, "INVALID_ARGUMENT") {
		t.Fatalf("give: %v", err)
	}
}

// start asks for a booked injection in its own place, as booking does before the needle. It is
// refused for the limit only when an issue of the limit is open: the booking was granted.
func (m *machine) start(t *rapid.T) {
	c := m.draw(t, "BOOKED")
	if c == nil || c.request.GetDiscipline().String() != "DISCIPLINE_FACET_JOINT_INJECTION" {
		return
	}
	m.w.heard(m.w.booking.producer)
	r := proto.CloneOf(c.request)
	s := r.GetSessions()[0]
	s.ReplacesEntitlementId, s.EntitlementId = s.GetEntitlementId(), s.GetEntitlementId()+"_start"
	got, err := m.w.entitlements.CheckSessions(m.w.asBooking(), &plansv1.CheckSessionsRequest{Claim: r})
	if fault.Is(err, "NOT_FOUND") { // the plan went back to the other person
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.GetVerdicts()[0].GetReason() != "INJECTION_LIMIT" {
		return
	}
	issue := func(i *plansv1.Issue) bool { return i.GetRule() == "INJECTION_LIMIT" }
	if !slices.ContainsFunc(m.w.open(r.GetPatientId()), issue) {
		t.Fatalf("the start of %v is refused and no issue is open", s)
	}
}

// strike strikes out a record, or restores one.
func (m *machine) strike(t *rapid.T) {
	id := rapid.SampledFrom(m.people[:]).Draw(t, "person")
	got, err := m.w.injections.ListInjections(m.w.physician(), &plansv1.ListInjectionsRequest{PatientId: id})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.GetInjections()) == 0 {
		return
	}
	i := rapid.SampledFrom(got.GetInjections()).Draw(t, "record")
	_, err = m.w.injections.AmendInjection(m.w.physician(), &plansv1.AmendInjectionRequest{
		PatientId: id, InjectionId: i.GetInjectionId(), Etag: i.GetEtag(), Reason: "by chance",
		Action: rapid.SampledFrom([]string{"MARK_ENTERED_IN_ERROR", "RESTORE"}).Draw(t, "action"),
	})
	if err != nil && !fault.Is(err, "AMEND_NOT_POSSIBLE") && !fault.Is(err, "VERSION_MISMATCH") {
		t.Fatalf("amend: %v", err)
	}
}

// merge makes one person of the two records, or two again.
func (m *machine) merge(*rapid.T) {
	if m.merged {
		m.w.dir.tell(m.w.t, &directoryv1.PatientUnmerged{ClinicId: clinic, SurvivingPatientId: m.people[0], RestoredPatientId: m.people[1]})
	} else {
		m.w.dir.tell(m.w.t, &directoryv1.PatientMerged{ClinicId: clinic, SurvivingPatientId: m.people[0], MergedPatientId: m.people[1]})
	}
	m.merged = !m.merged
	m.w.heard(m.w.dir.producer)
}

// check waits until all is told and tries every window and every limit.
func (m *machine) check(t *rapid.T) {
	m.w.heard(m.w.booking.producer)
	for _, id := range m.people {
		if m.merged && id == m.people[1] {
			continue // the same person
		}
		live, err := m.w.entitlements.ListEntitlements(m.w.asBooking(), &plansv1.ListEntitlementsRequest{ClinicId: clinic, PatientId: id})
		if err != nil {
			t.Fatal(err)
		}
		moving := map[string]bool{} // claims that wait to take another's place: their own check left it out
		for _, e := range live.GetEntitlements() {
			if e.GetState() == plansv1.Entitlement_STATE_HELD && e.GetReplacesEntitlementId() != "" {
				moving[e.GetEntitlementId()] = true
			}
		}
		m.windows(t, id, moving)
		m.limits(t, live.GetEntitlements(), moving)
	}
}

// windows checks that a window with too many injections has an open issue.
func (m *machine) windows(t *rapid.T, id string, moving map[string]bool) {
	var spans []span
	for _, i := range m.w.injectionsOf(id) {
		if moving[i.GetEntitlementId()] {
			continue
		}
		if i.GetMonth() != "" {
			month, err := civil.ParseMonth(i.GetMonth())
			if err != nil {
				t.Fatal(err)
			}
			spans = append(spans, span{month.First(), month.Last()})
			continue
		}
		d := civil.MustParse(i.GetLocalDate())
		spans = append(spans, span{d, d})
	}
	if most := worst(spans); most > 3 {
		issue := func(i *plansv1.Issue) bool { return i.GetRule() == "INJECTION_LIMIT" }
		if !slices.ContainsFunc(m.w.open(id), issue) {
			t.Fatalf("%s: six months hold %d injections and no issue is open: %v", id, most, spans)
		}
	}
}

// limits checks what the physiotherapy plans have granted: sessions, three in an ISO week,
// twelve hours apart.
func (m *machine) limits(t *rapid.T, all []*plansv1.Entitlement, moving map[string]bool) {
	byPlan := map[string][]*plansv1.Entitlement{}
	for _, e := range all {
		counts := e.GetState() == plansv1.Entitlement_STATE_HELD || e.GetState() == plansv1.Entitlement_STATE_CONFIRMED || e.GetState() == plansv1.Entitlement_STATE_USED
		if counts && !moving[e.GetEntitlementId()] && e.GetDiscipline().String() == "DISCIPLINE_PHYSIOTHERAPY" {
			byPlan[e.GetPlanId()] = append(byPlan[e.GetPlanId()], e)
		}
	}
	for id, list := range byPlan {
		weeks := map[string]int{}
		for i, e := range list {
			year, week := civil.MustParse(e.GetLocalDate()).ISOWeek()
			weeks[fmt.Sprint(year, week)]++
			for _, o := range list[:i] {
				if e.GetStartTime().AsTime().Sub(o.GetStartTime().AsTime()).Abs() < 12*time.Hour {
					t.Fatalf("plan %s: sessions %s and %s are too close", id, o, e)
				}
			}
		}
		for week, n := range weeks {
			if n > 3 {
				t.Fatalf("plan %s: %d sessions in week %s", id, n, week)
			}
		}
		if len(list) > 8 {
			t.Fatalf("plan %s: %d sessions of 8", id, len(list))
		}
	}
}
