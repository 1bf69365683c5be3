package store

import (
	"time"

	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// RuleMode is one change of what a clinic makes of a rule about medicines.
type RuleMode struct {
	ID     string
	RuleID string
	Mode   string
	Reason string
	By     string
	At     time.Time
}

// InsertRuleMode adds a change.
func InsertRuleMode(tx *sqldb.Tx, clinicID string, m RuleMode) error {
	_, err := tx.Exec(`INSERT INTO medicine_rule_modes (clinic_id, change_id, rule_id, mode, reason, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, clinicID, m.ID, m.RuleID, m.Mode, m.Reason, m.By, micros(m.At))
	return err
}

// RuleModes gives every change of a clinic, oldest first.
func RuleModes(tx *sqldb.Tx, clinicID string) ([]RuleMode, error) {
	rows, err := tx.Query(`SELECT change_id, rule_id, mode, reason, changed_by, changed_at FROM medicine_rule_modes
		WHERE clinic_id = $1 ORDER BY changed_at, change_id`, clinicID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []RuleMode
	for rows.Next() {
		var m RuleMode
		var at int64
		if err := rows.Scan(&m.ID, &m.RuleID, &m.Mode, &m.Reason, &m.By, &at); err != nil {
			return nil, err
		}
		m.At = instant(at)
		out = append(out, m)
	}
	return out, rows.Err()
}

// Product is a medicine that a clinic has added, as JSON of the rules' own.
type Product struct {
	ID     string
	Drug   string
	Body   string
	Reason string
	By     string
	At     time.Time
}

// InsertProduct adds a product; it takes the place of an earlier one of the same drug.
func InsertProduct(tx *sqldb.Tx, clinicID string, p Product) error {
	_, err := tx.Exec(`INSERT INTO medicine_products (clinic_id, change_id, drug, body, reason, changed_by, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`, clinicID, p.ID, p.Drug, p.Body, p.Reason, p.By, micros(p.At))
	return err
}

// Products gives a clinic's products as they are in force, by drug.
func Products(tx *sqldb.Tx, clinicID string) ([]Product, error) {
	rows, err := tx.Query(`SELECT change_id, drug, body, reason, changed_by, changed_at FROM medicine_products p WHERE clinic_id = $1
		AND NOT EXISTS (SELECT 1 FROM medicine_products n WHERE n.clinic_id = p.clinic_id AND n.drug = p.drug
			AND (n.changed_at > p.changed_at OR (n.changed_at = p.changed_at AND n.change_id > p.change_id)))
		ORDER BY drug`, clinicID)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Product
	for rows.Next() {
		var p Product
		var at int64
		if err := rows.Scan(&p.ID, &p.Drug, &p.Body, &p.Reason, &p.By, &at); err != nil {
			return nil, err
		}
		p.At = instant(at)
		out = append(out, p)
	}
	return out, rows.Err()
}
