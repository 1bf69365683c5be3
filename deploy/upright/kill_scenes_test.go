package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scene is a request that a kill interrupts.
type scene struct {
	// prepare makes what the request is about, before the failpoint is armed, and sets the
	// killer's by, path and body.
	prepare func(k *killer)
	// before is where the program is killed first, for points that only recovery comes to.
	before string
	// refusal is the reason of the final answer; "" when it has to succeed.
	refusal string
	// live is how many appointments there are in the end.
	live int
	// check looks at what else the scene has done.
	check func(k *killer)
}

// scenes by name. Every scene has a patient and a plan of its own.
var scenes = map[string]scene{
	"book":     {prepare: bookScene, live: 1, check: countsOf(1)},
	"orphan":   {prepare: bookScene, before: "booking.claimed", live: 1, check: countsOf(1)},
	"outright": {prepare: outrightScene, live: 1},
	"refused":  {prepare: refusedScene, refusal: "INJECTION_LIMIT", live: 0},
	"move":     {prepare: moveScene, live: 1, check: moved},
	"cancel":   {prepare: cancelScene, live: 0, check: countsOf(0)},
	"undo":     {prepare: undoScene, live: 1, check: countsOf(1)},
	"close":    {prepare: closeScene, live: 1, check: closed},
	"inject":   {prepare: injectScene, live: 0, check: injected},
	"merge":    {prepare: mergeScene, live: 1, check: merged},
	"submit":   {prepare: submitScene, live: 0, check: submitted},
	"course":   {prepare: courseScene, live: 3, check: countsOf(3)},
	"series":   {prepare: seriesScene, live: 3, check: movedSeries},
	"overfull": {prepare: overfullScene, refusal: "PLAN_GAP", live: 0, check: countsOf(0)},
	"wait":     {prepare: waitScene, live: 0, check: offered},
	"accept":   {prepare: acceptScene, live: 1, check: accepted},
}

func (k *killer) request(by *client, path string, body m) { k.by, k.path, k.body = by, path, body }

func bookScene(k *killer) {
	k.patient = k.h.patient("Bo")
	k.plan = k.h.plan(k.h.physio, k.patient, "physiotherapy")
	k.request(k.h.reception, "/v1/appointments", k.h.booking("Physiotherapy", k.patient, k.h.physioID, k.when, k.plan))
}

func outrightScene(k *killer) {
	k.patient = k.h.patient("Out")
	k.request(k.h.reception, "/v1/appointments", k.h.booking("Physiotherapy", k.patient, k.h.physioID, k.when, ""))
}

func refusedScene(k *killer) {
	k.patient, k.plan = k.fullPatient, k.fullPlan
	k.request(k.h.reception, "/v1/appointments", k.h.booking("Injection", k.patient, k.h.physicianID, k.when, k.plan))
}

// booked books a session for a scene about one.
func (k *killer) booked() {
	bookScene(k)
	k.h.reception.must(http.MethodPost, k.path, k.body, &k.apt)
}

// moveScene moves a session onto a part of its own old time.
func moveScene(k *killer) {
	k.booked()
	k.request(k.h.reception, "/v1/appointments/"+k.apt.ID+":reschedule", m{"start_time": k.when.Add(15 * time.Minute).Format(time.RFC3339)})
}

func cancelScene(k *killer) {
	k.booked()
	k.request(k.h.reception, "/v1/appointments/"+k.apt.ID+":cancel", m{"reason_code": "PATIENT_ILL"})
}

func undoScene(k *killer) {
	cancelScene(k)
	k.by.must(http.MethodPost, k.path, k.body, nil)
	k.request(k.h.reception, "/v1/appointments/"+k.apt.ID+":undo", m{})
}

func closeScene(k *killer) {
	k.booked()
	k.request(k.h.physio, "/v1/plans/"+k.plan+":close", m{"reason_code": "DISCHARGED"})
}

func injectScene(k *killer) {
	k.patient = k.h.patient("Ina")
	k.request(k.h.physician, "/v1/patients/"+k.patient+"/injections", injectionOn(-20))
}

// courseScene books three sessions at once, a week apart.
func courseScene(k *killer) {
	k.patient = k.h.patient("Cora")
	k.plan = k.h.plan(k.h.physio, k.patient, "physiotherapy")
	k.request(k.h.reception, "/v1/courses:book", k.h.course(k.plan, k.when, k.when.Add(7*24*time.Hour), k.when.Add(14*24*time.Hour)))
}

// course is a booking of several sessions of a plan.
func (h *house) course(plan string, starts ...time.Time) m {
	var list []m
	for _, at := range starts {
		list = append(list, m{"start_time": at.Format(time.RFC3339), "practitioner_id": h.physioID, "appointment_type_id": h.types["Physiotherapy"]})
	}
	return m{"plan_id": plan, "occurrences": list}
}

