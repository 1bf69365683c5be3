package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/upright-clinic/upright/services/platform/authn"
)

type keysCommand struct {
	Dir      string   `arg:"" help:"Folder for the keys; SERVICE.key belongs to that service alone, SERVICE.pub to all." type:"path"`
	Services []string `arg:"" optional:"" help:"Services to make keys for; all of them when none is named."`
}

// Run makes a key pair for each service that the processes of a clinic sign their calls with.
// A key that is there already is an error: it would cut its service off from the others.
func (k *keysCommand) Run() error {
	if len(k.Services) == 0 {
		k.Services = append([]string{"gateway"}, serviceNames...)
	}
	if err := os.MkdirAll(k.Dir, 0o700); err != nil {
		return err
	}
	var errs []error
	for _, service := range k.Services {
		if err := authn.WriteKeyPair(k.Dir, service); err != nil {
			errs = append(errs, err)
			continue
		}
		_, err := fmt.Fprintln(os.Stdout, "made the keys of", service)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
