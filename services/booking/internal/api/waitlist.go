package api

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

type waitlists struct {
	bookingv1.UnimplementedWaitlistServiceServer
	app *app.App
}

func (s *waitlists) CreateWaitlistEntry(ctx context.Context, r *bookingv1.CreateWaitlistEntryRequest) (*bookingv1.CreateWaitlistEntryResponse, error) {
	from, err := date("start_date", r.GetStartDate())
	if err != nil {
		return nil, err
	}
	to, err := date("end_date", r.GetEndDate())
	if err != nil {
		return nil, err
	}
	e, err := s.app.CreateWaitlistEntry(ctx, app.WaitRequest{
		Fingerprint: requestid.Fingerprint(r), PatientID: r.GetPatientId(), TypeID: r.GetAppointmentTypeId(), Minutes: int(r.GetDurationMinutes()),
		Mode: schedule.Mode(r.GetMode()), PractitionerID: r.GetPractitionerId(), LocationID: r.GetLocationId(), PlanID: r.GetPlanId(),
		CourseID: r.GetCourseId(), Days: weekdaysOf(r.GetDays()), FromMinute: minuteOf(r.GetFrom()), ToMinute: minuteOf(r.GetTo()),
		From: from, To: to, Urgent: r.GetPriority() == "URGENT",
	})
	if err != nil {
		return nil, err
	}
	return &bookingv1.CreateWaitlistEntryResponse{WaitlistEntry: waitlistEntry(e, "")}, nil
}

func (s *waitlists) ListWaitlistEntries(ctx context.Context, r *bookingv1.ListWaitlistEntriesRequest) (*bookingv1.ListWaitlistEntriesResponse, error) {
	list, err := s.app.ListWaitlistEntries(ctx, r.GetPatientId(), store.EntryState(r.GetState()))
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListWaitlistEntriesResponse{}
	for _, e := range list {
		out.WaitlistEntries = append(out.WaitlistEntries, waitlistEntry(e.WaitlistEntry, e.OfferID))
	}
	return out, nil
}

