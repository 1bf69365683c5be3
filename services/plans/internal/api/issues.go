package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// issueServer serves IssueService.
type issueServer struct {
	plansv1.UnimplementedIssueServiceServer
	app *app.App
}

func (s issueServer) ListIssues(ctx context.Context, r *plansv1.ListIssuesRequest) (*plansv1.ListIssuesResponse, error) {
	list, next, err := s.app.ListIssues(ctx, r.GetClinicId(), r.GetPatientId(), r.GetState(), app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &plansv1.ListIssuesResponse{Issues: each(list, encodeIssue), NextPageToken: next}, nil
}

func (s issueServer) GetIssue(ctx context.Context, r *plansv1.GetIssueRequest) (*plansv1.GetIssueResponse, error) {
	i, err := s.app.GetIssue(ctx, r.GetIssueId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetIssueResponse{Issue: encodeIssue(i)}, nil
}

func (s issueServer) ResolveIssue(ctx context.Context, r *plansv1.ResolveIssueRequest) (*plansv1.ResolveIssueResponse, error) {
	i, err := s.app.ResolveIssue(ctx, app.Decision{
		IssueID: r.GetIssueId(), Resolution: r.GetResolution(), Reason: r.GetReason(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r),
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.ResolveIssueResponse{Issue: encodeIssue(i)}, nil
}

func encodeIssue(i store.Issue) *plansv1.Issue {
	return &plansv1.Issue{
		IssueId: i.ID, PatientId: i.PatientID, Rule: i.Rule, Severity: i.Severity, State: i.State, PlanId: i.PlanID, Discipline: i.Discipline,
		InjectionIds: i.InjectionIDs, Codes: i.Codes, Resolution: i.Resolution, Reason: i.Reason, ResolvedBy: i.ResolvedBy,
		Etag: etag(i.Version), CreateTime: stamp(i.CreatedAt), ResolveTime: stamp(i.ResolvedAt),
		Appointments: each(i.Appointments, func(a store.IssueAppointment) *plansv1.IssueAppointment {
			return &plansv1.IssueAppointment{AppointmentId: a.AppointmentID, LocalDate: a.LocalDate, NextEligibleDate: a.NextEligible}
		}),
		Windows: each(i.Windows, func(w store.IssueWindow) *plansv1.IssueWindow {
			return &plansv1.IssueWindow{StartDate: w.Start, EndDate: w.End, Count: int32(w.Count)}
		}),
	}
}
