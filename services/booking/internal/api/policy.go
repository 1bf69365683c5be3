package api

import (
	"context"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/booking/internal/waitlist"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type policies struct {
	bookingv1.UnimplementedBookingPolicyServiceServer
	app *app.App
}

func (s *policies) GetBookingPolicy(ctx context.Context, _ *bookingv1.GetBookingPolicyRequest) (*bookingv1.GetBookingPolicyResponse, error) {
	p, err := s.app.GetPolicy(ctx)
	if err != nil {
		return nil, err
	}
	return &bookingv1.GetBookingPolicyResponse{BookingPolicy: encodePolicy(p)}, nil
}

func (s *policies) UpdateBookingPolicy(ctx context.Context, r *bookingv1.UpdateBookingPolicyRequest) (*bookingv1.UpdateBookingPolicyResponse, error) {
	from := decodePolicy(r.GetBookingPolicy())
	edit, err := policyEdit(r.GetUpdateMask().GetPaths(), from)
	if err != nil {
		return nil, err
	}
	p, err := s.app.UpdatePolicy(ctx, requestid.Fingerprint(r), r.GetBookingPolicy().GetEtag(), edit)
	if err != nil {
		return nil, err
	}
	return &bookingv1.UpdateBookingPolicyResponse{BookingPolicy: encodePolicy(p)}, nil
}

// policyFields says how each field of the mask is copied.
var policyFields = map[string]func(to, from *store.Policy){
	"late_change":          func(to, from *store.Policy) { to.LateChange = from.LateChange },
	"waitlist_order":       func(to, from *store.Policy) { to.Waitlist.Order = from.Waitlist.Order },
	"offer_minutes":        func(to, from *store.Policy) { to.Waitlist.OfferMinutes = from.Waitlist.OfferMinutes },
	"offer_notice_minutes": func(to, from *store.Policy) { to.Waitlist.LeastNotice = from.Waitlist.LeastNotice },
	"most_missed_offers":   func(to, from *store.Policy) { to.Waitlist.MostMissed = from.Waitlist.MostMissed },
}

// policyEdit is the change that a mask asks for; an empty one replaces everything.
func policyEdit(paths []string, from store.Policy) (func(*store.Policy), error) {
	for _, path := range paths {
		if path != "etag" && policyFields[path] == nil {
			return nil, fault.Invalid("update_mask", "names a field that cannot be changed")
		}
	}
	return func(to *store.Policy) {
		if len(paths) == 0 {
			to.LateChange, to.Waitlist = from.LateChange, from.Waitlist
		}
		for _, path := range paths {
			if copyField := policyFields[path]; copyField != nil {
				copyField(to, &from)
			}
		}
	}, nil
}

func decodePolicy(m *bookingv1.BookingPolicy) store.Policy {
	p := store.Policy{LateChange: schedule.LateChange(m.GetLateChange()), Waitlist: waitlist.Choice{
		OfferMinutes: int(m.GetOfferMinutes()), LeastNotice: int(m.GetOfferNoticeMinutes()), MostMissed: int(m.GetMostMissedOffers()),
	}}
	for _, key := range m.GetWaitlistOrder() {
		p.Waitlist.Order = append(p.Waitlist.Order, waitlist.Key(key))
	}
	return p
}

func encodePolicy(p store.Policy) *bookingv1.BookingPolicy {
	m := &bookingv1.BookingPolicy{
		LateChange: string(p.LateChange), OfferMinutes: int32(p.Waitlist.OfferMinutes), OfferNoticeMinutes: int32(p.Waitlist.LeastNotice),
		MostMissedOffers: int32(p.Waitlist.MostMissed), Etag: app.Etag(p.Version),
	}
	for _, key := range p.Waitlist.Order {
		m.WaitlistOrder = append(m.WaitlistOrder, string(key))
	}
	return m
}
