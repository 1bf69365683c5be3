package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/upright-clinic/upright/gateway"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

// front is the gateway on its address.
type front struct {
	gateway  *gateway.Gateway
	server   *http.Server
	listener net.Listener
	settings listening
}

// newFront builds the gateway on the in-process connections and takes its address.
func (c *clinic) newFront(ctx context.Context, l listening) (*front, error) {
	if (l.TLSCert == "") != (l.TLSKey == "") {
		return nil, errors.New("TLS needs both --tls-cert and --tls-key")
	}
	edge, err := c.edge()
	if err != nil {
		return nil, err
	}
	var checks []daemon.Check
	for _, name := range serviceNames {
		checks = append(checks, daemon.Check{Name: name, Required: true, Probe: c.services[name].Ready},
			daemon.Check{Name: name + " database", Required: true, Probe: c.dbs[name].Ping})
	}
	if c.bus != nil { // without it events travel slower, by pulling
		checks = append(checks, daemon.Check{Name: "nats", Probe: func(context.Context) error {
			if !c.bus.Connected() {
				return errors.New("not connected")
			}
			return nil
		}})
	}
	linkKey, err := c.linkKey()
	if err != nil {
		return nil, err
	}
	g, err := gateway.New(ctx, gateway.Config{
		Secure: l.TLSCert != "" || l.Secure, Dev: l.Dev, TrustedProxies: l.TrustedProxy, ShowOutgoing: l.demo,
		AddressRate: gateway.Rate{PerSecond: l.AddressRate, Burst: burst(l.AddressRate)},
		AccountRate: gateway.Rate{PerSecond: l.AccountRate, Burst: burst(l.AccountRate)},
	}, gateway.Kit{Peer: edge, Bus: c.bus, LinkKey: linkKey, Telemetry: c.tel, Checks: checks, Clock: clock.System, Log: c.log})
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Listen)
	if err != nil {
		return nil, err
	}
	return &front{gateway: g, server: g.Server(), listener: listener, settings: l}, nil
}

// linkKey is what the patients' links are sealed with. The keys by which the services of this
// process know each other are new at each start; this one is kept in the data folder, so that
// a link in somebody's mail outlives a restart.
func (c *clinic) linkKey() ([]byte, error) {
	dir := filepath.Join(c.data, "keys")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := authn.WriteKeyPair(dir, "gateway"); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	keys, err := authn.LoadKeyring(dir)
	if err != nil {
		return nil, err
	}
	return keys.Secret("gateway", "links")
}

// burst is what may come at once after a pause: four seconds' worth.
func burst(perSecond float64) int { return int(4 * perSecond) }

// serve serves until stop, or until ctx ends the screens' streams.
func (f *front) serve(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.gateway.Run(ctx) })
	group.Go(func() error {
		var err error
		if f.settings.TLSCert != "" {
			err = f.server.ServeTLS(f.listener, f.settings.TLSCert, f.settings.TLSKey)
		} else {
			err = f.server.Serve(f.listener)
		}
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return fmt.Errorf("serve HTTP: %w", err)
	})
	return group.Wait()
}

// stop lets requests under way finish until ctx ends, and then cuts them off.
func (f *front) stop(ctx context.Context) error {
	if err := f.server.Shutdown(ctx); err != nil {
		return errors.Join(err, f.server.Close())
	}
	return f.gateway.Close()
}

// address is where a browser on this machine finds the gateway.
func (f *front) address() string {
	scheme := "http"
	if f.settings.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + f.listener.Addr().String()
}
