package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/daemon"
)

// The daemon starts on an empty folder without its peer, refuses callers that it does not
// know, says how it stands, and ends in order.
func TestDaemonStartsAndEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, service := range []string{"intake", "directory"} {
		if err := authn.WriteKeyPair(dir, service); err != nil {
			t.Fatal(err)
		}
	}
	log, to := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- daemon.Run(ctx, "intake", build, []string{
			"--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--keys", dir, "--peer", "directory=127.0.0.1:1",
			"--database", "sqlite:" + filepath.Join(dir, "intake.db"),
		}, to, options()...)
		_ = to.Close()
	}()
	lines := bufio.NewScanner(log)
	var serving struct{ Msg, GRPC, HTTP string }
	for serving.Msg != "serving" && lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &serving); err != nil {
			t.Fatalf("%v: %s", err, lines.Text())
		}
	}
	go func() { // so that the daemon is never kept from logging
		for lines.Scan() {
			continue
		}
	}()
	if serving.GRPC == "" {
		t.Fatalf("not serving: %v", <-done)
	}
	conn, err := grpc.NewClient(serving.GRPC, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // the test is over
	_, err = intakev1.NewIntakeServiceClient(conn).GetIntake(t.Context(), &intakev1.GetIntakeRequest{IntakeId: "int_1"})
	if status.Code(err) != codes.Unauthenticated {
		t.Errorf("nobody got %v", err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+serving.HTTP+"/readyz", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "directory") || resp.Body.Close() != nil {
		t.Errorf("readyz: %s, %v", body, err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("ended with %v", err)
	}
}
