package main

import (
	"context"
	"errors"
	"os"

	"github.com/upright-clinic/upright/deploy/upright/internal/seed"
)

type demoCommand struct {
	listening
	seeding
	Data string `help:"Keep the demo in this folder, which must be empty; otherwise it is in a temporary one and gone afterwards." type:"path" placeholder:"DIR"`
}

// Run serves a seeded clinic. A folder that holds a clinic already is refused: passwords are
// printed only when they are made.
func (d *demoCommand) Run(ctx context.Context) (err error) {
	dir := d.Data
	if dir == "" {
		if dir, err = os.MkdirTemp("", "upright-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		return errors.New(dir + " is not empty: a demo starts on an empty folder; `upright serve --data " + dir + "` serves what is there")
	}
	d.demo = true
	return serve(ctx, storage{Data: dir, Database: "sqlite"}, d.listening, func(ctx context.Context, c *clinic) ([]seed.Account, error) {
		return d.fill(ctx, c, "demo")
	})
}
