package api

import (
	"context"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/plans/internal/referral"
	"github.com/upright-clinic/upright/services/plans/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// referralServer serves ReferralService.
type referralServer struct {
	plansv1.UnimplementedReferralServiceServer
	app *app.App
}

func order(o *plansv1.ReferralOrderSpec) referral.Order {
	return referral.Order{Kind: o.GetKind(), Code: o.GetCode(), Region: o.GetRegion(), Reason: o.GetReason(), Note: o.GetNote()}
}

func (s referralServer) CreateReferral(ctx context.Context, r *plansv1.CreateReferralRequest) (*plansv1.CreateReferralResponse, error) {
	made, err := s.app.CreateReferral(ctx, app.NewReferral{
		PatientID: r.GetPatientId(), Fingerprint: requestid.Fingerprint(r),
		Referral: referral.Referral{
			Target: r.GetTarget(), Reasons: r.GetReasons(), Urgency: r.GetUrgency(), Summary: r.GetSummary(), Orders: each(r.GetOrders(), order),
			Indication: r.GetIndication(), Bypass: r.GetBypass(), BypassReason: r.GetBypassReason(), PlanID: r.GetPlanId(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.CreateReferralResponse{Referral: encodeReferral(made)}, nil
}

func (s referralServer) ListReferrals(ctx context.Context, r *plansv1.ListReferralsRequest) (*plansv1.ListReferralsResponse, error) {
	list, err := s.app.ListReferrals(ctx, r.GetPatientId(), r.GetIncludeEnded())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListReferralsResponse{Referrals: each(list, encodeReferral)}, nil
}

func (s referralServer) GetReferral(ctx context.Context, r *plansv1.GetReferralRequest) (*plansv1.GetReferralResponse, error) {
	got, err := s.app.GetReferral(ctx, r.GetReferralId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetReferralResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) AcceptReferral(ctx context.Context, r *plansv1.AcceptReferralRequest) (*plansv1.AcceptReferralResponse, error) {
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.AcceptReferral(ctx, ref, r.GetIndication(), r.GetSummary())
	if err != nil {
		return nil, err
	}
	return &plansv1.AcceptReferralResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) AddReferralOrder(ctx context.Context, r *plansv1.AddReferralOrderRequest) (*plansv1.AddReferralOrderResponse, error) {
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.AddReferralOrder(ctx, ref, order(r.GetOrder()))
	if err != nil {
		return nil, err
	}
	return &plansv1.AddReferralOrderResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) RemoveReferralOrder(ctx context.Context, r *plansv1.RemoveReferralOrderRequest) (*plansv1.RemoveReferralOrderResponse, error) {
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.RemoveReferralOrder(ctx, ref, r.GetOrderId())
	if err != nil {
		return nil, err
	}
	return &plansv1.RemoveReferralOrderResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) SendReferral(ctx context.Context, r *plansv1.SendReferralRequest) (*plansv1.SendReferralResponse, error) {
	on, err := date("sent_date", r.GetSentDate())
	if err != nil {
		return nil, err
	}
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.SendReferral(ctx, ref, r.GetRecipient(), on)
	if err != nil {
		return nil, err
	}
	return &plansv1.SendReferralResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) SignSurgeryConsent(ctx context.Context, r *plansv1.SignSurgeryConsentRequest) (*plansv1.SignSurgeryConsentResponse, error) {
	on, err := date("signed_date", r.GetSignedDate())
	if err != nil {
		return nil, err
	}
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.SignSurgeryConsent(ctx, ref, app.Signing{Version: r.GetConsentVersion(), SignedBy: r.GetSignedBy(), Date: on, Note: r.GetNote()})
	if err != nil {
		return nil, err
	}
	return &plansv1.SignSurgeryConsentResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) CloseReferral(ctx context.Context, r *plansv1.CloseReferralRequest) (*plansv1.CloseReferralResponse, error) {
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.CloseReferral(ctx, ref, r.GetOutcome(), r.GetOutcomeNote())
	if err != nil {
		return nil, err
	}
	return &plansv1.CloseReferralResponse{Referral: encodeReferral(got)}, nil
}

func (s referralServer) WithdrawReferral(ctx context.Context, r *plansv1.WithdrawReferralRequest) (*plansv1.WithdrawReferralResponse, error) {
	ref := app.ReferralRef{ReferralID: r.GetReferralId(), Etag: r.GetEtag(), Fingerprint: requestid.Fingerprint(r)}
	got, err := s.app.WithdrawReferral(ctx, ref, r.GetReason())
	if err != nil {
		return nil, err
	}
	return &plansv1.WithdrawReferralResponse{Referral: encodeReferral(got)}, nil
}

func encodeReferral(r referral.Referral) *plansv1.Referral {
	out := &plansv1.Referral{
		ReferralId: r.ID, PatientId: r.PatientID, Target: r.Target, Reasons: r.Reasons, Urgency: r.Urgency, State: string(r.State),
		Trigger: r.Trigger, RuleIds: r.RuleIDs, IntakeId: r.IntakeID, PlanId: r.PlanID, Summary: r.Summary, Indication: r.Indication,
		Bypass: r.Bypass, BypassReason: r.BypassReason, Recipient: r.Recipient, SentDate: day(r.SentOn), Outcome: r.Outcome,
		OutcomeNote: r.OutcomeNote, WithdrawReason: r.Reason, Etag: etag(r.Version), CreateTime: stamp(r.CreatedAt),
		Orders: each(r.Orders, func(o referral.Order) *plansv1.ReferralOrder {
			return &plansv1.ReferralOrder{
				OrderId: o.ID, Kind: o.Kind, Code: o.Code, Region: o.Region, Reason: o.Reason, Note: o.Note, Alerts: o.Alerts, OrderedBy: o.By,
				Prefilled: o.Prefilled,
			}
		}),
		Steps: each(r.Steps, func(s referral.Step) *plansv1.ReferralStep {
			return &plansv1.ReferralStep{State: string(s.State), MovedBy: s.By, MoveTime: stamp(s.At)}
		}),
	}
	if c := r.Consent; c != nil {
		out.Consent = &plansv1.SurgeryConsentSignature{
			ConsentVersion: c.Version, Complications: c.Complications, SignedBy: c.SignedBy, SignedDate: day(c.SignedOn), RecordedBy: c.RecordedBy,
		}
	}
	return out
}

func (s referralServer) RecordTreatmentTrial(ctx context.Context, r *plansv1.RecordTreatmentTrialRequest) (*plansv1.RecordTreatmentTrialResponse, error) {
	t, err := s.app.RecordTreatmentTrial(ctx, app.NewTrial{
		PatientID: r.GetPatientId(), Fingerprint: requestid.Fingerprint(r),
		Trial: store.Trial{Modality: r.GetModality(), Outcome: r.GetOutcome(), Reason: r.GetReason(), PlanID: r.GetPlanId()},
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordTreatmentTrialResponse{Trial: encodeTrial(t)}, nil
}

func encodeTrial(t store.Trial) *plansv1.TreatmentTrial {
	return &plansv1.TreatmentTrial{
		TrialId: t.ID, Modality: t.Modality, Outcome: t.Outcome, Reason: t.Reason, PlanId: t.PlanID, RecordedBy: t.By, RecordTime: stamp(t.At),
	}
}

func encodeSurgeryTrial(t app.SurgeryTrial) *plansv1.TreatmentTrial {
	out := encodeTrial(t.Trial)
	out.Computed, out.DeliveredSessions = t.Computed, int32(t.Delivered)
	return out
}

func (s referralServer) GetSurgeryGate(ctx context.Context, r *plansv1.GetSurgeryGateRequest) (*plansv1.GetSurgeryGateResponse, error) {
	g, err := s.app.GetSurgeryGate(ctx, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.GetSurgeryGateResponse{
		Open: len(g.Missing) == 0, Trials: each(g.Trials, encodeSurgeryTrial), Source: g.Source,
		Missing: each(g.Missing, func(m referral.Missing) *plansv1.MissingTrial {
			return &plansv1.MissingTrial{Modality: m.Modality, Why: m.Why}
		}),
	}, nil
}

func (s referralServer) ListSurgeryConsents(ctx context.Context, _ *plansv1.ListSurgeryConsentsRequest) (*plansv1.ListSurgeryConsentsResponse, error) {
	texts, required, err := s.app.ListSurgeryConsents(ctx)
	if err != nil {
		return nil, err
	}
	return &plansv1.ListSurgeryConsentsResponse{Consents: each(texts, encodeSurgeryConsent), RequiredComplications: required}, nil
}

func (s referralServer) CreateSurgeryConsent(ctx context.Context, r *plansv1.CreateSurgeryConsentRequest) (*plansv1.CreateSurgeryConsentResponse, error) {
	c, err := s.app.CreateSurgeryConsent(ctx, store.SurgeryConsent{Complications: r.GetComplications(), Text: r.GetText()}, requestid.Fingerprint(r))
	if err != nil {
		return nil, err
	}
	return &plansv1.CreateSurgeryConsentResponse{Consent: encodeSurgeryConsent(c)}, nil
}

func encodeSurgeryConsent(c store.SurgeryConsent) *plansv1.SurgeryConsentText {
	return &plansv1.SurgeryConsentText{
		ConsentVersion: c.Version, Complications: c.Complications, Text: c.Text, ChangedBy: c.By, ChangeTime: stamp(c.At),
	}
}

func (s referralServer) RecordImplant(ctx context.Context, r *plansv1.RecordImplantRequest) (*plansv1.RecordImplantResponse, error) {
	on, err := date("insert_date", r.GetInsertDate())
	if err != nil {
		return nil, err
	}
	i, err := s.app.RecordImplant(ctx, app.NewImplant{
		PatientID: r.GetPatientId(), Fingerprint: requestid.Fingerprint(r),
		Implant: store.Implant{
			Implant: r.GetImplant(), Region: r.GetRegion(), Inserted: on, MRI: r.GetMri(), Note: r.GetNote(), ReferralID: r.GetReferralId(),
		},
	})
	if err != nil {
		return nil, err
	}
	return &plansv1.RecordImplantResponse{Implant: encodeImplant(i)}, nil
}

func (s referralServer) ListImplants(ctx context.Context, r *plansv1.ListImplantsRequest) (*plansv1.ListImplantsResponse, error) {
	list, err := s.app.ListImplants(ctx, r.GetPatientId())
	if err != nil {
		return nil, err
	}
	return &plansv1.ListImplantsResponse{Implants: each(list, encodeImplant)}, nil
}

func encodeImplant(i store.Implant) *plansv1.ImplantRecord {
	return &plansv1.ImplantRecord{
		ImplantId: i.ID, PatientId: i.PatientID, Implant: i.Implant, Region: i.Region, InsertDate: day(i.Inserted), Mri: i.MRI, Note: i.Note,
		ReferralId: i.ReferralID, RecordedBy: i.By, RecordTime: stamp(i.At),
	}
}
