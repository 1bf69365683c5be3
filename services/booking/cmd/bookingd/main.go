// Command bookingd serves booking alone.
package main

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/booking"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

func main() {
	daemon.Main("booking", func(ctx context.Context, kit daemon.Kit) (daemon.Service, error) {
		return booking.New(ctx, booking.Config{}, kit)
	}, daemon.WithPeers("directory", "intake", "plans"), daemon.WithExchange(exchange))
}

// exchange asks directory whose session a bearer token is.
func exchange(kit daemon.Kit) daemon.Exchange {
	accounts := directoryv1.NewAccountServiceClient(kit.Peer("directory"))
	return func(ctx context.Context, token string) (authn.Principal, error) {
		s, err := accounts.ResolveSession(ctx, &directoryv1.ResolveSessionRequest{Token: token})
		if err != nil {
			return authn.Principal{}, err
		}
		return authn.Principal{
			Subject: s.GetAccountId(), ClinicID: s.GetClinicId(), Roles: s.GetRoles(), Profession: s.GetProfession(),
			PractitionerID: s.GetPractitionerId(), PatientIDs: s.GetPatientIds(), SessionID: s.GetSessionId(),
			ExpireTime: s.GetExpireTime().AsTime(),
		}, nil
	}
}
