package api

import (
	"context"
	"encoding/json"
	"strconv"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// work serves TriageService.
type work struct {
	intakev1.UnimplementedTriageServiceServer
	app *app.App
}

// EvaluateTriage: see app.EvaluateTriage.
func (s *work) EvaluateTriage(ctx context.Context, in *intakev1.EvaluateTriageRequest) (*intakev1.EvaluateTriageResponse, error) {
	given, err := answers(in.GetAnswers())
	if err != nil {
		return nil, err
	}
	set, outcome, err := s.app.EvaluateTriage(ctx, in.GetQuestionnaireId(), in.GetQuestionnaireVersion(), given)
	if err != nil {
		return nil, err
	}
	out := full(outcome)
	out.Advice = advice(app.IntakeView{Set: set, Outcome: outcome})
	return &intakev1.EvaluateTriageResponse{Triage: out}, nil
}

// ListTriageTasks: see app.ListTriageTasks.
func (s *work) ListTriageTasks(ctx context.Context, in *intakev1.ListTriageTasksRequest) (*intakev1.ListTriageTasksResponse, error) {
	offset := 0
	if token := in.GetPageToken(); token != "" {
		n, err := strconv.Atoi(token)
		if err != nil || n < 0 {
			return nil, fault.Invalid("page_token", "is not a token of this list")
		}
		offset = n
	}
	views, next, err := s.app.ListTriageTasks(ctx, in.GetState(), in.GetPatientId(), offset, pageSize(in.GetPageSize(), 50))
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListTriageTasksResponse{}
	if next > 0 {
		out.NextPageToken = strconv.Itoa(next)
	}
	for _, v := range views {
		out.Tasks = append(out.Tasks, task(v))
	}
	return out, nil
}

// GetTriageTask: see app.GetTriageTask.
func (s *work) GetTriageTask(ctx context.Context, in *intakev1.GetTriageTaskRequest) (*intakev1.GetTriageTaskResponse, error) {
	v, err := s.app.GetTriageTask(ctx, in.GetTaskId())
	if err != nil {
		return nil, err
	}
	return &intakev1.GetTriageTaskResponse{Task: task(v)}, nil
}

// AcknowledgeTriageTask: see app.AcknowledgeTriageTask.
func (s *work) AcknowledgeTriageTask(ctx context.Context, in *intakev1.AcknowledgeTriageTaskRequest) (*intakev1.AcknowledgeTriageTaskResponse, error) {
	v, err := s.app.AcknowledgeTriageTask(ctx, app.TaskCommand{
		TaskID: in.GetTaskId(), Etag: in.GetEtag(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.AcknowledgeTriageTaskResponse{Task: task(v)}, nil
}

// DecideTriageTask: see app.DecideTriageTask.
func (s *work) DecideTriageTask(ctx context.Context, in *intakev1.DecideTriageTaskRequest) (*intakev1.DecideTriageTaskResponse, error) {
	level, err := levelNamed(in.GetLevel())
	if err != nil {
		return nil, err
	}
	v, err := s.app.DecideTriageTask(ctx, app.Override{
		TaskID: in.GetTaskId(), Level: level, Reason: in.GetReason(), Etag: in.GetEtag(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.DecideTriageTaskResponse{Task: task(v)}, nil
}

// OverrideTriage: see app.OverrideTriage.
func (s *work) OverrideTriage(ctx context.Context, in *intakev1.OverrideTriageRequest) (*intakev1.OverrideTriageResponse, error) {
	level, err := levelNamed(in.GetLevel())
	if err != nil {
		return nil, err
	}
	o, err := s.app.OverrideTriage(ctx, app.Override{
		IntakeID: in.GetIntakeId(), Level: level, Reason: in.GetReason(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.OverrideTriageResponse{
		Level: o.Level.String(), ComputedLevel: o.Computed.String(), GateVersion: o.GateVersion, TaskId: o.TaskID,
	}, nil
}

// RecordMiniScreen: see app.RecordMiniScreen.
func (s *work) RecordMiniScreen(ctx context.Context, in *intakev1.RecordMiniScreenRequest) (*intakev1.RecordMiniScreenResponse, error) {
	m, err := s.app.RecordMiniScreen(ctx, app.RecordMiniScreen{
		PatientID: in.GetPatientId(), Answers: in.GetAnswers(), NotAsked: in.GetNotAskedBecause(), Note: in.GetNote(),
		Language: in.GetLanguageCode(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	out := &intakev1.RecordMiniScreenResponse{
		Clear: m.Level == triage.NoLevel && m.NotAsked == "", NotAskedBecause: m.NotAsked, Level: m.Level.String(), GateVersion: m.GateVersion, TaskId: m.TaskID,
	}
	out.Advice = advice(app.IntakeView{
		Set: m.Set, Intake: store.Intake{Language: m.Language}, Outcome: app.Outcome{Disposition: m.Level.String()},
	})
	return out, nil
}

// ListMiniScreens: see app.ListMiniScreens.
func (s *work) ListMiniScreens(ctx context.Context, in *intakev1.ListMiniScreensRequest) (*intakev1.ListMiniScreensResponse, error) {
	all, err := s.app.ListMiniScreens(ctx, in.GetPatientId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListMiniScreensResponse{}
	for _, m := range all {
		one := &intakev1.MiniScreenRecord{
			ScreenId: m.ScreenID, NotAskedBecause: m.NotAsked, Note: m.Note, Level: triage.Level(m.Level).String(), TaskId: m.TaskID,
			RecordedBy: m.RecordedBy, RecordTime: timestamp(m.RecordedAt),
		}
		if err := json.Unmarshal([]byte(m.Answers), &one.Answers); err != nil {
			return nil, err
		}
		out.MiniScreens = append(out.MiniScreens, one)
	}
	return out, nil
}

// ListClinicalFacts: see app.ListClinicalFacts.
func (s *work) ListClinicalFacts(ctx context.Context, in *intakev1.ListClinicalFactsRequest) (*intakev1.ListClinicalFactsResponse, error) {
	v, err := s.app.ListClinicalFacts(ctx, in.GetClinicId(), in.GetPatientId(), in.GetIncludeHistory())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListClinicalFactsResponse{
		BlockedModalities: blocks(v.Blocked), ReleaseNeededModalities: blocks(v.ReleaseNeeded), GateVersion: v.GateVersion,
	}
	for _, f := range v.Facts {
		encoded, err := fact(f.Fact, f.Current)
		if err != nil {
			return nil, err
		}
		out.Facts = append(out.Facts, encoded)
	}
	for _, r := range v.Releases {
		out.Releases = append(out.Releases, release(r))
	}
	return out, nil
}

// RecordClinicalFact: see app.RecordClinicalFact.
func (s *work) RecordClinicalFact(ctx context.Context, in *intakev1.RecordClinicalFactRequest) (*intakev1.RecordClinicalFactResponse, error) {
	a, err := triage.AnswerOf(in.GetValue().AsInterface())
	if err != nil {
		return nil, fault.Invalid("value", err.Error())
	}
	f, version, err := s.app.RecordClinicalFact(ctx, app.RecordClinicalFact{
		PatientID: in.GetPatientId(), QuestionID: in.GetQuestionId(), Value: a, SaidBy: in.GetSaidBy(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	encoded, err := fact(f, true)
	if err != nil {
		return nil, err
	}
	return &intakev1.RecordClinicalFactResponse{Fact: encoded, GateVersion: version}, nil
}

// ReleaseContraindication: see app.ReleaseContraindication.
func (s *work) ReleaseContraindication(ctx context.Context, in *intakev1.ReleaseContraindicationRequest) (*intakev1.ReleaseContraindicationResponse, error) {
	r, version, err := s.app.ReleaseContraindication(ctx, app.ReleaseContraindication{
		PatientID: in.GetPatientId(), ContraindicationID: in.GetContraindicationId(), Reason: in.GetReason(),
		Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	return &intakev1.ReleaseContraindicationResponse{Release: release(r), GateVersion: version}, nil
}

func task(v app.TaskView) *intakev1.TriageTask {
	return &intakev1.TriageTask{
		TaskId: v.TaskID, IntakeId: v.IntakeID, PatientId: v.PatientID, State: v.State, Level: triage.Level(v.Level).String(),
		ComputedLevel: triage.Level(v.ComputedLevel).String(), Provisional: v.Provisional, AnswersWithdrawn: v.AnswersWithdrawn,
		OwnerAccountId: v.Owner, DueTime: timestamp(v.DueAt), Overdue: v.Overdue, CreateTime: timestamp(v.CreatedAt),
		AcknowledgeTime: timestamp(v.AcknowledgedAt), AcknowledgedBy: v.AcknowledgedBy, DecideTime: timestamp(v.DecidedAt),
		DecidedBy: v.DecidedBy, Reason: v.Reason, RaisedBy: v.RaisedBy, Etag: strconv.FormatInt(v.Version, 10),
		Escalations: int32(v.Escalations), EscalateTime: timestamp(v.EscalatedAt), NextEscalateTime: timestamp(v.EscalateAt),
	}
}

func fact(f store.Fact, current bool) (*intakev1.ClinicalFact, error) {
	var a triage.Answer
	if err := json.Unmarshal([]byte(f.Value), &a); err != nil {
		return nil, err
	}
	return &intakev1.ClinicalFact{
		FactId: f.FactID, PatientId: f.PatientID, QuestionId: f.QuestionID, Value: value(a), SaidBy: f.SaidBy, RecordedBy: f.RecordedBy,
		RecordTime: timestamp(f.RecordedAt), IntakeId: f.IntakeID, Current: current,
	}, nil
}

func release(r store.Release) *intakev1.ContraindicationRelease {
	return &intakev1.ContraindicationRelease{
		ContraindicationId: r.ContraindicationID, ReleasedBy: r.ReleasedBy, ReleaseTime: timestamp(r.ReleasedAt), Reason: r.Reason,
	}
}
