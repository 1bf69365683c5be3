package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/upright-clinic/upright/deploy/upright/internal/seed"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// stopTimeout is how long calls under way may take when the program stops.
const stopTimeout = 15 * time.Second

type serveCommand struct {
	storage
	listening
}

// Run serves until the context ends. One program at a time serves a folder.
func (s *serveCommand) Run(ctx context.Context) error {
	return serve(ctx, s.storage, s.listening, nil)
}

// announcement is the line of --json, which other programs wait for.
type announcement struct {
	Address     string         `json:"address"`
	GRPCAddress string         `json:"grpc_address"`
	Accounts    []seed.Account `json:"accounts,omitempty"`
}

// serve opens the clinic, runs its services, has before prepare it, and serves until ctx
// ends; then it lets calls under way finish.
func serve(ctx context.Context, s storage, l listening, before func(ctx context.Context, c *clinic) ([]seed.Account, error)) (err error) {
	unlock, err := lockData(s.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	stopProfile, err := startProfile(l.CPUProfile)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopProfile()) }()
	tel, err := telemetry.Setup(ctx, telemetry.Config{
		Service: "upright", OTLP: l.OTLP, TraceFile: l.TraceFile, SampleRatio: l.SampleRatio, LogFormat: l.LogFormat, LogLevel: l.level(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	if f := checkZoneData(); f.problem != "" { // a patient an hour wrong is worth a line at every start
		tel.Log().LogAttrs(ctx, warn, "the time zone data is old", slog.String("problem", f.problem))
	}
	c, err := openClinic(ctx, s, l.NATS, tel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	return c.serve(ctx, l, before)
}

// serve runs everything of an opened clinic.
func (c *clinic) serve(ctx context.Context, l listening, before func(ctx context.Context, c *clinic) ([]seed.Account, error)) error {
	servers := make([]*rpc.Server, 0, len(serviceNames))
	for _, name := range serviceNames {
		servers = append(servers, c.servers[name])
	}
	port, err := rpc.NewPort(rpc.PortConfig{Telemetry: c.tel, Log: c.log}, servers...)
	if err != nil {
		return err
	}
	work, endWork := context.WithCancelCause(context.WithoutCancel(ctx))
	wait := c.runServices(work, endWork)
	defer wait()
	defer endWork(nil)
	var accounts []seed.Account
	if before != nil {
		if accounts, err = before(ctx, c); err != nil {
			return err
		}
	}
	grpcListener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.GRPCListen)
	if err != nil {
		return err
	}
	front, err := c.newFront(ctx, l)
	if err != nil {
		return errors.Join(err, grpcListener.Close())
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return port.Serve(grpcListener) })
	group.Go(func() error { return front.serve(ctx) })
	port.SetHealth("", true)
	group.Go(func() error { // a service that cannot go on ends the program
		select {
		case <-ctx.Done():
			return nil
		case <-work.Done():
			return context.Cause(work)
		}
	})
	group.Go(func() error {
		<-ctx.Done()
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		return errors.Join(front.stop(stop), port.Stop(stop))
	})
	settleMemory()
	if err := announce(l, announcement{front.address(), grpcListener.Addr().String(), accounts}); err != nil {
		return err
	}
	return group.Wait()
}

// runServices runs the services' own work and gives a function that waits for its end, once
// ctx has ended. A service that fails by itself ends all with its error.
func (c *clinic) runServices(ctx context.Context, end context.CancelCauseFunc) (wait func()) {
	var group sync.WaitGroup
	for _, name := range serviceNames {
		group.Go(func() {
			if err := c.services[name].Run(ctx); err != nil && ctx.Err() == nil {
				end(fmt.Errorf("%s stopped: %w", name, err))
			}
		})
	}
	return group.Wait
}

// announce says that the program serves: for a program as JSON, for people as text.
func announce(l listening, a announcement) error {
	if l.JSON {
		return json.NewEncoder(os.Stdout).Encode(a)
	}
	if _, err := fmt.Fprintf(os.Stdout, "\nUpright is at %s\n  sign in at %s/sign-in, the API is described at %s/docs\n", a.Address, a.Address, a.Address); err != nil {
		return err
	}
	if len(a.Accounts) > 0 {
		fmt.Fprintf(os.Stdout, "  the public pages of the demo clinic are at %s/c/demo\n\nLogins of this demo:\n", a.Address)
	}
	return printAccounts(os.Stdout, a.Accounts)
}

// startProfile writes a CPU profile until the returned function is called; "" writes none.
func startProfile(path string) (stop func() error, err error) {
	if path == "" {
		return func() error { return nil }, nil
	}
	f, err := os.Create(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return func() error {
		pprof.StopCPUProfile()
		return f.Close()
	}, nil
}
