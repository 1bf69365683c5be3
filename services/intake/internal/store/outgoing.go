package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Message is a row of outgoing: a message that waits until something sends it.
type Message struct {
	ClinicID  string
	MessageID string
	Kind      string
	About     string // what there is one message of the kind for
	PatientID string // whom it is for; "" when it is for an account
	AccountID string
	IntakeID  string
	TaskID    string
	Language  string
	Link      string    // with its secret; "" without one
	CreatedAt time.Time // when it was made
	ExpiresAt time.Time // when the link stops working; zero without one
}

const messageColumns = `clinic_id, message_id, kind, about, patient_id, account_id, intake_id, task_id, language, link, created_at, expires_at`

func (m *Message) scan(scan func(...any) error) error {
	var created int64
	var expires sql.NullInt64
	err := scan(&m.ClinicID, &m.MessageID, &m.Kind, &m.About, &m.PatientID, &m.AccountID, &m.IntakeID, &m.TaskID, &m.Language, &m.Link, &created, &expires)
	m.CreatedAt, m.ExpiresAt = sqldb.Time(created), sqldb.NullTime(expires)
	return err
}

func scanMessage(r *sql.Rows) (m Message, err error) {
	err = m.scan(r.Scan)
	return m, err
}

// AddMessage adds a message, unless there is one of the kind about the same thing; then it
// reports false.
func AddMessage(tx *sqldb.Tx, m Message) (bool, error) {
	n, err := tx.Exec(`INSERT INTO outgoing (`+messageColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
		ON CONFLICT (clinic_id, kind, about) DO NOTHING`,
		m.ClinicID, m.MessageID, m.Kind, m.About, m.PatientID, m.AccountID, m.IntakeID, m.TaskID, m.Language, m.Link,
		sqldb.Micros(m.CreatedAt), sqldb.NullMicros(m.ExpiresAt))
	return n == 1, err
}

// MessageOf returns the message of a kind about something; false when there is none.
func MessageOf(tx *sqldb.Tx, clinicID, kind, about string) (m Message, ok bool, err error) {
	ok, err = found(m.scan(tx.QueryRow(`SELECT `+messageColumns+` FROM outgoing WHERE clinic_id = $1 AND kind = $2 AND about = $3`,
		clinicID, kind, about).Scan))
	return m, ok, err
}

// Messages returns a clinic's messages, newest first, at most limit of those made before
// the message with the id ("" is from the newest).
func Messages(tx *sqldb.Tx, clinicID, before string, limit int) ([]Message, error) {
	rows, err := tx.Query(`SELECT `+messageColumns+` FROM outgoing
		WHERE clinic_id = $1 AND ($2 = '' OR message_id < $2) ORDER BY message_id DESC LIMIT $3`, clinicID, before, limit)
	return collect(rows, err, scanMessage)
}

// MessagesWithLinks returns the newest messages whose link still works.
func MessagesWithLinks(tx *sqldb.Tx, clinicID string, limit int) ([]Message, error) {
	rows, err := tx.Query(`SELECT `+messageColumns+` FROM outgoing
		WHERE clinic_id = $1 AND expires_at > $2 ORDER BY created_at DESC, message_id DESC LIMIT $3`, clinicID, sqldb.Micros(tx.Now()), limit)
	return collect(rows, err, scanMessage)
}

// DropLinks takes back the links to a form that wait in messages, since they do not open it
// any more: a message that is nothing but its link goes, any other goes on without it. onlyLink is
// the kind of the former.
func DropLinks(tx *sqldb.Tx, clinicID, intakeID, onlyLink string) error {
	_, err := tx.Exec(`DELETE FROM outgoing WHERE clinic_id = $1 AND intake_id = $2 AND kind = $3`, clinicID, intakeID, onlyLink)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE outgoing SET link = '', expires_at = NULL WHERE clinic_id = $1 AND intake_id = $2 AND expires_at IS NOT NULL`,
		clinicID, intakeID)
	return err
}

// PurgeForms deletes links and sessions whose time is over, and takes their secrets out of
// the messages, as [DropLinks] does.
func PurgeForms(tx *sqldb.Tx, onlyLink string) error {
	now := sqldb.Micros(tx.Now())
	for _, table := range []string{"form_sessions", "resume_links"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE expires_at <= $1`, now); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`DELETE FROM outgoing WHERE expires_at <= $1 AND kind = $2`, now, onlyLink); err != nil {
		return err
	}
	_, err := tx.Exec(`UPDATE outgoing SET link = '', expires_at = NULL WHERE expires_at <= $1`, now)
	return err
}
