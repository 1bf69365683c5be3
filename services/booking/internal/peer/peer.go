// Package peer asks the other services what booking needs of them, over their gRPC APIs, and
// answers in booking's own terms. Nothing here runs inside a transaction.
package peer

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Service is the name that booking calls in.
const Service = "booking"

// Peers are the clients of the other services.
type Peers struct {
	Patients      directoryv1.PatientServiceClient
	Practitioners directoryv1.PractitionerServiceClient
	Places        directoryv1.PlaceServiceClient
	Triage        intakev1.TriageServiceClient
	Entitlements  plansv1.EntitlementServiceClient
	Plans         plansv1.PlanServiceClient
}

// as lets booking ask in its own name: what it must know to decide is more than a patient
// may see.
func as(ctx context.Context, clinicID string) context.Context {
	return authn.WithService(ctx, Service, clinicID)
}

// BookingGate returns what a patient's newest triage lets be booked. It fails with UNAVAILABLE
// when intake cannot be reached: without an answer nothing is booked.
func (p *Peers) BookingGate(ctx context.Context, clinicID, patientID string) (schedule.Gate, error) {
	resp, err := p.Triage.GetBookingGate(as(ctx, clinicID), &intakev1.GetBookingGateRequest{ClinicId: clinicID, PatientId: patientID})
	if err != nil {
		return schedule.Gate{}, err
	}
	return gateOf(resp.GetGate())
}

var gateStates = map[intakev1.BookingGate_State]schedule.GateState{
	intakev1.BookingGate_STATE_NOT_SCREENED: schedule.NotScreened,
	intakev1.BookingGate_STATE_SCREENED:     schedule.Screened,
	intakev1.BookingGate_STATE_EXPIRED:      schedule.Expired,
}

func gateOf(g *intakev1.BookingGate) (schedule.Gate, error) {
	gate := schedule.Gate{Version: g.GetVersion(), State: gateStates[g.GetState()], Level: schedule.Level(g.GetLevel()), IntakeID: g.GetIntakeId()}
	if g.GetExpireTime() != nil {
		gate.ExpireTime = g.GetExpireTime().AsTime()
	}
	if err := gate.TriageDate.UnmarshalText([]byte(g.GetTriageDate())); err != nil {
		return gate, fault.New(fault.Internal, "BAD_ANSWER", "The booking gate cannot be read.").Because(err)
	}
	for _, a := range g.GetAllowed() {
		may := schedule.Allowance{
			Kind: schedule.Kind(code(a.GetKind().String(), "VISIT_KIND_")), SameDayOnly: a.GetSameDayOnly(),
		}
		for _, d := range a.GetDisciplines() {
			may.Disciplines = append(may.Disciplines, DisciplineOf(d))
		}
		for _, m := range a.GetModes() {
			may.Modes = append(may.Modes, schedule.Mode(code(m.String(), "VISIT_MODE_")))
		}
		gate.Allowed = append(gate.Allowed, may)
	}
	for _, b := range g.GetBlocked() {
		gate.Blocked = append(gate.Blocked, schedule.Block{Discipline: DisciplineOf(b.GetDiscipline()), RuleIDs: b.GetContraindicationIds()})
	}
	for _, b := range g.GetReleaseNeeded() {
		gate.ReleaseNeeded = append(gate.ReleaseNeeded, schedule.Block{Discipline: DisciplineOf(b.GetDiscipline()), RuleIDs: b.GetContraindicationIds()})
	}
	return gate, nil
}

// code takes the prefix off an enum value's name.
func code(name, prefix string) string {
	short := strings.TrimPrefix(name, prefix)
	if short == "UNSPECIFIED" {
		return ""
	}
	return short
}

// DisciplineOf is the discipline of an enum value; empty when unspecified.
func DisciplineOf(d typev1.Discipline) schedule.Discipline {
	return schedule.Discipline(code(d.String(), "DISCIPLINE_"))
}

// DisciplineEnum is the enum value of a discipline.
func DisciplineEnum(d schedule.Discipline) typev1.Discipline {
	return typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+string(d)])
}

// Claim is what is asked of plans: sessions of one course, all or none.
type Claim struct {
	ClinicID, PatientID, PlanID, CourseID string
	Discipline                            schedule.Discipline
	PractitionerID                        string
	Sessions                              []Session
}

// Session is one session of a claim.
type Session struct {
	EntitlementID, AppointmentID, Replaces string
	Start                                  time.Time
	LocalDate                              civil.Date
	Minutes                                int
	PractitionerID                         string // empty: the claim's
}

// Grant is what plans says of a session that was asked for.
type Grant struct {
	EntitlementID, CourseID string
	// Released says that the claim's outcome was recorded before the claim arrived.
	Released bool
}

