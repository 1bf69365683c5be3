package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"
	"time"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/intake/internal/store"
	"github.com/upright-clinic/upright/services/platform/audit"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/fault"
	"github.com/upright-clinic/upright/services/platform/ident"
	"github.com/upright-clinic/upright/services/platform/requestid"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// How long a link and a session that it began are good, and how many wrong tries a link
// bears before it is dead.
const (
	linkLife    = 7 * 24 * time.Hour
	sessionLife = 12 * time.Hour
	linkTries   = 5
)

const (
	// linkPath is where links lead; the secret follows.
	linkPath = "/f/"
	// sessionPrefix begins the secret of a form session, so that it is not taken for that of
	// a sign-in; sessionSubject begins its id.
	sessionPrefix  = "frm_"
	sessionSubject = "fls"
)

// secretHash is what is stored of a secret: it has 128 random bits, so that a plain hash
// cannot be turned back.
func secretHash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// CreateResumeLink makes a link to go on with a draft elsewhere, in place of any before, and
// the message that carries it. It fails with NOT_FOUND for an intake that the caller may not
// know of, and FAILED_PRECONDITION, INTAKE_SUBMITTED, after submission.
func (a *App) CreateResumeLink(ctx context.Context, intakeID string, fingerprint []byte) (m store.Message, err error) {
	p, err := callerOf(ctx)
	if err != nil {
		return m, err
	}
	secret := rand.Text()
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		i, _, err := loadIntake(tx, p, intakeID, true)
		if err != nil {
			return err
		}
		_, replayed, err := requestid.OnceAs(ctx, tx, "CreateResumeLink", fingerprint, intakeID, func() error {
			m, err = writeLink(ctx, tx, p, i, secret)
			return err
		})
		if err == nil && replayed {
			m, _, err = store.MessageOf(tx, i.ClinicID, MessageLink, i.IntakeID)
		}
		return err
	})
	return m, err
}

func writeLink(ctx context.Context, tx *sqldb.Tx, p authn.Principal, i store.Intake, secret string) (store.Message, error) {
	m := store.Message{
		ClinicID: i.ClinicID, MessageID: ident.New("msg"), Kind: MessageLink, About: i.IntakeID, PatientID: i.PatientID, IntakeID: i.IntakeID,
		Language: i.Language, CreatedAt: tx.Now(),
	}
	if err := stillDraft(i); err != nil {
		return m, err
	}
	if err := addLink(tx, p, &m, secret); err != nil {
		return m, err
	}
	if _, err := store.AddMessage(tx, m); err != nil {
		return m, err
	}
	return m, audit.Write(ctx, tx, audit.Entry{Action: "intake.create_link", Resource: i.IntakeID, PatientID: i.PatientID})
}

// addLink makes the link to go on with a form, in place of any before, and puts it into a
// message that is about to be stored. Only the message holds the secret.
func addLink(tx *sqldb.Tx, p authn.Principal, m *store.Message, secret string) error {
	m.Link, m.ExpiresAt = linkPath+secret, tx.Now().Add(linkLife)
	if err := store.DropLinks(tx, m.ClinicID, m.IntakeID, MessageLink); err != nil {
		return err
	}
	return store.PutLink(tx, store.Link{
		ClinicID: m.ClinicID, IntakeID: m.IntakeID, TokenHash: secretHash(secret), CreatedBy: p.Subject, CreatedAt: m.CreatedAt, ExpiresAt: m.ExpiresAt,
	})
}

// OpenResumeLink is what somebody brings who opens a link.
type OpenResumeLink struct{ Secret, FamilyName, BirthDate string }

// Opened is the session that a link began.
type Opened struct {
	Secret  string
	Session store.FormSession
}

// resumeRefused is the one answer to every link that does not open.
func resumeRefused() error {
	return fault.New(fault.Unauthenticated, "RESUME_REFUSED", "The link, the name or the date of birth is not right, or the link is too old.")
}

