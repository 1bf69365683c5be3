// Package seed fills a clinic with invented people and a diary, through the services' own
// doors: what they would refuse cannot be in the demo. Everything but ids and passwords is
// a function of the seed number.
package seed

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/civil"
)

// Size says how big a clinic is.
type Size struct {
	Practitioners, Rooms, Patients, Weeks int
	// Appointments stops the diary there; 0 fills all the weeks.
	Appointments int
}

// Sizes by the name that `upright seed --scale` takes.
var Sizes = map[string]Size{
	"small":  {Practitioners: 3, Rooms: 2, Patients: 20, Weeks: 1},
	"clinic": {Practitioners: 10, Rooms: 4, Patients: 200, Weeks: 8},
	"year":   {Practitioners: 10, Rooms: 4, Patients: 600, Weeks: 52},
	"large":  {Practitioners: 50, Rooms: 20, Patients: 5000, Weeks: 104, Appointments: 100_000},
}

// Account is one that the seed made, with its password.
type Account struct {
	Role     string `json:"role"`
	Email    string `json:"email"`
	Password string `json:"password"`
}

// Connect gives a connection to a service that calls with the context's principal.
type Connect func(service string) grpc.ClientConnInterface

// Seeder fills one clinic.
type Seeder struct {
	// Own calls in the program's own name, Person as whoever is in the context.
	Own, Person Connect
	Size        Size
	Number      uint64    // the seed
	Now         time.Time // the diary starts on the day after
	Slug, Name  string
	Zone        string

	loc           *time.Location
	clinic        string
	location      string
	admin, desk   context.Context
	practitioners []string
	patients      []string
	types         map[typeKey]string
	accounts      []Account
}

// Run makes the clinic and everything in it and returns the accounts. A clinic that is half
// made when it fails is not taken back.
func (s *Seeder) Run(ctx context.Context) ([]Account, error) {
	var err error
	if s.loc, err = time.LoadLocation(s.Zone); err != nil {
		return nil, err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"clinic", s.makeClinic},
		{"practitioners", s.makePractitioners},
		{"accounts", s.makeAccounts},
		{"triage owners", s.nameOwners},
		{"languages", s.openLanguages},
		{"appointment types", s.makeTypes},
		{"shifts", s.makeShifts},
		{"patients", s.makePatients},
		{"diary", s.makeDiary},
		{"journeys", s.makeJourneys},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("seed %s: %w", step.what, err)
		}
	}
	return s.accounts, nil
}

// parallel is how many calls are under way at once: enough for the writer to commit groups.
const parallel = 16

