package api

import (
	"context"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// intakes serves IntakeService.
type intakes struct {
	intakev1.UnimplementedIntakeServiceServer
	app *app.App
}

// CreateIntake: see app.CreateIntake.
func (s *intakes) CreateIntake(ctx context.Context, in *intakev1.CreateIntakeRequest) (*intakev1.CreateIntakeResponse, error) {
	v, err := s.app.CreateIntake(ctx, app.CreateIntake{
		PatientID: in.GetPatientId(), QuestionnaireID: in.GetQuestionnaireId(), Language: in.GetLanguageCode(), DeviceKind: in.GetDeviceKind(),
		Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.CreateIntakeResponse{Intake: intake(v)}, nil
}

// GetIntake: see app.GetIntake.
func (s *intakes) GetIntake(ctx context.Context, in *intakev1.GetIntakeRequest) (*intakev1.GetIntakeResponse, error) {
	v, err := s.app.GetIntake(ctx, in.GetIntakeId(), in.GetView() == "BASIC")
	if err != nil {
		return nil, err
	}
	return &intakev1.GetIntakeResponse{Intake: intake(v)}, nil
}

// ListIntakes: see app.ListIntakes.
func (s *intakes) ListIntakes(ctx context.Context, in *intakev1.ListIntakesRequest) (*intakev1.ListIntakesResponse, error) {
	views, next, err := s.app.ListIntakes(ctx, in.GetPatientId(), in.GetPageToken(), pageSize(in.GetPageSize(), 20))
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListIntakesResponse{NextPageToken: next}
	for _, v := range views {
		out.Intakes = append(out.Intakes, intake(v))
	}
	return out, nil
}

// UpdateIntake: see app.UpdateIntake.
func (s *intakes) UpdateIntake(ctx context.Context, in *intakev1.UpdateIntakeRequest) (*intakev1.UpdateIntakeResponse, error) {
	given, err := answers(in.GetAnswers())
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdateIntake(ctx, app.UpdateIntake{
		IntakeID: in.GetIntakeId(), Answers: given, Typed: typed(in.GetTyped()), Etag: in.GetEtag(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.UpdateIntakeResponse{Intake: intake(v)}, nil
}

// SubmitIntake: see app.SubmitIntake.
func (s *intakes) SubmitIntake(ctx context.Context, in *intakev1.SubmitIntakeRequest) (*intakev1.SubmitIntakeResponse, error) {
	v, err := s.app.SubmitIntake(ctx, app.SubmitIntake{
		IntakeID: in.GetIntakeId(), Etag: in.GetEtag(), Consented: in.GetConsentRequired(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.SubmitIntakeResponse{Intake: intake(v)}, nil
}

// ReportWorsening: see app.ReportWorsening.
func (s *intakes) ReportWorsening(ctx context.Context, in *intakev1.ReportWorseningRequest) (*intakev1.ReportWorseningResponse, error) {
	v, err := s.app.ReportWorsening(ctx, in.GetIntakeId(), requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	return &intakev1.ReportWorseningResponse{Intake: intake(v)}, nil
}

// RecordRescreen: see app.RecordRescreen.
func (s *intakes) RecordRescreen(ctx context.Context, in *intakev1.RecordRescreenRequest) (*intakev1.RecordRescreenResponse, error) {
	got, err := s.app.RecordRescreen(ctx, in.GetIntakeId(), in.GetOutcome(), requestid.Fingerprint(in))
	if err != nil {
		return nil, err
	}
	out := &intakev1.RecordRescreenResponse{Outcome: got.Outcome, NewIntakeId: got.NewIntakeID}
	for _, k := range got.Offered {
		out.OfferedKinds = append(out.OfferedKinds, string(k))
	}
	return out, nil
}

// ListAnswerRevisions: see app.ListRevisions.
func (s *intakes) ListAnswerRevisions(ctx context.Context, in *intakev1.ListAnswerRevisionsRequest) (*intakev1.ListAnswerRevisionsResponse, error) {
	rows, err := s.app.ListRevisions(ctx, in.GetIntakeId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListAnswerRevisionsResponse{}
	for _, r := range rows {
		var a triage.Answer
		if err := json.Unmarshal([]byte(r.Value), &a); err != nil {
			return nil, err
		}
		one := &intakev1.AnswerRevision{
			QuestionId: r.QuestionID, Revision: r.Revision, Value: value(a), AnsweredBy: r.AnsweredBy, AnsweredAs: r.AnsweredAs,
			AnswerTime: timestamp(r.AnsweredAt), Writer: writer(r.Writer),
		}
		if r.Typed != "" {
			one.Typed = &intakev1.TypedAnswer{}
			if err := json.Unmarshal([]byte(r.Typed), &one.Typed.Values); err != nil {
				return nil, err
			}
		}
		out.Revisions = append(out.Revisions, one)
	}
	return out, nil
}

// typed reads what does not fit its question.
func typed(in map[string]*intakev1.TypedAnswer) map[string][]string {
	out := make(map[string][]string, len(in))
	for id, t := range in {
		out[id] = t.GetValues()
	}
	return out
}

// intake writes what a view holds: the BASIC view has neither answers nor findings.
func intake(v app.IntakeView) *intakev1.Intake {
	i := v.Intake
	out := &intakev1.Intake{
		IntakeId: i.IntakeID, PatientId: i.PatientID, QuestionnaireId: i.QuestionnaireID, QuestionnaireVersion: i.QuestionnaireVersion,
		State: i.State, View: "BASIC", ComputedLevel: triage.Level(i.ComputedLevel).String(), Level: triage.Level(i.Level).String(),
		CreateTime: timestamp(i.CreatedAt), UpdateTime: timestamp(i.UpdatedAt), SubmitTime: timestamp(i.SubmittedAt),
		ExpireTime: timestamp(i.ExpiresAt), Etag: strconv.FormatInt(i.Version, 10), LanguageCode: i.Language,
		Triage: summary(v.Outcome),
	}
	if !v.Full {
		return out
	}
	out.View, out.TaskId = "FULL", v.TaskID
	out.Triage = full(v.Outcome)
	if v.Audience == app.Patients {
		out.Triage = forPatient(v)
	}
	out.Triage.Advice = advice(v)
	out.Answers = make(map[string]*structpb.Value, len(v.Answers))
	for id, a := range v.Answers {
		out.Answers[id] = value(a)
	}
	for id, values := range v.Typed {
		if out.Typed == nil {
			out.Typed = make(map[string]*intakev1.TypedAnswer, len(v.Typed))
		}
		out.Typed[id] = &intakev1.TypedAnswer{Values: values}
	}
	out.Writer, out.UnsignedConsentIds = writer(v.Writer), v.Unsigned
	for _, p := range v.Pages {
		out.Pages = append(out.Pages, &intakev1.PageProgress{PageId: p.Page, State: string(p.State), QuestionIds: items(v.Set, p.Questions)})
		if out.NextPageId == "" && p.State == triage.PageOpen {
			out.NextPageId = p.Page
		}
	}
	return out
}

// summary is what the front desk may see of a result.
func summary(o app.Outcome) *intakev1.TriageResult {
	out := &intakev1.TriageResult{Status: "INCOMPLETE", Provisional: o.Provisional, RuleSetVersion: o.RuleSetVersion}
	if o.Complete {
		out.Status = "COMPLETE"
	}
	if o.Disposition != "" {
		out.Disposition = wrapperspb.String(o.Disposition)
	}
	return out
}

// full is everything, for clinicians.
func full(o app.Outcome) *intakev1.TriageResult {
	out := summary(o)
	out.Missing, out.OpenFollowUps = o.Missing, o.OpenFollowUps
	out.BlockedModalities, out.ReleaseNeededModalities = blocks(o.Blocked), blocks(o.ReleaseNeeded)
	for _, f := range o.Fired {
		out.FiredRules = append(out.FiredRules, &intakev1.FiredRule{
			RuleId: f.RuleID, Level: f.Level, Why: f.Why, Source: f.Source, Action: f.Action, Because: given(f.Because),
		})
	}
	for _, s := range o.Suggestions {
		out.SuggestedModalities = append(out.SuggestedModalities, s.Modality)
		out.Suggestions = append(out.Suggestions, &intakev1.ModalitySuggestion{Modality: s.Modality, Dose: s.Dose, Source: s.Source})
	}
	for _, h := range o.Hints {
		out.CauseHints = append(out.CauseHints, &intakev1.CauseHint{Cause: h.Cause, Because: given(h.Because)})
	}
	return out
}

// forPatient is a result without anything that names or hints at a disease: actions only
// (clinical reference 4.2, point 7).
func forPatient(v app.IntakeView) *intakev1.TriageResult {
	out := full(v.Outcome)
	out.CauseHints = nil
	for _, f := range out.GetFiredRules() {
		f.Why, f.Source = "", ""
		f.Action = patientAction(v, f.GetRuleId(), f.GetLevel())
	}
	for _, s := range out.GetSuggestions() {
		s.Source = ""
	}
	return out
}

// patientAction is the rule's own words for patients, or else the heading of its level.
func patientAction(v app.IntakeView, ruleID, level string) string {
	if text := v.Set.PatientAction(ruleID, v.Intake.Language); text != "" {
		return text
	}
	l, _ := triage.ParseLevel(level)
	if text := v.Set.LevelText(l); text != nil {
		return text.Title.In(v.Intake.Language)
	}
	return ""
}

// advice is what the patient is told at the level in force; nil while there is none.
func advice(v app.IntakeView) *intakev1.Advice {
	text := v.Set.LevelText(v.AdviceLevel())
	if text == nil {
		return nil
	}
	lang := v.Intake.Language
	out := &intakev1.Advice{
		Title: text.Title.In(lang), Text: text.Text.In(lang), SafetyNet: text.SafetyNet.In(lang),
		RescreenDate: v.Rescreen.String(), HomeMeasures: v.Outcome.HomeMeasures,
	}
	for _, f := range v.Outcome.Fired {
		if action := v.Set.PatientAction(f.RuleID, lang); action != "" {
			out.Actions = append(out.Actions, action)
		}
	}
	return out
}
