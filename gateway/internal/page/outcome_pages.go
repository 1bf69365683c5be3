package page

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// outcomeRoutes are the staff's pages of measures.
func (s *Site) outcomeRoutes() []route.Route {
	return []route.Route{
		s.row("GET /staff/patients/{patient_id}/outcomes/new", treating, s.outcomeForm),
		s.row("POST /staff/patients/{patient_id}/outcomes/new", treating, s.outcomeRecord),
		s.row("GET /staff/patients/{patient_id}/outcomes", treating, s.outcomeList),
		s.row("POST /staff/patients/{patient_id}/outcomes/{outcome_id}/void", treating, s.outcomeVoid),
	}
}

// namedActivities is how many activities the form has room for.
const namedActivities = 5

// instrument reads the instrument that the form or the address names. NOT_FOUND for another.
func (c *call) instrument() (*plansv1.Instrument, error) {
	got, err := c.clients.outcomes.ListInstruments(c.ctx(), &plansv1.ListInstrumentsRequest{})
	if err != nil {
		return nil, err
	}
	for _, i := range got.GetInstruments() {
		if i.GetInstrument() == cmp.Or(c.either("instrument"), "NPRS") {
			return i, nil
		}
	}
	return nil, fault.NotFoundf("instrument")
}

// decimal writes a number without needless zeros.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// outcomeView shows the form of an instrument, with its licence and the change that matters.
func (c *call) outcomeView(i *plansv1.Instrument, w *wrongs) error {
	id := c.path("patient_id")
	clinic, err := c.clinic()
	if err != nil {
		return err
	}
	d := formPage{Button: c.cat.T("outcome.record"), Hidden: []pair{{"instrument", i.GetInstrument()}}, Notes: []string{c.cat.T("outcome.of", "instrument", i.GetName())}}
	if points, percent := i.GetMeaningfulPoints(), i.GetMeaningfulPercent(); points > 0 && percent > 0 {
		d.Notes = append(d.Notes, c.cat.T("outcome.matters_both", "points", decimal(points), "percent", decimal(percent)))
	} else if points > 0 {
		d.Notes = append(d.Notes, c.cat.T("outcome.matters_points", "points", decimal(points)))
	} else if percent > 0 {
		d.Notes = append(d.Notes, c.cat.T("outcome.matters_percent", "percent", decimal(percent)))
	}
	d.Notes = append(d.Notes, strings.TrimSpace(i.GetAttribution()+" "+i.GetLicence()))
	if d.Fields, err = c.outcomeFields(w, "outcome", id, i); err != nil {
		return err
	}
	on := c.input(w, "date", "local_date", "outcome.local_date")
	on.Max = c.today(clinic).String()
	on.Value = cmp.Or(on.Value, on.Max)
	plan := c.input(w, "select", "plan_id", "outcome.plan")
	plans, err := c.clients.plans.ListPlans(c.ctx(), &plansv1.ListPlansRequest{PatientId: id, State: "ACTIVE"})
	if err != nil {
		return err
	}
	for _, p := range plans.GetPlans() {
		plan.Options = append(plan.Options, Option{Value: p.GetPlanId(), Label: p.GetName()})
		if w == nil && plan.Value == "" {
			plan.Value = p.GetPlanId()
		}
	}
	plan.Options = append(plan.Options, Option{Label: c.cat.T("outcome.no_plan")})
	d.Fields = append(d.Fields, on, plan)
	return c.showForm("outcome.title", d, w)
}

// outcomeFields are the questions of an instrument, or the score of one whose wording is not
// here. words is "outcome" for what clinicians read and "measure" for what patients do.
func (c *call) outcomeFields(w *wrongs, words, patient string, i *plansv1.Instrument) (fields []Field, err error) {
	if i.GetScoreEntry() {
		f := c.input(w, "text", "score", "outcome.score")
		f.InputMode, f.Short = "decimal", true
		f.Hint = c.cat.T("outcome.score_range", "min", decimal(i.GetMinScore()), "max", decimal(i.GetMaxScore()))
		return []Field{f}, nil
	}
	if i.GetInstrument() == "NAMED_ACTIVITY" {
		return c.activityFields(w, words, patient)
	}
	for _, item := range i.GetItems() {
		f := c.input(w, "radio", "item_"+item.GetId(), "outcome.record")
		f.Label, f.Hint = c.cat.Or("measure_item."+item.GetId(), item.GetText()), ""
		f.Options = scaleOptions(int(item.GetMin()), int(item.GetMax()))
		for n := range min(len(f.Options), len(item.GetLabels())) {
			f.Options[n].Label = c.cat.Or("measure_answer."+i.GetInstrument()+"_"+f.Options[n].Value, item.GetLabels()[n])
		}
		fields = append(fields, f)
	}
	return fields, nil
}

