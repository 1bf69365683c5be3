package main

import (
	"os"
	"path"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

// invented is the demo clinic that tests start from: seeded once, then copied for each, since
// seeding takes longer than most of them. It is where it is about noon. Patients were sent links
// to forms in it.
type invented struct {
	dir      string
	accounts []account
	forms    []begun
}

var demos struct {
	sync.Mutex
	made *invented
}

// inventedClinic gives the demo clinic that all copies are made from. When making it fails, so
// does the test, and the next one tries again.
func inventedClinic(t *testing.T) *invented {
	t.Helper()
	demos.Lock()
	defer demos.Unlock()
	if demos.made != nil {
		return demos.made
	}
	shared, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp(shared, "demo-") //nolint:usetesting // it outlives the test
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, nil, "upright", "demo", "--scale", "small", "--time-zone", site.String(), "--data", dir, "--listen", "127.0.0.1:0", "--address-rate=-1", "--json", "--log-level", "warn")
	made := &invented{dir: dir, accounts: p.Accounts, forms: beginForms(t, p, formsBegun())}
	p.stop()
	demos.made = made
	return made
}

// invent copies the invented clinic into a folder of the test's own, and gives who can sign in
// to it and the forms that wait.
func invent(t *testing.T) *invented {
	t.Helper()
	from := inventedClinic(t)
	own := &invented{dir: filepath.Join(t.TempDir(), "data"), accounts: from.accounts, forms: from.forms}
	if err := os.CopyFS(own.dir, os.DirFS(from.dir)); err != nil {
		t.Fatal(err)
	}
	return own
}

// serve starts the clinic, as often as the test likes.
func (i *invented) serve(t *testing.T, limits ...string) *program {
	t.Helper()
	p := start(t, nil, "upright", append([]string{"serve", "--data", i.dir, "--listen", "127.0.0.1:0", "--json", "--log-level", "warn"}, limits...)...)
	p.Accounts = i.accounts
	return p
}

// ourTime is what pages call the time at the site.
func ourTime() string {
	if site.String() == "UTC" {
		return "UTC"
	}
	return path.Base(site.String()) + " time"
}

// demoDay is the next day, from tomorrow on, on which somebody works: the invented clinic's diary
// has a week.
func demoDay() string {
	day := civil.Of(time.Now(), site).AddDays(1)
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDays(1)
	}
	return day.String()
}

// unlimited are the settings of a clinic that may be asked as much as a test likes.
var unlimited = []string{"--address-rate=-1", "--account-rate=-1"}
