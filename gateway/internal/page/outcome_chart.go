package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// outcomesPage is what a measure has shown: a line, and the same as a table.
type outcomesPage struct {
	Patient     string
	Instrument  *plansv1.Instrument
	Instruments []*plansv1.Instrument
	Line        *chartLine // nil for fewer than two points
	Meaningful  string     // the score from which on the change matters; empty when not known
	Change      *plansv1.OutcomeChange
	Outcomes    []*plansv1.Outcome
	Older       string // address of the next page; empty when there is none
}

// chartLine is a line in a picture of chartWidth by chartHeight.
type chartLine struct {
	Points     string
	Dots       []dot
	Meaningful string // how far down the line of the change that matters is; empty for none
	Min, Max   string
	From, To   string // civil dates
}

// dot is one point of the line.
type dot struct{ X, Y, Label string }

const (
	chartWidth  = 600.0
	chartHeight = 200.0
	chartMargin = 10.0
)

// outcomeList shows one measure of a patient.
func (s *Site) outcomeList(c *call) error {
	id := c.path("patient_id")
	i, err := c.instrument()
	if err != nil {
		return err
	}
	all, err := s.clients.outcomes.ListInstruments(c.ctx(), &plansv1.ListInstrumentsRequest{})
	if err != nil {
		return err
	}
	chart, err := s.clients.outcomes.GetOutcomeChart(c.ctx(), &plansv1.GetOutcomeChartRequest{PatientId: id, Instrument: i.GetInstrument()})
	if err != nil {
		return err
	}
	list, err := s.clients.outcomes.ListOutcomes(c.ctx(), &plansv1.ListOutcomesRequest{
		PatientId: id, Instrument: i.GetInstrument(), PageSize: 50, PageToken: c.query("page"),
	})
	if err != nil {
		return err
	}
	d := outcomesPage{Patient: id, Instrument: i, Instruments: all.GetInstruments(), Change: chart.GetChange(), Outcomes: list.GetOutcomes(), Line: lineOf(i, chart)}
	if chart.MeaningfulScore != nil {
		d.Meaningful = decimal(chart.GetMeaningfulScore())
	}
	if list.GetNextPageToken() != "" {
		d.Older = address(c.r.URL.Path, "instrument", i.GetInstrument(), "page", list.GetNextPageToken())
	}
	v, err := c.patientTitle("outcome.list_title", d)
	if err != nil {
		return err
	}
	return c.show("outcomes", v)
}

// lineOf draws the points of a chart by their days, from the lowest to the highest score of the
// instrument.
func lineOf(i *plansv1.Instrument, chart *plansv1.GetOutcomeChartResponse) *chartLine {
	points := chart.GetPoints()
	span := i.GetMaxScore() - i.GetMinScore()
	if len(points) < 2 || span <= 0 {
		return nil
	}
	first, err := civil.Parse(points[0].GetLocalDate()) // the oldest
	if err != nil {
		return nil
	}
	days := make([]int, len(points))
	for n, p := range points {
		on, err := civil.Parse(p.GetLocalDate())
		if err != nil {
			return nil
		}
		days[n] = first.DaysUntil(on)
	}
	last := slices.Max(days)
	height := func(score float64) string {
		share := math.Min(1, math.Max(0, (score-i.GetMinScore())/span))
		return fmt.Sprintf("%.1f", chartHeight-chartMargin-share*(chartHeight-2*chartMargin))
	}
	line := &chartLine{Min: decimal(i.GetMinScore()), Max: decimal(i.GetMaxScore()), From: points[0].GetLocalDate(), To: points[len(points)-1].GetLocalDate()}
	at := make([]string, len(points))
	for n, p := range points {
		share := 0.5
		if last > 0 {
			share = float64(days[n]) / float64(last)
		}
		d := dot{X: fmt.Sprintf("%.1f", chartMargin+share*(chartWidth-2*chartMargin)), Y: height(p.GetScore()), Label: decimal(p.GetScore())}
		line.Dots, at[n] = append(line.Dots, d), d.X+","+d.Y
	}
	line.Points = strings.Join(at, " ")
	if chart.MeaningfulScore != nil {
		line.Meaningful = height(chart.GetMeaningfulScore())
	}
	return line
}

// outcomeVoid marks a measure as entered by mistake; the reason is needed, and it stays to be
// read.
func (s *Site) outcomeVoid(c *call) error {
	back := "/staff/patients/" + c.path("patient_id")
	if c.form("reason") == "" {
		return c.redirect(withParam(local(c.form("back"), back), "problem", "REASON_NEEDED"))
	}
	return c.act(back, "outcome_void", func() error {
		_, err := s.clients.outcomes.VoidOutcome(c.ctx(), &plansv1.VoidOutcomeRequest{
			RequestId: c.requestID(), PatientId: c.path("patient_id"), OutcomeId: c.path("outcome_id"), Etag: c.form("etag"), Reason: c.form("reason"),
		})
		return err
	})
}
