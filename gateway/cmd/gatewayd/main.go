// Command gatewayd serves the gateway on its own: HTTP outside, gRPC to the services.
//
// Gateways keep nothing, so any number of them run side by side, and they start in any
// order with the services: a page that needs one that is down says so.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // pages show the clinic's wall time whatever the machine knows of zones

	"github.com/upright-clinic/upright/services/platform/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, config.Args(), os.Stderr, nil); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "gatewayd: %v\n", err)
		os.Exit(1)
	}
}
