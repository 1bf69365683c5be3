package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/upright-clinic/upright/deploy/upright/internal/seed"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
)

type userCommand struct {
	Add userAddCommand `cmd:"" help:"Add an account, and its clinic if there is none of that name, and print the password."`
}

type userAddCommand struct {
	storage
	Clinic   string `help:"Short name of the clinic, as in its public address /c/NAME." required:"" placeholder:"NAME"`
	Name     string `help:"Full name of a new clinic." placeholder:"TEXT"`
	TimeZone string `help:"IANA time zone of a new clinic." default:"Europe/London" placeholder:"ZONE"`
	Role     string `help:"What the account may do." enum:"admin,receptionist,privacy_officer" default:"admin"`
	Email    string `help:"Address to sign in with." required:""`
	JSON     bool   `help:"Print JSON." name:"json"`
}

// Run adds the account. An address that is taken is an error, and nothing changes.
func (u *userAddCommand) Run(ctx context.Context) error {
	password, err := seed.NewPassword()
	if err != nil {
		return err
	}
	err = within(ctx, u.storage, func(c *clinic) error {
		own, err := c.own()
		if err != nil {
			return err
		}
		id, err := u.clinicID(ctx, directoryv1.NewPlaceServiceClient(own("directory")))
		if err != nil {
			return err
		}
		_, err = directoryv1.NewAccountServiceClient(own("directory")).CreateAccount(authn.WithService(ctx, "upright", id), &directoryv1.CreateAccountRequest{
			Account:  &directoryv1.Account{Email: u.Email, DisplayName: strings.ToUpper(u.Role[:1]) + u.Role[1:], Roles: []string{strings.ToUpper(u.Role)}},
			Password: password,
		})
		return err
	})
	if err != nil {
		return err
	}
	if u.JSON {
		return json.NewEncoder(os.Stdout).Encode(seed.Account{ //nolint:gosec // printing the new password is what the command is for
			Role: u.Role, Email: u.Email, Password: password})
	}
	_, err = fmt.Fprintf(os.Stdout, "%s may sign in at /sign-in with the password %s\n", u.Email, password)
	return err
}

// clinicID finds the clinic by its short name, or makes it.
func (u *userAddCommand) clinicID(ctx context.Context, places directoryv1.PlaceServiceClient) (string, error) {
	own := authn.WithService(ctx, "upright", "")
	all, err := places.ListClinics(own, &directoryv1.ListClinicsRequest{})
	if err != nil {
		return "", err
	}
	for _, c := range all.GetClinics() {
		if c.GetSlug() == u.Clinic {
			return c.GetClinicId(), nil
		}
	}
	if u.Name == "" {
		u.Name = u.Clinic
	}
	made, err := places.CreateClinic(own, &directoryv1.CreateClinicRequest{Clinic: &directoryv1.Clinic{
		Slug: u.Clinic, PublicName: u.Name, TimeZone: u.TimeZone, Locale: "en-GB",
	}})
	if err != nil {
		return "", errors.Join(fmt.Errorf("make the clinic %s", u.Clinic), err)
	}
	return made.GetClinic().GetClinicId(), nil
}
