package api

import (
	"context"
	"encoding/json"
	"strconv"

	"google.golang.org/protobuf/types/known/structpb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// formVersions serves QuestionnaireVersionService.
type formVersions struct {
	intakev1.UnimplementedQuestionnaireVersionServiceServer
	app *app.App
}

// ListQuestionnaireVersions: see app.ListForms.
func (s *formVersions) ListQuestionnaireVersions(ctx context.Context, in *intakev1.ListQuestionnaireVersionsRequest) (*intakev1.ListQuestionnaireVersionsResponse, error) {
	views, err := s.app.ListForms(ctx, in.GetQuestionnaireId())
	if err != nil {
		return nil, err
	}
	out := &intakev1.ListQuestionnaireVersionsResponse{}
	for _, v := range views {
		one, err := formVersion(v)
		if err != nil {
			return nil, err
		}
		out.QuestionnaireVersions = append(out.QuestionnaireVersions, one)
	}
	return out, nil
}

// GetQuestionnaireVersion: see app.Form.
func (s *formVersions) GetQuestionnaireVersion(ctx context.Context, in *intakev1.GetQuestionnaireVersionRequest) (*intakev1.GetQuestionnaireVersionResponse, error) {
	v, err := s.app.Form(ctx, key(in))
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.GetQuestionnaireVersionResponse{QuestionnaireVersion: one}, err
}

// CopyQuestionnaireVersion: see app.CopyForm.
func (s *formVersions) CopyQuestionnaireVersion(ctx context.Context, in *intakev1.CopyQuestionnaireVersionRequest) (*intakev1.CopyQuestionnaireVersionResponse, error) {
	v, err := s.app.CopyForm(ctx, app.CopyForm{From: key(in), ID: in.GetNewQuestionnaireId(), Fingerprint: requestid.Fingerprint(in)})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.CopyQuestionnaireVersionResponse{QuestionnaireVersion: one}, err
}

// UpdateQuestionnaireVersion: see app.UpdateForm.
func (s *formVersions) UpdateQuestionnaireVersion(ctx context.Context, in *intakev1.UpdateQuestionnaireVersionRequest) (*intakev1.UpdateQuestionnaireVersionResponse, error) {
	document, err := json.Marshal(in.GetDocument().AsMap())
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdateForm(ctx, app.UpdateForm{
		Key: key(in), Document: string(document), Etag: in.GetEtag(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.UpdateQuestionnaireVersionResponse{QuestionnaireVersion: one}, err
}

// CompareQuestionnaireVersion: see app.CompareForm.
func (s *formVersions) CompareQuestionnaireVersion(ctx context.Context, in *intakev1.CompareQuestionnaireVersionRequest) (*intakev1.CompareQuestionnaireVersionResponse, error) {
	got, err := s.app.CompareForm(ctx, key(in), app.FormKey{ID: in.GetBaseQuestionnaireId(), Version: in.GetBaseVersion()})
	if err != nil {
		return nil, err
	}
	out := &intakev1.CompareQuestionnaireVersionResponse{
		BaseQuestionnaireId: got.Base.ID, BaseVersion: got.Base.Version, Vignettes: int32(got.Vignettes),
	}
	for _, c := range got.Changes {
		out.Changes = append(out.Changes, &intakev1.VignetteChange{
			VignetteId: c.Vignette.ID, Story: c.Vignette.Story, LevelBefore: c.Before.String(), LevelAfter: c.After.String(),
			RulesLost: c.Lost, RulesGained: c.Gained, Lowered: c.Lowered(), AnswersRefused: c.Refused, BlocksChanged: c.BlocksChanged,
		})
	}
	return out, nil
}

// ApproveQuestionnaireVersion: see app.ApproveForm.
func (s *formVersions) ApproveQuestionnaireVersion(ctx context.Context, in *intakev1.ApproveQuestionnaireVersionRequest) (*intakev1.ApproveQuestionnaireVersionResponse, error) {
	v, err := s.app.ApproveForm(ctx, app.ApproveForm{
		Key: key(in), Etag: in.GetEtag(), Note: in.GetNote(), AcceptLowered: in.GetAcceptLowered(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.ApproveQuestionnaireVersionResponse{QuestionnaireVersion: one}, err
}

// ActivateQuestionnaireVersion: see app.ActivateForm.
func (s *formVersions) ActivateQuestionnaireVersion(ctx context.Context, in *intakev1.ActivateQuestionnaireVersionRequest) (*intakev1.ActivateQuestionnaireVersionResponse, error) {
	start, err := day("start_date", in.GetStartDate())
	if err != nil {
		return nil, err
	}
	v, err := s.app.ActivateForm(ctx, app.ActivateForm{Key: key(in), Start: start, Fingerprint: requestid.Fingerprint(in)})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.ActivateQuestionnaireVersionResponse{QuestionnaireVersion: one}, err
}

// ApproveQuestionnaireLanguage: see app.OpenLanguage.
func (s *formVersions) ApproveQuestionnaireLanguage(ctx context.Context, in *intakev1.ApproveQuestionnaireLanguageRequest) (*intakev1.ApproveQuestionnaireLanguageResponse, error) {
	v, err := s.app.OpenLanguage(ctx, app.OpenLanguage{
		Key: key(in), Language: in.GetLanguageCode(), Open: true, Note: in.GetNote(), Fingerprint: requestid.Fingerprint(in),
	})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.ApproveQuestionnaireLanguageResponse{QuestionnaireVersion: one}, err
}

// WithdrawQuestionnaireLanguage: see app.OpenLanguage.
func (s *formVersions) WithdrawQuestionnaireLanguage(ctx context.Context, in *intakev1.WithdrawQuestionnaireLanguageRequest) (*intakev1.WithdrawQuestionnaireLanguageResponse, error) {
	v, err := s.app.OpenLanguage(ctx, app.OpenLanguage{Key: key(in), Language: in.GetLanguageCode(), Fingerprint: requestid.Fingerprint(in)})
	if err != nil {
		return nil, err
	}
	one, err := formVersion(v)
	return &intakev1.WithdrawQuestionnaireLanguageResponse{QuestionnaireVersion: one}, err
}

// key names the version that a request is about.
func key(in interface {
	GetQuestionnaireId() string
	GetVersion() int64
},
) app.FormKey {
	return app.FormKey{ID: in.GetQuestionnaireId(), Version: in.GetVersion()}
}

// formVersion writes a version. It fails when the document is not JSON, which the use cases
// prevent.
func formVersion(v app.FormView) (*intakev1.QuestionnaireVersion, error) {
	out := &intakev1.QuestionnaireVersion{
		QuestionnaireId: v.QuestionnaireID, Version: v.Version, State: v.State, CopiedFromQuestionnaireId: v.FromID,
		CopiedFromVersion: v.FromVersion, RuleSetVersion: v.RuleSetVersion, CreatedBy: v.CreatedBy, CreateTime: timestamp(v.CreatedAt),
		UpdateTime: timestamp(v.UpdatedAt), Approval: approval(v.Approved), InForceFrom: v.InForceFrom, InForce: v.InForce,
		Etag: strconv.FormatInt(v.Revision, 10),
	}
	for _, p := range v.Problems {
		out.Problems = append(out.Problems, &intakev1.ContentProblem{Place: p.Place, Problem: p.What})
	}
	for _, l := range v.Languages {
		out.Languages = append(out.Languages, &intakev1.LanguageApproval{LanguageCode: l.Language, Open: l.Open, Approval: approval(l.Approved)})
	}
	if v.Document == "" {
		return out, nil
	}
	out.Document = &structpb.Struct{}
	return out, out.GetDocument().UnmarshalJSON([]byte(v.Document))
}

func approval(a store.Approved) *intakev1.Approval {
	if a.By == "" {
		return nil
	}
	return &intakev1.Approval{AccountId: a.By, ClinicianName: a.Name, Profession: a.As, Note: a.Note, ApproveTime: timestamp(a.At)}
}
