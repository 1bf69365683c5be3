// Package api is booking's gRPC surface: it decodes a request, calls one use case and encodes
// what comes back. It holds no rule of the clinic.
package api

import (
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	"github.com/upright-clinic/upright/services/booking/internal/app"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Register puts every service of booking on a server.
func Register(r grpc.ServiceRegistrar, a *app.App) {
	bookingv1.RegisterAppointmentServiceServer(r, &appointments{app: a})
	bookingv1.RegisterOpeningServiceServer(r, &openings{app: a})
	bookingv1.RegisterCourseServiceServer(r, &courses{app: a})
	bookingv1.RegisterHoldServiceServer(r, &holds{app: a})
	bookingv1.RegisterAppointmentTypeServiceServer(r, &types{app: a})
	bookingv1.RegisterShiftServiceServer(r, &shifts{app: a})
	bookingv1.RegisterCalendarServiceServer(r, &calendars{app: a})
	bookingv1.RegisterOutgoingServiceServer(r, &outgoing{app: a})
	bookingv1.RegisterWaitlistServiceServer(r, &waitlists{app: a})
	bookingv1.RegisterBookingPolicyServiceServer(r, &policies{app: a})
	bookingv1.RegisterAppointmentImportServiceServer(r, &imports{app: a})
}

// date reads a civil date; empty text is the zero date. INVALID_ARGUMENT names the field for
// one that does not exist.
func date(field, text string) (d civil.Date, err error) {
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return d, fault.Invalid(field, "is not a date that exists")
	}
	return d, nil
}

// stamp encodes an instant; the zero time is absent.
func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// instant decodes a required instant.
func instant(field string, t *timestamppb.Timestamp) (time.Time, error) {
	if err := t.CheckValid(); err != nil {
		return time.Time{}, fault.Invalid(field, "is not a time that exists")
	}
	return t.AsTime(), nil
}

// refusal encodes why a time cannot be booked.
func refusal(f *fault.Error) *bookingv1.Refusal {
	at := func(key string) *timestamppb.Timestamp {
		t, err := time.Parse(time.RFC3339, f.Facts[key])
		if err != nil {
			return nil
		}
		return timestamppb.New(t)
	}
	r := &bookingv1.Refusal{
		Reason: f.Reason, Detail: f.Message, NextEligibleDate: f.Facts["next_eligible_date"],
		ResourceKind: f.Facts["resource_kind"], ResourceId: f.Facts["resource_id"],
		ConflictStartTime: at("conflict_start_time"), ConflictEndTime: at("conflict_end_time"), NextStartTime: at("next_start_time"),
		Overridable: f.Facts["overridable"] == "true",
	}
	if ids := f.Facts["rule_ids"]; ids != "" {
		r.RuleIds = strings.Split(ids, ",")
	}
	return r
}

func refusals(list []*fault.Error) []*bookingv1.Refusal {
	out := make([]*bookingv1.Refusal, len(list))
	for i, f := range list {
		out[i] = refusal(f)
	}
	return out
}
