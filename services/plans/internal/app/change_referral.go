package app

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

func noPlan() error { return fault.NotFoundf("plan") }

// physicianOnly fails with PROFESSION_REQUIRED.
func physicianOnly(p authn.Principal, message string) error {
	if isPhysician(p) {
		return nil
	}
	return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", message).With("profession", "PHYSICIAN")
}

// AcceptReferral takes a proposal on; when a physician does, what its rules ask for is filled
// in. It fails with PROFESSION_REQUIRED for a specialist, NOT_FOUND, REFERRAL_STATE, VERSION_MISMATCH, and as CreateReferral.
func (a *App) AcceptReferral(ctx context.Context, ref ReferralRef, indication, summary string) (referral.Referral, error) {
	return a.changeReferral(ctx, "AcceptReferral", "referral.accept", ref,
		func(tx *sqldb.Tx, p authn.Principal, head store.Head, r *referral.Referral) error {
			if target, _ := a.cfg.Referrals.Target(r.Target); target.PhysicianAccepts {
				if err := physicianOnly(p, "Referrals to specialists are accepted by a physician."); err != nil {
					return err
				}
			}
			r.Indication, r.Summary = cmp.Or(indication, r.Indication), cmp.Or(summary, r.Summary)
			trials, err := a.trialsOf(tx, head.ClinicID, head.PatientID)
			if err != nil {
				return err
			}
			if err := a.cfg.Referrals.Check(*r, true, trials); err != nil {
				return err
			}
			if err := r.Move(referral.Accepted, p.Subject, tx.Now()); err != nil {
				return err
			}
			if isPhysician(p) { // nobody else orders tests
				r.Orders = append(r.Orders, a.cfg.Referrals.Prefill(*r, p.Subject, func() string { return ident.New("ord") })...)
			}
			return nil
		})
}

// AddReferralOrder asks for a test within a referral. It fails with PROFESSION_REQUIRED,
// NOT_FOUND, REFERRAL_STATE, VERSION_MISMATCH and INVALID_ARGUMENT naming the field.
func (a *App) AddReferralOrder(ctx context.Context, ref ReferralRef, o referral.Order) (referral.Referral, error) {
	p, _, err := caller(ctx, "")
	if err != nil {
		return referral.Referral{}, err
	}
	if err := physicianOnly(p, "Tests are ordered by a physician, inside the referral."); err != nil {
		return referral.Referral{}, err
	}
	had, err := a.GetReferral(ctx, ref.ReferralID)
	if err != nil {
		return referral.Referral{}, err
	}
	cond, err := a.asks.Conditions(ctx, p.ClinicID, had.PatientID)
	if err != nil {
		return referral.Referral{}, err
	}
	return a.changeReferral(ctx, "AddReferralOrder", "referral.order", ref,
		func(_ *sqldb.Tx, p authn.Principal, _ store.Head, r *referral.Referral) error {
			if err := notSent(*r); err != nil {
				return err
			}
			order := o
			a.completeOrder(&order, *r, p.Subject, cond)
			if err := a.cfg.Referrals.CheckOrder(order, *r); err != nil {
				return err
			}
			r.Orders = append(r.Orders, order)
			return nil
		})
}

// RemoveReferralOrder takes a test out of a referral. It fails as AddReferralOrder.
func (a *App) RemoveReferralOrder(ctx context.Context, ref ReferralRef, orderID string) (referral.Referral, error) {
	return a.changeReferral(ctx, "RemoveReferralOrder", "referral.order_remove", ref,
		func(_ *sqldb.Tx, p authn.Principal, _ store.Head, r *referral.Referral) error {
			if err := physicianOnly(p, "Tests are ordered by a physician, inside the referral."); err != nil {
				return err
			}
			if err := notSent(*r); err != nil {
				return err
			}
			i := slices.IndexFunc(r.Orders, func(o referral.Order) bool { return o.ID == orderID })
			if i < 0 {
				return fault.NotFoundf("order")
			}
			r.Orders = slices.Delete(r.Orders, i, i+1)
			return nil
		})
}

// pastDay reads a civil date that has come: the zero date is today. INVALID_ARGUMENT.
func pastDay(tx *sqldb.Tx, clinicID, field string, d civil.Date) (civil.Date, error) {
	today, err := todayIn(tx, clinicID)
	if err != nil {
		return d, err
	}
	if d.IsZero() {
		return today, nil
	}
	if d.After(today) {
		return d, fault.Invalid(field, "is after today")
	}
	return d, nil
}

