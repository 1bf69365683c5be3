package api

import (
	"context"

	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/directory/internal/people"
)

var roomCodec = codec[people.Room, *directoryv1.Room]{
	encode: encodeRoom, decode: decodeRoom,
	serverSet: []string{"room_id", "create_time", "update_time", "etag"},
}

func encodeRoom(v people.Room) *directoryv1.Room {
	return &directoryv1.Room{
		RoomId: v.ID, LocationId: v.LocationID, DisplayName: v.DisplayName, Capabilities: v.Capabilities,
		Active: proto.Bool(v.Active), CreateTime: stamp(v.CreatedAt), UpdateTime: stamp(v.UpdatedAt), Etag: etag(v.Version),
	}
}

func decodeRoom(v people.Room, m *directoryv1.Room) (people.Room, error) {
	v.LocationID, v.DisplayName, v.Capabilities = m.GetLocationId(), m.GetDisplayName(), m.GetCapabilities()
	v.Active = activeOf(m.Active, v.Active)
	return v, nil
}

func (s placeServer) CreateRoom(ctx context.Context, r *directoryv1.CreateRoomRequest) (*directoryv1.CreateRoomResponse, error) {
	v, err := decodeRoom(people.Room{Active: true}, r.GetRoom())
	if err != nil {
		return nil, err
	}
	made, err := s.app.CreateRoom(ctx, fingerprint(r), v)
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateRoomResponse{Room: encodeRoom(made)}, nil
}

func (s placeServer) GetRoom(ctx context.Context, r *directoryv1.GetRoomRequest) (*directoryv1.GetRoomResponse, error) {
	v, err := s.app.GetRoom(ctx, r.GetRoomId())
	if err != nil {
		return nil, err
	}
	return &directoryv1.GetRoomResponse{Room: encodeRoom(v)}, nil
}

func (s placeServer) ListRooms(ctx context.Context, r *directoryv1.ListRoomsRequest) (*directoryv1.ListRoomsResponse, error) {
	list, next, err := s.app.ListRooms(ctx, app.ListFilter{
		Page: app.Page{Size: int(r.GetPageSize()), Token: r.GetPageToken()}, Inactive: r.GetShowInactive(), LocationID: r.GetLocationId(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListRoomsResponse{Rooms: each(list, encodeRoom), NextPageToken: next}, nil
}

func (s placeServer) UpdateRoom(ctx context.Context, r *directoryv1.UpdateRoomRequest) (*directoryv1.UpdateRoomResponse, error) {
	m := r.GetRoom()
	change, err := roomCodec.change(m.GetRoomId(), m.GetEtag(), m, r.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	v, err := s.app.UpdateRoom(ctx, fingerprint(r), change)
	if err != nil {
		return nil, err
	}
	return &directoryv1.UpdateRoomResponse{Room: encodeRoom(v)}, nil
}