func (c Claim) request() *plansv1.ClaimSessionsRequest {
	req := &plansv1.ClaimSessionsRequest{
		ClinicId: c.ClinicID, PatientId: c.PatientID, PlanId: c.PlanID, CourseId: c.CourseID,
		Discipline: DisciplineEnum(c.Discipline), PractitionerId: c.PractitionerID,
	}
	for _, s := range c.Sessions {
		req.Sessions = append(req.Sessions, &plansv1.SessionClaim{
			EntitlementId: s.EntitlementID, AppointmentId: s.AppointmentID, ReplacesEntitlementId: s.Replaces,
			StartTime: timestamppb.New(s.Start), LocalDate: s.LocalDate.String(), DurationMinutes: int32(s.Minutes),
			PractitionerId: s.PractitionerID,
		})
	}
	return req
}

// ClaimSessions asks plans for the sessions. The same claim again gets the same answer. It
// fails with the reason of the rule that refuses, or with UNAVAILABLE when plans cannot be
// reached or has not caught up.
func (p *Peers) ClaimSessions(ctx context.Context, c Claim) ([]Grant, error) {
	resp, err := p.Entitlements.ClaimSessions(actor(ctx, c.ClinicID), c.request())
	if err != nil {
		return nil, err
	}
	grants := make([]Grant, 0, len(resp.GetEntitlements()))
	for _, e := range resp.GetEntitlements() {
		grants = append(grants, Grant{
			EntitlementID: e.GetEntitlementId(), CourseID: e.GetCourseId(),
			Released: e.GetState() == plansv1.Entitlement_STATE_RELEASED,
		})
	}
	return grants, nil
}

// actor keeps the person behind the call, or is booking itself when there is none.
func actor(ctx context.Context, clinicID string) context.Context {
	if _, ok := authn.From(ctx); ok {
		return ctx
	}
	return as(ctx, clinicID)
}

// CheckSessions asks what ClaimSessions would answer for each session alone: nil where it
// would be granted, else the refusal.
func (p *Peers) CheckSessions(ctx context.Context, c Claim) ([]*fault.Error, error) {
	return p.check(ctx, &plansv1.CheckSessionsRequest{Claim: c.request()}, c.ClinicID)
}

// CheckTogether is CheckSessions for sessions that would be claimed at once: each is judged
// beside those before it, by start, that are allowed.
func (p *Peers) CheckTogether(ctx context.Context, c Claim) ([]*fault.Error, error) {
	return p.check(ctx, &plansv1.CheckSessionsRequest{Claim: c.request(), Together: true}, c.ClinicID)
}

func (p *Peers) check(ctx context.Context, r *plansv1.CheckSessionsRequest, clinicID string) ([]*fault.Error, error) {
	resp, err := p.Entitlements.CheckSessions(actor(ctx, clinicID), r)
	if err != nil {
		return nil, err
	}
	verdicts := make([]*fault.Error, 0, len(resp.GetVerdicts()))
	for _, v := range resp.GetVerdicts() {
		if v.GetAllowed() {
			verdicts = append(verdicts, nil)
			continue
		}
		refusal := fault.New(fault.FailedPrecondition, v.GetReason(), v.GetDetail())
		if v.GetNextEligibleDate() != "" {
			refusal = refusal.With("next_eligible_date", v.GetNextEligibleDate())
		}
		verdicts = append(verdicts, refusal)
	}
	return verdicts, nil
}

// version reads an etag, which is a decimal number; anything else counts as 0 and so never
// overwrites what is known.
func version(etag string) int64 {
	v, err := strconv.ParseInt(etag, 10, 64)
	if err != nil {
		return 0
	}
	return v
}

// SurvivingPatient asks directory whether the clinic has a patient, and for the record it was
// merged into, which is itself when it was not. NOT_FOUND when there is none.
func (p *Peers) SurvivingPatient(ctx context.Context, clinicID, patientID string) (string, error) {
	resp, err := p.Patients.GetPatient(as(ctx, clinicID), &directoryv1.GetPatientRequest{PatientId: patientID})
	if err != nil {
		return "", err
	}
	if into := resp.GetPatient().GetMergedInto(); into != "" {
		return into, nil
	}
	return patientID, nil
}

// ClinicPhone asks directory for the telephone number of a clinic's front desk.
func (p *Peers) ClinicPhone(ctx context.Context, clinicID string) (string, error) {
	resp, err := p.Places.GetClinic(as(ctx, clinicID), &directoryv1.GetClinicRequest{ClinicId: clinicID})
	return resp.GetClinic().GetPhone(), err
}

// Clinic asks directory for a clinic's settings.
func (p *Peers) Clinic(ctx context.Context, clinicID string) (store.Clinic, error) {
	resp, err := p.Places.GetClinic(as(ctx, clinicID), &directoryv1.GetClinicRequest{ClinicId: clinicID})
	if err != nil {
		return store.Clinic{}, err
	}
	c := resp.GetClinic()
	return store.Clinic{ID: clinicID, TimeZone: c.GetTimeZone(), SourceVersion: version(c.GetEtag())}, nil
}