// seriesScene moves a course by a day.
func seriesScene(k *killer) {
	courseScene(k)
	var booked struct {
		Appointments []appointment `json:"appointments"`
	}
	k.h.reception.must(http.MethodPost, k.path, k.body, &booked)
	k.apt = booked.Appointments[0]
	k.request(k.h.reception, "/v1/courses:reschedule", m{
		"appointment_id": k.apt.ID, "scope": "ALL", "start_time": k.when.Add(24 * time.Hour).Format(time.RFC3339),
	})
}

func movedSeries(k *killer) {
	countsOf(3)(k)
	n := k.value("booking", `SELECT count(*) FROM appointments WHERE plan_id = $1 AND state = 'BOOKED' AND starts_at IN ($2, $3, $4)`, k.plan,
		k.when.Add(24*time.Hour).UnixMicro(), k.when.Add(8*24*time.Hour).UnixMicro(), k.when.Add(15*24*time.Hour).UnixMicro())
	if n != 3 {
		k.t.Errorf("%d of three sessions are where they were moved to", n)
	}
}

// overfullScene wants two sessions on one day, which the plan refuses: nothing is booked.
func overfullScene(k *killer) {
	k.patient = k.h.patient("Ovid")
	k.plan = k.h.plan(k.h.physio, k.patient, "physiotherapy")
	k.request(k.h.reception, "/v1/courses:book", k.h.course(k.plan, k.when, k.when.Add(2*time.Hour)))
}

// waitScene puts a patient on the waitlist, who is offered a time at once.
func waitScene(k *killer) {
	k.patient = k.h.patient("Wim")
	k.request(k.h.reception, "/v1/waitlist-entries", m{
		"patient_id": k.patient, "appointment_type_id": k.h.types["Physiotherapy"], "practitioner_id": k.h.physioID,
		"start_date": date(k.when), "end_date": date(k.when),
	})
}

// offer waits for the patient's one open offer and gives its id.
func (k *killer) offer() string {
	k.t.Helper()
	var list struct {
		Offers []struct {
			ID string `json:"offer_id"`
		} `json:"offers"`
	}
	eventually(k.t, "an offer is made", func() (bool, string) {
		err := k.h.reception.call(k.t.Context(), http.MethodGet, "/v1/waitlist-offers?patient_id="+k.patient, nil, &list)
		return err == nil && len(list.Offers) == 1, "none yet"
	})
	return list.Offers[0].ID
}

func offered(k *killer) {
	offer := k.offer()
	holds := k.value("booking", `SELECT count(*) FROM holds WHERE patient_id = $1 AND state = 'HELD'`, k.patient)
	events := k.value("booking", `SELECT count(*) FROM event_log WHERE type = 'upright.booking.v1.WaitlistOffered' AND aggregate_id = $1`, offer)
	all := k.value("booking", `SELECT count(*) FROM waitlist_offers WHERE patient_id = $1`, k.patient)
	if holds != 1 || events != 1 || all != 1 {
		k.t.Errorf("%d holds, %d events, %d offers, want one each", holds, events, all)
	}
	for id := range k.pairs("booking", `SELECT waitlist_entry_id, state FROM waitlist_entries WHERE state = 'OFFERED'`) {
		k.h.reception.must(http.MethodPost, "/v1/waitlist-entries/"+id+":withdraw", m{}, nil)
	}
}

func acceptScene(k *killer) {
	waitScene(k)
	k.h.reception.must(http.MethodPost, k.path, k.body, nil)
	k.request(k.h.reception, "/v1/waitlist-offers/"+k.offer()+":accept", m{})
}

func accepted(k *killer) {
	mine := k.value("booking", `SELECT count(*) FROM appointments WHERE patient_id = $1`, k.patient)
	entries := k.value("booking", `SELECT count(*) FROM waitlist_entries e JOIN appointments a ON a.clinic_id = e.clinic_id AND a.appointment_id = e.appointment_id
		WHERE e.patient_id = $1 AND e.state = 'BOOKED'`, k.patient)
	if mine != 1 || entries != 1 {
		k.t.Errorf("%d appointments, %d entries that know it, want one each", mine, entries)
	}
}

// injectionOn is the record of an injection that was given elsewhere.
func injectionOn(days int) m {
	return m{
		"local_date": date(inDays(days)), "state": "ADMINISTERED", "region": "THORACIC", "side": "LEFT", "levels": []string{"T5-T6"},
		"drugs": []m{{"drug": "methylprednisolone", "dose_mg": 40, "lot": "L1"}}, "guidance": "FLUOROSCOPY", "source": "EXTERNAL_DOCUMENTED",
	}
}

