package app

import (
	"context"
	"slices"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/injection"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Rules that issues are raised under.
const (
	RuleLimit         = "INJECTION_LIMIT"          // a fact or a merge made a window overflow
	RuleRecordMissing = "INJECTION_RECORD_MISSING" // delivered, and nobody has recorded what was given
	RuleContradiction = "INJECTION_CONTRADICTION"  // given, and booking says that it did not take place
	RuleFutureDate    = "INJECTION_DATE"           // recorded as given on a day that has not come
	RuleAdverse       = "ADVERSE_EVENT"            // something went wrong after an injection
	RuleCheckIn       = "INJECTION_CHECK_IN"       // an answer after an injection must be looked at
	RuleDrugExpired   = "DRUG_EXPIRED"             // given from a vial past its date
	RuleSteroid       = "STEROID_TOTAL"            // more corticosteroid than the advisory limit
	RuleBlocked       = "CONTRAINDICATED"          // booked, and since then forbidden
	RuleRelease       = "RELEASE_NEEDED"           // booked, and since then waiting for a release
	RulePlanClosed    = "PLAN_CLOSED"              // booked under a plan that has ended
	RulePlanPaused    = "PLAN_PAUSED"              // booked under a plan that is paused
	RuleReviewDue     = "REVIEW_DUE"               // a review point was reached
	RuleDiary         = "DIARY"                    // a patient's diary says that somebody must look
	RuleNeuro         = "NEURO_ABNORMAL"           // an examination forbids manual and needle care
	RuleBend          = "FORWARD_BEND"             // a curve is to be referred or looked at again
)

// States of an issue.
const (
	Open     = "OPEN"
	Resolved = "RESOLVED"
)

// raise opens an issue and tells of it, unless an open one says the same already: then only
// appointments that it does not name are worth a new one. The person's head must be locked.
// It returns the id of the issue that says it.
func raise(ctx context.Context, tx *sqldb.Tx, head store.Head, i store.Issue) (string, error) {
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return "", err
	}
	known := ""
	named := map[string]bool{}
	for _, o := range open {
		if o.Rule != i.Rule || o.PlanID != i.PlanID || o.Discipline != i.Discipline ||
			!slices.Equal(o.Codes, i.Codes) || !slices.Equal(o.InjectionIDs, i.InjectionIDs) || !slices.Equal(o.Windows, i.Windows) {
			continue
		}
		known = o.ID
		for _, a := range o.Appointments {
			named[a.AppointmentID] = true
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(i.Appointments), func(a store.IssueAppointment) bool { return named[a.AppointmentID] })
	if known != "" && len(fresh) == 0 {
		return known, nil
	}
	i.ID, i.PatientID, i.OriginPatientID, i.State = ident.New("iss"), head.PatientID, head.PatientID, Open
	i.Appointments, i.CreatedAt, i.Version = fresh, tx.Now(), 1
	if err := store.InsertIssue(tx, head.ClinicID, i); err != nil {
		return "", err
	}
	return i.ID, announce(ctx, tx, head.ClinicID, i)
}

// announce tells of an issue.
func announce(ctx context.Context, tx *sqldb.Tx, clinicID string, i store.Issue) error {
	m := &plansv1.IssueRaised{
		ClinicId: clinicID, PatientId: i.PatientID, IssueId: i.ID, Rule: i.Rule, Discipline: disciplineEnum(i.Discipline),
	}
	for _, a := range i.Appointments {
		m.AppointmentIds = append(m.AppointmentIds, a.AppointmentID)
		m.NextEligibleDates = append(m.NextEligibleDates, a.NextEligible)
	}
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "issue", AggregateID: i.ID, AggregateVersion: i.Version, Message: m})
}

// announceAgain tells once more of the open issues that name an appointment: when they were
// raised, booking could not know it yet.
func announceAgain(ctx context.Context, tx *sqldb.Tx, head store.Head, appointmentID string) error {
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	for _, i := range open {
		names := func(a store.IssueAppointment) bool { return a.AppointmentID == appointmentID }
		if !slices.ContainsFunc(i.Appointments, names) {
			continue
		}
		if err := store.UpdateIssue(tx, head.ClinicID, &i); err != nil {
			return err
		}
		if err := announce(ctx, tx, head.ClinicID, i); err != nil {
			return err
		}
	}
	return nil
}

// raiseOverflow opens the issue of windows that hold too many injections, and lets the patient
// be told of the bookings concerned. The entries are
// all of the person's, to find the appointments of the flagged records.
func raiseOverflow(ctx context.Context, tx *sqldb.Tx, head store.Head, impact injection.Impact, entries []store.Entry) error {
	if !impact.Overflows() {
		return nil
	}
	i := store.Issue{Rule: RuleLimit, Severity: "HIGH", Discipline: injection.FacetJoint, InjectionIDs: impact.Records()}
	for _, w := range impact.Windows {
		i.Windows = append(i.Windows, store.IssueWindow{Start: w.Start.String(), End: w.End.String(), Count: w.Count})
	}
	for _, f := range impact.Flagged {
		for _, e := range entries {
			if e.InjectionID == f.ID && e.AppointmentID != "" {
				i.Appointments = append(i.Appointments, store.IssueAppointment{
					AppointmentID: e.AppointmentID, LocalDate: f.Date.String(), NextEligible: f.Earliest.String(),
				})
			}
		}
	}
	id, err := raise(ctx, tx, head, i)
	if err != nil {
		return err
	}
	return store.PutReviewMessages(tx, head.ClinicID, head.PatientID, id, i.Appointments)
}
