package api

import (
	"context"
	"math"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/diary"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// diaryServer serves DiaryService.
type diaryServer struct {
	plansv1.UnimplementedDiaryServiceServer
	app *app.App
}

func (s diaryServer) CreateDiaryEntry(ctx context.Context, r *plansv1.CreateDiaryEntryRequest) (*plansv1.CreateDiaryEntryResponse, error) {
	n, err := diaryNote(&plansv1.DiaryNote{
		ClientId: r.GetClientId(), LocalDate: r.GetLocalDate(), NotedTime: r.GetNotedTime(), TimeZone: r.GetTimeZone(), Pain: r.Pain,
		Interference: r.Interference, Activity: r.GetActivity(), Medicine: r.GetMedicine(), Note: r.GetNote(), Tags: r.GetTags(),
		Done: r.GetDone(), CorrectsEntryId: r.GetCorrectsEntryId(),
	})
	if err != nil {
		return nil, err
	}
	e, err := s.app.AddDiaryEntry(ctx, r.GetPatientId(), n, requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.CreateDiaryEntryResponse{Entry: encodeDiary(e)}, nil
}

func (s diaryServer) BatchCreateDiaryEntries(ctx context.Context, r *plansv1.BatchCreateDiaryEntriesRequest) (*plansv1.BatchCreateDiaryEntriesResponse, error) {
	notes := make([]app.DiaryNote, len(r.GetEntries()))
	for i, m := range r.GetEntries() {
		var err error
		if notes[i], err = diaryNote(m); err != nil {
			return nil, err
		}
	}
	results, err := s.app.AddDiaryEntries(ctx, r.GetPatientId(), notes)
	if err != nil {
		return nil, err
	}
	return &plansv1.BatchCreateDiaryEntriesResponse{Results: each(results, encodeDiaryResult)}, nil
}

func encodeDiaryResult(x app.DiaryResult) *plansv1.DiaryResult {
	out := &plansv1.DiaryResult{ClientId: x.ClientID}
	if x.Err == nil {
		out.Entry = encodeDiary(x.Entry)
		return out
	}
	f := fault.From(x.Err)
	out.Reason, out.Detail = f.Reason, f.Message
	if len(f.Fields) > 0 {
		out.Detail = f.Fields[0].Field + " " + f.Fields[0].Description
	}
	return out
}

func diaryNote(m *plansv1.DiaryNote) (app.DiaryNote, error) {
	n := app.DiaryNote{
		ClientID: m.GetClientId(), Noted: instant(m.GetNotedTime()), Zone: m.GetTimeZone(), Pain: pain(m.Pain), Interference: pain(m.Interference),
		Activity: m.GetActivity(), Medicine: m.GetMedicine(), Note: m.GetNote(), Tags: m.GetTags(), Corrects: m.GetCorrectsEntryId(),
	}
	for _, d := range m.GetDone() {
		n.Done = append(n.Done, diary.Done{Code: d.GetCode(), Side: d.GetSide(), Minutes: int(d.GetMinutes())})
	}
	var err error
	n.Date, err = date("local_date", m.GetLocalDate())
	return n, err
}

func (s diaryServer) ListDiaryEntries(ctx context.Context, r *plansv1.ListDiaryEntriesRequest) (*plansv1.ListDiaryEntriesResponse, error) {
	p, err := period(r)
	if err != nil {
		return nil, err
	}
	list, next, err := s.app.ListDiary(ctx, r.GetPatientId(), p, app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListDiaryEntriesResponse{Entries: each(list, encodeDiary), NextPageToken: next}, nil
}

// period reads the two dates of a request.
func period(r interface {
	GetStartDate() string
	GetEndDate() string
},
) (app.Period, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return app.Period{}, err
	}
	to, err := date("end_date", r.GetEndDate())
	return app.Period{From: from, To: to}, err
}

func (s diaryServer) GetDiaryTrend(ctx context.Context, r *plansv1.GetDiaryTrendRequest) (*plansv1.GetDiaryTrendResponse, error) {
	p, err := period(r)
	if err != nil {
		return nil, err
	}
	t, err := s.app.GetDiaryTrend(ctx, r.GetPatientId(), p)
	if err != nil {
		return nil, err
	}
	out := &plansv1.GetDiaryTrendResponse{
		Direction: t.Trend.Direction, DaysNoted: int32(len(t.Days)), DaysTotal: int32(t.DaysTotal), Findings: each(t.Findings, encodeFinding),
		Days: each(t.Days, encodeDay),
		Adherence: each(t.Adherence, func(x app.Adherence) *plansv1.ItemAdherence {
			m := &plansv1.ItemAdherence{Code: x.Code, Planned: int32(x.Planned), Done: int32(x.Done)}
			if x.Planned > 0 {
				m.Percent = int32(math.Round(float64(x.Done) / float64(x.Planned) * 100))
			}
			return m
		}),
	}
	if t.Trend.Direction != diary.Unknown {
		out.PointsPerWeek = &t.Trend.PointsPerWeek
	}
	if t.Trend.PainDays > 0 {
		out.PainMean = &t.Trend.Mean
	}
	return out, nil
}

func encodeDay(d diary.Day) *plansv1.DiaryDay {
	return &plansv1.DiaryDay{
		LocalDate: d.Date.String(), Pain: score(d.Pain), PainMax: score(d.PainMax), Interference: score(d.Interference),
		Entries: int32(d.Entries), Moved: d.Has("WALKED"),
	}
}

func (s diaryServer) GetDiaryExport(ctx context.Context, r *plansv1.GetDiaryExportRequest) (*plansv1.GetDiaryExportResponse, error) {
	p, err := period(r)
	if err != nil {
		return nil, err
	}
	f, err := s.app.ExportDiary(ctx, r.GetPatientId(), r.GetFormat(), p)
	if err != nil {
		return nil, err
	}
	return &plansv1.GetDiaryExportResponse{FileName: f.Name, ContentType: f.ContentType, Content: f.Content, Entries: int32(f.Entries)}, nil
}

func encodeDiary(e store.DiaryEntry) *plansv1.DiaryEntry {
	return &plansv1.DiaryEntry{
		EntryId: e.ID, PatientId: e.PatientID, ClientId: e.ClientID, LocalDate: e.Date.String(), NotedTime: stamp(e.At), TimeZone: e.Zone,
		Pain: score(e.Pain), Interference: score(e.Interference), Activity: e.Activity, Medicine: e.Medicine, Note: e.Note, Tags: e.Tags,
		Done: each(e.Done, func(d diary.Done) *plansv1.DoneItem {
			return &plansv1.DoneItem{Code: d.Code, Side: d.Side, Minutes: int32(d.Minutes)}
		}),
		CorrectsEntryId: e.Corrects, Corrected: e.Corrected, CreatedBy: e.CreatedBy, CreateTime: stamp(e.CreatedAt),
		Findings: each(e.Findings, encodeFinding),
	}
}

func encodeFinding(f diary.Finding) *plansv1.DiaryFinding {
	return &plansv1.DiaryFinding{Code: f.Code, RuleId: f.Rule, Action: f.Action, Item: f.Item}
}
