package daemon

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc/credentials"

	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// flags are the settings of a daemon, each also a variable UPRIGHT_… and a key of the file
// named by --config.
type flags struct {
	Listen string `default:"127.0.0.1:0" help:"Address of the gRPC port; port 0 takes any free one." placeholder:"ADDR"`
	HTTP   string `name:"http" default:"127.0.0.1:0" help:"Address of /healthz, /readyz and /metrics." placeholder:"ADDR"`

	Database telemetry.Sensitive[string] `help:"sqlite:FILE or postgres://… (default: sqlite:SERVICE.db)." placeholder:"URL"`
	Schema   string                      `help:"PostgreSQL schema (default: the service's name)." placeholder:"NAME"`
	MaxConns int                         `default:"16" help:"PostgreSQL connections at most."`

	NATS            string `name:"nats" help:"Event broker; without it events are pulled." placeholder:"URL"`
	NATSCredentials string `name:"nats-credentials" help:"NATS credentials file." placeholder:"FILE"`
	NATSCA          string `name:"nats-ca" help:"Authorities of the NATS servers (PEM)." placeholder:"FILE"`
	NATSReplicas    int    `name:"nats-replicas" default:"1" help:"Copies of each stream: 3 in a cluster of three."`

	Peer map[string]string `help:"Where another service is; give it once for each." placeholder:"NAME=ADDR"`
	Keys string            `help:"Folder with SERVICE.key of this daemon and SERVICE.pub of all it trusts." placeholder:"DIR"`

	TLSCert string `name:"tls-cert" help:"Certificate of this daemon (PEM)." placeholder:"FILE"`
	TLSKey  string `name:"tls-key" help:"Its private key (PEM)." placeholder:"FILE"`
	TLSCA   string `name:"tls-ca" help:"Authorities whose certificates peers must show, both ways (PEM)." placeholder:"FILE"`

	OTLP        string  `name:"otlp" help:"Collector for traces: http://host:4317 or https://…." placeholder:"URL"`
	TraceFile   string  `help:"Append spans to this file as JSON; - is standard error." placeholder:"FILE"`
	SampleRatio float64 `default:"1" help:"Share of traces that are recorded when they go anywhere."`
	LogLevel    string  `default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`
	LogFormat   string  `default:"json" enum:"json,text" help:"Log lines: json or text."`

	StopTimeout time.Duration `default:"15s" help:"How long calls under way may take when the daemon stops."`

	service string
}

// defaults remembers the service, whose name some defaults come from.
func (f *flags) defaults(service string) { f.service = service }

// database is the address of the database.
func (f *flags) database() string {
	if url := f.Database.Reveal(); url != "" {
		return url
	}
	return "sqlite:" + f.service + ".db"
}

// schema is the PostgreSQL schema.
func (f *flags) schema() string {
	if f.Schema != "" {
		return f.Schema
	}
	return f.service
}

// transport returns the credentials of the gRPC port and of connections to peers; both are
// nil without --tls-cert and --tls-ca. With --tls-ca each side asks the other for a
// certificate.
func (f *flags) transport() (server, client credentials.TransportCredentials, err error) {
	if f.TLSCert == "" && f.TLSKey == "" && f.TLSCA == "" {
		return nil, nil, nil
	}
	if f.TLSCert == "" || f.TLSKey == "" {
		return nil, nil, errors.New("TLS needs --tls-cert and --tls-key")
	}
	pair, err := tls.LoadX509KeyPair(f.TLSCert, f.TLSKey)
	if err != nil {
		return nil, nil, fmt.Errorf("TLS: %w", err)
	}
	own := &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{pair}}
	peers := own.Clone()
	if f.TLSCA != "" {
		text, err := os.ReadFile(f.TLSCA)
		if err != nil {
			return nil, nil, fmt.Errorf("TLS authorities: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(text) {
			return nil, nil, fmt.Errorf("TLS authorities: no certificate in %s", f.TLSCA)
		}
		own.ClientCAs, own.ClientAuth = pool, tls.RequireAndVerifyClientCert
		peers.RootCAs = pool
	}
	return credentials.NewTLS(own), credentials.NewTLS(peers), nil
}