func (s *waitlists) WithdrawWaitlistEntry(ctx context.Context, r *bookingv1.WithdrawWaitlistEntryRequest) (*bookingv1.WithdrawWaitlistEntryResponse, error) {
	e, err := s.app.WithdrawWaitlistEntry(ctx, requestid.Fingerprint(r), r.GetWaitlistEntryId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.WithdrawWaitlistEntryResponse{WaitlistEntry: waitlistEntry(e, "")}, nil
}

func (s *waitlists) UpdateWaitlistEntry(ctx context.Context, r *bookingv1.UpdateWaitlistEntryRequest) (*bookingv1.UpdateWaitlistEntryResponse, error) {
	e, err := s.app.PrioritizeWaitlistEntry(ctx, requestid.Fingerprint(r), r.GetWaitlistEntryId(), r.GetEtag(), r.GetPriority() == "URGENT")
	if err != nil {
		return nil, err
	}
	return &bookingv1.UpdateWaitlistEntryResponse{WaitlistEntry: waitlistEntry(e.WaitlistEntry, e.OfferID)}, nil
}

func (s *waitlists) OfferWaitlistTime(ctx context.Context, r *bookingv1.OfferWaitlistTimeRequest) (*bookingv1.OfferWaitlistTimeResponse, error) {
	p := app.Proffer{Fingerprint: requestid.Fingerprint(r), EntryID: r.GetWaitlistEntryId(), PractitionerID: r.GetPractitionerId()}
	if r.GetStartTime() != nil {
		start, err := instant("start_time", r.GetStartTime())
		if err != nil {
			return nil, err
		}
		p.Start = start
	}
	o, err := s.app.OfferWaitlistTime(ctx, p)
	if err != nil {
		return nil, err
	}
	return &bookingv1.OfferWaitlistTimeResponse{Offer: waitlistOffer(o)}, nil
}

func (s *waitlists) GetWaitlistOffer(ctx context.Context, r *bookingv1.GetWaitlistOfferRequest) (*bookingv1.GetWaitlistOfferResponse, error) {
	o, err := s.app.GetWaitlistOffer(ctx, r.GetOfferId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.GetWaitlistOfferResponse{Offer: waitlistOffer(o)}, nil
}

func (s *waitlists) ListWaitlistOffers(ctx context.Context, r *bookingv1.ListWaitlistOffersRequest) (*bookingv1.ListWaitlistOffersResponse, error) {
	list, err := s.app.ListWaitlistOffers(ctx, r.GetPatientId(), store.OfferState(r.GetState()))
	if err != nil {
		return nil, err
	}
	out := &bookingv1.ListWaitlistOffersResponse{}
	for _, o := range list {
		out.Offers = append(out.Offers, waitlistOffer(o))
	}
	return out, nil
}

func (s *waitlists) AcceptWaitlistOffer(ctx context.Context, r *bookingv1.AcceptWaitlistOfferRequest) (*bookingv1.AcceptWaitlistOfferResponse, error) {
	o, apt, err := s.app.AcceptWaitlistOffer(ctx, r.GetOfferId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.AcceptWaitlistOfferResponse{Offer: waitlistOffer(o), Appointment: encode(ctx, apt)}, nil
}

func (s *waitlists) DeclineWaitlistOffer(ctx context.Context, r *bookingv1.DeclineWaitlistOfferRequest) (*bookingv1.DeclineWaitlistOfferResponse, error) {
	o, err := s.app.DeclineWaitlistOffer(ctx, requestid.Fingerprint(r), r.GetOfferId())
	if err != nil {
		return nil, err
	}
	return &bookingv1.DeclineWaitlistOfferResponse{Offer: waitlistOffer(o)}, nil
}

func waitlistEntry(e *store.WaitlistEntry, offerID string) *bookingv1.WaitlistEntry {
	m := &bookingv1.WaitlistEntry{
		WaitlistEntryId: e.ID, PatientId: e.PatientID, AppointmentTypeId: e.TypeID, DurationMinutes: int32(e.Minutes), Mode: string(e.Mode),
		PractitionerId: e.PractitionerID, LocationId: e.LocationID, PlanId: e.PlanID, CourseId: e.CourseID, From: wall(e.FromMinute), To: wall(e.ToMinute),
		StartDate: e.From.String(), EndDate: e.To.String(), Priority: "NORMAL", State: string(e.State), OfferId: offerID,
		AppointmentId: e.AppointmentID, MissedOffers: int32(e.Missed), CreateTime: timestamppb.New(e.CreatedAt), Etag: app.Etag(e.Version),
	}
	if e.Urgent {
		m.Priority = "URGENT"
	}
	for i := range 7 { // from Monday on
		if d := time.Weekday((i + 1) % 7); e.Weekdays.Has(d) {
			m.Days = append(m.Days, strings.ToUpper(d.String()))
		}
	}
	return m
}

// wall is HH:MM; empty for 0, which is any.
func wall(minute int) string {
	if minute == 0 {
		return ""
	}
	return fmt.Sprintf("%02d:%02d", minute/60, minute%60)
}

func waitlistOffer(o *store.WaitlistOffer) *bookingv1.WaitlistOffer {
	return &bookingv1.WaitlistOffer{
		OfferId: o.ID, WaitlistEntryId: o.EntryID, PatientId: o.PatientID, AppointmentTypeId: o.TypeID, PractitionerId: o.PractitionerID,
		StartTime: timestamppb.New(o.Visit.Start()), EndTime: timestamppb.New(o.Visit.End()), State: string(o.State),
		ExpireTime: timestamppb.New(o.ExpiresAt), HoldId: o.HoldID, AppointmentId: o.AppointmentID, CreateTime: timestamppb.New(o.CreatedAt),
		LocalDate: o.LocalDate.String(), LocalStart: app.OfferLocalStart(o), TimeZone: o.TimeZone,
	}
}
