package app

import (
	"context"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/directory/internal/store"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Registration is what a person fills in on the clinic's public page.
type Registration struct {
	// Clinic is the clinic's id or slug.
	Clinic string
	// Patient is the record; its address is the sign-in name.
	Patient people.Patient
	// Password to sign in with.
	Password string
	// Address is the network address it comes from; "" when it is not known.
	Address string
}

// RegisterPatient makes a record and an account for somebody whom nobody has checked yet. It
// does the same and answers the same whether or not it knows the person, the address or the
// telephone already: an address may have any number of patients' accounts, told apart by
// their passwords, so there is nothing that could be taken. REGISTRATION_CLOSED,
// PASSWORD_WEAK, TOO_MANY_ATTEMPTS, INVALID_ARGUMENT on a field, NOT_FOUND for the clinic.
func (a *App) RegisterPatient(ctx context.Context, request []byte, r Registration) (patient people.Patient, err error) {
	clinic, err := a.openClinic(ctx, r.Clinic)
	if err != nil {
		return patient, err
	}
	r, err = a.cleanRegistration(clinic, r)
	if err != nil {
		return patient, err
	}
	if r.Address != "" {
		if err := a.begin(ctx, []limiter{limited("registration", r.Address, a.cfg.Registration)}); err != nil {
			return patient, err
		}
	}
	scope := store.WholeClinic(clinic.ID)
	r.Patient.ID = ident.New("pat")
	account := people.Account{
		ID: ident.New("acc"), ClinicID: clinic.ID, Email: r.Patient.Email, DisplayName: r.Patient.DisplayName(),
		Kind: people.KindPatient, Roles: []string{"PATIENT"}, PatientID: r.Patient.ID, State: people.StateActive,
	}
	// Nobody is signed in: the request id belongs to the clinic, and the new account acts.
	nobody := authn.With(ctx, authn.Principal{ClinicID: clinic.ID})
	actor := authn.With(ctx, authn.Principal{Subject: account.ID, ClinicID: clinic.ID})
	err = a.writeHash(ctx, account.Email, r.Password, func(tx *sqldb.Tx, hash string) error {
		id, _, err := requestid.OnceAs(nobody, tx, "RegisterPatient", request, r.Patient.ID, func() error {
			if err := insertPatient(actor, tx, scope, r.Patient, "patient.register"); err != nil {
				return err
			}
			return insertAccount(actor, tx, scope, account, hash, "account.register")
		})
		if err != nil {
			return err
		}
		patient, err = store.GetPatient(tx, scope, id)
		return err
	})
	return patient, err
}

// openClinic gives the clinic, if it takes registrations.
func (a *App) openClinic(ctx context.Context, name string) (clinic people.Clinic, err error) {
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		clinic, err = store.GetClinicByName(tx, name)
		return found(err, "clinic")
	})
	if err == nil && !clinic.RegistrationOpen() {
		err = fault.New(fault.FailedPrecondition, "REGISTRATION_CLOSED", "This clinic does not take registrations online. Call it, please.")
	}
	return clinic, err
}

// cleanRegistration checks what the person filled in.
func (a *App) cleanRegistration(clinic people.Clinic, r Registration) (Registration, error) {
	today, err := a.dayIn(clinic.TimeZone)
	if err != nil {
		return r, err
	}
	if r.Patient.Language == "" {
		r.Patient.Language = clinic.Locale
	}
	r.Patient.Unverified = true
	if r.Patient, err = people.CleanPatient("", r.Patient, today); err != nil {
		return r, err
	}
	if r.Patient.Email == "" {
		return r, fault.Invalid("email", "must be given")
	}
	owner := people.Account{Kind: people.KindPatient, Email: r.Patient.Email, DisplayName: r.Patient.DisplayName()}
	return r, people.CheckPassword("password", r.Password, owner.MinPassword(), owner.KnownWords(clinic.PublicName)...)
}
