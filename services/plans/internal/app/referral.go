package app

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RuleReferral is the rule of issues that ask a physician to accept a referral.
const RuleReferral = "REFERRAL_PROPOSED"

// isPhysician reports whether the caller is one.
func isPhysician(p authn.Principal) bool {
	return p.Profession == typev1.Profession_PROFESSION_PHYSICIAN
}

// redactReferral takes out what only clinicians see: a patient reads to whom and how far,
// never what it is suspected to be.
func redactReferral(r referral.Referral, view View) referral.Referral {
	if view == Clinicians {
		return r
	}
	return referral.Referral{
		ID: r.ID, PatientID: r.PatientID, State: r.State, Target: r.Target, Urgency: r.Urgency, SentOn: r.SentOn, CreatedAt: r.CreatedAt,
		Version: r.Version,
	}
}

// insertReferral adds a referral in its first state, tells of it, and asks a physician to
// accept one that is proposed.
func insertReferral(ctx context.Context, tx *sqldb.Tx, head store.Head, r *referral.Referral, by string) error {
	r.ID, r.PatientID, r.CreatedAt, r.Version = ident.New("ref"), head.PatientID, tx.Now(), 1
	if r.OriginPatientID == "" {
		r.OriginPatientID = head.PatientID
	}
	r.Steps = []referral.Step{{State: r.State, By: by, At: tx.Now()}}
	if err := store.InsertReferral(tx, head.ClinicID, *r); err != nil {
		return err
	}
	if err := tellReferral(ctx, tx, head, *r); err != nil {
		return err
	}
	if r.State != referral.Proposed {
		return nil
	}
	severity := map[string]string{"ROUTINE": "LOW", "URGENT": "MODERATE"}[r.Urgency]
	if severity == "" {
		severity = "HIGH"
	}
	codes := append([]string{r.ID, r.Target}, append(slices.Clone(r.Reasons), r.RuleIDs...)...)
	_, err := raise(ctx, tx, head, store.Issue{Rule: RuleReferral, Severity: severity, PlanID: r.PlanID, Codes: codes})
	return err
}

// tellReferral tells of a referral's state.
func tellReferral(ctx context.Context, tx *sqldb.Tx, head store.Head, r referral.Referral) error {
	var m proto.Message = &plansv1.ReferralChanged{
		ClinicId: head.ClinicID, PatientId: head.PatientID, ReferralId: r.ID, State: string(r.State), Version: r.Version,
	}
	if r.State == referral.Proposed {
		m = &plansv1.ReferralProposed{ClinicId: head.ClinicID, PatientId: head.PatientID, ReferralId: r.ID}
	}
	return eventlog.Append(ctx, tx, eventlog.Event{AggregateType: "referral", AggregateID: r.ID, AggregateVersion: r.Version, Message: m})
}

// proposeReferrals writes the referrals that rules propose, but for those that are open
// already. origin has what they come from. The person's head must be locked.
func (a *App) proposeReferrals(ctx context.Context, tx *sqldb.Tx, head store.Head, origin referral.Referral, ruleIDs []string) error {
	proposals := a.cfg.Referrals.Propose(ruleIDs)
	if len(proposals) == 0 {
		return nil
	}
	had, err := store.Referrals(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return err
	}
	by := Service
	if p, ok := authn.From(ctx); ok && p.Subject != "" {
		by = p.Subject
	}
	for _, r := range proposals {
		if slices.ContainsFunc(had, func(h referral.Referral) bool { return h.Covers(r) || sameOrigin(h, r, origin) }) {
			continue
		}
		r.Trigger, r.IntakeID, r.PlanID, r.OriginPatientID = origin.Trigger, origin.IntakeID, origin.PlanID, origin.OriginPatientID
		if err := insertReferral(ctx, tx, head, &r, by); err != nil {
			return err
		}
	}
	return nil
}

// sameOrigin reports whether an intake has proposed the same before, whatever became of it.
func sameOrigin(h, r, origin referral.Referral) bool {
	return origin.IntakeID != "" && h.IntakeID == origin.IntakeID && h.Target == r.Target
}

// ReferralRef names a referral that is to be changed.
type ReferralRef struct {
	ReferralID  string
	Etag        string
	Fingerprint []byte // of the request
}

