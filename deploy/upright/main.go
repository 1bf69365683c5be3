// Command upright runs a whole clinic in one process: four services, the gateway, an
// embedded NATS server, and one folder with everything that is kept. The same services run
// apart from each other as directoryd, intaked, plansd, bookingd and gatewayd.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // a clinic's zone must not depend on what the machine has

	"github.com/upright-clinic/upright/services/platform/config"
)

// commands is what the program can do; its fields' Run methods do it.
type commands struct {
	Serve   serveCommand   `cmd:"" help:"Run the clinic."`
	Demo    demoCommand    `cmd:"" help:"Run an invented clinic and print its logins; it is gone afterwards unless --data is given."`
	Seed    seedCommand    `cmd:"" help:"Fill a database with an invented clinic."`
	Migrate migrateCommand `cmd:"" help:"Bring the databases to this version and stop."`
	Doctor  doctorCommand  `cmd:"" help:"Check a clinic's data and settings and say what is wrong."`
	Events  eventsCommand  `cmd:"" help:"Look after events that could not be handled."`
	Import  importCommand  `cmd:"" help:"Take over patients, practitioners and appointments of another system."`
	User    userCommand    `cmd:"" help:"Look after accounts."`
	Keys    keysCommand    `cmd:"" help:"Make the keys that services running apart sign their calls with."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c commands
	chosen, err := config.Parse(&c, config.Options{
		Name:        "upright",
		Description: "Upright runs a musculoskeletal clinic: intake, treatment plans, booking. Settings come from flags, from UPRIGHT_… variables and from the file given with --config.",
		Args:        config.Args(),
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "upright:", err)
		os.Exit(2)
	}
	chosen.BindTo(ctx, (*context.Context)(nil))
	if err := chosen.Run(); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "upright:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}
