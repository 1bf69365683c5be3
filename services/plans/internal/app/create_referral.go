package app

import (
	"cmp"
	"context"

	"github.com/upright-clinic/upright/services/plans/internal/medication"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// NewReferral is a referral that a clinician writes.
type NewReferral struct {
	PatientID   string
	Referral    referral.Referral
	Fingerprint []byte // of the request
}

// CreateReferral writes a referral. It fails with NOT_FOUND for an unknown patient,
// INVALID_ARGUMENT naming the field, PROFESSION_REQUIRED for tests and bypasses that no
// physician asks for, and SURGERY_GATE with what is missing before surgery.
func (a *App) CreateReferral(ctx context.Context, n NewReferral) (referral.Referral, error) {
	p, clinicID, err := caller(ctx, "")
	if err != nil {
		return referral.Referral{}, err
	}
	survivor, err := a.knowPatient(ctx, p, clinicID, n.PatientID)
	if err != nil {
		return referral.Referral{}, err
	}
	var cond medication.Conditions
	if len(n.Referral.Orders) > 0 {
		if cond, err = a.asks.Conditions(ctx, clinicID, survivor); err != nil {
			return referral.Referral{}, err
		}
	}
	var r referral.Referral
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		id, _, err := requestid.Once(ctx, tx, "ReferralService.CreateReferral", n.Fingerprint, func() (string, error) {
			head, err := store.LockHead(tx, clinicID, n.PatientID)
			if err != nil {
				return "", err
			}
			made, err := a.newReferral(tx, head, p, n, cond)
			if err != nil {
				return "", err
			}
			if err := insertReferral(ctx, tx, head, &made, p.Subject); err != nil {
				return "", err
			}
			return made.ID, audit.Write(ctx, tx, audit.Entry{
				Action: "referral.create", Resource: made.ID, PatientID: head.PatientID,
				Facts: map[string]string{"target": made.Target, "state": string(made.State)},
			})
		})
		if err != nil {
			return err
		}
		r, err = store.ReferralByID(tx, clinicID, id)
		return err
	})
	return r, err
}

// newReferral fills in what an empty field means, and checks the whole.
func (a *App) newReferral(
	tx *sqldb.Tx, head store.Head, p authn.Principal, n NewReferral, cond medication.Conditions,
) (referral.Referral, error) {
	r := n.Referral
	r.Trigger, r.OriginPatientID, r.Urgency = "CLINICIAN", n.PatientID, cmp.Or(r.Urgency, "ROUTINE")
	r.Orders = nil
	for _, o := range n.Referral.Orders {
		a.completeOrder(&o, r, p.Subject, cond)
		r.Orders = append(r.Orders, o)
	}
	trials, err := a.trialsOf(tx, head.ClinicID, head.PatientID)
	if err != nil {
		return r, err
	}
	if err := a.cfg.Referrals.Check(r, isPhysician(p), trials); err != nil {
		return r, err
	}
	if r.PlanID != "" {
		pl, err := store.PlanByID(tx, head.ClinicID, r.PlanID)
		if err != nil {
			return r, err
		}
		if pl.PatientID != head.PatientID {
			return r, noPlan()
		}
	}
	target, _ := a.cfg.Referrals.Target(r.Target)
	r.State = referral.Accepted
	if target.PhysicianAccepts && !isPhysician(p) {
		r.State = referral.Proposed
	}
	return r, nil
}
