package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

var equipmentCodec = codec[people.Equipment, *directoryv1.Equipment]{
	encode: encodeEquipment, decode: decodeEquipment,
	serverSet: []string{"equipment_id", "create_time", "update_time", "etag"},
}

func encodeEquipment(v people.Equipment) *directoryv1.Equipment {
	return &directoryv1.Equipment{
		EquipmentId: v.ID, LocationId: v.LocationID, RoomId: v.RoomID, DisplayName: v.DisplayName, Capabilities: v.Capabilities,
		Active: proto.Bool(v.Active), CreateTime: stamp(v.CreatedAt), UpdateTime: stamp(v.UpdatedAt), Etag: etag(v.Version),
	}
}

func decodeEquipment(v people.Equipment, m *directoryv1.Equipment) (people.Equipment, error) {
	v.LocationID, v.RoomID, v.DisplayName, v.Capabilities = m.GetLocationId(), m.GetRoomId(), m.GetDisplayName(), m.GetCapabilities()
	v.Active = activeOf(m.Active, v.Active)
	return v, nil
}

func (s placeServer) CreateEquipment(ctx context.Context, r *directoryv1.CreateEquipmentRequest) (*directoryv1.CreateEquipmentResponse, error) {
	v, err := decodeEquipment(people.Equipment{Active: true}, r.GetEquipment())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreateEquipment(ctx, fingerprint(r), v)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateEquipmentResponse{Equipment: encodeEquipment(made)}, nil
}

func (s placeServer) GetEquipment(ctx context.Context, r *directoryv1.GetEquipmentRequest) (*directoryv1.GetEquipmentResponse, error) {
	v, err := s.app.GetEquipment(ctx, r.GetEquipmentId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetEquipmentResponse{Equipment: encodeEquipment(v)}, nil
}

func (s placeServer) ListEquipment(ctx context.Context, r *directoryv1.ListEquipmentRequest) (*directoryv1.ListEquipmentResponse, error) {
	list, next, err := s.app.ListEquipment(ctx, app.ListFilter{
		Page: app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()}, Inactive: r.GetShowInactive(), LocationID: r.GetLocationId(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListEquipmentResponse{Equipment: each(list, encodeEquipment), NextPageToken: next}, nil
}

func (s placeServer) UpdateEquipment(ctx context.Context, r *directoryv1.UpdateEquipmentRequest) (*directoryv1.UpdateEquipmentResponse, error) {
	m := r.GetEquipment()
	change, err := equipmentCodec.change(m.GetEquipmentId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdateEquipment(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdateEquipmentResponse{Equipment: encodeEquipment(v)}, nil
}
