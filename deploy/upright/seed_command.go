package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/upright-clinic/upright/deploy/upright/internal/seed"
	"github.com/upright-clinic/upright/services/platform/clock"
)

// seeding says what invented clinic to make.
type seeding struct {
	Scale string `help:"How big: small, clinic, year or large (50 practitioners, 100,000 appointments)." enum:"small,clinic,year,large" default:"clinic"`
	Seed  uint64 `help:"Number that everything invented follows from." default:"1"`
	Zone  string `help:"IANA time zone of the clinic." name:"time-zone" default:"Europe/London"`
}

type seedCommand struct {
	storage
	seeding
	Clinic string `help:"Short name of the new clinic, as in its public address /c/NAME." default:"demo" placeholder:"NAME"`
	JSON   bool   `help:"Print the accounts as JSON." name:"json"`
}

// Run makes the invented clinic beside whatever is there; a clinic of the same short name
// is an error.
func (s *seedCommand) Run(ctx context.Context) error {
	var accounts []seed.Account
	err := within(ctx, s.storage, func(c *clinic) (err error) {
		work, stop := context.WithCancelCause(ctx)
		wait := c.runServices(work, stop)
		defer wait()
		defer stop(nil)
		accounts, err = s.fill(ctx, c, s.Clinic)
		return err
	})
	if err != nil {
		return err
	}
	if s.JSON {
		return json.NewEncoder(os.Stdout).Encode(map[string]any{"accounts": accounts})
	}
	return printAccounts(os.Stdout, accounts)
}

// fill runs the seeder on services whose consumers are at work: what one service seeds
// another has to hear of.
func (s seeding) fill(ctx context.Context, c *clinic, slug string) ([]seed.Account, error) {
	own, err := c.own()
	if err != nil {
		return nil, err
	}
	edge, err := c.edge()
	if err != nil {
		return nil, err
	}
	seeder := seed.Seeder{
		Own: own, Person: edge, Size: seed.Sizes[s.Scale], Number: s.Seed, Now: clock.System.Now(),
		Slug: slug, Name: "Demo Clinic", Zone: s.Zone,
	}
	return seeder.Run(ctx)
}

func printAccounts(w io.Writer, accounts []seed.Account) error {
	for _, a := range accounts {
		if _, err := fmt.Fprintf(w, "  %-10s %-24s %s\n", a.Role, a.Email, a.Password); err != nil {
			return err
		}
	}
	return nil
}
