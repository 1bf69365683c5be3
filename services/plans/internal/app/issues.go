package app

import (
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ListIssues gives issues of the clinic or of one patient, newest first, and where the next
// page starts; empty at the end. The front desk gets rule, appointments and dates.
func (a *App) ListIssues(ctx context.Context, clinicID, patientID, state string, page Page) ([]store.Issue, string, error) {
	p, clinicID, err := caller(ctx, clinicID)
	if err != nil {
		return nil, "", err
	}
	if patientID != "" {
		if patientID, err = a.knowPatient(ctx, p, clinicID, patientID); err != nil {
			return nil, "", err
		}
	}
	if state == "" {
		state = Open
	}
	at, err := page.start()
	if err != nil {
		return nil, "", err
	}
	size := page.size(50, 200)
	var found []store.Issue
	next := ""
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		found, err = store.Issues(tx, clinicID, patientID, state, at.micros, at.id, size+1)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(found) > size {
		found = found[:size]
		next = token(found[size-1].CreatedAt, found[size-1].ID)
	}
	for i := range found {
		found[i] = redactIssue(found[i], viewOf(p))
	}
	return found, next, a.logRead(ctx, p, "issue.list", patientID, patientID)
}

// GetIssue gives one issue, or NOT_FOUND.
func (a *App) GetIssue(ctx context.Context, issueID string) (store.Issue, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Issue{}, err
	}
	var i store.Issue
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		i, err = store.IssueByID(tx, clinicID, issueID)
		return err
	})
	if err != nil {
		return store.Issue{}, err
	}
	return redactIssue(i, viewOf(p)), a.logRead(ctx, p, "issue.read", issueID, i.PatientID)
}

// redactIssue takes out of an issue what only clinicians see.
func redactIssue(i store.Issue, view View) store.Issue {
	if view != Clinicians {
		i.InjectionIDs, i.Windows, i.Codes, i.Reason = nil, nil, nil, ""
	}
	return i
}

// Decision is what a clinician decides about an issue.
type Decision struct {
	IssueID     string
	Resolution  string
	Reason      string
	Etag        string
	Fingerprint []byte // of the request
}

// ResolveIssue records a clinician's decision. ISSUE_CLOSED when there is one already,
// VERSION_MISMATCH, NOT_FOUND.
func (a *App) ResolveIssue(ctx context.Context, d Decision) (store.Issue, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return store.Issue{}, err
	}
	var i store.Issue
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "IssueService.ResolveIssue", d.Fingerprint, d.IssueID, func() error {
			i, err := store.IssueByID(tx, clinicID, d.IssueID)
			if err != nil {
				return err
			}
			if err := etagMatches(d.Etag, i.Version); err != nil {
				return err
			}
			if i.State != Open {
				return fault.New(fault.FailedPrecondition, "ISSUE_CLOSED", "The issue was decided before.").With("resolution", i.Resolution)
			}
			i.State, i.Resolution, i.Reason, i.ResolvedBy, i.ResolvedAt = Resolved, d.Resolution, d.Reason, p.Subject, tx.Now()
			if err := store.UpdateIssue(tx, clinicID, &i); err != nil {
				return err
			}
			if err := tellResolved(ctx, tx, clinicID, i); err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "issue.resolve", Resource: i.ID, PatientID: i.PatientID, Facts: map[string]string{"rule": i.Rule, "resolution": d.Resolution},
			})
		})
		if err != nil {
			return err
		}
		i, err = store.IssueByID(tx, clinicID, d.IssueID)
		return err
	})
	return i, err
}
