// Cliniclimits measures what this machine can do at best for the pieces a clinic system is
// made of: durable writes, remote calls, published events, a free-slot computation. Each
// subcommand is one limit; all are bounded in count and time and stay on loopback.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/runner"
)

var (
	dur    = flag.Duration("time", 5*time.Second, "longest a phase is measured")
	maxOps = flag.Int("max", 2000000, "most operations in a phase")
	conc   = flag.String("conc", "1,8,32", "concurrencies")
	groups = flag.String("groups", "", `server processes, "name=pid ..."`)
	dir    = flag.String("dir", "bench-data", "where files go")
	addr   = flag.String("addr", "", "loopback address of the server to serve or to call")
	dsn    = flag.String("dsn", "postgres://postgres@127.0.0.1:55432/limits", "PostgreSQL")
	quiet  = flag.Float64("quiet", 0, "share of the cores others may use in a phase; 0 measures at once")
	tries  = flag.Int("tries", 3, "times a disturbed phase is measured")
	wait   = flag.Duration("patience", time.Minute, "longest wait for a quiet machine before a try")
	out    = flag.String("out", "", "append results here as JSON lines")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	cmds := map[string]func(){
		"fsync": fsyncRate, "sqlite": sqliteBooking, "sqlite-reads": sqliteReads, "growth": sqliteGrowth, "slots": freeSlots, "nats": natsPublish,
		"grpc-serve": grpcServe, "grpc": grpcPing, "http-serve": httpServe, "http": httpPing,
		"gateway-serve": gatewayServe, "pgx": pgxBooking, "floor-serve": floorServe, "quiet": waitQuiet,
	}
	f := cmds[flag.Arg(0)]
	if f == nil {
		log.Fatalf("usage: cliniclimits [flags] %v", keys(cmds))
	}
	must(os.MkdirAll(*dir, 0o755))
	f()
}

// measure runs op at each concurrency, prints and records.
func measure(name string, warmup int, op runner.Op) {
	for _, c := range strings.Split(*conc, ",") {
		n, err := strconv.Atoi(c)
		must(err)
		measureAt(name, n, warmup, op)
	}
}

func measureAt(name string, workers, warmup int, op runner.Op) runner.Result {
	gs, err := procstat.ParseGroups(*groups)
	must(err)
	gs = append(gs, procstat.Group{Name: "client", Pids: []int{os.Getpid()}})
	r := runner.Run(context.Background(), "limit", name, runner.Limits{Workers: workers, Duration: *dur, MaxOps: *maxOps, Warmup: warmup, MaxOther: *quiet, Tries: *tries, Patience: *wait}, gs, op)
	var cpu float64
	for _, v := range r.CPU {
		cpu += v
	}
	fmt.Printf("%-34s c=%-3d %11.1f/s  p50 %8.4f  p95 %8.4f  p99 %8.4f ms  cpu/op %8.2f us  other %2.0f%% (%d)  err %d %s\n",
		name, workers, r.PerSecond, r.P50ms, r.P95ms, r.P99ms, cpu*1e6/float64(max(r.OK, 1)), r.Other*100, r.Tries, r.Errors, r.FirstError)
	if *out != "" {
		f, err := os.OpenFile(*out, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		must(err)
		must(json.NewEncoder(f).Encode(r))
		must(f.Close())
	}
	return r
}

// waitQuiet returns when others use less than -quiet of the cores, or -patience is over, so
// that a script can start a measurement of another tool.
func waitQuiet() {
	gs, err := procstat.ParseGroups(*groups)
	must(err)
	ok := runner.AwaitQuiet(context.Background(), runner.Limits{MaxOther: *quiet, Patience: *wait}, gs)
	fmt.Printf("machine quiet: %v\n", ok)
}

func must(err error) {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		log.Fatalf("%s:%d: %v", file, line, err)
	}
}

func keys(m map[string]func()) (ks []string) {
	for k := range m {
		ks = append(ks, k)
	}
	return ks
}