// changeReferral runs a change of one referral, once for each request, and gives it as it
// is then. NOT_FOUND for one that the clinic does not have, VERSION_MISMATCH.
func (a *App) changeReferral(
	ctx context.Context, method, action string, ref ReferralRef,
	change func(tx *sqldb.Tx, p authn.Principal, head store.Head, r *referral.Referral) error,
) (referral.Referral, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return referral.Referral{}, err
	}
	var r referral.Referral
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "ReferralService."+method, ref.Fingerprint, ref.ReferralID, func() error {
			found, err := store.ReferralByID(tx, clinicID, ref.ReferralID)
			if err != nil {
				return err
			}
			head, err := store.LockHead(tx, clinicID, found.PatientID)
			if err != nil {
				return err
			}
			if found, err = store.ReferralByID(tx, clinicID, ref.ReferralID); err != nil { // as it is now that nobody else changes it
				return err
			}
			if err := etagMatches(ref.Etag, found.Version); err != nil {
				return err
			}
			return a.applyReferral(ctx, tx, p, head, found, action, change)
		})
		if err != nil {
			return err
		}
		r, err = store.ReferralByID(tx, clinicID, ref.ReferralID)
		return err
	})
	return r, err
}

// applyReferral makes the change, tells of it, and settles the task of a proposal that is
// none any more.
func (a *App) applyReferral(
	ctx context.Context, tx *sqldb.Tx, p authn.Principal, head store.Head, r referral.Referral, action string,
	change func(tx *sqldb.Tx, p authn.Principal, head store.Head, r *referral.Referral) error,
) error {
	was := r.State
	if err := change(tx, p, head, &r); err != nil {
		return err
	}
	if err := store.UpdateReferral(tx, head.ClinicID, &r); err != nil {
		return err
	}
	if r.State != referral.Proposed {
		if err := tellReferral(ctx, tx, head, r); err != nil {
			return err
		}
	}
	if was == referral.Proposed && r.State != was {
		about := func(i store.Issue) bool { return i.Rule == RuleReferral && slices.Contains(i.Codes, r.ID) }
		if err := settleIssues(ctx, tx, head, p.Subject, "NOT_AN_ISSUE", about); err != nil {
			return err
		}
	}
	return audit.Write(ctx, tx, audit.Entry{
		Action: action, Resource: r.ID, PatientID: head.PatientID, Facts: map[string]string{"state": string(r.State), "target": r.Target},
	})
}

// GetReferral gives one referral, or NOT_FOUND.
func (a *App) GetReferral(ctx context.Context, id string) (referral.Referral, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return referral.Referral{}, err
	}
	var r referral.Referral
	err = a.db.Read(ctx, func(tx *sqldb.Tx) (err error) {
		r, err = store.ReferralByID(tx, clinicID, id)
		return err
	})
	if err != nil {
		return referral.Referral{}, err
	}
	return redactReferral(r, viewOf(p)), a.logRead(ctx, p, "referral.read", id, r.PatientID)
}

// ListReferrals gives a patient's referrals, newest first. A patient sees those that are
// more than a proposal. NOT_FOUND for an unknown patient.
func (a *App) ListReferrals(ctx context.Context, patientID string, ended bool) ([]referral.Referral, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return nil, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, patientID)
	if err != nil {
		return nil, err
	}
	view := viewOf(p)
	var out []referral.Referral
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		out = nil
		all, err := store.Referrals(tx, clinicID, survivor)
		if err != nil {
			return err
		}
		for _, r := range all {
			if !ended && !r.State.Open() || view == Patients && (r.State == referral.Proposed || r.State == referral.Withdrawn) {
				continue
			}
			out = append(out, redactReferral(r, view))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, a.logRead(ctx, p, "referral.list", survivor, survivor)
}

// alerts are what whoever makes a test must know of the patient.
func alerts(o referral.Order, cond medication.Conditions) (out []string) {
	if o.Code == "MRI" {
		for _, implant := range cond.Answers["implant"] {
			out = append(out, "IMPLANT_"+strings.ToUpper(implant))
		}
	}
	pregnant := slices.ContainsFunc(cond.Answers["pregnancy"], func(v string) bool { return v == "yes" || v == "possible" })
	if pregnant && (o.Code == "XRAY" || o.Code == "CT" || o.Code == "BONE_SCAN") {
		out = append(out, "PREGNANCY")
	}
	return out
}

// complete fills in what an empty field of a test means.
func (a *App) completeOrder(o *referral.Order, r referral.Referral, by string, cond medication.Conditions) {
	o.ID, o.By, o.Alerts = ident.New("ord"), by, alerts(*o, cond)
	if o.Reason != "" || len(r.Reasons) == 0 {
		return
	}
	o.Reason = r.Reasons[0]
	if lab, ok := a.cfg.Referrals.Lab(o.Code); ok {
		for _, reason := range r.Reasons {
			if slices.Contains(lab.Reasons, reason) {
				o.Reason = reason
				break
			}
		}
	}
}

// notSent fails with REFERRAL_STATE unless the referral can still be changed before it is
// sent.
func notSent(r referral.Referral) error {
	if r.State == referral.Proposed || r.State == referral.Accepted {
		return nil
	}
	return fault.New(fault.FailedPrecondition, "REFERRAL_STATE", "The referral is "+strings.ToLower(string(r.State))+" and is not changed any more.").
		With("state", string(r.State))
}
