package api

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

// practitionerServer serves PractitionerService.
type practitionerServer struct {
	directoryv1.UnimplementedPractitionerServiceServer
	app *app.App
}

var practitionerCodec = codec[people.Practitioner, *directoryv1.Practitioner]{
	encode: encodePractitioner, decode: decodePractitioner,
	serverSet: []string{"practitioner_id", "display_name", "create_time", "update_time", "etag"},
}

func encodePractitioner(p people.Practitioner) *directoryv1.Practitioner {
	return &directoryv1.Practitioner{
		PractitionerId: p.ID, Title: p.Title, GivenName: p.GivenName, FamilyName: p.FamilyName, DisplayName: p.DisplayName(),
		Profession: p.Profession, Disciplines: p.Disciplines, Languages: p.Languages, Active: proto.Bool(p.Active),
		Credentials: each(p.Credentials, func(c people.Credential) *directoryv1.Credential {
			return &directoryv1.Credential{Kind: c.Kind, Number: c.Number, Issuer: c.Issuer, ExpireDate: c.ExpireDate.String()}
		}),
		CreateTime: stamp(p.CreatedAt), UpdateTime: stamp(p.UpdatedAt), Etag: etag(p.Version),
	}
}

func decodePractitioner(p people.Practitioner, m *directoryv1.Practitioner) (people.Practitioner, error) {
	p.Title, p.GivenName, p.FamilyName = m.GetTitle(), m.GetGivenName(), m.GetFamilyName()
	p.Profession, p.Disciplines, p.Languages = m.GetProfession(), m.GetDisciplines(), m.GetLanguages()
	p.Active = activeOf(m.Active, p.Active)
	p.Credentials = nil
	for i, c := range m.GetCredentials() {
		expire, err := people.ParseDate("practitioner.credentials["+strconv.Itoa(i)+"].expire_date", c.GetExpireDate())
		if err != nil {
			return p, err
		}
		p.Credentials = append(p.Credentials, people.Credential{
			Kind: c.GetKind(), Number: c.GetNumber(), Issuer: c.GetIssuer(), ExpireDate: expire,
		})
	}
	return p, nil
}

func (s practitionerServer) CreatePractitioner(
	ctx context.Context, r *directoryv1.CreatePractitionerRequest,
) (*directoryv1.CreatePractitionerResponse, error) {
	p, err := decodePractitioner(people.Practitioner{Active: true}, r.GetPractitioner())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreatePractitioner(ctx, fingerprint(r), p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreatePractitionerResponse{Practitioner: encodePractitioner(made)}, nil
}

func (s practitionerServer) GetPractitioner(
	ctx context.Context, r *directoryv1.GetPractitionerRequest,
) (*directoryv1.GetPractitionerResponse, error) {
	p, err := s.app.GetPractitioner(ctx, r.GetPractitionerId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetPractitionerResponse{Practitioner: encodePractitioner(p)}, nil
}

func (s practitionerServer) ListPractitioners(
	ctx context.Context, r *directoryv1.ListPractitionersRequest,
) (*directoryv1.ListPractitionersResponse, error) {
	filter := app.ListFilter{Page: app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()}, Inactive: r.GetShowInactive()}
	list, next, err := s.app.ListPractitioners(ctx, r.GetDiscipline(), filter)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListPractitionersResponse{Practitioners: each(list, encodePractitioner), NextPageToken: next}, nil
}

func (s practitionerServer) UpdatePractitioner(
	ctx context.Context, r *directoryv1.UpdatePractitionerRequest,
) (*directoryv1.UpdatePractitionerResponse, error) {
	m := r.GetPractitioner()
	change, err := practitionerCodec.change(m.GetPractitionerId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	p, err := s.app.UpdatePractitioner(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdatePractitionerResponse{Practitioner: encodePractitioner(p)}, nil
}
