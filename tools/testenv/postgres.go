package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startLimit is how long a server may take to be ready.
const startLimit = 60 * time.Second

// findPostgres gives the address of a server whose user may make schemas and extensions,
// and what stops it.
func findPostgres() (address string, stop func(), err error) {
	if address := os.Getenv(postgresVariable); address != "" {
		if err := reachable(address); err != nil {
			return "", nil, fmt.Errorf("PostgreSQL does not answer at the address that %s gives: %w", postgresVariable, err)
		}
		say("PostgreSQL is needed: taking the server that %s names", postgresVariable)
		return address, func() {}, nil
	}
	bin, err := postgresBinaries()
	if err != nil {
		if err := installPostgres(); err != nil {
			return "", nil, err
		}
		if bin, err = postgresBinaries(); err != nil {
			return "", nil, err
		}
	}
	say("PostgreSQL is needed: starting a throw-away server from %s", bin)
	s := &postgres{bin: bin}
	if err := s.start(); err != nil {
		s.stop()
		return "", nil, fmt.Errorf("start PostgreSQL: %w", err)
	}
	return s.address(), s.stop, nil
}

// reachable looks whether somebody listens at the address. The address is not repeated: it
// may hold a password.
func reachable(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("it is no URL")
	}
	if u.Hostname() == "" { // a socket, named in the query
		return nil
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(u.Hostname(), port), 5*time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// postgres is a throw-away server on a loopback port, in a folder of its own. It has a
// password, since anybody on the machine can reach the port.
type postgres struct {
	bin, dir string
	password string
	port     int
	attr     *syscall.SysProcAttr
	cmd      *exec.Cmd
	gone     chan struct{}
}

func (s *postgres) address() string {
	return fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/postgres?sslmode=disable", s.password, s.port)
}

func (s *postgres) start() (err error) {
	base := "" // the usual one
	if os.Getenv("TMPDIR") == "" {
		base = memoryFolder()
	}
	if s.dir, err = os.MkdirTemp(base, "upright-postgres-"); err != nil {
		return err
	}
	if err := s.becomeServerUser(); err != nil {
		return err
	}
	data := filepath.Join(s.dir, "data")
	if err := s.initialise(data); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	s.cmd = exec.Command(filepath.Join(s.bin, "postgres"), "-D", data, "-k", s.dir, "-p", strconv.Itoa(s.port),
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=400")
	s.cmd.SysProcAttr, s.cmd.Dir = s.attr, s.dir
	log, err := os.Create(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.gone = make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(s.gone) }()
	return s.await(data)
}

// initialise makes the database files. Text sorts by its bytes there, as the program needs.
func (s *postgres) initialise(data string) error {
	s.password = rand.Text()
	file := filepath.Join(s.dir, "password")
	if err := os.WriteFile(file, []byte(s.password+"\n"), 0o600); err != nil {
		return err
	}
	if s.attr.Credential != nil {
		if err := os.Chown(file, int(s.attr.Credential.Uid), int(s.attr.Credential.Gid)); err != nil {
			return err
		}
	}
	// "password" sends it as it is, over loopback: the better ways cost milliseconds of
	// processor for each of thousands of connections.
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", data, "-U", "postgres", "-A", "password", "--pwfile", file,
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = s.attr, s.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, tail(out))
	}
	return nil
}

// becomeServerUser makes the server run as another user when this one is root, which
// PostgreSQL refuses to run as. Its own session keeps a terminal's interrupt from it; should
// this program be killed, it goes too.
func (s *postgres) becomeServerUser() error {
	s.attr = &syscall.SysProcAttr{Setsid: true}
	dieWithUs(s.attr)
	if os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		if u, err = user.Lookup("nobody"); err != nil {
			return err
		}
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return err
	}
	s.attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

// await waits until the server takes connections: it answers on the socket before it does,
// and says so in line 8 of its pid file.
func (s *postgres) await(data string) error {
	deadline := time.After(startLimit)
	for {
		b, _ := os.ReadFile(filepath.Join(data, "postmaster.pid"))
		if lines := strings.Split(string(b), "\n"); len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready" {
			return nil
		}
		select {
		case <-s.gone:
			out, _ := os.ReadFile(filepath.Join(s.dir, "log"))
			return fmt.Errorf("the server ended:\n%s", tail(out))
		case <-deadline:
			return errors.New("the server was not ready in time")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *postgres) stop() {
	if s.gone != nil {
		_ = s.cmd.Process.Signal(syscall.SIGINT) // fast shutdown: sessions are ended
		select {
		case <-s.gone:
		case <-time.After(startLimit):
			_ = s.cmd.Process.Kill()
			<-s.gone
		}
	}
	_ = os.RemoveAll(s.dir)
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