// activityFields ask for the activities that the patient named, those of the last time first.
func (c *call) activityFields(w *wrongs, words, patient string) (fields []Field, err error) {
	var before []*plansv1.NamedActivity
	if w == nil {
		got, err := c.clients.outcomes.ListOutcomes(c.ctx(), &plansv1.ListOutcomesRequest{PatientId: patient, Instrument: "NAMED_ACTIVITY", PageSize: 10})
		if err != nil {
			return nil, err
		}
		for _, o := range got.GetOutcomes() {
			if !o.GetEnteredInError() {
				before = o.GetActivities()
				break
			}
		}
	}
	for n := range namedActivities {
		at := strconv.Itoa(n + 1)
		name, score := c.input(w, "text", "activity_"+at, words+".activity"), c.input(w, "select", "activity_score_"+at, words+".activity_score")
		name.Label, score.Label = c.cat.T(words+".activity", "n", n+1), c.cat.T(words+".activity_score", "n", n+1)
		name.Optional, score.Optional = n > 0, n > 0
		if n < len(before) {
			name.Value = before[n].GetName()
		}
		score.Options = append([]Option{{Label: c.cat.T(words + ".not_said")}}, scaleOptions(0, 10)...)
		fields = append(fields, name, score)
	}
	return fields, nil
}

// outcomeForm shows the form.
func (s *Site) outcomeForm(c *call) error {
	i, err := c.instrument()
	if err != nil {
		return err
	}
	return c.outcomeView(i, nil)
}

// outcomeRecord records a measure; what its change means is on the patient's page.
func (s *Site) outcomeRecord(c *call) error {
	i, err := c.instrument()
	if err != nil {
		return err
	}
	w := c.wrongs()
	r := &plansv1.RecordOutcomeRequest{
		RequestId: c.requestID(), PatientId: c.path("patient_id"), Instrument: i.GetInstrument(), LocalDate: c.form("local_date"), PlanId: c.form("plan_id"),
	}
	c.readOutcome(w, "outcome", i, r)
	again := func(w *wrongs) error { return c.outcomeView(i, w) }
	if w.any() {
		return again(w)
	}
	if _, err := s.clients.outcomes.RecordOutcome(c.ctx(), r); err != nil {
		return c.formOr(err, w, map[string]string{"answers.pain": "item_pain", "activities": "activity_1"}, again)
	}
	return c.redirect(address("/staff/patients/"+c.path("patient_id"), "done", "outcome") + "#outcomes")
}

// readOutcome reads the answers, and notes what is missing.
func (c *call) readOutcome(w *wrongs, words string, i *plansv1.Instrument, r *plansv1.RecordOutcomeRequest) {
	switch {
	case i.GetScoreEntry():
		score, err := strconv.ParseFloat(strings.Replace(c.form("score"), ",", ".", 1), 64)
		if err != nil || score < i.GetMinScore() || score > i.GetMaxScore() {
			w.field("score", c.cat.T("outcome.score_range", "min", decimal(i.GetMinScore()), "max", decimal(i.GetMaxScore())))
			return
		}
		r.Score = &score
	case i.GetInstrument() == "NAMED_ACTIVITY":
		for n := range namedActivities {
			at := strconv.Itoa(n + 1)
			name, score := c.form("activity_"+at), c.pain(w, "activity_score_"+at)
			switch {
			case score == nil && (name != "" || n == 0):
				w.field("activity_score_"+at, c.cat.T(words+".need_answer"))
			case name == "" && score != nil:
				w.field("activity_"+at, c.cat.T(words+".need_activity"))
			case name != "":
				r.Activities = append(r.Activities, &plansv1.NamedActivity{Name: name, Score: *score})
			}
		}
	default:
		r.Answers = map[string]int32{}
		for _, item := range i.GetItems() {
			n, err := strconv.ParseInt(c.form("item_"+item.GetId()), 10, 32)
			if err != nil || n < int64(item.GetMin()) || n > int64(item.GetMax()) {
				w.field("item_"+item.GetId(), c.cat.T(words+".need_answer"))
				continue
			}
			r.Answers[item.GetId()] = int32(n)
		}
	}
}
