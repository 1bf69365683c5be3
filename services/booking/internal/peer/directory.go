package peer

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Supply is everything of a clinic that can be booked, as directory has it.
type Supply struct {
	Clinic    store.Clinic
	Locations []store.Location
	Resources []store.Resource
}

// pageSize is what lists are asked for at a time; directory's greatest.
const pageSize = 500

// Supply asks directory for a clinic's locations, rooms, equipment and practitioners.
func (p *Peers) Supply(ctx context.Context, clinicID string) (Supply, error) {
	var s Supply
	var err error
	if s.Clinic, err = p.Clinic(ctx, clinicID); err != nil {
		return s, err
	}
	ctx = as(ctx, clinicID)
	for _, list := range []func(context.Context, *Supply) error{p.listLocations, p.listRooms, p.listEquipment, p.listPractitioners} {
		if err := list(ctx, &s); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (p *Peers) listLocations(ctx context.Context, s *Supply) error {
	for token := ""; ; {
		resp, err := p.Places.ListLocations(ctx, &directoryv1.ListLocationsRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return err
		}
		for _, l := range resp.GetLocations() {
			s.Locations = append(s.Locations, location(l))
		}
		if token = resp.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

func (p *Peers) listRooms(ctx context.Context, s *Supply) error {
	for token := ""; ; {
		resp, err := p.Places.ListRooms(ctx, &directoryv1.ListRoomsRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return err
		}
		for _, r := range resp.GetRooms() {
			s.Resources = append(s.Resources, room(r))
		}
		if token = resp.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

func (p *Peers) listEquipment(ctx context.Context, s *Supply) error {
	for token := ""; ; {
		resp, err := p.Places.ListEquipment(ctx, &directoryv1.ListEquipmentRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return err
		}
		for _, e := range resp.GetEquipment() {
			s.Resources = append(s.Resources, equipment(e))
		}
		if token = resp.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

func (p *Peers) listPractitioners(ctx context.Context, s *Supply) error {
	for token := ""; ; {
		resp, err := p.Practitioners.ListPractitioners(ctx, &directoryv1.ListPractitionersRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return err
		}
		for _, pr := range resp.GetPractitioners() {
			r, err := practitioner(pr)
			if err != nil {
				return err
			}
			s.Resources = append(s.Resources, r)
		}
		if token = resp.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

// Location asks directory for one location.
func (p *Peers) Location(ctx context.Context, clinicID, id string) (store.Location, error) {
	resp, err := p.Places.GetLocation(as(ctx, clinicID), &directoryv1.GetLocationRequest{LocationId: id})
	if err != nil {
		return store.Location{}, err
	}
	return location(resp.GetLocation()), nil
}

// Room asks directory for one room.
func (p *Peers) Room(ctx context.Context, clinicID, id string) (store.Resource, error) {
	resp, err := p.Places.GetRoom(as(ctx, clinicID), &directoryv1.GetRoomRequest{RoomId: id})
	if err != nil {
		return store.Resource{}, err
	}
	return room(resp.GetRoom()), nil
}

// Equipment asks directory for one device.
func (p *Peers) Equipment(ctx context.Context, clinicID, id string) (store.Resource, error) {
	resp, err := p.Places.GetEquipment(as(ctx, clinicID), &directoryv1.GetEquipmentRequest{EquipmentId: id})
	if err != nil {
		return store.Resource{}, err
	}
	return equipment(resp.GetEquipment()), nil
}

// Practitioner asks directory for one practitioner with credentials.
func (p *Peers) Practitioner(ctx context.Context, clinicID, id string) (store.Resource, error) {
	resp, err := p.Practitioners.GetPractitioner(as(ctx, clinicID), &directoryv1.GetPractitionerRequest{PractitionerId: id})
	if err != nil {
		return store.Resource{}, err
	}
	return practitioner(resp.GetPractitioner())
}

func location(l *directoryv1.Location) store.Location {
	return store.Location{ID: l.GetLocationId(), TimeZone: l.GetTimeZone(), Active: l.GetActive(), SourceVersion: version(l.GetEtag())}
}

func room(r *directoryv1.Room) store.Resource {
	return store.Resource{SourceVersion: version(r.GetEtag()), Resource: schedule.Resource{
		ID: r.GetRoomId(), LocationID: r.GetLocationId(), Kind: schedule.RoomResource,
		Capabilities: r.GetCapabilities(), Inactive: !r.GetActive(),
	}}
}

func equipment(e *directoryv1.Equipment) store.Resource {
	return store.Resource{SourceVersion: version(e.GetEtag()), Resource: schedule.Resource{
		ID: e.GetEquipmentId(), LocationID: e.GetLocationId(), RoomID: e.GetRoomId(), Kind: schedule.EquipmentResource,
		Capabilities: e.GetCapabilities(), Inactive: !e.GetActive(),
	}}
}

func practitioner(p *directoryv1.Practitioner) (store.Resource, error) {
	r := store.Resource{SourceVersion: version(p.GetEtag()), Resource: schedule.Resource{
		ID: p.GetPractitionerId(), Kind: schedule.PractitionerResource, Capabilities: p.GetDisciplines(), Inactive: !p.GetActive(),
	}}
	for _, c := range p.GetCredentials() {
		cred := schedule.Credential{Kind: c.GetKind()}
		if err := cred.Expire.UnmarshalText([]byte(c.GetExpireDate())); err != nil {
			return r, fault.New(fault.Internal, "BAD_ANSWER", "A credential's date cannot be read.").Because(err)
		}
		r.Credentials = append(r.Credentials, cred)
	}
	return r, nil
}
