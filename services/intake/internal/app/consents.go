package app

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/upright-clinic/upright/services/intake/internal/consent"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Consents are the texts in force and the signatures under a form.
type Consents struct {
	InForce    []consent.Consent
	Signatures []store.Signature
}

// ListConsents returns the texts in force with the signatures under a form. It fails with
// NOT_FOUND for an intake that the caller may not know of, the front desk included.
func (a *App) ListConsents(ctx context.Context, intakeID string) (out Consents, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return out, err
	}
	all, err := consent.Shipped()
	if err != nil {
		return out, err
	}
	out.InForce = consent.InForce(all)
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err == nil {
			out.Signatures, err = store.Signatures(tx, i.ClinicID, i.IntakeID)
		}
		return err
	})
	return out, err
}

// SignConsent is a signature to be made.
type SignConsent struct {
	IntakeID, ConsentID string
	Version             int64
	TextHash, Language  string
	TypedName           string
	Fingerprint         []byte
}

// SignConsent signs one version of a text under a form, with the text as it was read; under
// one that was handed in as well, when it is not signed yet. Signing the same version again returns the first signature: it never changes. It fails
// with NOT_FOUND for an intake that the caller may not know of and for an unknown consent;
// FAILED_PRECONDITION, CONSENT_CHANGED, when the version or the text is not the one in
// force.
func (a *App) SignConsent(ctx context.Context, in SignConsent) (out store.Signature, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return out, err
	}
	text, lang, err := textToSign(in)
	if err != nil {
		return out, err
	}
	body, err := json.Marshal(text)
	if err != nil {
		return out, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, in.IntakeID, true)
		if err != nil {
			return err
		}
		writer, err := store.GetWriter(tx, i.ClinicID, i.IntakeID, p.Subject)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "SignConsent", in.Fingerprint, in.IntakeID, func() error {
			err := store.InsertSignature(tx, store.Signature{
				ClinicID: i.ClinicID, IntakeID: i.IntakeID, ConsentID: in.ConsentID, Version: in.Version, PatientID: i.PatientID,
				Language: lang, TextHash: in.TextHash, Body: string(body), TypedName: strings.TrimSpace(in.TypedName), Writer: writer,
				SignedBy: p.Subject, SignedAt: tx.Now(),
			})
			if err != nil {
				return err
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "intake.sign_consent", Resource: i.IntakeID, PatientID: i.PatientID,
				Facts: map[string]string{"consent_id": in.ConsentID, "text_hash": in.TextHash},
			})
		})
		if err != nil {
			return err
		}
		all, err := store.Signatures(tx, i.ClinicID, i.IntakeID)
		for _, s := range all {
			if s.ConsentID == in.ConsentID && s.Version == in.Version {
				out = s
			}
		}
		return err
	})
	return out, err
}

// mustSign refuses to take a form of a patient while a consent in force is not signed under
// it: in a form session, which is the public form; when the caller says that the patient was
// asked; and always where the clinic's settings say so. A program that knows only the
// contract of submission has no such step, and staff have the patient before them: from
// these the form is taken, since triage must not wait for a signature, and the intake says
// which consents are open.
func mustSign(tx *sqldb.Tx, p authn.Principal, i store.Intake, asked bool) error {
	if audience(p) != Patients {
		return nil
	}
	settings, err := store.GetSettings(tx, i.ClinicID)
	if err != nil {
		return err
	}
	if !asked && !settings.ConsentRequired && !inFormSession(p) {
		return nil
	}
	open, err := unsignedConsents(tx, i)
	if err != nil || len(open) == 0 {
		return err
	}
	return fault.New(fault.FailedPrecondition, "CONSENT_REQUIRED", "Read and sign the texts of the form first.").
		With("consent_ids", strings.Join(open, ","))
}

// unsignedConsents are the ids of the consents in force that are not signed under a form.
func unsignedConsents(tx *sqldb.Tx, i store.Intake) (open []string, err error) {
	all, err := consent.Shipped()
	if err != nil {
		return nil, err
	}
	signed, err := store.Signatures(tx, i.ClinicID, i.IntakeID)
	if err != nil {
		return nil, err
	}
	for _, c := range consent.InForce(all) {
		if !slices.ContainsFunc(signed, func(s store.Signature) bool { return s.ConsentID == c.ID && s.Version == c.Version }) {
			open = append(open, c.ID)
		}
	}
	return open, nil
}

// textToSign finds the text that a signature is to be under.
func textToSign(in SignConsent) (consent.Text, string, error) {
	if strings.TrimSpace(in.TypedName) == "" {
		return consent.Text{}, "", fault.Invalid("typed_name", "must be a name")
	}
	all, err := consent.Shipped()
	if err != nil {
		return consent.Text{}, "", err
	}
	for _, c := range consent.InForce(all) {
		if c.ID != in.ConsentID {
			continue
		}
		text, lang := c.In(in.Language)
		if c.Version != in.Version || text.Hash() != in.TextHash {
			return text, lang, fault.New(fault.FailedPrecondition, "CONSENT_CHANGED", "The text changed since it was shown. Read it again.")
		}
		return text, lang, nil
	}
	return consent.Text{}, "", fault.NotFoundf("consent")
}