// OpenResumeLink checks who opens a link, and begins a session for its form alone. The try
// is counted before it is known how it ends, so that tries made at the same moment do not
// share one. Every refusal is the same UNAUTHENTICATED, RESUME_REFUSED, and asks directory
// once: unknown, old, used up, wrong name, wrong date.
func (a *App) OpenResumeLink(ctx context.Context, in OpenResumeLink) (Opened, error) {
	link, patientID, err := a.countTry(ctx, in.Secret)
	if err != nil {
		return Opened{}, err
	}
	known := patientID != ""
	if !known {
		link.ClinicID, patientID = "cln_none", "pat_none"
	}
	right, err := a.directory.Verify(ctx, link.ClinicID, patientID, in.FamilyName, in.BirthDate)
	if err != nil && !fault.IsKind(err, fault.InvalidArgument) && !fault.IsKind(err, fault.NotFound) {
		a.takeTryBack(ctx, link)
		return Opened{}, err
	}
	if !known || !right {
		return Opened{}, resumeRefused()
	}
	secret := sessionPrefix + rand.Text()
	out := Opened{Secret: secret}
	ctx = authn.With(ctx, formPrincipal(store.FormSession{ClinicID: link.ClinicID, SessionID: "link", PatientID: patientID}))
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		out.Session = store.FormSession{
			ClinicID: link.ClinicID, SessionID: ident.New(sessionSubject), TokenHash: secretHash(secret), IntakeID: link.IntakeID,
			PatientID: patientID, CreatedAt: tx.Now(), ExpiresAt: tx.Now().Add(sessionLife),
		}
		if err := store.SetTries(tx, link, 0); err != nil {
			return err
		}
		if err := store.InsertFormSession(tx, out.Session); err != nil {
			return err
		}
		return audit.Write(ctx, tx, audit.Entry{Action: "intake.open_link", Resource: link.IntakeID, PatientID: patientID})
	})
	return out, err
}

// countTry counts a try at a link and returns it with its patient; without one for a link
// that does not open any more, or never did.
func (a *App) countTry(ctx context.Context, secret string) (link store.Link, patientID string, err error) {
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		var ok bool
		patientID = ""
		if link, ok, err = store.LockLink(tx, secretHash(secret)); err != nil || !ok {
			return err
		}
		if link.Tries >= linkTries || !tx.Now().Before(link.ExpiresAt) {
			return nil
		}
		if err := store.SetTries(tx, link, link.Tries+1); err != nil {
			return err
		}
		i, ok, err := store.GetIntake(tx, link.ClinicID, link.IntakeID)
		if err == nil && ok {
			patientID = i.PatientID
		}
		return err
	})
	return link, patientID, err
}

// takeTryBack forgives a try that could not be judged.
func (a *App) takeTryBack(ctx context.Context, link store.Link) {
	err := a.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, ok, err := store.LockLink(tx, link.TokenHash)
		if err != nil || !ok || now.Tries == 0 {
			return err
		}
		return store.SetTries(tx, now, now.Tries-1)
	})
	if err != nil {
		a.log.WarnContext(ctx, "try at a link not taken back", slog.Any("error", err))
	}
}

// formPrincipal is who calls within a form session: the patient, by the session's id.
func formPrincipal(s store.FormSession) authn.Principal {
	return authn.Principal{
		Subject: s.SessionID, ClinicID: s.ClinicID, Roles: []typev1.Role{typev1.Role_ROLE_PATIENT},
		PatientIDs: []string{s.PatientID}, SessionID: s.SessionID,
	}
}

// FormSession returns the session of a secret. It fails with UNAUTHENTICATED when there is
// none, or its time is over.
func (a *App) FormSession(ctx context.Context, secret string) (s store.FormSession, err error) {
	err = a.db.Read(ctx, func(tx *sqldb.Tx) error {
		var ok bool
		s, ok, err = store.SessionByToken(tx, secretHash(secret))
		if err == nil && (!ok || !tx.Now().Before(s.ExpiresAt)) {
			err = fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "Sign in first.")
		}
		return err
	})
	return s, err
}

// CloseFormSession ends a session; one that is over already is no error.
func (a *App) CloseFormSession(ctx context.Context, secret string) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error { return store.DeleteFormSession(tx, secretHash(secret)) })
}

// inFormSession reports whether somebody calls who opened a link, not an account.
func inFormSession(p authn.Principal) bool { return strings.HasPrefix(p.Subject, sessionSubject+"_") }

// withinSession keeps a form session to its form: any other is NOT_FOUND, and so is its own
// once the session is over.
func withinSession(tx *sqldb.Tx, p authn.Principal, intakeID string) error {
	if !inFormSession(p) {
		return nil
	}
	s, ok, err := store.GetFormSession(tx, p.ClinicID, p.Subject)
	if err == nil && (!ok || s.IntakeID != intakeID || !tx.Now().Before(s.ExpiresAt)) {
		err = fault.NotFoundf("intake")
	}
	return err
}
