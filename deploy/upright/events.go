package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/eventlog"
)

type eventsCommand struct {
	ListParked listParkedCommand `cmd:"" help:"List events that a service could not handle, and those waiting behind them."`
	Replay     replayCommand     `cmd:"" help:"Hand parked events to their service again."`
	Reconcile  reconcileCommand  `cmd:"" help:"After a restore from a backup: let a consumer go on from where its producer is now."`
}

type listParkedCommand struct{ storage }

// Run prints ids, types and reasons; an event has nothing of a patient in it.
func (l *listParkedCommand) Run(ctx context.Context) error {
	return within(ctx, l.storage, func(c *clinic) error {
		w := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "service\tproducer\tevent\ttype\taggregate\ttries\tparked\treason")
		for _, name := range serviceNames {
			parked, err := eventlog.ListParked(ctx, c.dbs[name])
			if err != nil {
				return err
			}
			for _, p := range parked {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", name, p.Producer, p.EventID, p.Type, p.AggregateID, p.Attempts, p.ParkTime.Format(time.RFC3339), p.Reason)
			}
		}
		return w.Flush()
	})
}

type replayCommand struct {
	storage
	Service   string `help:"Service whose events are handed on again." enum:"directory,intake,plans,booking" required:""`
	Aggregate string `help:"Only events of this thing." placeholder:"ID"`
}

// Run marks the events; the running service takes them up within a second, in order.
func (r *replayCommand) Run(ctx context.Context) error {
	return within(ctx, r.storage, func(c *clinic) error {
		n, err := eventlog.Replay(ctx, c.dbs[r.Service], eventlog.Selection{AggregateID: r.Aggregate})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "%d events will be handled again by %s\n", n, r.Service)
		return err
	})
}

type reconcileCommand struct {
	storage
	Service  string `help:"Service that stopped consuming." enum:"directory,intake,plans,booking" required:""`
	Producer string `help:"Service that was restored." enum:"directory,intake,plans,booking" required:""`
	Position int64  `help:"Position in the producer's log to go on after; -1 takes its end, once you have compared both by hand." default:"-1"`
}

// Run sets the consumer's cursor by explicit choice: nothing else ever does.
func (r *reconcileCommand) Run(ctx context.Context) error {
	return within(ctx, r.storage, func(c *clinic) error {
		signer, err := c.keys.Signer(r.Service, clock.System)
		if err != nil {
			return err
		}
		position, err := eventlog.Reconcile(ctx, c.dbs[r.Service], eventlog.Reconciliation{
			Consumer: r.Service, Producer: r.Producer, Position: r.Position,
			Source: eventsv1.NewEventLogServiceClient(c.peer(r.Producer, signer)),
		})
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "%s goes on after position %d of %s\n", r.Service, position, r.Producer)
		return err
	})
}
