package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/outcome"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// outcomeServer serves OutcomeService.
type outcomeServer struct {
	plansv1.UnimplementedOutcomeServiceServer
	app *app.App
}

func (s outcomeServer) ListInstruments(ctx context.Context, _ *plansv1.ListInstrumentsRequest) (*plansv1.ListInstrumentsResponse, error) {
	list, err := s.app.ListInstruments(ctx)
	if err != nil {
		return nil, err
	}
	return &plansv1.ListInstrumentsResponse{Instruments: each(list, encodeInstrument)}, nil
}

func encodeInstrument(i outcome.Instrument) *plansv1.Instrument {
	return &plansv1.Instrument{
		Instrument: i.ID, Version: int32(i.Version), Name: i.Name, Licence: i.Licence, Attribution: i.Attribution, MayRedistribute: i.MayRedistribute,
		ScoreEntry: i.Scoring == outcome.ScoreEntry, MinScore: i.MinScore, MaxScore: i.MaxScore, HigherIsBetter: i.HigherIsBetter,
		MeaningfulPoints: i.Points, MeaningfulPercent: i.Percent, Source: i.Source, ScheduleWeeks: int32s(i.Schedule),
		Items: each(i.Items, func(it outcome.Item) *plansv1.InstrumentItem {
			return &plansv1.InstrumentItem{Id: it.ID, Text: it.Text, Min: int32(it.Min), Max: int32(it.Max), Labels: it.Labels}
		}),
		Bands: each(i.Bands, func(b outcome.Band) *plansv1.ScoreBand {
			return &plansv1.ScoreBand{Code: b.Code, Min: b.Min, Max: b.Max}
		}),
	}
}

func (s outcomeServer) RecordOutcome(ctx context.Context, r *plansv1.RecordOutcomeRequest) (*plansv1.RecordOutcomeResponse, error) {
	a := app.OutcomeAnswer{
		PatientID: r.GetPatientId(), Instrument: r.GetInstrument(), PlanID: r.GetPlanId(), Fingerprint: requestid.Fingerprint(r),
		Answers: outcome.Answers{Score: r.Score},
	}
	var err error
	if a.Date, err = date("local_date", r.GetLocalDate()); err != nil {
		return nil, err
	}
	if len(r.GetAnswers()) > 0 {
		a.Answers.Items = map[string]int{}
	}
	for id, n := range r.GetAnswers() {
		a.Answers.Items[id] = int(n)
	}
	for _, x := range r.GetActivities() {
		a.Answers.Activities = append(a.Answers.Activities, outcome.Activity{Name: x.GetName(), Score: int(x.GetScore())})
	}
	v, err := s.app.RecordOutcome(ctx, a)
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordOutcomeResponse{Outcome: encodeOutcome(v)}, nil
}

func (s outcomeServer) ListOutcomes(ctx context.Context, r *plansv1.ListOutcomesRequest) (*plansv1.ListOutcomesResponse, error) {
	list, next, err := s.app.ListOutcomes(ctx, r.GetPatientId(), r.GetInstrument(), r.GetPlanId(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListOutcomesResponse{Outcomes: each(list, encodeOutcome), NextPageToken: next}, nil
}

func (s outcomeServer) VoidOutcome(ctx context.Context, r *plansv1.VoidOutcomeRequest) (*plansv1.VoidOutcomeResponse, error) {
	v, err := s.app.VoidOutcome(ctx, r.GetPatientId(), r.GetOutcomeId(), r.GetEtag(), r.GetReason(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.VoidOutcomeResponse{Outcome: encodeOutcome(v)}, nil
}

func (s outcomeServer) GetOutcomeChart(ctx context.Context, r *plansv1.GetOutcomeChartRequest) (*plansv1.GetOutcomeChartResponse, error) {
	c, err := s.app.GetOutcomeChart(ctx, r.GetPatientId(), r.GetInstrument(), r.GetPlanId())
	if err != nil {
		return nil, err
	}
	out := &plansv1.GetOutcomeChartResponse{Instrument: encodeInstrument(c.Instrument), MeaningfulScore: c.Meaningful}
	for _, v := range c.Points {
		out.Points = append(out.Points, &plansv1.OutcomePoint{LocalDate: v.Date.String(), Score: v.Score, Band: v.Band})
		out.Change = encodeChange(v.Change)
	}
	return out, nil
}

func (s outcomeServer) ListDueOutcomes(ctx context.Context, r *plansv1.ListDueOutcomesRequest) (*plansv1.ListDueOutcomesResponse, error) {
	list, err := s.app.ListDueOutcomes(ctx, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListDueOutcomesResponse{Due: each(list, func(d app.DueOutcome) *plansv1.DueOutcome {
		return &plansv1.DueOutcome{Instrument: d.Instrument, PlanId: d.PlanID, Week: int32(d.Week), DueDate: d.Date.String(), Due: d.Now}
	})}, nil
}

func encodeOutcome(v app.OutcomeView) *plansv1.Outcome {
	out := &plansv1.Outcome{
		OutcomeId: v.ID, PatientId: v.PatientID, Instrument: v.Instrument, InstrumentVersion: int32(v.InstrumentVersion),
		LocalDate: v.Date.String(), Score: v.Score, Subscales: v.Subscales, Positive: v.Positive, Band: v.Band, PlanId: v.PlanID,
		AnsweredBy: v.AnsweredBy, RecordedBy: v.CreatedBy, CreateTime: stamp(v.CreatedAt), Change: encodeChange(v.Change),
		EnteredInError: v.InError, Etag: etag(v.Version), Answers: map[string]int32{},
		Activities: each(v.Activities, func(a outcome.Activity) *plansv1.NamedActivity {
			return &plansv1.NamedActivity{Name: a.Name, Score: int32(a.Score)}
		}),
	}
	if v.InError {
		out.VoidReason, out.VoidedBy, out.VoidTime = v.Voided.Reason, v.Voided.By, stamp(v.Voided.At)
	}
	for id, n := range v.Answers {
		out.Answers[id] = int32(n)
	}
	return out
}

func encodeChange(c *outcome.Change) *plansv1.OutcomeChange {
	if c == nil {
		return nil
	}
	return &plansv1.OutcomeChange{
		Baseline: c.Baseline, BaselineDate: c.BaselineDate.String(), Improvement: c.Improvement, ImprovementPercent: c.Percent, Verdict: c.Verdict,
	}
}
