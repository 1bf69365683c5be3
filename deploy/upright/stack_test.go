package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

// stack is a running clinic in one of its two shapes: "one" is the all-in-one program with
// SQLite and an embedded NATS server, "five" is five processes with PostgreSQL and a NATS
// server of their own. Tests see no difference but in whom they can kill.
type stack struct {
	t        *testing.T
	shape    string
	dir      string
	postgres string // address of a database of the stack's own; "" for SQLite
	nats     *server.Server
	ports    map[string]string // addresses, kept over restarts
	programs map[string]*program
	base     string
	admin    account
	dbs      map[string]*sqldb.DB
}

// shapes in which everything is tried.
var shapes = []string{"one", "five"}

// eachStack runs f on a fresh clinic of each shape with an administrator.
func eachStack(t *testing.T, f func(t *testing.T, s *stack)) {
	t.Helper()
	for _, shape := range shapes {
		t.Run(shape, func(t *testing.T) {
			t.Parallel()
			s := newStack(t, shape)
			s.startAll()
			f(t, s)
		})
	}
}

// newStack prepares a clinic with an administrator; nothing runs yet.
func newStack(t *testing.T, shape string) *stack {
	t.Helper()
	s := &stack{t: t, shape: shape, dir: t.TempDir(), ports: map[string]string{}, programs: map[string]*program{}, dbs: map[string]*sqldb.DB{}}
	if shape == "five" {
		s.postgres = ownDatabase(t)
		s.startNATS()
		cmd := exec.CommandContext(t.Context(), built(t, "upright"), "keys", filepath.Join(s.dir, "keys")) //nolint:gosec // our own program
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("upright keys: %v\n%s", err, out)
		}
	}
	s.admin = s.addAdmin("test")
	return s
}

// addAdmin makes a clinic and its administrator with the program's own command, while the
// clinic does not run.
func (s *stack) addAdmin(clinic string) (admin account) {
	s.t.Helper()
	args := append([]string{"user", "add"}, s.storage()...)
	args = append(args, "--clinic", clinic, "--time-zone", site.String(), "--role", "admin", "--email", "admin@"+clinic+".clinic", "--json")
	cmd := exec.CommandContext(s.t.Context(), built(s.t, "upright"), args...)
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("upright %s: %v\n%s", strings.Join(args, " "), err, stderrOf(err))
	}
	if err := json.Unmarshal(out, &admin); err != nil {
		s.t.Fatal(err)
	}
	return admin
}

func stderrOf(err error) string {
	if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it bare
		return string(exit.Stderr)
	}
	return ""
}

func (s *stack) storage() []string {
	if s.postgres != "" {
		return []string{"--data", s.dir, "--database", s.postgres}
	}
	return []string{"--data", filepath.Join(s.dir, "data")}
}

// startAll starts whatever is not running. env goes to the services, for failpoints.
func (s *stack) startAll(env ...string) {
	s.t.Helper()
	if s.shape == "one" {
		s.startOne(env)
		return
	}
	s.startProcesses(env)
	s.awaitReady()
}

func (s *stack) startProcesses(env []string) {
	for _, service := range serviceNames {
		s.startService(service, env)
	}
	s.startGateway()
}

func (s *stack) startOne(env []string) {
	if s.programs["upright"] != nil {
		return
	}
	p := start(s.t, env, "upright", s.serveArgs()...)
	s.programs["upright"], s.base = p, p.Address
}

// serveArgs let a test ask as much as it likes, on an address that stays over restarts.
func (s *stack) serveArgs() []string {
	args := []string{"serve", "--json", "--listen", s.port("upright"), "--trace-file", s.traceFile("upright"), "--address-rate=-1", "--account-rate=-1"}
	return append(args, s.storage()...)
}

func (s *stack) traceFile(name string) string { return filepath.Join(s.dir, name+".trace") }

