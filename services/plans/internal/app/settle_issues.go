package app

import (
	"context"
	"slices"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// settleIssues decides open issues of a person whose cause is gone, in the name of whoever
// removed it.
func settleIssues(ctx context.Context, tx *sqldb.Tx, head store.Head, by, resolution string, which func(store.Issue) bool) error {
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	for _, i := range open {
		if !which(i) {
			continue
		}
		i.State, i.Resolution, i.ResolvedBy, i.ResolvedAt = Resolved, resolution, by, tx.Now()
		if err := store.UpdateIssue(tx, head.ClinicID, &i); err != nil {
			return err
		}
		if err := tellResolved(ctx, tx, head.ClinicID, i); err != nil {
			return err
		}
	}
	return nil
}

// tellResolved tells that an issue is open no longer, and of which of its appointments no
// other open issue of the rule speaks.
func tellResolved(ctx context.Context, tx *sqldb.Tx, clinicID string, i store.Issue) error {
	if err := store.CancelReviewMessages(tx, clinicID, i.ID, ""); err != nil {
		return err
	}
	open, err := store.OpenIssues(tx, clinicID, i.PatientID)
	if err != nil {
		return err
	}
	m := &plansv1.IssueResolved{ClinicId: clinicID, PatientId: i.PatientID, IssueId: i.ID, Rule: i.Rule}
	for _, a := range i.Appointments {
		if !slices.ContainsFunc(open, func(o store.Issue) bool { return o.ID != i.ID && o.Rule == i.Rule && names(o, a.AppointmentID) }) {
			m.AppointmentIds = append(m.AppointmentIds, a.AppointmentID)
		}
	}
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "issue", AggregateID: i.ID, AggregateVersion: i.Version, Message: m})
}

// names reports whether an issue concerns an appointment.
func names(i store.Issue, appointmentID string) bool {
	return slices.ContainsFunc(i.Appointments, func(a store.IssueAppointment) bool { return a.AppointmentID == appointmentID })
}

// aboutBookings are the rules of issues that are only about bookings: when none of them
// stands, nothing is left to decide.
var aboutBookings = []string{RulePlanClosed, RulePlanPaused, RuleBlocked, RuleRelease}

// settleMoot decides the issues about bookings of which none stands any more, now that one
// of them was cancelled.
func settleMoot(ctx context.Context, tx *sqldb.Tx, head store.Head, gone store.Entry) error {
	open, err := store.OpenIssues(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	concerned := func(i store.Issue) bool {
		return slices.Contains(aboutBookings, i.Rule) && names(i, gone.AppointmentID)
	}
	if gone.AppointmentID == "" || !slices.ContainsFunc(open, concerned) {
		return nil
	}
	entries, err := store.EntriesOfPatient(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	return settleIssues(ctx, tx, head, Service, "BOOKINGS_CANCELLED", func(i store.Issue) bool {
		stands := func(e store.Entry) bool {
			return (e.State == Held || e.State == Confirmed) && names(i, e.AppointmentID)
		}
		return concerned(i) && !slices.ContainsFunc(entries, stands)
	})
}
