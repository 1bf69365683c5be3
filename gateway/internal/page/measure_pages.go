package page

import (
	"cmp"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/gateway/internal/route"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// measureRoutes are the pages on which a patient answers the measures of a plan.
func (s *Site) measureRoutes() []route.Route {
	return []route.Route{
		s.row("GET /me/measures", patients, s.meMeasures),
		s.row("GET /me/measures/new", patients, s.meMeasureForm),
		s.row("POST /me/measures/new", patients, s.meMeasureAnswer),
	}
}

// measuresPage is what is asked of a patient, and what they answered before.
type measuresPage struct {
	Patient string
	Of      []Option
	Due     []*plansv1.DueOutcome
	Next    []*plansv1.DueOutcome // not due yet
	Others  []*plansv1.Instrument // can be answered at any time
	Before  []*plansv1.Outcome
}

// dueMeasures are the measures that a patient's plans ask for and the patient answers: those
// whose wording is here.
func (c *call) dueMeasures(patient string, known []*plansv1.Instrument) (due, next []*plansv1.DueOutcome, err error) {
	got, err := c.clients.outcomes.ListDueOutcomes(c.ctx(), &plansv1.ListDueOutcomesRequest{PatientId: patient})
	if err != nil {
		return nil, nil, err
	}
	asked := func(code string) bool {
		return slices.ContainsFunc(known, func(i *plansv1.Instrument) bool { return i.GetInstrument() == code && !i.GetScoreEntry() })
	}
	seen := map[string]bool{}
	for _, d := range got.GetDue() {
		if !asked(d.GetInstrument()) || seen[d.GetInstrument()] {
			continue
		}
		seen[d.GetInstrument()] = true // two plans may ask the same: it is answered once
		if d.GetDue() {
			due = append(due, d)
		} else {
			next = append(next, d)
		}
	}
	return due, next, nil
}

// meMeasures shows it.
func (s *Site) meMeasures(c *call) error {
	id, of, err := c.self()
	if err != nil {
		return err
	}
	d := measuresPage{Patient: id}
	if len(of) > 1 {
		d.Of = of
	}
	known, err := s.clients.outcomes.ListInstruments(c.ctx(), &plansv1.ListInstrumentsRequest{})
	if err != nil {
		return err
	}
	if d.Due, d.Next, err = c.dueMeasures(id, known.GetInstruments()); err != nil {
		return err
	}
	for _, i := range known.GetInstruments() {
		if !i.GetScoreEntry() && !slices.ContainsFunc(d.Due, func(o *plansv1.DueOutcome) bool { return o.GetInstrument() == i.GetInstrument() }) {
			d.Others = append(d.Others, i)
		}
	}
	before, err := s.clients.outcomes.ListOutcomes(c.ctx(), &plansv1.ListOutcomesRequest{PatientId: id, PageSize: 20})
	if err != nil {
		return err
	}
	d.Before = slices.DeleteFunc(before.GetOutcomes(), (*plansv1.Outcome).GetEnteredInError)
	v := c.view(c.cat.T("measure.title"), d)
	v.Back = "/me"
	return c.show("measures", v)
}

// measurePage is the form of one measure, or what its answer means.
type measurePage struct {
	*plansv1.Instrument
	Patient, Plan string
	Of            []Option
	Fields        []Field
	// Mood is true for a measure about mood, beside which stands whom to call: Numbers.
	Mood    bool
	Numbers []*directoryv1.EmergencyNumber
	// Done is the answer once it is kept; Help is true when it asks for help.
	Done *plansv1.Outcome
	Help bool
}

// measure reads the instrument that is asked. NOT_FOUND for one that only clinicians enter.
func (c *call) measure() (*plansv1.Instrument, error) {
	i, err := c.instrument()
	if err == nil && i.GetScoreEntry() {
		err = fault.NotFoundf("instrument")
	}
	return i, err
}

// measureView makes the form.
func (c *call) measureView(i *plansv1.Instrument, w *wrongs) (*view, error) {
	id, of, err := c.self()
	if err != nil {
		return nil, err
	}
	d := measurePage{Instrument: i, Patient: id, Plan: c.either("plan"), Mood: aboutMood(i)}
	if len(of) > 1 {
		d.Of = of
	}
	if d.Fields, err = c.outcomeFields(w, "measure", id, i); err != nil {
		return nil, err
	}
	if d.Numbers, err = c.helpNumbers(); err != nil {
		return nil, err
	}
	v := c.view(c.measureName(i), d)
	v.Back = address("/me/measures", "patient", id)
	return v, nil
}

// measureName is what a measure is called.
func (c *call) measureName(i *plansv1.Instrument) string {
	return c.cat.Or("measure_name."+i.GetInstrument(), i.GetName())
}

// aboutMood reports whether a measure is about mood: nobody reads its answers right away, so
// whom to call stands beside it.
func aboutMood(i *plansv1.Instrument) bool { return i.GetInstrument() == "PHQ4" }

// helpNumbers lists whom to call.
func (c *call) helpNumbers() ([]*directoryv1.EmergencyNumber, error) {
	clinic, err := c.clinic()
	if err != nil {
		return nil, err
	}
	return numbers(clinic, "CRISIS", "EMERGENCY"), nil
}

// meMeasureForm shows the form.
func (s *Site) meMeasureForm(c *call) error {
	i, err := c.measure()
	if err != nil {
		return err
	}
	v, err := c.measureView(i, nil)
	if err != nil {
		return err
	}
	return c.show("measure", v)
}

// meMeasureAnswer keeps an answer and says what it means. That is the answer to the form
// itself: an address would tell whoever reads it how the patient is.
func (s *Site) meMeasureAnswer(c *call) error {
	i, err := c.measure()
	if err != nil {
		return err
	}
	id, _, err := c.self()
	if err != nil {
		return err
	}
	w := c.wrongs()
	r := &plansv1.RecordOutcomeRequest{RequestId: c.requestID(), PatientId: id, Instrument: i.GetInstrument(), PlanId: c.form("plan")}
	c.readOutcome(w, "measure", i, r)
	if !w.any() {
		got, err := s.clients.outcomes.RecordOutcome(c.ctx(), r)
		if err == nil {
			return c.measureDone(i, id, got.GetOutcome())
		}
		if !w.refused(err, map[string]string{"answers.pain": "item_pain", "activities": "activity_1"}) {
			return err
		}
	}
	v, err := c.measureView(i, w)
	if err != nil {
		return err
	}
	return c.again("measure", v, w)
}

// measureDone thanks, and says what to do.
func (c *call) measureDone(i *plansv1.Instrument, patient string, o *plansv1.Outcome) error {
	d := measurePage{Instrument: i, Patient: patient, Done: o}
	var err error
	if d.Numbers, err = c.helpNumbers(); err != nil {
		return err
	}
	d.Help = aboutMood(i) && (len(o.GetPositive()) > 0 || o.GetBand() == "MODERATE" || o.GetBand() == "SEVERE")
	v := c.view(c.cat.T("measure.thanks"), d)
	v.Back = address("/me/measures", "patient", patient)
	return c.show("measure", v)
}

// Measure is what a measure is called, for a patient.
func (v *view) Measure(code string) string {
	return cmp.Or(v.Or("measure_name."+code, ""), strings.ReplaceAll(code, "_", " "))
}