// port gives a service an address that stays its own over restarts. It is below those that the
// kernel gives to whoever asks for any: nobody else takes it while the service is down.
func (s *stack) port(name string) string {
	s.t.Helper()
	for range 1000 {
		if s.ports[name] != "" {
			return s.ports[name]
		}
		at := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(20_000)) //nolint:gosec // any will do
		if _, used := portsUsed.LoadOrStore(at, true); used {
			continue
		}
		l, err := net.Listen("tcp", at)
		if err != nil {
			continue
		}
		s.ports[name] = at
		if err := l.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	s.t.Fatal("no free port")
	return ""
}

// portsUsed are those that some stack has had.
var portsUsed sync.Map

func (s *stack) startService(service string, env []string) {
	if s.programs[service] != nil {
		return
	}
	args := []string{
		"--listen", s.port(service), "--http", s.port(service + "-http"), "--database", s.postgres, "--nats", s.nats.ClientURL(),
		"--keys", filepath.Join(s.dir, "keys"), "--trace-file", s.traceFile(service),
	}
	for _, peer := range serviceNames {
		if peer != service {
			args = append(args, "--peer", peer+"="+s.port(peer))
		}
	}
	s.programs[service] = startDaemon(s.t, env, service+"d", args...)
}

func (s *stack) startGateway() {
	if s.programs["gateway"] != nil {
		return
	}
	args := []string{"--listen", s.port("gateway"), "--nats", s.nats.ClientURL(), "--keys", filepath.Join(s.dir, "keys"), "--trace-file", s.traceFile("gateway"), "--rate-limit=-1"}
	for _, peer := range serviceNames {
		args = append(args, "--peer", peer+"="+s.port(peer))
	}
	s.programs["gateway"] = startDaemon(s.t, nil, "gatewayd", args...)
	s.base = "http://" + s.port("gateway")
}

// startNATS runs a NATS server with a port, outside of every service.
func (s *stack) startNATS() {
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: filepath.Join(s.dir, "nats"), SyncAlways: true, NoSigs: true, NoLog: true})
	if err != nil {
		s.t.Fatal(err)
	}
	go srv.Start()
	if !srv.ReadyForConnections(startTimeout) {
		s.t.Fatal("the NATS server was not ready")
	}
	s.nats = srv
	s.t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
}

// awaitReady waits until the whole clinic says that it is ready.
func (s *stack) awaitReady() {
	s.t.Helper()
	urls := []string{s.base + "/readyz"}
	if s.shape == "five" {
		for _, service := range serviceNames {
			urls = append(urls, "http://"+s.port(service+"-http")+"/readyz")
		}
	}
	for _, url := range urls {
		eventually(s.t, url, func() (bool, string) {
			s.failIfGone()
			res, err := probe.Get(url) //nolint:noctx // the client has a timeout
			if err != nil {
				return false, err.Error()
			}
			defer res.Body.Close()
			return res.StatusCode == http.StatusOK, res.Status
		})
	}
}

// probe asks who may be starting or ending.
var probe = &http.Client{Timeout: 10 * time.Second}

// failIfGone ends the test when a program has ended that nobody killed.
func (s *stack) failIfGone() {
	for name, p := range s.programs {
		select {
		case <-p.gone:
			s.t.Fatalf("%s has ended:\n%s", name, p.log.tail(2000))
		default:
		}
	}
}

// holder is the program in which a service runs.
func (s *stack) holder(service string) *program {
	if s.shape == "one" {
		return s.programs["upright"]
	}
	return s.programs[service]
}

// rearm restarts the program that holds a service with a failpoint armed: it will be killed
// the first time it gets there.
func (s *stack) rearm(service, point string) {
	s.t.Helper()
	s.holder(service).stop()
	s.forget(service)
	s.startArmed(service, point)
	s.awaitReady()
}

