// Command plansd serves plans alone.
package main

import (
	"context"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

func main() {
	daemon.Main("plans", func(ctx context.Context, kit daemon.Kit) (daemon.Service, error) {
		return plans.New(ctx, plans.Config{}, kit)
	}, daemon.WithPeers("directory", "intake", "booking"), daemon.WithExchange(exchange))
}

// exchange has directory say whose session a bearer token is.
func exchange(kit daemon.Kit) daemon.Exchange {
	accounts := directoryv1.NewAccountServiceClient(kit.Peer("directory"))
	return func(ctx context.Context, token string) (authn.Principal, error) {
		s, err := accounts.ResolveSession(authn.WithService(ctx, kit.Service, ""), &directoryv1.ResolveSessionRequest{Token: token})
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
