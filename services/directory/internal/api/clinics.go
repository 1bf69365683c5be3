package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

// placeServer serves PlaceService.
type placeServer struct {
	directoryv1.UnimplementedPlaceServiceServer
	app *app.App
}

var clinicCodec = codec[people.Clinic, *directoryv1.Clinic]{
	encode: encodeClinic, decode: decodeClinic,
	serverSet: []string{"clinic_id", "registration_open", "create_time", "update_time", "etag"},
}

func encodeClinic(c people.Clinic) *directoryv1.Clinic {
	return &directoryv1.Clinic{
		ClinicId: c.ID, Slug: c.Slug, PublicName: c.PublicName, TimeZone: c.TimeZone, Locale: c.Locale, Phone: c.Phone, Email: c.Email,
		EmergencyNumbers: each(c.EmergencyNumbers, func(n people.EmergencyNumber) *directoryv1.EmergencyNumber {
			return &directoryv1.EmergencyNumber{Label: n.Label, Number: n.Number, Kind: n.Kind}
		}),
		ClinicalSafetyOfficer: &directoryv1.ClinicalSafetyOfficer{
			Name: c.SafetyOfficer.Name, Registration: c.SafetyOfficer.Registration, Contact: c.SafetyOfficer.Contact,
		},
		Address: encodeAddress(c.Address), RegistrationEnabled: proto.Bool(c.RegistrationEnabled), RegistrationOpen: c.RegistrationOpen(),
		CreateTime: stamp(c.CreatedAt), UpdateTime: stamp(c.UpdatedAt), Etag: etag(c.Version),
	}
}

func decodeClinic(c people.Clinic, m *directoryv1.Clinic) (people.Clinic, error) {
	c.Slug, c.PublicName, c.TimeZone, c.Locale = m.GetSlug(), m.GetPublicName(), m.GetTimeZone(), m.GetLocale()
	c.Phone, c.Email, c.Address = m.GetPhone(), m.GetEmail(), decodeAddress(m.GetAddress())
	c.RegistrationEnabled = activeOf(m.RegistrationEnabled, c.RegistrationEnabled)
	officer := m.GetClinicalSafetyOfficer()
	c.SafetyOfficer = people.SafetyOfficer{Name: officer.GetName(), Registration: officer.GetRegistration(), Contact: officer.GetContact()}
	c.EmergencyNumbers = each(m.GetEmergencyNumbers(), func(n *directoryv1.EmergencyNumber) people.EmergencyNumber {
		return people.EmergencyNumber{Label: n.GetLabel(), Number: n.GetNumber(), Kind: n.GetKind()}
	})
	return c, nil
}

func (s placeServer) CreateClinic(ctx context.Context, r *directoryv1.CreateClinicRequest) (*directoryv1.CreateClinicResponse, error) {
	clinic, err := decodeClinic(people.Clinic{RegistrationEnabled: true}, r.GetClinic())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreateClinic(ctx, fingerprint(r), clinic)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateClinicResponse{Clinic: encodeClinic(made)}, nil
}

func (s placeServer) ListClinics(ctx context.Context, r *directoryv1.ListClinicsRequest) (*directoryv1.ListClinicsResponse, error) {
	clinics, next, err := s.app.ListClinics(ctx, app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()})
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListClinicsResponse{Clinics: each(clinics, encodeClinic), NextPageToken: next}, nil
}

func (s placeServer) GetClinic(ctx context.Context, r *directoryv1.GetClinicRequest) (*directoryv1.GetClinicResponse, error) {
	clinic, err := s.app.GetClinic(ctx, r.GetClinicId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetClinicResponse{Clinic: encodeClinic(clinic)}, nil
}

func (s placeServer) GetClinicBySlug(ctx context.Context, r *directoryv1.GetClinicBySlugRequest) (*directoryv1.GetClinicBySlugResponse, error) {
	clinic, err := s.app.GetClinicBySlug(ctx, r.GetSlug())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetClinicBySlugResponse{Clinic: encodeClinic(clinic)}, nil
}

func (s placeServer) UpdateClinic(ctx context.Context, r *directoryv1.UpdateClinicRequest) (*directoryv1.UpdateClinicResponse, error) {
	m := r.GetClinic()
	change, err := clinicCodec.change(m.GetClinicId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	clinic, err := s.app.UpdateClinic(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdateClinicResponse{Clinic: encodeClinic(clinic)}, nil
}
