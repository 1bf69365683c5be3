package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/upright-clinic/upright/services/platform/clock"
)

// certificate writes a certificate for this machine that signs itself, and its key, and
// returns the flags that make a daemon show it and trust it.
func certificate(t *testing.T) (cert string, args []string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := clock.System.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, private := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{
		cert: {Type: "CERTIFICATE", Bytes: der}, private: {Type: "PRIVATE KEY", Bytes: keyDER},
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, []string{"--tls-cert=" + cert, "--tls-key=" + private, "--tls-ca=" + cert}
}

func TestWithAuthoritiesBothSidesShowCertificates(t *testing.T) {
	t.Parallel()
	_, args := certificate(t)
	keys := keysFor(t, "booking", "plans", "gateway")
	plans := start(t, "plans", "", append(args, "--keys="+keys)...)
	booking := start(t, "booking", "plans", append(args, "--keys="+keys, "--peer=plans="+plans.grpc)...)

	_, shown, err := parsed(t, "gateway", args...).flags.transport()
	if err != nil {
		t.Fatal(err)
	}
	_, foreignArgs := certificate(t)
	_, foreign, err := parsed(t, "gateway", foreignArgs...).flags.transport()
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		transport credentials.TransportCredentials
		want      codes.Code
	}{
		"a certificate of the authority": {shown, codes.OK},
		"one of another authority":       {foreign, codes.Unavailable},
		"none":                           {credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}), codes.Unavailable},
		"plain text":                     {insecure.NewCredentials(), codes.Unavailable},
	}
	for name, test := range tests {
		conn, err := grpc.NewClient(plans.grpc, grpc.WithTransportCredentials(test.transport), grpc.WithNoProxy())
		if err != nil {
			t.Fatal(err)
		}
		_, err = healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
		if status.Code(err) != test.want {
			t.Errorf("%s: %v", name, err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	eventually(t, "booking reaches plans", func() bool {
		_, r := readyz(t, booking.http)
		return r.of("peer plans").Ready
	})
}
