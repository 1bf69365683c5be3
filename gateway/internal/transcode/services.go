package transcode

import (
	"context"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

// service is one gRPC service of the public API.
type service struct {
	name     string // "upright.booking.v1.AppointmentService"
	register func(context.Context, *runtime.ServeMux, grpc.ClientConnInterface) error
}

// peer is the name of the program that has the service: the second part of its package.
func (s service) peer() string { return strings.Split(s.name, ".")[1] }

// of pairs the generated client of a service with its generated handlers.
func of[C any](
	desc grpc.ServiceDesc,
	client func(grpc.ClientConnInterface) C,
	register func(context.Context, *runtime.ServeMux, C) error,
) service {
	return service{desc.ServiceName, func(ctx context.Context, mux *runtime.ServeMux, conn grpc.ClientConnInterface) error {
		return register(ctx, mux, client(conn))
	}}
}

// services is what the public API consists of. A method without an HTTP path in its proto
// is not reachable from here.
var services = []service{
	of(directoryv1.AccountService_ServiceDesc, directoryv1.NewAccountServiceClient, directoryv1.RegisterAccountServiceHandlerClient),
	of(directoryv1.PatientService_ServiceDesc, directoryv1.NewPatientServiceClient, directoryv1.RegisterPatientServiceHandlerClient),
	of(directoryv1.PlaceService_ServiceDesc, directoryv1.NewPlaceServiceClient, directoryv1.RegisterPlaceServiceHandlerClient),
	of(directoryv1.PractitionerService_ServiceDesc, directoryv1.NewPractitionerServiceClient, directoryv1.RegisterPractitionerServiceHandlerClient),
	of(intakev1.FunnelService_ServiceDesc, intakev1.NewFunnelServiceClient, intakev1.RegisterFunnelServiceHandlerClient),
	of(intakev1.FormService_ServiceDesc, intakev1.NewFormServiceClient, intakev1.RegisterFormServiceHandlerClient),
	of(intakev1.IntakeService_ServiceDesc, intakev1.NewIntakeServiceClient, intakev1.RegisterIntakeServiceHandlerClient),
	of(intakev1.QuestionnaireService_ServiceDesc, intakev1.NewQuestionnaireServiceClient, intakev1.RegisterQuestionnaireServiceHandlerClient),
	of(intakev1.QuestionnaireVersionService_ServiceDesc, intakev1.NewQuestionnaireVersionServiceClient, intakev1.RegisterQuestionnaireVersionServiceHandlerClient),
	of(intakev1.TriageSettingsService_ServiceDesc, intakev1.NewTriageSettingsServiceClient, intakev1.RegisterTriageSettingsServiceHandlerClient),
	of(intakev1.TriageService_ServiceDesc, intakev1.NewTriageServiceClient, intakev1.RegisterTriageServiceHandlerClient),
	of(plansv1.DiaryService_ServiceDesc, plansv1.NewDiaryServiceClient, plansv1.RegisterDiaryServiceHandlerClient),
	of(plansv1.ExaminationService_ServiceDesc, plansv1.NewExaminationServiceClient, plansv1.RegisterExaminationServiceHandlerClient),
	of(plansv1.HomeProgrammeService_ServiceDesc, plansv1.NewHomeProgrammeServiceClient, plansv1.RegisterHomeProgrammeServiceHandlerClient),
	of(plansv1.InjectionService_ServiceDesc, plansv1.NewInjectionServiceClient, plansv1.RegisterInjectionServiceHandlerClient),
	of(plansv1.IssueService_ServiceDesc, plansv1.NewIssueServiceClient, plansv1.RegisterIssueServiceHandlerClient),
	of(plansv1.MedicationService_ServiceDesc, plansv1.NewMedicationServiceClient, plansv1.RegisterMedicationServiceHandlerClient),
	of(plansv1.OutcomeService_ServiceDesc, plansv1.NewOutcomeServiceClient, plansv1.RegisterOutcomeServiceHandlerClient),
	of(plansv1.PlanService_ServiceDesc, plansv1.NewPlanServiceClient, plansv1.RegisterPlanServiceHandlerClient),
	of(plansv1.ReferralService_ServiceDesc, plansv1.NewReferralServiceClient, plansv1.RegisterReferralServiceHandlerClient),
	of(plansv1.SessionNoteService_ServiceDesc, plansv1.NewSessionNoteServiceClient, plansv1.RegisterSessionNoteServiceHandlerClient),
	of(bookingv1.AppointmentTypeService_ServiceDesc, bookingv1.NewAppointmentTypeServiceClient, bookingv1.RegisterAppointmentTypeServiceHandlerClient),
	of(bookingv1.BookingPolicyService_ServiceDesc, bookingv1.NewBookingPolicyServiceClient, bookingv1.RegisterBookingPolicyServiceHandlerClient),
	of(bookingv1.CourseService_ServiceDesc, bookingv1.NewCourseServiceClient, bookingv1.RegisterCourseServiceHandlerClient),
	of(bookingv1.CalendarService_ServiceDesc, bookingv1.NewCalendarServiceClient, bookingv1.RegisterCalendarServiceHandlerClient),
	of(bookingv1.HoldService_ServiceDesc, bookingv1.NewHoldServiceClient, bookingv1.RegisterHoldServiceHandlerClient),
	of(bookingv1.OutgoingService_ServiceDesc, bookingv1.NewOutgoingServiceClient, bookingv1.RegisterOutgoingServiceHandlerClient),
	of(bookingv1.ShiftService_ServiceDesc, bookingv1.NewShiftServiceClient, bookingv1.RegisterShiftServiceHandlerClient),
	of(bookingv1.WaitlistService_ServiceDesc, bookingv1.NewWaitlistServiceClient, bookingv1.RegisterWaitlistServiceHandlerClient),
	// The mux tries what was registered last first, one path after the other: what is called all
	// day long comes last.
	of(bookingv1.OpeningService_ServiceDesc, bookingv1.NewOpeningServiceClient, bookingv1.RegisterOpeningServiceHandlerClient),
	of(bookingv1.AppointmentService_ServiceDesc, bookingv1.NewAppointmentServiceClient, bookingv1.RegisterAppointmentServiceHandlerClient),
}
