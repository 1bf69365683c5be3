package peer

import (
	"context"
	"slices"
	"strings"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
)

// Names is what people and places are called, by id, places with their address. It is asked for
// what somebody has asked to see named, and never kept.
type Names struct {
	Patients, Practitioners, Locations map[string]string
}

// Names asks directory what the clinic's practitioners and locations are called, and these
// patients.
func (p *Peers) Names(ctx context.Context, clinicID string, patientIDs []string) (Names, error) {
	n := Names{Patients: map[string]string{}, Practitioners: map[string]string{}, Locations: map[string]string{}}
	ctx = as(ctx, clinicID)
	for batch := range slices.Chunk(patientIDs, pageSize) {
		resp, err := p.Patients.BatchGetPatients(ctx, &directoryv1.BatchGetPatientsRequest{PatientIds: batch})
		if err != nil {
			return n, err
		}
		for _, r := range resp.GetPatients() {
			n.Patients[r.GetPatientId()] = strings.TrimSpace(r.GetGivenName() + " " + r.GetFamilyName())
		}
	}
	for token := ""; ; {
		resp, err := p.Practitioners.ListPractitioners(ctx, &directoryv1.ListPractitionersRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return n, err
		}
		for _, r := range resp.GetPractitioners() {
			n.Practitioners[r.GetPractitionerId()] = r.GetDisplayName()
		}
		if token = resp.GetNextPageToken(); token == "" {
			break
		}
	}
	for token := ""; ; {
		resp, err := p.Places.ListLocations(ctx, &directoryv1.ListLocationsRequest{ShowInactive: true, PageSize: pageSize, PageToken: token})
		if err != nil {
			return n, err
		}
		for _, r := range resp.GetLocations() {
			n.Locations[r.GetLocationId()] = whereIs(r)
		}
		if token = resp.GetNextPageToken(); token == "" {
			return n, nil
		}
	}
}

// whereIs is a location with its address, on one line.
func whereIs(l *directoryv1.Location) string {
	parts := append([]string{l.GetDisplayName()}, l.GetAddress().GetLines()...)
	if city := strings.TrimSpace(l.GetAddress().GetPostalCode() + " " + l.GetAddress().GetCity()); city != "" {
		parts = append(parts, city)
	}
	return strings.Join(parts, ", ")
}
