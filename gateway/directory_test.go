package gateway_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
)

// canary is what must never reach a page unescaped, an address or a log.
const canary = `Ca<b>nary"'&`

// directory is a small directory: one clinic, a few people, sessions by token.
type directory struct {
	directoryv1.UnimplementedAccountServiceServer
	directoryv1.UnimplementedPatientServiceServer
	directoryv1.UnimplementedPlaceServiceServer
	directoryv1.UnimplementedPractitionerServiceServer
	w       *world
	imports imports

	mu         sync.Mutex
	sessions   map[string]authn.Principal
	background int
	resolved   int
	patients   map[string]*directoryv1.Patient
	requestIDs []string
	registered int
	down       error
	// change alters the clinic; nil: it is as it is.
	change func(*directoryv1.Clinic)
}

func newDirectory(w *world) *directory {
	d := &directory{w: w, sessions: map[string]authn.Principal{}, patients: map[string]*directoryv1.Patient{
		"pat_1": {PatientId: "pat_1", GivenName: canary, FamilyName: "Rivera", BirthDate: "1980-03-07", Phone: "+1 604 555 0100", Email: "ana@example.org", Etag: "1"},
		"pat_2": {PatientId: "pat_2", GivenName: "Noor", FamilyName: "Haddad", BirthDate: "1975-12-01", Etag: "1"},
	}}
	for token, p := range people {
		d.sessions[token] = p
	}
	return d
}

func (d *directory) register(r grpc.ServiceRegistrar) {
	directoryv1.RegisterAccountServiceServer(r, d)
	directoryv1.RegisterPatientServiceServer(r, d)
	directoryv1.RegisterPlaceServiceServer(r, d)
	directoryv1.RegisterPractitionerServiceServer(r, d)
	directoryv1.RegisterImportServiceServer(r, &d.imports)
}

func (d *directory) end(token string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.sessions, token)
}

func (d *directory) ResolveSession(_ context.Context, in *directoryv1.ResolveSessionRequest) (*directoryv1.ResolveSessionResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resolved++
	if in.GetBackground() {
		d.background++
	}
	if d.down != nil {
		return nil, d.down
	}
	p, ok := d.sessions[in.GetToken()]
	if !ok {
		return nil, fault.New(fault.Unauthenticated, "SESSION_INVALID", "no such session")
	}
	return &directoryv1.ResolveSessionResponse{
		AccountId: p.Subject, ClinicId: p.ClinicID, Roles: p.Roles, Profession: p.Profession, PractitionerId: p.PractitionerID,
		PatientIds: p.PatientIDs, SessionId: p.SessionID,
		ExpireTime: timestamppb.New(noon.Add(12 * time.Hour)), IdleExpireTime: timestamppb.New(noon.Add(6 * time.Hour)),
	}, nil
}

func (d *directory) SignIn(_ context.Context, in *directoryv1.SignInRequest) (*directoryv1.SignInResponse, error) {
	if in.GetPassword() != "correct horse" {
		return nil, fault.New(fault.Unauthenticated, "SIGN_IN_FAILED", "wrong address or password")
	}
	token := "token-" + strings.TrimSuffix(in.GetEmail(), "@demo.clinic")
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sessions[token] = people[token]
	return &directoryv1.SignInResponse{Token: token, ExpireTime: timestamppb.New(noon.Add(time.Hour)), Account: &directoryv1.Account{AccountId: people[token].Subject, Email: in.GetEmail()}}, nil
}