func mergeScene(k *killer) {
	k.booked()
	k.other = k.h.patient("Also Bo")
	k.request(k.h.reception, "/v1/patients/"+k.patient+":merge", m{"surviving_patient_id": k.other, "reason_code": "DUPLICATE_REGISTRATION"})
}

func submitScene(k *killer) {
	k.patient = k.h.patient("Sue")
	var form struct {
		ID   string `json:"intake_id"`
		Etag string `json:"etag"`
	}
	k.h.physio.must(http.MethodPost, "/v1/intakes", m{"patient_id": k.patient}, &form)
	k.h.physio.must(http.MethodPatch, "/v1/intakes/"+form.ID, m{"answers": usualAnswers(k.t), "etag": form.Etag}, &form)
	k.request(k.h.physio, "/v1/intakes/"+form.ID+":submit", m{"etag": form.Etag})
}

// countsOf checks how many booked sessions the plan shows.
func countsOf(booked int) func(k *killer) {
	return func(k *killer) {
		if c := counts(k.t, k.h.physio, k.plan); c.Booked != booked || c.Used != 0 {
			k.t.Errorf("the plan counts %+v, want %d booked", c, booked)
		}
	}
}

func moved(k *killer) {
	countsOf(1)(k)
	n := k.value("booking", `SELECT count(*) FROM appointments WHERE appointment_id = $1 AND starts_at = $2`, k.apt.ID, k.when.Add(15*time.Minute).UnixMicro())
	if n != 1 {
		k.t.Error("the appointment is not where it was moved to")
	}
}

func closed(k *killer) {
	for what, n := range map[string]int64{
		"plan that is closed":        k.value("plans", `SELECT count(*) FROM plans WHERE plan_id = $1 AND state = 'CLOSED'`, k.plan),
		"issue about its session":    k.value("plans", `SELECT count(*) FROM issues WHERE plan_id = $1 AND state = 'OPEN'`, k.plan),
		"event that says so":         k.value("plans", `SELECT count(*) FROM event_log WHERE type = 'upright.plans.v1.PlanClosed' AND aggregate_id = $1`, k.plan),
		"appointment to be reviewed": k.value("booking", `SELECT count(*) FROM appointments WHERE appointment_id = $1 AND needs_review`, k.apt.ID),
	} {
		if n != 1 {
			k.t.Errorf("%d times %s, want once", n, what)
		}
	}
}

func injected(k *killer) {
	n := k.value("plans", `SELECT count(*) FROM ledger WHERE patient_id = $1 AND state = 'ADMINISTERED'`, k.patient)
	records := k.value("plans", `SELECT count(*) FROM injection_records r JOIN ledger l ON l.clinic_id = r.clinic_id AND l.injection_id = r.injection_id WHERE l.patient_id = $1`, k.patient)
	if n != 1 || records != 1 {
		k.t.Errorf("%d injections, %d records, want one each", n, records)
	}
}

func merged(k *killer) {
	head := k.value("plans", `SELECT count(*) FROM ledger_heads WHERE patient_id = $1 AND merged_into = $2`, k.patient, k.other)
	rows := k.value("plans", `SELECT count(*) FROM ledger WHERE patient_id = $1 AND origin_patient_id = $2`, k.other, k.patient)
	plan := k.value("plans", `SELECT count(*) FROM plans WHERE patient_id = $1 AND plan_id = $2`, k.other, k.plan)
	if head != 1 || rows != 1 || plan != 1 {
		k.t.Errorf("merged heads %d, sessions %d, plans %d, want one each", head, rows, plan)
	}
}

func submitted(k *killer) {
	mine := k.value("intake", `SELECT count(*) FROM intakes WHERE patient_id = $1 AND submitted_at > 0`, k.patient)
	all := k.value("intake", `SELECT count(*) FROM intakes WHERE submitted_at > 0`)
	results := k.value("intake", `SELECT count(*) FROM triage_results`)
	events := k.value("intake", `SELECT count(*) FROM event_log WHERE type = 'upright.intake.v1.IntakeTriaged'`)
	if mine != 1 || results != all || events != all {
		k.t.Errorf("%d forms of the patient, %d in all, %d results, %d events, want one each", mine, all, results, events)
	}
}

// failpoints collects the names of all failpoints of the code under dir, from its syntax.
func failpoints(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !isFailpoint(call) {
				return true
			}
			name, ok := literal(call)
			if !ok {
				t.Errorf("%s: the name of a failpoint has to be a plain string", path)
			} else if !strings.HasPrefix(name, "test.") {
				names = append(names, name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func isFailpoint(call *ast.CallExpr) bool {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	return ok && sel.Sel.Name == "Hit" && identName(sel.X) == "failpoint"
}

func literal(call *ast.CallExpr) (string, bool) {
	if len(call.Args) != 1 {
		return "", false
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	name, err := strconv.Unquote(lit.Value)
	return name, err == nil
}
