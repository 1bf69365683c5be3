package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"google.golang.org/grpc"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/booking"
	"github.com/upright-clinic/upright/services/directory"
	"github.com/upright-clinic/upright/services/intake"
	"github.com/upright-clinic/upright/services/plans"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// clinic is every service of the program, wired to each other through in-process channels
// with the same interceptors, access rules and signatures as over a network.
type clinic struct {
	data     string // the data folder
	keys     *authn.Keyring
	tel      *telemetry.Telemetry
	log      *slog.Logger
	broker   *broker
	bus      *eventbus.Bus
	servers  map[string]*rpc.Server
	services map[string]daemon.Service
	dbs      map[string]*sqldb.DB
}

// builders make the services; a service that is not here does not exist.
var builders = map[string]func(context.Context, daemon.Kit) (daemon.Service, error){
	"directory": func(ctx context.Context, k daemon.Kit) (daemon.Service, error) {
		return directory.New(ctx, directory.Config{}, k)
	},
	"intake": func(ctx context.Context, k daemon.Kit) (daemon.Service, error) {
		return intake.New(ctx, intake.Config{}, k)
	},
	"plans": func(ctx context.Context, k daemon.Kit) (daemon.Service, error) {
		return plans.New(ctx, plans.Config{}, k)
	},
	"booking": func(ctx context.Context, k daemon.Kit) (daemon.Service, error) {
		return booking.New(ctx, booking.Config{}, k)
	},
}

// openClinic opens and migrates the databases and builds the services. Nothing runs yet.
func openClinic(ctx context.Context, s storage, nats string, tel *telemetry.Telemetry) (c *clinic, err error) {
	c = &clinic{data: s.Data, tel: tel, log: tel.Log(), servers: map[string]*rpc.Server{}, services: map[string]daemon.Service{}, dbs: map[string]*sqldb.DB{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.close())
		}
	}()
	if c.keys, err = authn.GenerateKeyring(append([]string{"gateway", "upright"}, serviceNames...)...); err != nil {
		return c, err
	}
	if err = c.connectBus(ctx, s, nats); err != nil {
		return c, err
	}
	for _, name := range serviceNames {
		c.servers[name] = rpc.NewServer(rpc.Config{
			Service: name, Verifier: c.keys.Verifier(name, clock.System), Exchange: c.exchange, Telemetry: tel, Log: c.log,
		})
	}
	for _, name := range serviceNames {
		if err = c.build(ctx, s, name); err != nil {
			return c, fmt.Errorf("start %s: %w", name, err)
		}
	}
	return c, nil
}

// connectBus starts the embedded broker, or connects to the one named. "none" leaves events
// to travel by pulling alone, for commands that are over in a moment.
func (c *clinic) connectBus(ctx context.Context, s storage, nats string) (err error) {
	cfg := eventbus.Config{Name: "upright", URL: nats, Log: c.log}
	switch nats {
	case "none":
		return nil
	case "embedded":
		if c.broker, err = startBroker(s.Data); err != nil {
			return err
		}
		cfg.URL, cfg.InProcess = "", c.broker
	}
	c.bus, err = eventbus.Connect(ctx, cfg)
	return err
}

func (c *clinic) build(ctx context.Context, s storage, name string) error {
	cfg, err := s.databaseConfig(name)
	if err != nil {
		return err
	}
	cfg.Clock, cfg.Log = clock.System, c.log.With(slog.String("service", name))
	db, err := sqldb.Open(ctx, cfg)
	if err != nil {
		return err
	}
	c.dbs[name] = db
	signer, err := c.keys.Signer(name, clock.System)
	if err != nil {
		return err
	}
	service, err := builders[name](ctx, daemon.Kit{
		Service: name, DB: db, Bus: c.bus, Clock: clock.System, Log: c.log.With(slog.String("service", name)),
		Peer: func(peer string) grpc.ClientConnInterface { return c.peer(peer, signer) },
	})
	if err != nil {
		return err
	}
	c.services[name] = service
	service.Register(c.servers[name])
	return nil
}

// peer connects to a service in this process; calls are signed by the signer.
func (c *clinic) peer(service string, signer *authn.Signer) grpc.ClientConnInterface {
	server := c.servers[service]
	if server == nil {
		panic("no service " + service) // a name in our own code
	}
	p, err := rpc.NewPeer(server.InProcess(), rpc.PeerConfig{Service: service, Signer: signer, Telemetry: c.tel})
	if err != nil {
		panic(err) // only a missing signer or name
	}
	return p
}

// own gives connections that call in the program's own name.
func (c *clinic) own() (func(service string) grpc.ClientConnInterface, error) {
	signer, err := c.keys.Signer("upright", clock.System)
	return func(service string) grpc.ClientConnInterface { return c.peer(service, signer) }, err
}

// edge gives connections that call as whoever is signed in, as the gateway's do.
func (c *clinic) edge() (func(service string) grpc.ClientConnInterface, error) {
	signer, err := c.keys.EdgeSigner("gateway", clock.System)
	return func(service string) grpc.ClientConnInterface { return c.peer(service, signer) }, err
}

// exchange turns a session token that came with a gRPC call into the person it stands for.
func (c *clinic) exchange(ctx context.Context, token string) (authn.Principal, error) {
	own, err := c.own()
	if err != nil {
		return authn.Principal{}, err
	}
	r, err := directoryv1.NewAccountServiceClient(own("directory")).ResolveSession(authn.WithService(ctx, "upright", ""), &directoryv1.ResolveSessionRequest{Token: token})
	if err != nil {
		return authn.Principal{}, err
	}
	return authn.Principal{
		Subject: r.GetAccountId(), ClinicID: r.GetClinicId(), Roles: r.GetRoles(), Profession: r.GetProfession(),
		PractitionerID: r.GetPractitionerId(), PatientIDs: r.GetPatientIds(), SessionID: r.GetSessionId(),
		ExpireTime: r.GetExpireTime().AsTime(),
	}, nil
}

// start begins to take calls: every server checks that each of its methods has an access
// rule, and refuses otherwise.
func (c *clinic) start() error {
	for _, name := range serviceNames {
		if err := c.servers[name].Start(); err != nil {
			return err
		}
	}
	return nil
}

// close ends what openClinic began, in the opposite order.
func (c *clinic) close() error {
	var errs []error
	for i := len(serviceNames) - 1; i >= 0; i-- {
		if s := c.services[serviceNames[i]]; s != nil {
			errs = append(errs, s.Close())
		}
	}
	if c.bus != nil {
		c.bus.Close()
	}
	if c.broker != nil {
		c.broker.stop()
	}
	for _, db := range c.dbs {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}
