package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/upright-clinic/upright/tools/bench/procstat"
	"github.com/upright-clinic/upright/tools/bench/target/floor"
	"github.com/upright-clinic/upright/tools/bench/target/upright"
	"github.com/upright-clinic/upright/tools/bench/workload"
)

// bookingWindow is the first day of the search window: far enough ahead that notice never
// matters, and the same for both servers.
var bookingWindow = time.Date(2027, 1, 4, 0, 0, 0, 0, time.UTC)

const maxConns = 64

// server is a program under measurement.
type server struct {
	cmd   *exec.Cmd
	base  string
	group procstat.Group
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// pair is the floor and Upright, seeded alike.
type pair struct {
	floorSrv, uprightSrv *server
	floor                *floor.Target
	upright              *upright.Target
	data                 *workload.Dataset
	next, hot, races     int // horizon slots, hot calendars and race slots handed out so far
}

func (p *pair) stop() {
	p.floorSrv.stop()
	p.uprightSrv.stop()
}

func startPair(ctx context.Context, o options) (*pair, error) {
	p := &pair{data: workload.New(workload.DefaultConfig(bookingWindow))}
	var err error
	if p.floorSrv, err = startFloor(ctx, o); err != nil {
		return nil, err
	}
	if p.uprightSrv, err = startUpright(ctx, o, filepath.Join(o.dir, "clinic")); err != nil {
		p.floorSrv.stop()
		return nil, err
	}
	if err := p.seed(ctx, o); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *pair) seed(ctx context.Context, o options) error {
	var err error
	if p.floor, err = floor.New(p.floorSrv.base, maxConns); err != nil {
		return err
	}
	admin, err := addAdmin(ctx, o, filepath.Join(o.dir, "clinic"))
	if err != nil {
		return err
	}
	if p.upright, err = upright.New(p.uprightSrv.base, maxConns, admin.Email, admin.Password); err != nil {
		return err
	}
	for _, t := range []workload.Target{p.floor, p.upright} {
		if err := t.Seed(ctx, p.data, func(string, ...any) {}); err != nil {
			return fmt.Errorf("seed %s: %w", t.Name(), err)
		}
		if n, err := t.SearchSlots(ctx, p.data.Start, p.data.WindowEnd()); err != nil || n != p.data.FreeInWindow() {
			return fmt.Errorf("%s finds %d free slots, want %d: %w", t.Name(), n, p.data.FreeInWindow(), err)
		}
		if n, err := t.DaySheet(ctx, p.data.Start); err != nil || n != p.data.BookedOnDay() {
			return fmt.Errorf("%s has %d appointments on the first day, want %d: %w", t.Name(), n, p.data.BookedOnDay(), err)
		}
	}
	return nil
}

func startFloor(ctx context.Context, o options) (*server, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, o.limits, "-dir", filepath.Join(o.dir, "floor"), "-addr", addr, "floor-serve")
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &server{cmd: cmd, base: "http://" + addr, group: procstat.Group{Name: "server", Pids: []int{cmd.Process.Pid}}}
	return s, s.await(ctx, "/v1/slots?from=0&days=1")
}

// ready is the line that Upright prints when it serves.
type ready struct {
	Address string `json:"address"`
}

// startUpright starts the clinic program on a free port and waits for its ready line.
func startUpright(ctx context.Context, o options, dir string) (*server, error) {
	args := []string{"serve", "--listen", "127.0.0.1:0", "--data", dir, "--json", "--log-level", "warn",
		"--address-rate", "1000000", "--account-rate", "1000000"} // the generator is one address and one account
	if o.database != "" {
		args = append(args, "--database", o.database)
	}
	if o.profile != "" {
		args = append(args, "--cpu-profile", o.profile)
	}
	cmd := exec.CommandContext(ctx, o.upright, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	var r ready
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s did not say that it is ready: %w", o.upright, err), cmd.Process.Kill())
	}
	s := &server{cmd: cmd, base: r.Address, group: procstat.Group{Name: "server", Pids: []int{cmd.Process.Pid}}}
	return s, s.await(ctx, "/readyz")
}

// await polls until the path answers 200.
func (s *server) await(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s%s: not ready in time", s.base, path)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// account is what `upright user add --json` prints.
type account struct {
	Email    string `json:"email"`
	Password string `json:"password"`
}

// addAdmin makes a clinic in UTC with an administrator, beside the running server.
func addAdmin(ctx context.Context, o options, dir string) (a account, err error) {
	args := []string{"user", "add", "--data", dir, "--clinic", "bench", "--time-zone", "UTC",
		"--role", "admin", "--email", "admin@bench.clinic", "--json"}
	if o.database != "" {
		args = append(args, "--database", o.database)
	}
	out, err := exec.CommandContext(ctx, o.upright, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			err = fmt.Errorf("%w: %s", err, exit.Stderr)
		}
		return a, fmt.Errorf("upright user add: %w", err)
	}
	return a, json.Unmarshal(out, &a)
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// footprint is what the program costs before anybody uses it.
type footprint struct {
	Start time.Duration // from exec to a ready answer, on an empty folder; median of five
	RSSMB float64       // resident, idle
	PSSMB float64
}

// measureStart starts the program on empty folders and reads its idle memory.
func measureStart(ctx context.Context, o options) (f footprint, err error) {
	const tries = 5
	var starts []time.Duration
	for i := range tries {
		begin := time.Now()
		s, err := startUpright(ctx, o, filepath.Join(o.dir, fmt.Sprint("empty", i)))
		if err != nil {
			return f, err
		}
		starts = append(starts, time.Since(begin))
		if i == tries-1 {
			select {
			case <-time.After(5 * time.Second): // let the start's garbage go
			case <-ctx.Done():
			}
			u := procstat.Read(s.group)
			f.RSSMB, f.PSSMB = u.RSSMB, u.PSSMB
		}
		s.stop()
	}
	f.Start = median(starts)
	return f, nil
}