// SendReferral says that an accepted referral was sent. It fails with NOT_FOUND,
// REFERRAL_STATE, VERSION_MISMATCH and INVALID_ARGUMENT.
func (a *App) SendReferral(ctx context.Context, ref ReferralRef, recipient string, on civil.Date) (referral.Referral, error) {
	if err := a.knowZone(ctx); err != nil {
		return referral.Referral{}, err
	}
	return a.changeReferral(ctx, "SendReferral", "referral.send", ref,
		func(tx *sqldb.Tx, p authn.Principal, head store.Head, r *referral.Referral) (err error) {
			if r.SentOn, err = pastDay(tx, head.ClinicID, "sent_date", on); err != nil {
				return err
			}
			r.Recipient = recipient
			return r.Move(referral.Sent, p.Subject, tx.Now())
		})
}

// knowZone lets transactions know today at the caller's clinic.
func (a *App) knowZone(ctx context.Context) error {
	_, clinicID, err := caller(ctx, "")
	if err != nil {
		return err
	}
	_, err = a.zone(ctx, clinicID)
	return err
}

// Signing is a consent that was signed.
type Signing struct {
	Version  string // empty: the text in force
	SignedBy string
	Date     civil.Date // zero: today
	Note     string
}

// SignSurgeryConsent records the consent to surgery. It fails with NOT_FOUND, NOT_SURGICAL,
// REFERRAL_STATE, VERSION_MISMATCH and INVALID_ARGUMENT naming the field.
func (a *App) SignSurgeryConsent(ctx context.Context, ref ReferralRef, s Signing) (referral.Referral, error) {
	if err := a.knowZone(ctx); err != nil {
		return referral.Referral{}, err
	}
	return a.changeReferral(ctx, "SignSurgeryConsent", "referral.consent", ref,
		func(tx *sqldb.Tx, p authn.Principal, head store.Head, r *referral.Referral) error {
			target, _ := a.cfg.Referrals.Target(r.Target)
			if !target.Surgical {
				return fault.New(fault.FailedPrecondition, "NOT_SURGICAL", "The referral is not for surgery.").With("target", r.Target)
			}
			if !r.State.Open() {
				return r.Move(referral.Sent, p.Subject, tx.Now()) // says where it stands
			}
			switch {
			case s.SignedBy == referral.NotObtainable && r.Bypass == "":
				return fault.Invalid("signed_by", "NOT_OBTAINABLE goes with a bypass only")
			case s.SignedBy == referral.NotObtainable && strings.TrimSpace(s.Note) == "":
				return fault.Invalid("note", "says why nobody could sign")
			}
			on, err := pastDay(tx, head.ClinicID, "signed_date", s.Date)
			if err != nil {
				return err
			}
			text, err := a.consentText(tx, head.ClinicID, s.Version)
			if err != nil {
				return err
			}
			r.Consent = &referral.Signature{
				Version: text.Version, Complications: text.Complications, SignedBy: s.SignedBy, SignedOn: on, Note: s.Note, RecordedBy: p.Subject,
			}
			return nil
		})
}

// CloseReferral records how a referral ended. It fails with NOT_FOUND, CONSENT_MISSING,
// REFERRAL_STATE and VERSION_MISMATCH.
func (a *App) CloseReferral(ctx context.Context, ref ReferralRef, outcome, note string) (referral.Referral, error) {
	return a.changeReferral(ctx, "CloseReferral", "referral.close", ref,
		func(tx *sqldb.Tx, p authn.Principal, _ store.Head, r *referral.Referral) error {
			if err := a.cfg.Referrals.CheckClose(*r, outcome); err != nil {
				return err
			}
			r.Outcome, r.OutcomeNote = outcome, note
			return r.Move(referral.Closed, p.Subject, tx.Now())
		})
}

// WithdrawReferral ends a referral of which nothing comes. It fails with NOT_FOUND,
// REFERRAL_STATE and VERSION_MISMATCH.
func (a *App) WithdrawReferral(ctx context.Context, ref ReferralRef, reason string) (referral.Referral, error) {
	return a.changeReferral(ctx, "WithdrawReferral", "referral.withdraw", ref,
		func(tx *sqldb.Tx, p authn.Principal, _ store.Head, r *referral.Referral) error {
			r.Reason = reason
			return r.Move(referral.Withdrawn, p.Subject, tx.Now())
		})
}
