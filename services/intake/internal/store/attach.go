package store

import (
	"database/sql"
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// Signature is a row of consent_signatures.
type Signature struct {
	ClinicID  string
	IntakeID  string
	ConsentID string
	Version   int64
	PatientID string
	Language  string
	TextHash  string
	Body      string // JSON: the text as it was read
	TypedName string
	Writer    Writer
	SignedBy  string
	SignedAt  time.Time
}

// InsertSignature stores a signature; one of the same version stays as it was first.
func InsertSignature(tx *sqldb.Tx, s Signature) error {
	_, err := tx.Exec(`INSERT INTO consent_signatures (clinic_id, intake_id, consent_id, consent_version, patient_id, language, text_hash,
		body, typed_name, writer_name, writer_relation, signed_by, signed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (clinic_id, intake_id, consent_id, consent_version) DO NOTHING`,
		s.ClinicID, s.IntakeID, s.ConsentID, s.Version, s.PatientID, s.Language, s.TextHash, s.Body, s.TypedName,
		s.Writer.Name, s.Writer.Relation, s.SignedBy, sqldb.Micros(s.SignedAt))
	return err
}

// Signatures returns every signature under a form, by consent and version.
func Signatures(tx *sqldb.Tx, clinicID, intakeID string) ([]Signature, error) {
	rows, err := tx.Query(`SELECT clinic_id, intake_id, consent_id, consent_version, patient_id, language, text_hash, body, typed_name,
		writer_name, writer_relation, signed_by, signed_at FROM consent_signatures
		WHERE clinic_id = $1 AND intake_id = $2 ORDER BY consent_id, consent_version`, clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (s Signature, err error) {
		var at int64
		err = r.Scan(&s.ClinicID, &s.IntakeID, &s.ConsentID, &s.Version, &s.PatientID, &s.Language, &s.TextHash, &s.Body, &s.TypedName,
			&s.Writer.Name, &s.Writer.Relation, &s.SignedBy, &at)
		s.SignedAt = sqldb.Time(at)
		return s, err
	})
}

// Picture is a row of pictures, without its content.
type Picture struct {
	ClinicID  string
	PictureID string
	IntakeID  string
	Kind      string
	MediaType string
	Size      int64
	Width     int
	Height    int
	AddedBy   string
	AddedAt   time.Time
}

const pictureColumns = `clinic_id, picture_id, intake_id, kind, media_type, size_bytes, width, height, added_by, added_at`

func (p *Picture) scan(scan func(...any) error, more ...any) error {
	var at int64
	into := []any{&p.ClinicID, &p.PictureID, &p.IntakeID, &p.Kind, &p.MediaType, &p.Size, &p.Width, &p.Height, &p.AddedBy, &at}
	err := scan(append(into, more...)...)
	p.AddedAt = sqldb.Time(at)
	return err
}

// InsertPicture adds a picture.
func InsertPicture(tx *sqldb.Tx, p Picture, content []byte) error {
	_, err := tx.Exec(`INSERT INTO pictures (`+pictureColumns+`, content) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		p.ClinicID, p.PictureID, p.IntakeID, p.Kind, p.MediaType, p.Size, p.Width, p.Height, p.AddedBy, sqldb.Micros(p.AddedAt), content)
	return err
}

// Pictures returns the pictures of a form, oldest first.
func Pictures(tx *sqldb.Tx, clinicID, intakeID string) ([]Picture, error) {
	rows, err := tx.Query(`SELECT `+pictureColumns+` FROM pictures WHERE clinic_id = $1 AND intake_id = $2 ORDER BY picture_id`, clinicID, intakeID)
	return collect(rows, err, func(r *sql.Rows) (p Picture, err error) {
		err = p.scan(r.Scan)
		return p, err
	})
}

// GetPicture returns a picture of a form with its content; false when there is none.
func GetPicture(tx *sqldb.Tx, clinicID, intakeID, pictureID string) (p Picture, content []byte, ok bool, err error) {
	ok, err = found(p.scan(tx.QueryRow(`SELECT `+pictureColumns+`, content FROM pictures
		WHERE clinic_id = $1 AND intake_id = $2 AND picture_id = $3`, clinicID, intakeID, pictureID).Scan, &content))
	return p, content, ok, err
}

// DeletePicture takes a picture of a form away; false when there is none.
func DeletePicture(tx *sqldb.Tx, clinicID, intakeID, pictureID string) (bool, error) {
	n, err := tx.Exec(`DELETE FROM pictures WHERE clinic_id = $1 AND intake_id = $2 AND picture_id = $3`, clinicID, intakeID, pictureID)
	return n > 0, err
}
