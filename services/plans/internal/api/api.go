// Package api is the gRPC face of plans: it decodes a request, makes one call on app, and
// encodes the answer. It decides nothing.
package api

import (
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	"github.com/upright-clinic/upright/services/plans/internal/app"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Register puts the services on a server.
func Register(r grpc.ServiceRegistrar, a *app.App) {
	plansv1.RegisterPlanServiceServer(r, planServer{app: a})
	plansv1.RegisterEntitlementServiceServer(r, entitlementServer{app: a})
	plansv1.RegisterInjectionServiceServer(r, injectionServer{app: a})
	plansv1.RegisterIssueServiceServer(r, issueServer{app: a})
	plansv1.RegisterMedicationServiceServer(r, medicationServer{app: a})
	plansv1.RegisterDiaryServiceServer(r, diaryServer{app: a})
	plansv1.RegisterOutcomeServiceServer(r, outcomeServer{app: a})
	plansv1.RegisterReferralServiceServer(r, referralServer{app: a})
	plansv1.RegisterHomeProgrammeServiceServer(r, homeServer{app: a})
	plansv1.RegisterSessionNoteServiceServer(r, noteServer{app: a})
	plansv1.RegisterExaminationServiceServer(r, examinationServer{app: a})
}

// date reads a civil date; empty is none. INVALID_ARGUMENT names the field when the day
// does not exist.
func date(field, text string) (civil.Date, error) {
	if text == "" {
		return civil.Date{}, nil
	}
	d, err := civil.Parse(text)
	if err != nil {
		return civil.Date{}, fault.Invalid(field, "is not a date that exists")
	}
	return d, nil
}

// month reads YYYY-MM; empty is none.
func month(field, text string) (civil.Month, error) {
	if text == "" {
		return civil.Month{}, nil
	}
	m, err := civil.ParseMonth(text)
	if err != nil {
		return civil.Month{}, fault.Invalid(field, "is not a month that exists")
	}
	return m, nil
}

func stamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// instant reads a timestamp; absent is the zero time.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func etag(version int64) string { return strconv.FormatInt(version, 10) }

func int32s(list []int) []int32 {
	out := make([]int32, len(list))
	for i, n := range list {
		out[i] = int32(n)
	}
	return out
}

func ints(list []int32) []int {
	out := make([]int, len(list))
	for i, n := range list {
		out[i] = int(n)
	}
	return out
}

// each encodes a list.
func each[A, B any](list []A, f func(A) B) []B {
	out := make([]B, len(list))
	for i, v := range list {
		out[i] = f(v)
	}
	return out
}
