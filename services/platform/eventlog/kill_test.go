package eventlog_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/upright-clinic/upright/services/platform/eventbus"
	"github.com/upright-clinic/upright/services/platform/eventbus/eventbustest"
	"github.com/upright-clinic/upright/services/platform/eventlog"
	"github.com/upright-clinic/upright/services/platform/failpoint"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

const (
	childVariable = "UPRIGHT_EVENTLOG_CHILD" // set in the process that is to be killed
	soakVariable  = "UPRIGHT_SOAK"           // set by `make soak`: the full count
	perChild      = 5                        // events that each child appends
)

// The places where a child is killed, in turn.
var killPoints = []string{"test.appended", "eventlog.numbered", "eventlog.published", "eventlog.applied"}

// Reliability test 8: a service that appends, relays and consumes is killed again and
// again at every step between commit and acknowledgement. Each consumer, the one that is
// killed along and the one that lives on, applies each event once.
func TestKillBetweenCommitAndPublish(t *testing.T) {
	t.Parallel()
	if os.Getenv(childVariable) != "" {
		child(t)
		return
	}
	kills := int64(50)
	if os.Getenv(soakVariable) != "" {
		kills = 1000
	}
	each(t, func(t *testing.T, d sqldb.Dialect) {
		srv := eventbustest.StartListening(t)
		fromURL, fromSchema := sqldbtest.Address(t, d)
		toURL, toSchema := sqldbtest.Address(t, d)
		from := sqldbtest.OpenURL(t, sqldb.Config{URL: fromURL, Schema: fromSchema}, eventlog.Migrations)
		to := sqldbtest.OpenURL(t, sqldb.Config{URL: toURL, Schema: toSchema}, eventlog.Migrations, effects)
		log := newLog(from, srv.Bus())
		src := serve(t, log)
		alive := openDB(t, d)
		survivor := consumerOf(alive, src, srv.Bus(), func(cfg *eventlog.ConsumerConfig) { cfg.Name = "survivor" })
		running(t, survivor.Run)

		for k := range kills {
			kill(t, killPoints[k%int64(len(killPoints))],
				"FROM_URL="+fromURL, "FROM_SCHEMA="+fromSchema, "TO_URL="+toURL, "TO_SCHEMA="+toSchema,
				"BUS="+srv.URL(), "FIRST="+strconv.FormatInt(k*perChild+1, 10))
		}
		last := kills * perChild
		running(t, log.Run)
		victim := consumerOf(to, src, srv.Bus())
		running(t, victim.Run)
		awaitPosition(t, victim, last)
		awaitPosition(t, survivor, last)
		dense(t, from, int(last))
		checkEffects(t, to, last, modulo(3))
		checkEffects(t, alive, last, modulo(3))
	})
}

// kill starts a child and waits until the failpoint has killed it.
func kill(t *testing.T, point string, env ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKillBetweenCommitAndPublish$")
	cmd.Env = append(os.Environ(), append(env, childVariable+"=1", failpoint.Variable+"="+point)...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL || ctx.Err() != nil {
		t.Fatalf("the child was not killed at %s: %v\n%s", point, err, out)
	}
}

// child is a whole service in a process of its own. It does not come back.
func child(t *testing.T) {
	open := func(name string) *sqldb.DB {
		db, err := sqldb.Open(t.Context(), sqldb.Config{URL: os.Getenv(name + "_URL"), Schema: os.Getenv(name + "_SCHEMA")})
		if err != nil {
			t.Fatal(err)
		}
		return db
	}
	from, to := open("FROM"), open("TO")
	bus, err := eventbus.Connect(t.Context(), eventbus.Config{URL: os.Getenv("BUS"), Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.ParseInt(os.Getenv("FIRST"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	happen(t, from, first, first+perChild-1, modulo(3))
	failpoint.Hit("test.appended")
	log := newLog(from, bus)
	running(t, log.Run)
	c := consumerOf(to, serve(t, log), bus)
	running(t, c.Run)
	eventually(t, "killed", func() bool { return false })
}
