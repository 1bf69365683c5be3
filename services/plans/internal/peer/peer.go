// Package peer asks the other services what plans needs of them, over their gRPC APIs, and
// answers in plans' own terms. Nothing here runs inside a transaction.
package peer

import (
	"context"
	"strings"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Peers are the clients of the other services.
type Peers struct {
	Patients      directoryv1.PatientServiceClient
	Practitioners directoryv1.PractitionerServiceClient
	Places        directoryv1.PlaceServiceClient
	Triage        intakev1.TriageServiceClient
	Appointments  bookingv1.AppointmentServiceClient
}

// Asks are the questions as the use cases put them.
func (p Peers) Asks() app.Asks {
	return app.Asks{
		Gate: p.gate, Conditions: p.conditions, Circumstances: p.circumstances, AddImplantFact: p.addImplantFact, FiredRules: p.firedRules,
		Patient: p.patient, Practitioner: p.practitioner, TimeZone: p.timeZone, Resolve: p.resolve,
		KeepCareBlock: p.keepCareBlock,
	}
}

// as lets plans ask in its own name: what it must know to decide is more than the person
// behind the call may see.
func as(ctx context.Context, clinicID string) context.Context {
	return authn.WithService(ctx, app.Service, clinicID)
}

func (p Peers) gate(ctx context.Context, clinicID, patientID string) (store.Gate, error) {
	resp, err := p.Triage.GetBookingGate(as(ctx, clinicID), &intakev1.GetBookingGateRequest{ClinicId: clinicID, PatientId: patientID})
	if err != nil {
		return store.Gate{}, err
	}
	g := resp.GetGate()
	return store.Gate{Version: g.GetVersion(), Blocks: plan.Blocks{
		Hard: blocks(g.GetBlocked(), g.GetBlockedModalities()), Soft: blocks(g.GetReleaseNeeded(), g.GetReleaseNeededModalities()),
	}}, nil
}

// blocks are the contraindications by kind of care: of appointments and of what is done
// within them.
func blocks(list []*intakev1.GateBlock, within []*intakev1.ModalityBlock) map[string][]string {
	out := map[string][]string{}
	for _, b := range list {
		care := strings.TrimPrefix(b.GetDiscipline().String(), "DISCIPLINE_")
		out[care] = append(out[care], b.GetContraindicationIds()...)
	}
	for _, b := range within {
		out[b.GetModality()] = append(out[b.GetModality()], b.GetContraindicationIds()...)
	}
	return out
}

func (p Peers) patient(ctx context.Context, clinicID, patientID string) (string, error) {
	resp, err := p.Patients.GetPatient(as(ctx, clinicID), &directoryv1.GetPatientRequest{PatientId: patientID})
	if err != nil {
		return "", err
	}
	if into := resp.GetPatient().GetMergedInto(); into != "" {
		return into, nil
	}
	return patientID, nil
}

func (p Peers) practitioner(ctx context.Context, clinicID, practitionerID string) (plan.Practitioner, error) {
	resp, err := p.Practitioners.GetPractitioner(as(ctx, clinicID), &directoryv1.GetPractitionerRequest{PractitionerId: practitionerID})
	if err != nil {
		return plan.Practitioner{}, err
	}
	out := plan.Practitioner{Profession: resp.GetPractitioner().GetProfession()}
	for _, c := range resp.GetPractitioner().GetCredentials() {
		held := plan.Credential{Kind: c.GetKind()}
		if c.GetExpireDate() != "" {
			if held.ExpireDate, err = civil.Parse(c.GetExpireDate()); err != nil {
				return plan.Practitioner{}, fault.New(fault.Internal, "BAD_ANSWER", "Directory's answer about a credential cannot be read.").Because(err)
			}
		}
		out.Credentials = append(out.Credentials, held)
	}
	return out, nil
}

func (p Peers) timeZone(ctx context.Context, clinicID string) (string, error) {
	resp, err := p.Places.GetClinic(as(ctx, clinicID), &directoryv1.GetClinicRequest{ClinicId: clinicID})
	return resp.GetClinic().GetTimeZone(), err
}

func (p Peers) keepCareBlock(ctx context.Context, clinicID, patientID, examinationID string, version int64, forbidden []string) error {
	r := &bookingv1.KeepCareBlockRequest{ClinicId: clinicID, PatientId: patientID, ExaminationId: examinationID, Version: version}
	for _, care := range forbidden {
		r.Forbidden = append(r.Forbidden, typev1.Discipline(typev1.Discipline_value["DISCIPLINE_"+care]))
	}
	_, err := p.Appointments.KeepCareBlock(as(ctx, clinicID), r)
	return err
}

func (p Peers) resolve(ctx context.Context, clinicID, entitlementID string) (app.Outcome, error) {
	resp, err := p.Appointments.ResolveEntitlement(as(ctx, clinicID), &bookingv1.ResolveEntitlementRequest{
		ClinicId: clinicID, EntitlementId: entitlementID,
	})
	if err != nil {
		return app.Outcome{}, err
	}
	o := resp.GetOutcome()
	result := strings.TrimPrefix(o.GetOutcome().String(), "OUTCOME_")
	switch result {
	case app.OutcomeVoid:
		return app.Outcome{ClinicID: clinicID, EntitlementID: entitlementID, Result: result}, nil
	case app.OutcomeBooked, app.OutcomeCancelled, app.OutcomeCompleted, app.OutcomeNoShow:
	default: // not said, or a word of a newer booking: nothing may be freed by it
		return app.Outcome{}, fault.New(fault.Internal, "BAD_ANSWER", "Booking's answer about a claim cannot be read.").With("entitlement_id", entitlementID)
	}
	out, err := app.OutcomeOf(result, o.GetAppointment())
	if err != nil {
		return app.Outcome{}, fault.New(fault.Internal, "BAD_ANSWER", "Booking's answer about a claim cannot be read.").Because(err)
	}
	return out, nil
}
