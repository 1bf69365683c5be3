package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// maxFeeds is how many feeds one subject may have: a device or two of everybody who may look.
const maxFeeds = 20

// FeedRequest asks for a calendar feed.
type FeedRequest struct {
	Fingerprint            []byte
	SubjectKind, SubjectID string
	ShowNames              bool
}

// CreateFeed makes a feed and returns it with its secret, of which only a digest is kept: a
// retry of a request that was done returns the feed with no secret. People signed in as
// patients make feeds of those they act for. NOT_FOUND for any other subject; TOO_MANY_FEEDS.
func (a *App) CreateFeed(ctx context.Context, r FeedRequest) (feed *store.Feed, secret string, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, "", err
	}
	if err := a.checkSubject(ctx, who, &r); err != nil {
		return nil, "", err
	}
	id, fresh := ident.New("feed"), rand.Text()
	err = a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		secret = fresh
		stored, replayed, err := requestid.OnceAs(ctx, tx, "CreateCalendarFeed", r.Fingerprint, id, func() error {
			list, err := store.ListFeeds(tx, who.ClinicID, r.SubjectID)
			if err != nil {
				return err
			}
			if len(list) >= maxFeeds {
				return fault.New(fault.ResourceExhausted, "TOO_MANY_FEEDS", "There are as many calendar addresses as there may be. Revoke one first.")
			}
			feed = &store.Feed{
				ClinicID: who.ClinicID, ID: id, SubjectKind: r.SubjectKind, SubjectID: r.SubjectID, ShowNames: r.ShowNames,
				SecretHash: digest(fresh), AccountID: who.Subject, CreatedAt: tx.Now(),
			}
			if err := store.InsertFeed(tx, feed); err != nil {
				return err
			}
			return auditFeed(ctx, tx, "calendar_feed.create", feed)
		})
		if err == nil && replayed {
			secret = ""
			feed, err = store.GetFeed(tx, who.ClinicID, stored)
		}
		return err
	})
	return feed, secret, err
}

// digest is how a secret is kept. It has 130 bits of chance, so that it needs no salt.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func auditFeed(ctx context.Context, tx *sqldb.Tx, action string, f *store.Feed) error {
	e := audit.Entry{Action: action, Resource: f.ID, Facts: map[string]string{"subject_id": f.SubjectID}}
	if f.SubjectKind == string(schedule.PatientResource) {
		e.PatientID = f.SubjectID
	}
	if f.ShowNames {
		e.Facts["show_names"] = "true"
	}
	return audit.Write(ctx, tx, e)
}

// checkSubject refuses a feed of somebody or something that the caller may not know of.
func (a *App) checkSubject(ctx context.Context, who caller, r *FeedRequest) (err error) {
	clinic, err := a.currentClinic(ctx, who.ClinicID)
	if err != nil {
		return err
	}
	if r.SubjectKind == string(schedule.PatientResource) {
		if r.SubjectID, err = who.patient(r.SubjectID); err != nil || who.party == schedule.Patient {
			return err
		}
		_, err = a.Peers.SurvivingPatient(ctx, who.ClinicID, r.SubjectID)
		return err
	}
	switch {
	case who.party == schedule.Patient:
		return fault.NotFoundf("subject")
	case r.SubjectID == "":
		return fault.Invalid("subject_id", "is required")
	case r.SubjectKind == string(schedule.PractitionerResource) && clinic.Practitioners[r.SubjectID] != nil:
		return nil
	case r.SubjectKind == string(schedule.RoomResource) && clinic.Resources[r.SubjectID].Kind == schedule.RoomResource:
		return nil
	}
	return fault.NotFoundf("subject")
}

// ListFeeds returns the feeds that can be read: for staff the clinic's, for people signed in as
// patients those of whom they act for. NOT_FOUND for a patient whom the caller does not act for.
func (a *App) ListFeeds(ctx context.Context, subjectID string) (list []*store.Feed, err error) {
	who, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	if who.party == schedule.Patient && subjectID != "" && !who.SeesPatient(subjectID) {
		return nil, fault.NotFoundf("patient")
	}
	err = a.DB.Read(ctx, func(tx *sqldb.Tx) (err error) {
		list, err = store.ListFeeds(tx, who.ClinicID, subjectID)
		return err
	})
	return slices.DeleteFunc(list, func(f *store.Feed) bool { return !who.seesFeed(f) }), err
}

// seesFeed reports whether the caller may know of a feed.
func (c caller) seesFeed(f *store.Feed) bool {
	return c.party == schedule.Staff || f.SubjectKind == string(schedule.PatientResource) && c.SeesPatient(f.SubjectID)
}

// RevokeFeed ends a feed. One that has ended is no error. NOT_FOUND for one that the caller may
// not know of.
func (a *App) RevokeFeed(ctx context.Context, fingerprint []byte, id string) error {
	who, err := callerOf(ctx)
	if err != nil {
		return err
	}
	return a.DB.Write(ctx, func(tx *sqldb.Tx) error {
		_, _, err := requestid.OnceAs(ctx, tx, "DeleteCalendarFeed", fingerprint, id, func() error {
			f, err := store.GetFeed(tx, who.ClinicID, id)
			switch {
			case err != nil:
				return err
			case f == nil || !who.seesFeed(f):
				return fault.NotFoundf("calendar feed")
			case !f.RevokedAt.IsZero():
				return nil
			}
			if err := store.RevokeFeed(tx, who.ClinicID, id, tx.Now()); err != nil {
				return err
			}
			return auditFeed(ctx, tx, "calendar_feed.revoke", f)
		})
		return err
	})
}
