package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// SearchPatients reads surviving records of which some record fits the criteria, by family
// name, given name and id, those after the record with id after.
func SearchPatients(tx *sqldb.Tx, scope Scope, c people.Criteria, after string, limit int) ([]people.Patient, error) {
	q := searchQuery{args: []any{scope.clinicID}}
	q.write(`select ` + patientColumns + ` from patients p where p.clinic_id = $1 and p.merged_into is null
		and p.patient_id in (select m.surviving_id from patients m where m.clinic_id = $1`)
	names := slices.Clone(c.Names)
	slices.SortFunc(names, func(a, b string) int { return len(b) - len(a) }) // the rarest first
	for _, name := range names {
		q.write(` and m.patient_id in (select n.patient_id from patient_names n where n.clinic_id = $1 and n.token >= `)
		q.arg(name)
		q.write(` and n.token < `)
		q.arg(endOf(name))
		q.write(`)`)
	}
	if len(c.BirthDates) > 0 {
		q.write(` and m.birth_date in (`)
		q.arg(c.BirthDates[0])
		q.write(`, `)
		q.arg(c.BirthDates[len(c.BirthDates)-1])
		q.write(`)`)
	}
	if c.PhoneKey != "" {
		q.write(` and m.phone_reversed >= `)
		q.arg(c.PhoneKey)
		q.write(` and m.phone_reversed < `)
		q.arg(endOf(c.PhoneKey))
	}
	if c.EmailKey != "" {
		q.write(` and m.email_key = `)
		q.arg(c.EmailKey)
	}
	if c.PatientID != "" {
		q.write(` and m.patient_id = `)
		q.arg(c.PatientID)
	}
	q.write(`)`)
	if after != "" {
		q.write(` and (p.family_key, p.given_key, p.patient_id) > (select l.family_key, l.given_key, l.patient_id
			from patients l where l.clinic_id = $1 and l.patient_id = `)
		q.arg(after)
		q.write(`)`)
	}
	q.write(` order by p.family_key, p.given_key, p.patient_id limit `)
	q.arg(limit)
	rows, err := tx.Query(q.text.String(), q.args...)
	return collect(rows, err, scanPatient)
}

// searchQuery puts a query together from constant parts. What was typed is always an
// argument, and the parts that can follow each other make a few dozen texts, so that prepared
// statements are found again.
type searchQuery struct {
	text strings.Builder
	args []any
}

func (q *searchQuery) write(part string) { q.text.WriteString(part) }

func (q *searchQuery) arg(value any) {
	q.args = append(q.args, value)
	q.text.WriteString("$" + strconv.Itoa(len(q.args)))
}

// SearchOrder compares two records as SearchPatients orders them.
func SearchOrder(a, b people.Patient) int {
	for _, pair := range [][2]string{
		{people.SortKey(a.FamilyName), people.SortKey(b.FamilyName)},
		{people.SortKey(a.GivenName), people.SortKey(b.GivenName)},
		{a.ID, b.ID},
	} {
		if n := strings.Compare(pair[0], pair[1]); n != 0 {
			return n
		}
	}
	return 0
}
