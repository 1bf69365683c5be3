package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// serviceNames in the order in which they start; the gateway comes after them.
var serviceNames = []string{"directory", "intake", "plans", "booking"}

// storage says where everything is kept.
type storage struct {
	Data     string `help:"Folder for everything that is kept." default:"data" type:"path" placeholder:"DIR"`
	Database string `help:"\"sqlite\" for one file a service in the data folder, or the postgres:// address of a database in which each service has a schema." default:"sqlite" placeholder:"URL"`
}

// databaseConfig gives the database of one service.
func (s storage) databaseConfig(service string) (sqldb.Config, error) {
	switch {
	case s.Database == "" || s.Database == "sqlite":
		return sqldb.Config{URL: "sqlite:" + filepath.Join(s.Data, service+".db")}, nil
	case strings.HasPrefix(s.Database, "postgres://"), strings.HasPrefix(s.Database, "postgresql://"):
		return sqldb.Config{URL: s.Database, Schema: service}, nil
	}
	return sqldb.Config{}, fmt.Errorf("--database is %q: want sqlite or a postgres:// address", s.Database)
}

// listening says where the program is reached and what it tells about itself.
type listening struct {
	Listen       string   `help:"Address for HTTP; port 0 takes any free one." default:"127.0.0.1:8080"`
	GRPCListen   string   `help:"Address for gRPC; port 0 takes any free one." name:"grpc-listen" default:"127.0.0.1:0"`
	TLSCert      string   `help:"Certificate file; with --tls-key the program speaks HTTPS." name:"tls-cert" type:"existingfile" placeholder:"FILE"`
	TLSKey       string   `help:"Key file of the certificate." name:"tls-key" type:"existingfile" placeholder:"FILE"`
	Secure       bool     `help:"Browsers reach the program over TLS, through a proxy that ends it."`
	TrustedProxy []string `help:"Network of a proxy whose X-Forwarded-For is believed, such as 10.0.0.0/8." placeholder:"NETWORK"`
	AddressRate  float64  `help:"Requests a second from one network address; negative: no limit." default:"100"`
	AccountRate  float64  `help:"Requests a second of one account; negative: no limit." default:"50"`
	NATS         string   `help:"\"embedded\", or the nats:// address of a server or cluster." default:"embedded" placeholder:"URL"`
	JSON         bool     `help:"Print one line of JSON when ready." name:"json"`
	OTLP         string   `help:"Address of an OpenTelemetry collector, for spans." name:"otlp" placeholder:"URL"`
	TraceFile    string   `help:"File to append spans to; - is standard error." placeholder:"FILE"`
	SampleRatio  float64  `help:"Share of requests that are traced when spans go anywhere." default:"1"`
	LogLevel     string   `help:"Least level that is logged." enum:"debug,info,warn,error" default:"info"`
	LogFormat    string   `help:"Form of the log." enum:"json,text" default:"text"`
	CPUProfile   string   `help:"Write a CPU profile of the whole run to this file." name:"cpu-profile" placeholder:"FILE"`
	demo         bool     // the clinic is an invented one: what would be sent to its patients is shown
	Dev          string   `help:"Read pages and styles from this folder instead of the program." type:"existingdir" placeholder:"DIR"`
}

func (l listening) level() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(l.LogLevel)); err != nil { // the flag's enum allows no others
		return slog.LevelInfo
	}
	return level
}

// lockData keeps two programs from serving one folder. The lock goes with the process.
func lockData(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("another upright serves %s", dir)
	}
	return f.Close, nil
}
