package api

import (
	"context"
	"fmt"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/homecare"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// homeServer serves HomeProgrammeService.
type homeServer struct {
	plansv1.UnimplementedHomeProgrammeServiceServer
	app *app.App
}

func (s homeServer) ListHomeItems(ctx context.Context, r *plansv1.ListHomeItemsRequest) (*plansv1.ListHomeItemsResponse, error) {
	items, version, err := s.app.ListHomeItems(ctx, r.GetRegion(), r.GetTag(), r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListHomeItemsResponse{Items: each(items, encodeHomeItem), LibraryVersion: int32(version)}, nil
}

func (s homeServer) GetHomeSuggestion(ctx context.Context, r *plansv1.GetHomeSuggestionRequest) (*plansv1.GetHomeSuggestionResponse, error) {
	c := circumstances(r.GetCircumstances())
	c.Physiotherapy = r.GetDiscipline() == "PHYSIOTHERAPY"
	items, left, err := s.app.SuggestHome(ctx, r.GetPatientId(), c)
	if err != nil {
		return nil, err
	}
	return &plansv1.GetHomeSuggestionResponse{
		Items: each(items, func(x homecare.Suggestion) *plansv1.ProgrammeItem {
			return &plansv1.ProgrammeItem{Setting: encodeSetting(x.Setting), Item: encodeHomeItem(x.Item)}
		}),
		LeftOut: each(left, func(x homecare.Suggestion) *plansv1.LeftOutItem {
			return &plansv1.LeftOutItem{Code: x.Item.Code, Rules: x.Against}
		}),
	}, nil
}

func (s homeServer) CreateHomeProgramme(ctx context.Context, r *plansv1.CreateHomeProgrammeRequest) (*plansv1.CreateHomeProgrammeResponse, error) {
	w := app.HomeWish{PatientID: r.GetPatientId(), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(), Fingerprint: requestid.Fingerprint(r)}
	var err error
	if w.Start, err = date("start_date", r.GetStartDate()); err != nil {
		return nil, err
	}
	if w.Items, err = settings(r.GetItems()); err != nil {
		return nil, err
	}
	w.WakeFrom, w.WakeTo, w.FirstAt = minutes(r.GetWakeFrom()), minutes(r.GetWakeTo()), minutes(r.GetFirstAt())
	w.Circumstances, w.Resolved = circumstances(r.GetCircumstances()), r.GetInjuryResolved()
	v, err := s.app.CreateHomeProgramme(ctx, w)
	if err != nil {
		return nil, err
	}
	return &plansv1.CreateHomeProgrammeResponse{Programme: encodeHome(v)}, nil
}

func (s homeServer) UpdateHomeProgramme(ctx context.Context, r *plansv1.UpdateHomeProgrammeRequest) (*plansv1.UpdateHomeProgrammeResponse, error) {
	c := app.HomeChange{
		ProgrammeID: r.GetProgrammeId(), Etag: r.GetEtag(), WakeFrom: minutes(r.GetWakeFrom()), WakeTo: minutes(r.GetWakeTo()),
		Resolved: r.InjuryResolved, Fingerprint: requestid.Fingerprint(r),
	}
	var err error
	if c.Items, err = settings(r.GetItems()); err != nil {
		return nil, err
	}
	if r.GetCircumstances() != nil {
		of := circumstances(r.GetCircumstances())
		c.Circumstances = &of
	}
	v, err := s.app.UpdateHomeProgramme(ctx, c)
	if err != nil {
		return nil, err
	}
	return &plansv1.UpdateHomeProgrammeResponse{Programme: encodeHome(v)}, nil
}

func (s homeServer) EndHomeProgramme(ctx context.Context, r *plansv1.EndHomeProgrammeRequest) (*plansv1.EndHomeProgrammeResponse, error) {
	v, err := s.app.EndHomeProgramme(ctx, r.GetProgrammeId(), r.GetEtag(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.EndHomeProgrammeResponse{Programme: encodeHome(v)}, nil
}

func (s homeServer) GetHomeProgramme(ctx context.Context, r *plansv1.GetHomeProgrammeRequest) (*plansv1.GetHomeProgrammeResponse, error) {
	v, err := s.app.GetHomeProgramme(ctx, r.GetProgrammeId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetHomeProgrammeResponse{Programme: encodeHome(v)}, nil
}

func (s homeServer) ListHomeProgrammes(ctx context.Context, r *plansv1.ListHomeProgrammesRequest) (*plansv1.ListHomeProgrammesResponse, error) {
	list, err := s.app.ListHomeProgrammes(ctx, r.GetPatientId(), r.GetState())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListHomeProgrammesResponse{Programmes: each(list, encodeHome)}, nil
}

func (s homeServer) GetHomeSchedule(ctx context.Context, r *plansv1.GetHomeScheduleRequest) (*plansv1.GetHomeScheduleResponse, error) {
	d, err := date("date", r.GetDate())
	if err != nil {
		return nil, err
	}
	on, slots, err := s.app.GetHomeSchedule(ctx, r.GetProgrammeId(), d)
	if err != nil {
		return nil, err
	}
	return &plansv1.GetHomeScheduleResponse{Date: on.String(), Slots: each(slots, func(x homecare.Slot) *plansv1.HomeSlot {
		out := &plansv1.HomeSlot{Code: x.Code, Minutes: int32(x.Minutes), HoldSeconds: int32(x.Hold)}
		if x.At >= 0 {
			out.At = clockTime(x.At)
		}
		return out
	})}, nil
}

func (s homeServer) GetEmployerLetter(ctx context.Context, r *plansv1.GetEmployerLetterRequest) (*plansv1.GetEmployerLetterResponse, error) {
	l, err := s.app.GetEmployerLetter(ctx, r.GetProgrammeId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetEmployerLetterResponse{Subject: l.Subject, Lines: l.Lines, Version: int32(l.Version)}, nil
}

func (s homeServer) CheckSleep(ctx context.Context, r *plansv1.CheckSleepRequest) (*plansv1.CheckSleepResponse, error) {
	advice, err := s.app.CheckSleep(ctx, r.GetProgrammeId(), map[string]bool{
		"mattress_soft": r.GetMattressSoft(), "pillow_thick": r.GetPillowThick(), "stomach_sleeper": r.GetStomachSleeper(),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.CheckSleepResponse{Advice: each(advice, func(x homecare.SleepCheck) *plansv1.SleepAdvice {
		return &plansv1.SleepAdvice{Code: x.Advice, Text: x.AdviceText}
	})}, nil
}

func (s homeServer) GetClosingSummary(ctx context.Context, r *plansv1.GetClosingSummaryRequest) (*plansv1.GetClosingSummaryResponse, error) {
	reason, advice, err := s.app.GetClosingSummary(ctx, r.GetPlanId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetClosingSummaryResponse{CloseReason: reason, Advice: each(advice, encodeHomeItem)}, nil
}

func (s homeServer) ListAftercare(ctx context.Context, r *plansv1.ListAftercareRequest) (*plansv1.ListAftercareResponse, error) {
	list, err := s.app.ListAftercare(ctx, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListAftercareResponse{Messages: each(list, func(x app.AftercareMessage) *plansv1.AftercareMessage {
		return &plansv1.AftercareMessage{Code: x.Code, Text: x.Text, Discipline: x.Discipline, LocalDate: x.Date.String()}
	})}, nil
}

// minutes reads HH:MM, which the contract has checked; empty is 0.
func minutes(text string) int {
	var h, m int
	if _, err := fmt.Sscanf(text, "%d:%d", &h, &m); err != nil {
		return 0
	}
	return h*60 + m
}

func clockTime(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// clockOrNone leaves midnight, which is "not said" here, empty.
func clockOrNone(minutes int) string {
	if minutes == 0 {
		return ""
	}
	return clockTime(minutes)
}

func circumstances(m *plansv1.HomeCircumstances) homecare.Circumstances {
	if m == nil {
		return homecare.Circumstances{}
	}
	return homecare.Circumstances{
		Trigger: m.GetTrigger(), Onset: m.GetOnset(), Duration: m.GetDuration(), Aggravators: m.GetAggravators(), Pain: pain(m.Pain),
		Swelling: m.GetSwelling(), Tender: m.GetTender(), Recurrent: m.GetRecurrent(),
	}
}

func settings(list []*plansv1.HomeSetting) ([]homecare.Setting, error) {
	out := make([]homecare.Setting, len(list))
	for i, m := range list {
		end, err := date(fmt.Sprintf("items[%d].end_date", i), m.GetEndDate())
		if err != nil {
			return nil, err
		}
		out[i] = homecare.Setting{
			Code: m.GetCode(), Hold: int(m.GetHoldSeconds()), Repetitions: int(m.GetRepetitions()), Minutes: int(m.GetMinutes()),
			PerDay: int(m.GetPerDay()), Interval: int(m.GetIntervalMinutes()), Lines: m.GetLines(), Safety: m.GetSafety(), Reason: m.GetReason(),
			End: end, WorkFrom: minutes(m.GetWorkFrom()), WorkTo: minutes(m.GetWorkTo()),
		}
	}
	return out, nil
}

func encodeSetting(s homecare.Setting) *plansv1.HomeSetting {
	return &plansv1.HomeSetting{
		Code: s.Code, HoldSeconds: int32(s.Hold), Repetitions: int32(s.Repetitions), Minutes: int32(s.Minutes), PerDay: int32(s.PerDay),
		IntervalMinutes: int32(s.Interval), Lines: s.Lines, Safety: s.Safety, Reason: s.Reason, EndDate: dateOrNone(s.End),
		WorkFrom: clockOrNone(s.WorkFrom), WorkTo: clockOrNone(s.WorkTo),
	}
}

func dateOrNone(d civil.Date) string {
	if d.IsZero() {
		return ""
	}
	return d.String()
}

func encodeHomeItem(i homecare.Item) *plansv1.HomeItem {
	return &plansv1.HomeItem{
		Code: i.Code, Kind: i.Kind, Name: i.Name, Tags: i.Tags, Regions: i.Regions, Lines: i.Lines, Phases: i.Phases, Picture: i.Picture,
		Question: i.Question, EachSide: i.Sides, HoldSeconds: encodeRange(i.Hold), Repetitions: encodeRange(i.Repetitions),
		Minutes: encodeRange(i.Minutes), PerDay: encodeRange(i.PerDay), Locked: i.Locked, After: i.After, EmployerLetter: i.Letter,
		Source: i.Source, EvidenceNote: i.EvidenceNote,
		Safety: each(i.Safety, func(l homecare.Line) *plansv1.SafetyLine { return &plansv1.SafetyLine{Id: l.ID, Text: l.Text} }),
	}
}

func encodeRange(r *homecare.Range) *plansv1.NumberRange {
	if r == nil {
		return nil
	}
	return &plansv1.NumberRange{
		DefaultValue: int32(r.Default), Min: int32(r.Min), Max: int32(r.Max), Words: r.Words, Source: r.Source, ReasonOutside: r.ReasonOutside,
	}
}

func encodeHome(v app.HomeView) *plansv1.HomeProgramme {
	out := &plansv1.HomeProgramme{
		ProgrammeId: v.ID, PatientId: v.PatientID, State: v.State, PlanId: v.PlanID, CourseId: v.CourseID, StartDate: v.Start.String(),
		WakeFrom: clockTime(v.WakeFrom), WakeTo: clockTime(v.WakeTo), FirstAt: clockOrNone(v.FirstAt), InjuryResolved: v.Resolved,
		LibraryVersion: int32(v.LibraryVersion), Disclaimer: &plansv1.Disclaimer{Version: int32(v.DisclaimerVersion), Text: v.Disclaimer},
		CreatedBy: v.CreatedBy, CreateTime: stamp(v.CreatedAt), Etag: etag(v.Version),
		Items: each(v.Rows, func(r app.HomeRow) *plansv1.ProgrammeItem {
			return &plansv1.ProgrammeItem{Setting: encodeSetting(r.Setting), Item: encodeHomeItem(r.Item), Complete: r.Complete}
		}),
	}
	if v.View == app.Clinicians {
		c := v.Circumstances
		out.Circumstances = &plansv1.HomeCircumstances{
			Trigger: c.Trigger, Onset: c.Onset, Duration: c.Duration, Aggravators: c.Aggravators, Pain: score(c.Pain), Swelling: c.Swelling,
			Tender: c.Tender, Recurrent: c.Recurrent,
		}
	}
	return out
}
