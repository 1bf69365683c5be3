package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/daemon"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/rpc"
)

// The daemon as an operator starts it: a person signs in on its port and is known there by
// the bearer token until the session ends.
func TestBearerToken(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	for _, service := range []string{"directory", "upright"} {
		if err := authn.WriteKeyPair(keys, service); err != nil {
			t.Fatal(err)
		}
	}
	conn := start(t, keys)
	program := asProgram(t, keys, conn)

	ctx := authn.WithService(t.Context(), "upright", "")
	clinic, err := directoryv1.NewPlaceServiceClient(program).CreateClinic(ctx, &directoryv1.CreateClinicRequest{
		Clinic: &directoryv1.Clinic{Slug: "back-clinic", PublicName: "Back", TimeZone: "Europe/Vienna", Locale: "de-AT"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx = authn.WithService(t.Context(), "upright", clinic.GetClinic().GetClinicId())
	const password = "nine green lamps burn"
	_, err = directoryv1.NewAccountServiceClient(program).CreateAccount(ctx, &directoryv1.CreateAccountRequest{
		Account: &directoryv1.Account{Email: "admin@demo.clinic", Roles: []string{"ADMIN"}}, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}

	accounts := directoryv1.NewAccountServiceClient(conn)
	in, err := accounts.SignIn(t.Context(), &directoryv1.SignInRequest{Email: "admin@demo.clinic", Password: password})
	if err != nil {
		t.Fatal(err)
	}
	admin := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+in.GetToken())
	me, err := accounts.GetMe(admin, &directoryv1.GetMeRequest{})
	if err != nil || me.GetSessionId() != in.GetSessionId() {
		t.Fatalf("%v, %v", me, err)
	}
	if _, err := accounts.SignOut(admin, &directoryv1.SignOutRequest{}); err != nil {
		t.Fatal(err)
	}
	if _, err := accounts.GetMe(admin, &directoryv1.GetMeRequest{}); !fault.IsKind(rpc.FromStatus(err), fault.Unauthenticated) {
		t.Errorf("after signing out: %v", err)
	}
}

// start runs the daemon until the test ends, and connects to its port.
func start(t *testing.T, keys string) *grpc.ClientConn {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	logs, writer := io.Pipe()
	ended := make(chan error, 1)
	args := []string{"--keys", keys, "--database", "sqlite:" + filepath.Join(t.TempDir(), "directory.db")}
	var d door
	go func() {
		err := daemon.Run(ctx, "directory", d.build, args, writer,
			daemon.WithExchange(func(daemon.Kit) daemon.Exchange { return d.exchange }))
		_ = writer.Close()
		ended <- err
	}()
	address := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(logs); lines.Scan(); {
			var line struct {
				Message string `json:"msg"`
				GRPC    string `json:"grpc"`
			}
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Message == "serving" {
				address <- line.GRPC
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("the daemon ended with %v", err)
		}
	})
	select {
	case at := <-address:
		conn, err := grpc.NewClient(at, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	case err := <-ended:
		ended <- nil
		t.Fatalf("the daemon did not start: %v", err)
		return nil
	}
}

// asProgram is a connection whose calls the program signs.
func asProgram(t *testing.T, keys string, conn grpc.ClientConnInterface) grpc.ClientConnInterface {
	t.Helper()
	ring, err := authn.LoadKeyring(keys)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ring.Signer("upright", clock.System)
	if err != nil {
		t.Fatal(err)
	}
	peer, err := rpc.NewPeer(conn, rpc.PeerConfig{Service: "directory", Signer: signer})
	if err != nil {
		t.Fatal(err)
	}
	return peer
}
