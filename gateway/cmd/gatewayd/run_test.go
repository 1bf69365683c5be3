package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/authn"
)

// start runs a gateway without any service behind it and returns its address.
func start(t *testing.T, args ...string) (address string, stop func() error) {
	t.Helper()
	keys := t.TempDir()
	if err := authn.WriteKeyPair(keys, "gateway"); err != nil {
		t.Fatal(err)
	}
	args = append(args, "--listen", "127.0.0.1:0", "--keys", keys, "--stop-timeout", "5s")
	for _, service := range []string{"directory", "intake", "plans", "booking"} {
		args = append(args, "--peer", service+"=127.0.0.1:1")
	}
	ctx, cancel := context.WithCancel(t.Context())
	listening, ended := make(chan net.Addr, 1), make(chan error, 1)
	go func() { ended <- run(ctx, args, io.Discard, func(a net.Addr) { listening <- a }) }()
	t.Cleanup(cancel)
	select {
	case a := <-listening:
		return a.String(), func() error { cancel(); return <-ended }
	case err := <-ended:
		t.Fatalf("it does not start: %v", err)
		return "", nil
	}
}

func get(t *testing.T, client *http.Client, url string) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(body)
}

func TestGatewayWithoutServices(t *testing.T) {
	t.Parallel()
	address, stop := start(t)
	url := "http://" + address
	if status, _, _ := get(t, http.DefaultClient, url+"/healthz"); status != 200 {
		t.Errorf("/healthz: %d", status)
	}
	if status, _, body := get(t, http.DefaultClient, url+"/readyz"); status != 503 || !strings.Contains(body, `"peer booking"`) {
		t.Errorf("/readyz: %d %s", status, body)
	}
	if status, _, _ := get(t, http.DefaultClient, url+"/sign-in"); status != 200 {
		t.Errorf("/sign-in: %d", status)
	}
	if status, _, body := get(t, http.DefaultClient, url+"/v1/clinics/spine"); status != 503 || !strings.Contains(body, `"UNAVAILABLE"`) {
		t.Errorf("a service that is down: %d %s", status, body)
	}
	if status, _, body := get(t, http.DefaultClient, url+"/metrics"); status != 200 || !strings.Contains(body, "http_server_request_duration") {
		t.Errorf("/metrics: %d", status)
	}
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestGatewayOverTLS(t *testing.T) {
	t.Parallel()
	cert, key, pool := certificate(t)
	address, stop := start(t, "--tls-cert", cert, "--tls-key", key)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
	status, header, _ := get(t, client, "https://"+address+"/sign-in")
	if status != 200 || header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%d %v", status, header)
	}
	client.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// certificate makes a certificate for 127.0.0.1.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_790_000_000, 0)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-100_000 * time.Hour), NotAfter: now.Add(100_000 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return cert, key, pool
}

func TestFlagsThatAreWrong(t *testing.T) {
	t.Parallel()
	keys := t.TempDir()
	if err := authn.WriteKeyPair(keys, "gateway"); err != nil {
		t.Fatal(err)
	}
	all := []string{"--keys", keys, "--peer", "directory=a:1", "--peer", "intake=a:1", "--peer", "plans=a:1", "--peer", "booking=a:1", "--listen", "127.0.0.1:0"}
	for want, args := range map[string][]string{
		"keys":          {"--listen", "127.0.0.1:0"},
		"--peer":        all[:len(all)-4],
		"no such":       append([]string{"--peer", "kitchen=a:1"}, all...),
		"is no network": append([]string{"--operator", "everywhere"}, all...),
		"--tls-cert":    append([]string{"--tls-cert", "/nowhere"}, all...),
		"--peer-ca":     append([]string{"--peer-ca", "/nowhere"}, all...),
	} {
		if err := run(t.Context(), args, io.Discard, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}