func (d *directory) SignOut(ctx context.Context, _ *directoryv1.SignOutRequest) (*directoryv1.SignOutResponse, error) {
	p, _ := authn.From(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	for token, owner := range d.sessions {
		if owner.SessionID == p.SessionID {
			delete(d.sessions, token)
		}
	}
	return &directoryv1.SignOutResponse{}, nil
}

func (d *directory) GetMe(ctx context.Context, _ *directoryv1.GetMeRequest) (*directoryv1.GetMeResponse, error) {
	p, _ := authn.From(ctx)
	me := &directoryv1.GetMeResponse{Account: &directoryv1.Account{AccountId: p.Subject}, SessionId: p.SessionID}
	for _, id := range p.PatientIDs {
		me.Patients = append(me.Patients, &directoryv1.ActingFor{PatientId: id, DisplayName: d.patients[id].GetGivenName(), Relation: "SELF"})
	}
	return me, nil
}

func (d *directory) clinic() *directoryv1.Clinic {
	open := true
	c := &directoryv1.Clinic{
		ClinicId: "cln_1", Slug: "spine", PublicName: "Spine & Joint", TimeZone: "America/Vancouver", Locale: "en", Phone: "+1 604 555 0199",
		RegistrationEnabled: &open, RegistrationOpen: true,
		EmergencyNumbers:      []*directoryv1.EmergencyNumber{{Label: "Emergency", Number: "911", Kind: "EMERGENCY"}, {Label: "Crisis line", Number: "988", Kind: "CRISIS"}},
		ClinicalSafetyOfficer: &directoryv1.ClinicalSafetyOfficer{Name: "Dr Ana Lee"},
	}
	if d.change != nil {
		d.change(c)
	}
	return c
}

func (d *directory) GetClinic(context.Context, *directoryv1.GetClinicRequest) (*directoryv1.GetClinicResponse, error) {
	return &directoryv1.GetClinicResponse{Clinic: d.clinic()}, nil
}

func (d *directory) GetClinicBySlug(_ context.Context, in *directoryv1.GetClinicBySlugRequest) (*directoryv1.GetClinicBySlugResponse, error) {
	if in.GetSlug() != "spine" {
		return nil, fault.NotFoundf("clinic")
	}
	return &directoryv1.GetClinicBySlugResponse{Clinic: d.clinic()}, nil
}

func (d *directory) ListPractitioners(context.Context, *directoryv1.ListPractitionersRequest) (*directoryv1.ListPractitionersResponse, error) {
	return &directoryv1.ListPractitionersResponse{Practitioners: []*directoryv1.Practitioner{
		{PractitionerId: "prac_1", DisplayName: "Dr Ana Lee"}, {PractitionerId: "prac_2", DisplayName: "Ben <Okafor>"},
	}}, nil
}

func (d *directory) GetPatient(ctx context.Context, in *directoryv1.GetPatientRequest) (*directoryv1.GetPatientResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	who, _ := authn.From(ctx)
	p, ok := d.patients[in.GetPatientId()]
	if !ok || !who.SeesPatient(in.GetPatientId()) {
		return nil, fault.NotFoundf("patient")
	}
	return &directoryv1.GetPatientResponse{Patient: clone(p)}, nil
}

func (d *directory) BatchGetPatients(_ context.Context, in *directoryv1.BatchGetPatientsRequest) (*directoryv1.BatchGetPatientsResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := &directoryv1.BatchGetPatientsResponse{}
	for _, id := range in.GetPatientIds() {
		if p, ok := d.patients[id]; ok {
			out.Patients = append(out.Patients, clone(p))
		}
	}
	return out, nil
}

func (d *directory) SearchPatients(_ context.Context, in *directoryv1.SearchPatientsRequest) (*directoryv1.SearchPatientsResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := &directoryv1.SearchPatientsResponse{}
	for _, id := range []string{"pat_1", "pat_2"} {
		if p := d.patients[id]; strings.Contains(strings.ToLower(p.GetFamilyName()), strings.ToLower(in.GetQuery())) {
			out.Patients = append(out.Patients, clone(p))
		}
	}
	return out, nil
}

func (d *directory) CreatePatient(ctx context.Context, in *directoryv1.CreatePatientRequest) (*directoryv1.CreatePatientResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.requestIDs = append(d.requestIDs, requestid.From(ctx))
	p := clone(in.GetPatient())
	if p.GetBirthDate() > "2026-11-24" {
		return nil, fault.Invalid("patient.birth_date", "is after today")
	}
	p.PatientId, p.Etag = fmt.Sprintf("pat_%d", len(d.patients)+1), "1"
	d.patients[p.GetPatientId()] = p
	return &directoryv1.CreatePatientResponse{Patient: clone(p)}, nil
}

func (d *directory) UpdatePatient(_ context.Context, in *directoryv1.UpdatePatientRequest) (*directoryv1.UpdatePatientResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p, ok := d.patients[in.GetPatient().GetPatientId()]
	if !ok {
		return nil, fault.NotFoundf("patient")
	}
	if in.GetPatient().GetEtag() != p.GetEtag() {
		return nil, fault.New(fault.Aborted, "VERSION_MISMATCH", "the record has changed")
	}
	proto.Merge(p, in.GetPatient())
	p.Etag = "2"
	return &directoryv1.UpdatePatientResponse{Patient: clone(p)}, nil
}

func (d *directory) RegisterPatient(_ context.Context, in *directoryv1.RegisterPatientRequest) (*directoryv1.RegisterPatientResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.registered++
	if len(in.GetPassword()) < 10 {
		return nil, fault.New(fault.InvalidArgument, "PASSWORD_WEAK", "too short").OnField("password", "too short")
	}
	return &directoryv1.RegisterPatientResponse{Patient: &directoryv1.Patient{PatientId: "pat_1"}}, nil
}

// clone copies a message, so that a test does not change what a service keeps.
func clone[M proto.Message](m M) M {
	c, ok := proto.Clone(m).(M)
	if !ok {
		panic("clone")
	}
	return c
}
