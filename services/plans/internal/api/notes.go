package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/note"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// noteServer serves SessionNoteService.
type noteServer struct {
	plansv1.UnimplementedSessionNoteServiceServer
	app *app.App
}

func (s noteServer) CreateNote(ctx context.Context, r *plansv1.CreateNoteRequest) (*plansv1.CreateNoteResponse, error) {
	d, err := date("local_date", r.GetLocalDate())
	if err != nil {
		return nil, err
	}
	v, err := s.app.CreateNote(ctx, app.NoteStart{
		PatientID: r.GetPatientId(), AppointmentID: r.GetAppointmentId(), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(),
		Discipline: r.GetDiscipline(), Date: d, Blank: r.GetBlank(), Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.CreateNoteResponse{Note: encodeNote(v)}, nil
}

func (s noteServer) UpdateNote(ctx context.Context, r *plansv1.UpdateNoteRequest) (*plansv1.UpdateNoteResponse, error) {
	v, err := s.app.UpdateNote(ctx, app.NoteSave{
		NoteID: r.GetNoteId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r),
		Words: store.Words{
			Subjective: r.GetSubjective(), Objective: r.GetObjective(), Assessment: r.GetAssessment(), Plan: r.GetPlan(),
			Procedures: r.GetProcedures(), Adjuncts: r.GetAdjuncts(), Pressure: pain(r.PressureTolerance),
		},
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.UpdateNoteResponse{Note: encodeNote(v)}, nil
}

func (s noteServer) SignNote(ctx context.Context, r *plansv1.SignNoteRequest) (*plansv1.SignNoteResponse, error) {
	v, err := s.app.SignNote(ctx, r.GetNoteId(), r.GetEtag(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.SignNoteResponse{Note: encodeNote(v)}, nil
}

func (s noteServer) AddAddendum(ctx context.Context, r *plansv1.AddAddendumRequest) (*plansv1.AddAddendumResponse, error) {
	v, err := s.app.AddAddendum(ctx, r.GetNoteId(), r.GetText(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.AddAddendumResponse{Note: encodeNote(v)}, nil
}

func (s noteServer) GetNote(ctx context.Context, r *plansv1.GetNoteRequest) (*plansv1.GetNoteResponse, error) {
	v, err := s.app.GetNote(ctx, r.GetNoteId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetNoteResponse{Note: encodeNote(v)}, nil
}

func (s noteServer) ListNotes(ctx context.Context, r *plansv1.ListNotesRequest) (*plansv1.ListNotesResponse, error) {
	list, next, err := s.app.ListNotes(ctx, r.GetPatientId(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListNotesResponse{Notes: each(list, encodeNote), NextPageToken: next}, nil
}

func (s noteServer) ListProcedureCodes(ctx context.Context, r *plansv1.ListProcedureCodesRequest) (*plansv1.ListProcedureCodesResponse, error) {
	list, err := s.app.ListProcedureCodes(ctx, r.GetDiscipline())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListProcedureCodesResponse{Codes: each(list, func(p note.Procedure) *plansv1.ProcedureCode {
		return &plansv1.ProcedureCode{
			Code: p.Code, Name: p.Name, Disciplines: p.Disciplines, Adjunct: p.Adjunct, Source: p.Source, EvidenceNote: p.EvidenceNote,
		}
	})}, nil
}

func encodeNote(v app.NoteView) *plansv1.SessionNote {
	out := &plansv1.SessionNote{
		NoteId: v.ID, PatientId: v.PatientID, State: "DRAFT", AppointmentId: v.AppointmentID, PlanId: v.PlanID, CourseId: v.CourseID,
		Discipline: v.Discipline, LocalDate: v.Date.String(), Subjective: v.Subjective, Objective: v.Objective, Assessment: v.Assessment,
		Plan: v.Plan, Procedures: v.Procedures, Adjuncts: v.Adjuncts, PressureTolerance: score(v.Pressure), CarriedFromNoteId: v.CarriedFrom,
		Prompts: v.Prompts, Author: v.Author, CreateTime: stamp(v.CreatedAt), UpdateTime: stamp(v.UpdatedAt), SignTime: stamp(v.SignedAt),
		Etag: etag(v.Version),
		Addenda: each(v.Addenda, func(a store.Addendum) *plansv1.Addendum {
			return &plansv1.Addendum{AddendumId: a.ID, Text: a.Text, Author: a.Author, CreateTime: stamp(a.At)}
		}),
	}
	if !v.SignedAt.IsZero() {
		out.State = "SIGNED"
	}
	return out
}

// examinationServer serves ExaminationService.
type examinationServer struct {
	plansv1.UnimplementedExaminationServiceServer
	app *app.App
}

func (s examinationServer) RecordExamination(ctx context.Context, r *plansv1.RecordExaminationRequest) (*plansv1.RecordExaminationResponse, error) {
	f := app.ExaminationFact{
		PatientID: r.GetPatientId(), Note: r.GetNote(), Fingerprint: requestid.Fingerprint(r), Examination: note.Examination{Kind: r.GetKind()},
	}
	var err error
	if f.Date, err = date("local_date", r.GetLocalDate()); err != nil {
		return nil, err
	}
	for _, m := range r.GetMovements() {
		f.Moved = append(f.Moved, note.Moved{
			Joint: m.GetJoint(), Movement: m.GetMovement(), Side: m.GetSide(), Degrees: int(m.GetDegrees()), Painful: m.GetPainful(),
		})
	}
	if b := r.GetForwardBend(); b != nil {
		f.Bend = &note.Bend{Side: b.GetSide(), RibHump: b.GetRibHump(), Rotation: pain(b.RotationDegrees), HighBMI: b.GetHighBmi()}
	}
	if n := r.GetNeuro(); n != nil {
		f.Nerve = &note.Nerves{Strength: n.GetStrength(), Sensation: n.GetSensation(), Reflexes: n.GetReflexes()}
	}
	e, err := s.app.RecordExamination(ctx, f)
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordExaminationResponse{Examination: encodeExamination(e)}, nil
}

func (s examinationServer) ClearExamination(ctx context.Context, r *plansv1.ClearExaminationRequest) (*plansv1.ClearExaminationResponse, error) {
	e, err := s.app.ClearExamination(ctx, r.GetPatientId(), r.GetExaminationId(), r.GetEtag(), r.GetReason(), requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.ClearExaminationResponse{Examination: encodeExamination(e)}, nil
}

func (s examinationServer) ListExaminations(ctx context.Context, r *plansv1.ListExaminationsRequest) (*plansv1.ListExaminationsResponse, error) {
	list, err := s.app.ListExaminations(ctx, r.GetPatientId(), r.GetKind())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListExaminationsResponse{Examinations: each(list, encodeExamination)}, nil
}

func (s examinationServer) ListMovements(ctx context.Context, _ *plansv1.ListMovementsRequest) (*plansv1.ListMovementsResponse, error) {
	r, err := s.app.ExaminationRules(ctx)
	if err != nil {
		return nil, err
	}
	return &plansv1.ListMovementsResponse{
		Movements: each(r.Movements, func(m note.Movement) *plansv1.Movement {
			return &plansv1.Movement{Joint: m.Joint, Movement: m.Movement, UsualDegrees: int32(m.Usual), Sides: m.Sides}
		}),
		LimitedPercent: int32(r.LimitedPercent), Source: r.MovementsSource, ReferDegrees: int32(r.Bend.Refer), ReferDegreesHighBmi: int32(r.Bend.ReferHighBMI),
		RecheckDegrees: int32(r.Bend.Recheck), BendSource: r.Bend.Source, NeuroBlocks: r.NeuroBlocks, NeuroSource: r.NeuroSource,
	}, nil
}

func encodeExamination(e store.Examination) *plansv1.Examination {
	out := &plansv1.Examination{
		ExaminationId: e.ID, PatientId: e.PatientID, Kind: e.Kind, LocalDate: e.Date.String(), Findings: e.Findings, Blocking: e.Blocking,
		ClearedBy: e.ClearedBy, ClearTime: stamp(e.ClearedAt), Note: e.Note, RecordedBy: e.CreatedBy, CreateTime: stamp(e.CreatedAt),
		Etag: etag(e.Version),
		Movements: each(e.Moved, func(m note.Moved) *plansv1.MovementRange {
			return &plansv1.MovementRange{
				Joint: m.Joint, Movement: m.Movement, Side: m.Side, Degrees: int32(m.Degrees), Painful: m.Painful, UsualDegrees: int32(m.Usual),
			}
		}),
	}
	if b := e.Bend; b != nil {
		out.ForwardBend = &plansv1.ForwardBend{Side: b.Side, RibHump: b.RibHump, RotationDegrees: score(b.Rotation), HighBmi: b.HighBMI}
	}
	if n := e.Nerve; n != nil {
		out.Neuro = &plansv1.Neuro{Strength: n.Strength, Sensation: n.Sensation, Reflexes: n.Reflexes}
	}
	return out
}
