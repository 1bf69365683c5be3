package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/upright-clinic/upright/services/platform/telemetry"
)

// quiet is the telemetry of commands that are over in a moment: warnings to standard error.
func quiet(ctx context.Context) (*telemetry.Telemetry, error) {
	return telemetry.New(ctx, telemetry.Config{Service: "upright", LogFormat: "text", LogLevel: warn})
}

// within opens the services without serving anybody, runs f, and closes them. It works
// beside a program that serves the same data.
func within(ctx context.Context, s storage, f func(c *clinic) error) (err error) {
	tel, err := quiet(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tel.Shutdown(context.WithoutCancel(ctx))) }()
	c, err := openClinic(ctx, s, "none", tel)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.start(); err != nil {
		return err
	}
	return f(c)
}

type migrateCommand struct{ storage }

// Run opens every service, which migrates its database, and closes it again.
func (m *migrateCommand) Run(ctx context.Context) error {
	return within(ctx, m.storage, func(*clinic) error {
		_, err := fmt.Fprintln(os.Stdout, "every database is at this version")
		return err
	})
}
