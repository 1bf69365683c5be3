package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

var locationCodec = codec[people.Location, *directoryv1.Location]{
	encode: encodeLocation, decode: decodeLocation,
	serverSet: []string{"location_id", "create_time", "update_time", "etag"},
}

func encodeLocation(v people.Location) *directoryv1.Location {
	return &directoryv1.Location{
		LocationId: v.ID, DisplayName: v.DisplayName, Address: encodeAddress(v.Address), Phone: v.Phone, TimeZone: v.TimeZone,
		Active: proto.Bool(v.Active), CreateTime: stamp(v.CreatedAt), UpdateTime: stamp(v.UpdatedAt), Etag: etag(v.Version),
	}
}

func decodeLocation(v people.Location, m *directoryv1.Location) (people.Location, error) {
	v.DisplayName, v.Address, v.Phone, v.TimeZone = m.GetDisplayName(), decodeAddress(m.GetAddress()), m.GetPhone(), m.GetTimeZone()
	v.Active = activeOf(m.Active, v.Active)
	return v, nil
}

func (s placeServer) CreateLocation(ctx context.Context, r *directoryv1.CreateLocationRequest) (*directoryv1.CreateLocationResponse, error) {
	v, err := decodeLocation(people.Location{Active: true}, r.GetLocation())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreateLocation(ctx, fingerprint(r), v)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateLocationResponse{Location: encodeLocation(made)}, nil
}

func (s placeServer) GetLocation(ctx context.Context, r *directoryv1.GetLocationRequest) (*directoryv1.GetLocationResponse, error) {
	v, err := s.app.GetLocation(ctx, r.GetLocationId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetLocationResponse{Location: encodeLocation(v)}, nil
}

func (s placeServer) ListLocations(ctx context.Context, r *directoryv1.ListLocationsRequest) (*directoryv1.ListLocationsResponse, error) {
	list, next, err := s.app.ListLocations(ctx, app.ListFilter{
		Page: app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()}, Inactive: r.GetShowInactive(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListLocationsResponse{Locations: each(list, encodeLocation), NextPageToken: next}, nil
}

func (s placeServer) UpdateLocation(ctx context.Context, r *directoryv1.UpdateLocationRequest) (*directoryv1.UpdateLocationResponse, error) {
	m := r.GetLocation()
	change, err := locationCodec.change(m.GetLocationId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdateLocation(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdateLocationResponse{Location: encodeLocation(v)}, nil
}
