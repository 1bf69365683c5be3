package store

import (
	"time"

	"github.com/upright-clinic/upright/services/plans/internal/plan"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// TemplateVersion is a clinic's own template as it stood after one change.
type TemplateVersion struct {
	Template plan.Template
	By       string
	At       time.Time
}

// PutTemplate adds the next version of a clinic's own template, which must be one more than
// the newest: VERSION_MISMATCH otherwise.
func PutTemplate(tx *sqldb.Tx, clinicID string, v TemplateVersion) error {
	body, err := encode(v.Template)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`UPDATE plan_templates SET latest = $5 WHERE clinic_id = $1 AND template_id = $2 AND version = $3 AND latest = $4`,
		clinicID, v.Template.ID, v.Template.Version-1, true, false)
	if err != nil {
		return err
	}
	if n == 0 && v.Template.Version > 1 {
		return errChanged()
	}
	n, err = tx.Exec(`INSERT INTO plan_templates (clinic_id, template_id, version, body, retired, latest, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		clinicID, v.Template.ID, v.Template.Version, body, v.Template.Retired, true, v.By, micros(v.At))
	if err == nil && n == 0 {
		return errChanged()
	}
	return err
}

// Templates gives a clinic's own templates as they stand, retired ones too.
func Templates(tx *sqldb.Tx, clinicID string) ([]plan.Template, error) {
	list, err := templates(tx, `SELECT body, version, retired, changed_by, changed_at FROM plan_templates
		WHERE clinic_id = $1 AND latest ORDER BY template_id`, clinicID)
	out := make([]plan.Template, len(list))
	for i, v := range list {
		out[i] = v.Template
	}
	return out, err
}

// TemplateVersions gives every version that a clinic's own template has had, newest first.
func TemplateVersions(tx *sqldb.Tx, clinicID, templateID string) ([]TemplateVersion, error) {
	return templates(tx, `SELECT body, version, retired, changed_by, changed_at FROM plan_templates
		WHERE clinic_id = $1 AND template_id = $2 ORDER BY version DESC`, clinicID, templateID)
}

func templates(tx *sqldb.Tx, query string, args ...any) ([]TemplateVersion, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []TemplateVersion
	for rows.Next() {
		var v TemplateVersion
		var body string
		var version, at int64
		var retired bool
		if err := rows.Scan(&body, &version, &retired, &v.By, &at); err != nil {
			return nil, err
		}
		if err := decode(body, &v.Template); err != nil {
			return nil, err
		}
		v.Template.Version, v.Template.Retired, v.At = version, retired, instant(at)
		out = append(out, v)
	}
	return out, rows.Err()
}
