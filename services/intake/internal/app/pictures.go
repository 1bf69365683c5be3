package app

import (
	"context"
	"strconv"

	"github.com/upright-clinic/upright/services/intake/internal/picture"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxPictures is how many pictures a form takes.
const maxPictures = 6

// AddPicture adds a picture to a draft, under a random name of ours, without the place, the
// time and whatever else a camera wrote into it. It fails with NOT_FOUND
// for an intake that the caller may not know of, the front desk included; INVALID_ARGUMENT,
// PICTURE_REFUSED, by the content; RESOURCE_EXHAUSTED, TOO_MANY_PICTURES;
// FAILED_PRECONDITION, INTAKE_SUBMITTED, after submission.
func (a *App) AddPicture(ctx context.Context, intakeID, kind string, content, fingerprint []byte) (out store.Picture, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return out, err
	}
	info, content, err := picture.Clean(content)
	if err != nil {
		return out, err
	}
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		id, replayed, err := requestid.OnceAs(ctx, tx, "AddPicture", fingerprint, ident.New("pic"), func() error { return stillDraft(i) })
		if err != nil {
			return err
		}
		had, err := store.Pictures(tx, i.ClinicID, i.IntakeID)
		if err != nil {
			return err
		}
		for _, one := range had {
			if one.PictureID == id {
				out = one
			}
		}
		if replayed {
			return nil
		}
		if len(had) >= maxPictures {
			return fault.New(fault.ResourceExhausted, "TOO_MANY_PICTURES", "The form has as many pictures as it takes.").
				With("most", strconv.Itoa(maxPictures))
		}
		out = store.Picture{
			ClinicID: i.ClinicID, PictureID: id, IntakeID: i.IntakeID, Kind: kind, MediaType: info.MediaType, Size: int64(len(content)),
			Width: info.Width, Height: info.Height, AddedBy: p.Subject, AddedAt: tx.Now(),
		}
		if err := store.InsertPicture(tx, out, content); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Entry{
			Action: "intake.add_picture", Resource: intakeID, PatientID: i.PatientID, Facts: map[string]string{"picture_id": id, "kind": kind},
		})
	})
	return out, err
}

// ListPictures lists the pictures of a form. It fails with NOT_FOUND for an intake that the
// caller may not know of, the front desk included.
func (a *App) ListPictures(ctx context.Context, intakeID string) (out []store.Picture, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return nil, err
	}
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err == nil {
			out, err = store.Pictures(tx, i.ClinicID, i.IntakeID)
		}
		return err
	})
	return out, err
}

// GetPicture returns a picture with its content; looking at it is recorded first. It fails
// with NOT_FOUND for a picture that the caller may not know of.
func (a *App) GetPicture(ctx context.Context, intakeID, pictureID string) (out store.Picture, content []byte, err error) {
	p, err := chartReader(ctx)
	if err != nil {
		return out, nil, err
	}
	var patientID string
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, false)
		if err != nil {
			return err
		}
		patientID = i.PatientID
		var ok bool
		out, content, ok, err = store.GetPicture(tx, i.ClinicID, i.IntakeID, pictureID)
		if err == nil && !ok {
			err = fault.NotFoundf("picture")
		}
		return err
	})
	if err != nil {
		return out, nil, err
	}
	return out, content, audit.Read(ctx, a.db, audit.Entry{
		Action: "intake.read_picture", Resource: intakeID, PatientID: patientID, Facts: map[string]string{"picture_id": pictureID},
	})
}

// DeletePicture takes a picture away from a draft. It fails with NOT_FOUND for a picture
// that the caller may not know of, and FAILED_PRECONDITION, INTAKE_SUBMITTED, after
// submission.
func (a *App) DeletePicture(ctx context.Context, intakeID, pictureID string, fingerprint []byte) error {
	p, err := chartReader(ctx)
	if err != nil {
		return err
	}
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		_, _, err = requestid.OnceAs(ctx, tx, "DeletePicture", fingerprint, pictureID, func() error {
			if err := stillDraft(i); err != nil {
				return err
			}
			ok, err := store.DeletePicture(tx, i.ClinicID, i.IntakeID, pictureID)
			if err != nil {
				return err
			}
			if !ok {
				return fault.NotFoundf("picture")
			}
			return audit.Write(ctx, tx, audit.Entry{
				Action: "intake.delete_picture", Resource: intakeID, PatientID: i.PatientID, Facts: map[string]string{"picture_id": pictureID},
			})
		})
		return err
	})
}

// chartReader returns who calls, and fails with NOT_FOUND for the front desk, which sees
// nothing of what a patient tells.
func chartReader(ctx context.Context) (authn.Principal, error) {
	p, err := callerOf(ctx)
	if err == nil && audience(p) == FrontDesk {
		err = fault.NotFoundf("intake")
	}
	return p, err
}
