package app

import (
	"context"
	"slices"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// ReleaseContraindication releases one SOFT contraindication for a patient.
type ReleaseContraindication struct {
	PatientID          string
	ContraindicationID string
	Reason             string
	Fingerprint        []byte
}

// releasers says whose release counts for a kind of care: a licensed clinician of it, for
// injections a physician only (clinical reference 5, decision 4). A physician may release
// any.
var releasers = map[string]typev1.Profession{
	"MANIPULATION":    typev1.Profession_PROFESSION_CHIROPRACTOR,
	"ACUPUNCTURE":     typev1.Profession_PROFESSION_ACUPUNCTURIST,
	"MASSAGE":         typev1.Profession_PROFESSION_MASSAGE_THERAPIST,
	"FACET_INJECTION": typev1.Profession_PROFESSION_PHYSICIAN,
}

// ReleaseContraindication records a clinician's release, which counts as long as the
// answers behind the contraindication stay what they are now. It fails with NOT_FOUND for
// a patient whom the caller may not know of; INVALID_ARGUMENT for an unknown
// contraindication; PERMISSION_DENIED, PROFESSION_REQUIRED; FAILED_PRECONDITION,
// HARD_CONTRAINDICATION, and NOT_CONTRAINDICATED when it does not apply.
func (a *App) ReleaseContraindication(ctx context.Context, in ReleaseContraindication) (release store.Release, version int64, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return release, 0, err
	}
	set, err := a.forms.Facts(p.ClinicID)
	if err != nil {
		return release, 0, err
	}
	c, ok := set.Contraindication(in.ContraindicationID)
	if !ok {
		return release, 0, fault.Invalid("contraindication_id", "is not a contraindication")
	}
	if err := mayRelease(p, c); err != nil {
		return release, 0, err
	}
	if err := a.knowPatient(ctx, p, in.PatientID); err != nil {
		return release, 0, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		who, err := personOf(tx, p.ClinicID, in.PatientID, true)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "ReleaseContraindication", in.Fingerprint, in.ContraindicationID, func() error {
			return a.release(ctx, tx, p, who, in)
		})
		if err != nil {
			return err
		}
		rows, err := store.Releases(tx, p.ClinicID, who.rootID)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(rows, func(r store.Release) bool { return r.ContraindicationID == in.ContraindicationID }); i >= 0 {
			release = rows[i]
		}
		_, version, err = a.gateOf(tx, p.ClinicID, who)
		return err
	})
	return release, version, err
}

func (a *App) release(ctx context.Context, tx *sqldb.Tx, p authn.Principal, who person, in ReleaseContraindication) error {
	k, err := a.knownOf(tx, p.ClinicID, who)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(k.against, func(x triage.Against) bool { return x.Contraindication.ID == in.ContraindicationID })
	if i < 0 {
		return fault.New(fault.FailedPrecondition, "NOT_CONTRAINDICATED", "Nothing known about the patient needs this release.").
			With("contraindication_id", in.ContraindicationID)
	}
	because, err := becauseJSON(k.against[i].Because)
	if err != nil {
		return err
	}
	err = store.PutRelease(tx, p.ClinicID, store.Release{
		PatientID: in.PatientID, ContraindicationID: in.ContraindicationID, Because: because, ReleasedBy: p.Subject,
		Reason: in.Reason, ReleasedAt: tx.Now(),
	})
	if err != nil {
		return err
	}
	if err := a.moveGate(ctx, tx, p.ClinicID, who, noChange, factsChanged(p.ClinicID, who.rootID)); err != nil {
		return err
	}
	return audit.Write(ctx, tx, audit.Entry{Action: "contraindication.release", Resource: in.ContraindicationID, PatientID: in.PatientID})
}

// mayRelease refuses a HARD contraindication, and a clinician of another profession.
func mayRelease(p authn.Principal, c *triage.Contraindication) error {
	if c.Kind == triage.Hard {
		return fault.New(fault.FailedPrecondition, "HARD_CONTRAINDICATION", "This cannot be released: it holds until the fact changes.").
			With("contraindication_id", c.ID)
	}
	if p.Profession == typev1.Profession_PROFESSION_PHYSICIAN {
		return nil
	}
	if need, ok := releasers[c.Modality]; !ok || p.Profession != need {
		return fault.New(fault.PermissionDenied, "PROFESSION_REQUIRED", "A clinician of this kind of care must release it.").
			With("modality", c.Modality)
	}
	return nil
}
