// Command directoryd serves directory alone.
package main

import (
	"context"
	"errors"
	"sync/atomic"

	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/directory"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

func main() {
	var d door
	daemon.Main("directory", d.build, daemon.WithExchange(func(daemon.Kit) daemon.Exchange { return d.exchange }))
}

// door remembers who resolves sessions, since directory is the service that bearer tokens are
// exchanged at, its own port's included.
type door struct {
	accounts atomic.Pointer[directoryv1.AccountServiceServer]
}

// build makes the service.
func (d *door) build(ctx context.Context, kit daemon.Kit) (daemon.Service, error) {
	service, err := directory.New(ctx, directory.Config{}, kit)
	if err != nil {
		return nil, err
	}
	service.Register(d)
	return service, nil
}

// RegisterService implements [grpc.ServiceRegistrar]: it looks for the account service.
func (d *door) RegisterService(_ *grpc.ServiceDesc, impl any) {
	if accounts, ok := impl.(directoryv1.AccountServiceServer); ok {
		d.accounts.Store(&accounts)
	}
}

// exchange says whose session a bearer token is.
func (d *door) exchange(ctx context.Context, token string) (authn.Principal, error) {
	accounts := d.accounts.Load()
	if accounts == nil {
		return authn.Principal{}, errors.New("directoryd: not built yet")
	}
	s, err := (*accounts).ResolveSession(ctx, &directoryv1.ResolveSessionRequest{Token: token})
	if err != nil {
		return authn.Principal{}, err
	}
	return authn.Principal{
		Subject: s.GetAccountId(), ClinicID: s.GetClinicId(), Roles: s.GetRoles(), Profession: s.GetProfession(),
		PractitionerID: s.GetPractitionerId(), PatientIDs: s.GetPatientIds(), SessionID: s.GetSessionId(),
		ExpireTime: s.GetExpireTime().AsTime(),
	}, nil
}
