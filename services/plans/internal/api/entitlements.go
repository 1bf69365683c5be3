package api

import (
	"context"
	"fmt"
	"strings"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// entitlementServer serves EntitlementService.
type entitlementServer struct {
	plansv1.UnimplementedEntitlementServiceServer
	app *app.App
}

func (s entitlementServer) ClaimSessions(ctx context.Context, r *plansv1.ClaimSessionsRequest) (*plansv1.ClaimSessionsResponse, error) {
	c, err := claim(ctx, r)
	if err != nil {
		return nil, err
	}
	granted, err := s.app.ClaimSessions(ctx, c)
	if err != nil {
		return nil, err
	}
	return &plansv1.ClaimSessionsResponse{Entitlements: each(granted, encodeEntitlement)}, nil
}

func (s entitlementServer) CheckSessions(ctx context.Context, r *plansv1.CheckSessionsRequest) (*plansv1.CheckSessionsResponse, error) {
	c, err := claim(ctx, r.GetClaim())
	if err != nil {
		return nil, err
	}
	verdicts, err := s.app.CheckSessions(ctx, c, r.GetTogether())
	if err != nil {
		return nil, err
	}
	return &plansv1.CheckSessionsResponse{Verdicts: each(verdicts, encodeVerdict)}, nil
}

func (s entitlementServer) ListEntitlements(ctx context.Context, r *plansv1.ListEntitlementsRequest) (*plansv1.ListEntitlementsResponse, error) {
	clinicID, err := app.ClinicOf(ctx, r.GetClinicId())
	if err != nil {
		return nil, err
	}
	claims, err := s.app.ListEntitlements(ctx, clinicID, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListEntitlementsResponse{Entitlements: each(claims, encodeEntitlement)}, nil
}

// claim reads what booking wants. INVALID_ARGUMENT names a date that does not exist.
func claim(ctx context.Context, r *plansv1.ClaimSessionsRequest) (app.Claim, error) {
	clinicID, err := app.ClinicOf(ctx, r.GetClinicId())
	if err != nil {
		return app.Claim{}, err
	}
	c := app.Claim{
		ClinicID: clinicID, PatientID: r.GetPatientId(), PlanID: r.GetPlanId(), CourseID: r.GetCourseId(), PractitionerID: r.GetPractitionerId(),
		Discipline: strings.TrimPrefix(r.GetDiscipline().String(), "DISCIPLINE_"),
	}
	if r.GetDiscipline() == typev1.Discipline_DISCIPLINE_UNSPECIFIED {
		return c, fault.Invalid("discipline", "is needed")
	}
	for i, s := range r.GetSessions() {
		d, err := date(fmt.Sprintf("sessions[%d].local_date", i), s.GetLocalDate())
		if err != nil {
			return c, err
		}
		c.Sessions = append(c.Sessions, app.SessionClaim{
			EntitlementID: s.GetEntitlementId(), AppointmentID: s.GetAppointmentId(), Start: instant(s.GetStartTime()), Date: d,
			Minutes: int(s.GetDurationMinutes()), Replaces: s.GetReplacesEntitlementId(), PractitionerID: s.GetPractitionerId(),
		})
	}
	return c, nil
}

func encodeVerdict(v app.Verdict) *plansv1.SessionVerdict {
	if v.Refusal == nil {
		return &plansv1.SessionVerdict{Allowed: true}
	}
	out := &plansv1.SessionVerdict{Reason: v.Refusal.Reason, Detail: v.Refusal.Message, NextEligibleDate: v.Refusal.Facts["next_eligible_date"]}
	if out.GetReason() == "PLAN_LIMIT" { // no date alone would do
		out.NextEligibleDate = ""
	}
	return out
}

// entitlementStates are the states of a claim; an injection that was given is a session
// used, one that was aborted or recorded otherwise uses none.
var entitlementStates = map[string]plansv1.Entitlement_State{
	app.Held: plansv1.Entitlement_STATE_HELD, app.Confirmed: plansv1.Entitlement_STATE_CONFIRMED,
	app.Released: plansv1.Entitlement_STATE_RELEASED, app.NoShow: plansv1.Entitlement_STATE_NO_SHOW,
}

func encodeEntitlement(e store.Entry) *plansv1.Entitlement {
	state, ok := entitlementStates[e.State]
	if !ok {
		state = plansv1.Entitlement_STATE_USED
	}
	return &plansv1.Entitlement{
		EntitlementId: e.ID, AppointmentId: e.AppointmentID, PatientId: e.PatientID, PlanId: e.PlanID, CourseId: e.CourseID,
		State: state, LocalDate: e.LocalDate.String(), StartTime: stamp(e.Start),
		Discipline: typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+e.Discipline]), ReplacesEntitlementId: e.Replaces,
	}
}
