// Package page is what people see: pages made on the server that need no JavaScript.
//
// A page asks the same services as the public API does, as the person who is signed in,
// and shows what they answer. It decides nothing about the clinic: who may book what, what
// an answer means and whether an injection is allowed come from the services, with the
// reason when it is no.
//
// Nothing about a patient is in an address: names are searched for by POST, and paths and
// queries hold ids, dates and codes. Every form may be sent twice: its request id comes
// from its content.
package page

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/upright-clinic/upright/gateway/internal/apidoc"
	"github.com/upright-clinic/upright/gateway/internal/pass"
	"github.com/upright-clinic/upright/gateway/internal/route"
	"github.com/upright-clinic/upright/gateway/internal/session"
	"github.com/upright-clinic/upright/gateway/internal/words"
	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	plansv1 "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
)

// Config says what the pages are made from.
type Config struct {
	// Peer returns the connection to a service.
	Peer func(service string) grpc.ClientConnInterface
	// Files has templates/ and text/.
	Files fs.FS
	// Reload reads the templates again for each page, while they are worked on.
	Reload bool
	// Asset returns the address of a static file.
	Asset func(name string) string
	// Sessions and Cookies sign people in and out.
	Sessions *session.Cache
	Cookies  session.Cookies
	// Diary is true when the staff diary was built.
	Diary bool
	// Outgoing is true for a demonstration: the front desk sees the messages that wait.
	Outgoing bool
	// Document is the OpenAPI document that /docs explains.
	Document []byte
	// LinkKey seals the links by which patients come in without signing in.
	LinkKey []byte
	// Clock tells the time.
	Clock clock.Clock
	// Log receives what went wrong on our side.
	Log *slog.Logger
}

// Site makes pages.
type Site struct {
	cfg     Config
	library *words.Library
	pages   *pages
	clients clients
	links   *pass.Sealer

	mu       sync.Mutex
	clinics  map[string]cachedClinic
	spoken   map[string]cachedLanguages
	zones    sync.Map // IANA name to *time.Location
	docsOnce func() (*apidoc.API, error)
	// questionnaires that were shown, by clinic, id, version and language.
	questionnaires sync.Map
}

// clients are the services that pages ask.
type clients struct {
	accounts       directoryv1.AccountServiceClient
	patients       directoryv1.PatientServiceClient
	places         directoryv1.PlaceServiceClient
	practitioners  directoryv1.PractitionerServiceClient
	questionnaires intakev1.QuestionnaireServiceClient
	intakes        intakev1.IntakeServiceClient
	forms          intakev1.FormServiceClient
	triage         intakev1.TriageServiceClient
	funnel         intakev1.FunnelServiceClient
	versions       intakev1.QuestionnaireVersionServiceClient
	plans          plansv1.PlanServiceClient
	injections     plansv1.InjectionServiceClient
	issues         plansv1.IssueServiceClient
	medications    plansv1.MedicationServiceClient
	referrals      plansv1.ReferralServiceClient
	outcomes       plansv1.OutcomeServiceClient
	diary          plansv1.DiaryServiceClient
	appointments   bookingv1.AppointmentServiceClient
	calendars      bookingv1.CalendarServiceClient
	types          bookingv1.AppointmentTypeServiceClient
	holds          bookingv1.HoldServiceClient
	openings       bookingv1.OpeningServiceClient
	shifts         bookingv1.ShiftServiceClient
	courses        bookingv1.CourseServiceClient
	waits          bookingv1.WaitlistServiceClient
	policies       bookingv1.BookingPolicyServiceClient
}

// New reads the templates and texts. It fails when one of them is broken or incomplete.
func New(cfg Config) (*Site, error) {
	texts, err := fs.Sub(cfg.Files, "text")
	if err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	library, err := words.Load(texts)
	if err != nil {
		return nil, err
	}
	pages, err := parse(cfg.Files)
	if err != nil {
		return nil, err
	}
	links, err := pass.New(cfg.LinkKey)
	if err != nil {
		return nil, err
	}
	directory, intake, plans, booking := cfg.Peer("directory"), cfg.Peer("intake"), cfg.Peer("plans"), cfg.Peer("booking")
	return &Site{
		cfg: cfg, library: library, pages: pages, links: links, clinics: map[string]cachedClinic{}, spoken: map[string]cachedLanguages{},
		docsOnce: sync.OnceValues(func() (*apidoc.API, error) { return apidoc.Parse(cfg.Document) }),
		clients: clients{
			accounts:       directoryv1.NewAccountServiceClient(directory),
			patients:       directoryv1.NewPatientServiceClient(directory),
			places:         directoryv1.NewPlaceServiceClient(directory),
			practitioners:  directoryv1.NewPractitionerServiceClient(directory),
			questionnaires: intakev1.NewQuestionnaireServiceClient(intake),
			intakes:        intakev1.NewIntakeServiceClient(intake),
			forms:          intakev1.NewFormServiceClient(intake),
			triage:         intakev1.NewTriageServiceClient(intake),
			funnel:         intakev1.NewFunnelServiceClient(intake),
			versions:       intakev1.NewQuestionnaireVersionServiceClient(intake),
			plans:          plansv1.NewPlanServiceClient(plans),
			injections:     plansv1.NewInjectionServiceClient(plans),
			issues:         plansv1.NewIssueServiceClient(plans),
			medications:    plansv1.NewMedicationServiceClient(plans),
			referrals:      plansv1.NewReferralServiceClient(plans),
			outcomes:       plansv1.NewOutcomeServiceClient(plans),
			diary:          plansv1.NewDiaryServiceClient(plans),
			appointments:   bookingv1.NewAppointmentServiceClient(booking),
			calendars:      bookingv1.NewCalendarServiceClient(booking),
			types:          bookingv1.NewAppointmentTypeServiceClient(booking),
			holds:          bookingv1.NewHoldServiceClient(booking),
			openings:       bookingv1.NewOpeningServiceClient(booking),
			shifts:         bookingv1.NewShiftServiceClient(booking),
			courses:        bookingv1.NewCourseServiceClient(booking),
			waits:          bookingv1.NewWaitlistServiceClient(booking),
			policies:       bookingv1.NewBookingPolicyServiceClient(booking),
		},
	}, nil
}