func (s *Seeder) makeClinic(ctx context.Context) error {
	places := directoryv1.NewPlaceServiceClient(s.Own("directory"))
	clinic, err := places.CreateClinic(authn.WithService(ctx, "upright", ""), &directoryv1.CreateClinicRequest{Clinic: &directoryv1.Clinic{
		Slug: s.Slug, PublicName: s.Name, TimeZone: s.Zone, Locale: "en-GB", EmergencyNumbers: emergency(), Phone: "+44 20 7946 0000",
		ClinicalSafetyOfficer: &directoryv1.ClinicalSafetyOfficer{Name: "Dr " + familyNames[0], Registration: "DEMO-0001", Contact: "safety@demo.clinic"},
	}})
	if err != nil {
		return err
	}
	s.clinic = clinic.GetClinic().GetClinicId()
	own := authn.WithService(ctx, "upright", s.clinic)
	location, err := places.CreateLocation(own, &directoryv1.CreateLocationRequest{Location: &directoryv1.Location{DisplayName: "Main house"}})
	if err != nil {
		return err
	}
	s.location = location.GetLocation().GetLocationId()
	for i := range s.Size.Rooms {
		room := &directoryv1.Room{LocationId: s.location, DisplayName: fmt.Sprintf("Room %d", i+1)}
		if i == s.Size.Rooms-1 {
			room.DisplayName, room.Capabilities = "Procedure room", []string{fluoroscopy}
		}
		if _, err := places.CreateRoom(own, &directoryv1.CreateRoomRequest{Room: room}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Seeder) makePractitioners(ctx context.Context) error {
	client := directoryv1.NewPractitionerServiceClient(s.Own("directory"))
	own := authn.WithService(ctx, "upright", s.clinic)
	expire := civil.Of(s.Now, s.loc).AddMonths(60).String()
	for i := range s.Size.Practitioners {
		p := posts[i%len(posts)]
		practitioner := &directoryv1.Practitioner{
			GivenName: givenNames[(i*7+3)%len(givenNames)], FamilyName: familyNames[(i*5+1)%len(familyNames)],
			Profession: p.profession, Disciplines: p.disciplines, Languages: []string{"en"},
		}
		for _, kind := range p.credentials {
			practitioner.Credentials = append(practitioner.Credentials, &directoryv1.Credential{Kind: kind, Number: fmt.Sprintf("DEMO-%04d", i+1), ExpireDate: expire})
		}
		made, err := client.CreatePractitioner(own, &directoryv1.CreatePractitionerRequest{Practitioner: practitioner})
		if err != nil {
			return err
		}
		s.practitioners = append(s.practitioners, made.GetPractitioner().GetPractitionerId())
	}
	return nil
}

// makeAccounts makes the staff's accounts and signs two of them in, as whom the rest is done.
func (s *Seeder) makeAccounts(ctx context.Context) error {
	domain := "@" + s.Slug + ".clinic"
	for _, a := range []*directoryv1.Account{
		{Email: "reception" + domain, DisplayName: "Reception", Roles: []string{"RECEPTIONIST"}},
		{Email: "physio" + domain, DisplayName: "Physiotherapist", Roles: []string{"CLINICIAN"}, PractitionerId: s.practitioners[0]},
		{Email: "physician" + domain, DisplayName: "Physician", Roles: []string{"CLINICIAN"}, PractitionerId: s.practitioners[1]},
		{Email: "admin" + domain, DisplayName: "Administrator", Roles: []string{"ADMIN"}},
	} {
		if err := s.makeAccount(ctx, a, strings.TrimSuffix(a.GetEmail(), domain)); err != nil {
			return err
		}
	}
	var err error
	if s.desk, err = s.signIn(ctx, s.accounts[0]); err == nil {
		s.admin, err = s.signIn(ctx, s.accounts[3])
	}
	return err
}

// openLanguages opens the form to patients in every language that it has, as the invented
// physician. At a real clinic a real one reads it first.
func (s *Seeder) openLanguages(ctx context.Context) error {
	physician, err := s.signIn(ctx, s.accounts[2])
	if err != nil {
		return err
	}
	client := intakev1.NewQuestionnaireVersionServiceClient(s.Person("intake"))
	list, err := client.ListQuestionnaireVersions(physician, &intakev1.ListQuestionnaireVersionsRequest{})
	if err != nil {
		return err
	}
	for _, v := range list.GetQuestionnaireVersions() {
		for _, l := range v.GetLanguages() {
			if l.GetOpen() {
				continue
			}
			_, err := client.ApproveQuestionnaireLanguage(physician, &intakev1.ApproveQuestionnaireLanguageRequest{
				QuestionnaireId: v.GetQuestionnaireId(), Version: v.GetVersion(), LanguageCode: l.GetLanguageCode(),
				Note: "Invented approval of an invented clinic: nobody has read it.",
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// nameOwners says whose triage tasks are: the physiotherapist's, and when they are late the
// physician's, who answers for safety.
func (s *Seeder) nameOwners(ctx context.Context) error {
	var owners []string
	for _, i := range []int{1, 2} {
		signedIn, err := s.signIn(ctx, s.accounts[i])
		if err != nil {
			return err
		}
		p, _ := authn.From(signedIn)
		owners = append(owners, p.Subject)
	}
	_, err := intakev1.NewTriageSettingsServiceClient(s.Person("intake")).UpdateTriageSettings(s.admin, &intakev1.UpdateTriageSettingsRequest{
		Settings: &intakev1.TriageSettings{OwnerAccountIds: owners[:1], SafetyOfficerAccountId: owners[1]},
	})
	return err
}

func (s *Seeder) makeAccount(ctx context.Context, a *directoryv1.Account, role string) error {
	password, err := NewPassword()
	if err != nil {
		return err
	}
	client := directoryv1.NewAccountServiceClient(s.Own("directory"))
	_, err = client.CreateAccount(authn.WithService(ctx, "upright", s.clinic), &directoryv1.CreateAccountRequest{Account: a, Password: password})
	s.accounts = append(s.accounts, Account{Role: role, Email: a.GetEmail(), Password: password})
	return err
}

// NewPassword makes a password that nobody has to invent: 100 random bits.
func NewPassword() (string, error) {
	var b [15]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	text := strings.ToLower(base32.StdEncoding.EncodeToString(b[:]))[:20]
	return text[:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:], nil
}

// signIn gives a context in which calls are the account's own.
func (s *Seeder) signIn(ctx context.Context, a Account) (context.Context, error) {
	session, err := directoryv1.NewAccountServiceClient(s.Person("directory")).SignIn(ctx, &directoryv1.SignInRequest{Email: a.Email, Password: a.Password})
	if err != nil {
		return nil, err
	}
	r, err := directoryv1.NewAccountServiceClient(s.Own("directory")).ResolveSession(authn.WithService(ctx, "upright", ""), &directoryv1.ResolveSessionRequest{Token: session.GetToken()})
	if err != nil {
		return nil, err
	}
	return authn.With(ctx, authn.Principal{
		Subject: r.GetAccountId(), ClinicID: r.GetClinicId(), Roles: r.GetRoles(), Profession: r.GetProfession(),
		PractitionerID: r.GetPractitionerId(), PatientIDs: r.GetPatientIds(), SessionID: r.GetSessionId(),
	}), nil
}

func (s *Seeder) makeTypes(context.Context) error {
	client := bookingv1.NewAppointmentTypeServiceClient(s.Person("booking"))
	s.types = map[typeKey]string{}
	for _, k := range types() {
		made, err := client.CreateAppointmentType(s.admin, &bookingv1.CreateAppointmentTypeRequest{AppointmentType: k.typ})
		if err != nil {
			return fmt.Errorf("%s: %w", k.key, err)
		}
		s.types[k.key] = made.GetAppointmentType().GetAppointmentTypeId()
	}
	return nil
}

func (s *Seeder) makeShifts(context.Context) error {
	client := bookingv1.NewShiftServiceClient(s.Person("booking"))
	start := civil.Of(s.Now, s.loc).AddDays(-7).String()
	for i, practitioner := range s.practitioners {
		shift := &bookingv1.Shift{PractitionerId: practitioner, LocationId: s.location, TimeZone: s.Zone, StartLocalTime: "09:00", EndLocalTime: "17:00", StartDate: start}
		for day := time.Monday; day <= time.Friday; day++ {
			if worksOn(i, day) {
				shift.Weekdays = append(shift.Weekdays, strings.ToUpper(day.String()))
			}
		}
		if _, err := client.CreateShift(s.admin, &bookingv1.CreateShiftRequest{Shift: shift}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Seeder) makePatients(context.Context) error {
	rng := mathrand.New(mathrand.NewPCG(s.Number, 1))
	client := directoryv1.NewPatientServiceClient(s.Person("directory"))
	s.patients = make([]string, s.Size.Patients)
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range s.Size.Patients {
		born := civil.Of(s.Now, s.loc).AddDays(-rng.IntN(62*365) - 20*365)
		patient := &directoryv1.Patient{
			GivenName: givenNames[rng.IntN(len(givenNames))], FamilyName: familyNames[rng.IntN(len(familyNames))],
			BirthDate: born.String(), AdministrativeSex: []string{"FEMALE", "MALE"}[rng.IntN(2)], Language: "en",
			Phone: fmt.Sprintf("+44 7700 9%05d", i), Email: fmt.Sprintf("patient%d@%s.clinic", i+1, s.Slug),
		}
		group.Go(func() error {
			made, err := client.CreatePatient(s.desk, &directoryv1.CreatePatientRequest{Patient: patient})
			s.patients[i] = made.GetPatient().GetPatientId()
			return err
		})
	}
	return group.Wait()
}

func (s *Seeder) makeDiary(context.Context) error {
	rng := mathrand.New(mathrand.NewPCG(s.Number, 2))
	client := bookingv1.NewAppointmentServiceClient(s.Person("booking"))
	var group errgroup.Group
	group.SetLimit(parallel)
	for _, v := range planDiary(s.Size, civil.Of(s.Now, s.loc), rng) {
		group.Go(func() error {
			_, err := client.CreateAppointment(s.desk, &bookingv1.CreateAppointmentRequest{
				AppointmentTypeId: s.types[v.key], PatientId: s.patients[v.patient], PractitionerId: s.practitioners[v.practitioner],
				StartTime: timestamppb.New(v.day.At(v.minute/60, v.minute%60, s.loc)),
			})
			if err != nil {
				return fmt.Errorf("%s on %v at %02d:%02d: %w", v.key, v.day, v.minute/60, v.minute%60, err)
			}
			return nil
		})
	}
	return group.Wait()
}