// startArmed starts whatever is not running, one service with a failpoint. The service may
// get there before it is ready.
func (s *stack) startArmed(service, point string) {
	s.t.Helper()
	env := []string{failpoint.Variable + "=" + point}
	if s.shape == "five" {
		s.startService(service, env)
		s.startProcesses(nil)
		return
	}
	p, _, err := spawn(s.t, env, "upright", s.serveArgs()...)
	s.programs["upright"] = p
	select {
	case <-p.gone: // killed before it was ready
	default:
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *stack) forget(service string) {
	if s.shape == "one" {
		service = "upright"
	}
	delete(s.programs, service)
}

// stop ends every program as an operator would.
func (s *stack) stop() {
	for name, p := range s.programs {
		p.stop()
		delete(s.programs, name)
	}
}

// db opens a service's database beside the running service, to see what is really there.
func (s *stack) db(service string) *sqldb.DB {
	s.t.Helper()
	if s.dbs[service] == nil {
		cfg := sqldb.Config{URL: "sqlite:" + filepath.Join(s.dir, "data", service+".db")}
		if s.postgres != "" {
			cfg = sqldb.Config{URL: s.postgres, Schema: service, MaxConns: 2}
		}
		s.dbs[service] = sqldbtest.OpenURL(s.t, cfg)
	}
	return s.dbs[service]
}

// value reads one number.
func (s *stack) value(service, query string, args ...any) (n int64) {
	s.t.Helper()
	err := s.db(service).Read(s.t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow(query, args...).Scan(&n) })
	if err != nil {
		s.t.Fatalf("%s: %s: %v", service, query, err)
	}
	return n
}

// heard are the consumers and the producers whose logs they read.
var heard = map[string][]string{
	"intake": {"directory"}, "plans": {"booking", "directory", "intake"}, "booking": {"directory", "intake", "plans"},
}

// quiet waits until every event is published and every consumer has applied every event,
// twice in a row with nothing new in between.
func (s *stack) quiet() {
	s.t.Helper()
	last := ""
	eventually(s.t, "the system comes to rest", func() (bool, string) {
		state, rest := s.lag()
		still := rest && state == last
		last = state
		return still, state
	})
}

// lag says where every log and cursor is, and whether all are at the end.
func (s *stack) lag() (state string, rest bool) {
	rest = true
	heads := map[string]int64{}
	for _, service := range serviceNames {
		heads[service] = s.value(service, `SELECT last_pub_seq FROM log_head`)
		waiting := s.value(service, `SELECT (SELECT count(*) FROM event_log) - last_pub_seq FROM log_head`)
		rest = rest && waiting == 0
		state += fmt.Sprintf("%s %d+%d ", service, heads[service], waiting)
	}
	for _, consumer := range serviceNames {
		for _, producer := range heard[consumer] {
			pos := s.value(consumer, `SELECT coalesce(max(pos), 0) FROM cursors WHERE producer = $1`, producer)
			rest = rest && pos == heads[producer]
			state += fmt.Sprintf("%s<%s %d ", consumer, producer, pos)
		}
	}
	return state, rest
}

// ownDatabase makes a PostgreSQL database for one stack, dropped when the test ends.
func ownDatabase(t *testing.T) string {
	t.Helper()
	url := os.Getenv(sqldbtest.Variable)
	if url == "" {
		t.Fatalf("no PostgreSQL for the test: run `make test`, or set %s to the address of a server", sqldbtest.Variable)
	}
	return sqldbtest.Database(t, url)
}

// startDaemon starts a program that prints nothing when it is ready.
func startDaemon(t *testing.T, env []string, name string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(built(t, name), args...), log: &lockedBuffer{}, gone: make(chan struct{})} //nolint:gosec // our own program
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.kill()
		if log := p.log.tail(4000); t.Failed() && log != "" {
			t.Logf("%s:\n%s", name, log)
		}
	})
	go func() {
		_ = p.cmd.Wait()
		close(p.gone)
	}()
	return p
}