// Who may see which pages. What is on them the services decide once more.
var (
	anybody  = route.Public()
	patients = route.People(typev1.Role_ROLE_PATIENT)
	filling  = patients.OrForm()
	desk     = route.People(typev1.Role_ROLE_RECEPTIONIST, typev1.Role_ROLE_CLINICIAN)
	treating = route.People(typev1.Role_ROLE_CLINICIAN)
)

// Routes lists every page.
func (s *Site) Routes() []route.Route {
	rows := []route.Route{
		s.row("GET /{$}", anybody, s.home),
		s.row("GET /sign-in", anybody, s.signInForm),
		s.strict("POST /sign-in", s.signIn),
		s.row("GET /sign-out", anybody, s.signOutForm),
		s.row("POST /sign-out", anybody, s.signOut),
		s.row("GET /docs", anybody, s.docs),
		s.row("GET /docs/{service}", anybody, s.docsGroup),
		s.row("GET /c/{clinic}", anybody, s.clinicPage),
		s.row("GET /c/{clinic}/register", anybody, s.registerForm),
		s.strict("POST /c/{clinic}/register", s.register),
	}
	rows = append(rows, s.patientRoutes()...)
	rows = append(rows, s.intakeRoutes()...)
	rows = append(rows, s.formRoutes()...)
	rows = append(rows, s.languageRoutes()...)
	rows = append(rows, s.staffRoutes()...)
	rows = append(rows, s.homeRoutes()...)
	rows = append(rows, s.ruleRoutes()...)
	rows = append(rows, s.rescreenRoutes()...)
	rows = append(rows, s.linkRoutes()...)
	rows = append(rows, s.calendarRoutes()...)
	rows = append(rows, s.courseRoutes()...)
	rows = append(rows, s.checkInRoutes()...)
	rows = append(rows, s.arriveRoutes()...)
	rows = append(rows, s.careRoutes()...)
	rows = append(rows, s.importRoutes()...)
	rows = append(rows, s.waitlistRoutes()...)
	rows = append(rows, s.staffWaitlistRoutes()...)
	rows = append(rows, s.clinicRuleRoutes()...)
	rows = append(rows, s.noteRoutes()...)
	rows = append(rows, s.programmeRoutes()...)
	rows = append(rows, s.outcomeRoutes()...)
	rows = append(rows, s.measureRoutes()...)
	rows = append(rows, s.myMedicineRoutes()...)
	rows = append(rows, s.injectionRoutes()...)
	rows = append(rows, s.examinationRoutes()...)
	rows = append(rows, s.medicineRuleRoutes()...)
	rows = append(rows, s.templateRoutes()...)
	return append(rows, s.chartRoutes()...)
}

// row makes one row of the table.
func (s *Site) row(pattern string, access route.Access, h handler) route.Route {
	method, path := split(pattern)
	return route.Route{Method: method, Pattern: path, Access: access, Form: route.Page, Handler: s.handle(h)}
}

// strict makes a row that anybody may post to, and that tries passwords or makes accounts.
func (s *Site) strict(pattern string, h handler) route.Route {
	r := s.row(pattern, anybody, h)
	r.Strict = true
	return r
}

// handler answers a request with a page, or with an error for the error page.
type handler func(c *call) error

// handle adapts a handler.
func (s *Site) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := s.call(w, r)
		if c.x.Session != nil {
			c.speak(c.who().ClinicID)
		}
		err := c.read()
		if err == nil {
			err = h(c)
		}
		if err != nil {
			s.Fail(w, r, faultOf(err))
		}
	})
}

// zone returns a time zone by its IANA name, and UTC for one that this machine does not
// know.
func (s *Site) zone(name string) *time.Location {
	if loc, ok := s.zones.Load(name); ok {
		return loc.(*time.Location) //nolint:forcetypeassert // only locations are stored
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		loc = time.UTC
	}
	s.zones.Store(name, loc)
	return loc
}
