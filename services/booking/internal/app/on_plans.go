package app

import (
	"context"
	"slices"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/booking/internal/peer"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// OnPlans handles plans' events: when a plan comes into force and ends, issues that concern
// appointments, and examinations that forbid care.
func (a *App) OnPlans() []eventlog.Handler {
	return []eventlog.Handler{
		eventlog.On(func(_ context.Context, tx *sqldb.Tx, m *plansv1.PlanActivated, env eventlog.Envelope) error {
			return store.PutPlan(tx, m.GetClinicId(), store.Plan{ID: m.GetPlanId(), PatientID: m.GetPatientId(), ActivatedAt: env.RecordTime})
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *plansv1.PlanClosed, env eventlog.Envelope) error {
			return a.planClosed(ctx, tx, m, env)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *plansv1.IssueRaised, _ eventlog.Envelope) error {
			return a.issueRaised(ctx, tx, m)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *plansv1.IssueResolved, _ eventlog.Envelope) error {
			return a.issueResolved(ctx, tx, m)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *plansv1.ExaminationRecorded, env eventlog.Envelope) error {
			return a.examined(ctx, tx, m, env)
		}),
		eventlog.On(func(ctx context.Context, tx *sqldb.Tx, m *plansv1.SessionsWithdrawn, _ eventlog.Envelope) error {
			return a.sessionsWithdrawn(ctx, tx, m)
		}),
	}
}

// planClosed flags the sessions to come of a plan that has ended. Whether they still take
// place is a clinician's decision.
func (a *App) planClosed(ctx context.Context, tx *sqldb.Tx, m *plansv1.PlanClosed, env eventlog.Envelope) error {
	ctx = authn.WithService(ctx, peer.Service, m.GetClinicId())
	err := store.PutPlan(tx, m.GetClinicId(), store.Plan{ID: m.GetPlanId(), PatientID: m.GetPatientId(), ActivatedAt: env.RecordTime, Closed: true})
	if err != nil {
		return err
	}
	coming, err := a.coming(tx, m.GetClinicId(), m.GetPatientId())
	if err != nil {
		return err
	}
	for _, apt := range coming {
		if apt.PlanID == m.GetPlanId() && setFlags(apt, nil, []string{FlagPlanClosed}) {
			if err := a.saveFlags(ctx, tx, apt); err != nil {
				return err
			}
		}
	}
	return nil
}

// issueFlag is the flag of an issue's rule. Rules that the gate has too get a flag of their own:
// the gate takes its flags back when it opens, an issue's stays until the issue is decided.
func issueFlag(rule string) string {
	if slices.Contains(gateFlags, rule) {
		return "PLAN_" + rule
	}
	return rule
}

// issueRaised flags the appointments that an issue names, with the earliest date that would be
// allowed now.
func (a *App) issueRaised(ctx context.Context, tx *sqldb.Tx, m *plansv1.IssueRaised) error {
	ctx = authn.WithService(ctx, peer.Service, m.GetClinicId())
	for i, id := range m.GetAppointmentIds() {
		apt, err := store.LockAppointment(tx, m.GetClinicId(), id)
		if err != nil {
			return err
		}
		if apt == nil || !apt.State.Live() {
			continue
		}
		next := apt.NextEligible
		if dates := m.GetNextEligibleDates(); i < len(dates) && dates[i] != "" {
			d, err := civil.Parse(dates[i])
			if err != nil {
				return eventlog.Park(err)
			}
			next = d
		}
		changed := setFlags(apt, nil, []string{issueFlag(m.GetRule())})
		if !changed && next == apt.NextEligible {
			continue
		}
		apt.NextEligible = next
		if err := a.saveFlags(ctx, tx, apt); err != nil {
			return err
		}
	}
	return nil
}

// issueResolved takes the flag of an issue off the appointments that no other issue of its
// rule names.
func (a *App) issueResolved(ctx context.Context, tx *sqldb.Tx, m *plansv1.IssueResolved) error {
	ctx = authn.WithService(ctx, peer.Service, m.GetClinicId())
	for _, id := range m.GetAppointmentIds() {
		apt, err := store.LockAppointment(tx, m.GetClinicId(), id)
		if err != nil {
			return err
		}
		if apt == nil || !apt.State.Live() || !setFlags(apt, []string{issueFlag(m.GetRule())}, nil) {
			continue
		}
		if err := a.saveFlags(ctx, tx, apt); err != nil {
			return err
		}
	}
	return nil
}

// sessionsWithdrawn cancels appointments of a plan that was closed or paused, as a clinician
// has confirmed. One that was cancelled, moved on or has begun stays as it is, so that the
// event may come again. It is not late: it is not the patient who cancels.
func (a *App) sessionsWithdrawn(ctx context.Context, tx *sqldb.Tx, m *plansv1.SessionsWithdrawn) error {
	ctx = authn.WithService(ctx, peer.Service, m.GetClinicId())
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	for _, id := range m.GetAppointmentIds() {
		_, err := a.changeOnce(ctx, tx, who, "appointment.cancel", Change{AppointmentID: id},
			func(tx *sqldb.Tx, apt *store.Appointment) (store.Outcome, proto.Message, error) {
				if apt.State != store.Booked || apt.PlanID != m.GetPlanId() || !tx.Now().Before(apt.Visit.Start()) {
					return "", nil, nil
				}
				if err := a.giveBack(tx, apt, nil); err != nil {
					return "", nil, err
				}
				apt.State, apt.CancelledAt, apt.CancelReason = store.Cancelled, tx.Now(), withdrawnReason
				apt.Flags, apt.NeedsReview = nil, false
				return store.OutcomeCancelled, &bookingv1.AppointmentCancelled{Appointment: Fact(apt), ReasonCode: apt.CancelReason}, nil
			})
		if err != nil && !fault.IsKind(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

// withdrawnReason is why an appointment of a plan that has ended is cancelled.
const withdrawnReason = "CLINICAL_REASON"

// coming locks and returns the appointments to come of a person, under all records.
func (a *App) coming(tx *sqldb.Tx, clinicID, patientID string) (list []*store.Appointment, err error) {
	surviving, err := store.SurvivingPatient(tx, clinicID, patientID)
	if err != nil || surviving == "" {
		return nil, err
	}
	ids, err := store.PatientRecords(tx, clinicID, surviving)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		more, err := store.ListFuture(tx, clinicID, id, tx.Now())
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	return list, nil
}
