package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// broad is how many records fit the beginning of a name before it is quicker to walk along all
// of them in order until a page is full than to collect those that fit and to put them in
// order. Walking is slow for names that are common only at one place of that order, so it must
// fit about one in five of 100,000 records.
const broad = 20_000

// SearchPatients reads surviving records that fit the criteria, by family name, given name and
// id, those after the record with id after. Names may be spread over the records of one
// person; birth date, telephone and address must be of one record.
//
// The plan is chosen here and written into the query, since neither database knows how many
// records a name fits.
func SearchPatients(tx *sqldb.Tx, scope Scope, c people.Criteria, after string, limit int) ([]people.Patient, error) {
	names, hits, err := rarestFirst(tx, scope, c.Names)
	if err != nil {
		return nil, err
	}
	c.Names = names
	q := planSearch(scope, c, hits, after, limit)
	rows, err := tx.Query(q.text.String(), q.args...)
	return collect(rows, err, scanPatient)
}

// planSearch writes the query for criteria whose first name fits that many records.
func planSearch(scope Scope, c people.Criteria, hits int, after string, limit int) *searchQuery {
	q := &searchQuery{args: []any{scope.clinicID}}
	switch {
	case len(c.BirthDates) > 0 || c.PhoneKey != "" || c.EmailKey != "" || c.PatientID != "":
		q.collectByFacts(c)
		q.names(c.Names)
	case hits < broad:
		q.collectByName(c.Names[0])
		q.names(c.Names[1:])
	default:
		q.write(`select ` + patientColumns + ` from patients p where p.clinic_id = $1 and p.merged_into is null`)
		q.names(c.Names)
	}
	if after != "" {
		q.write(` and (p.family_key, p.given_key, p.patient_id) > (select l.family_key, l.given_key, l.patient_id
			from patients l where l.clinic_id = $1 and l.patient_id = `)
		q.arg(after)
		q.write(`)`)
	}
	q.write(` order by p.family_key, p.given_key, p.patient_id limit `)
	q.arg(limit)
	return q
}

// rarestFirst puts the beginning of a name that fits the fewest records first, and tells how
// many those are; it counts up to broad.
func rarestFirst(tx *sqldb.Tx, scope Scope, names []string) (sorted []string, hits int, err error) {
	counts := map[string]int{}
	for _, name := range names {
		var n int
		err := tx.QueryRow(`select count(*) from (select 1 from patient_names where clinic_id = $1 and token >= $2 and token < $3 limit $4) as fits`,
			scope.clinicID, name, endOf(name), broad).Scan(&n)
		if err != nil {
			return nil, 0, err
		}
		counts[name] = n
	}
	sorted = slices.Clone(names)
	slices.SortStableFunc(sorted, func(a, b string) int { return counts[a] - counts[b] })
	if len(sorted) > 0 {
		hits = counts[sorted[0]]
	}
	return sorted, hits, nil
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

// between asks for texts that begin with prefix, by an index on column.
func (q *searchQuery) between(column, prefix string) {
	q.write(` and ` + column + ` >= `)
	q.arg(prefix)
	q.write(` and ` + column + ` < `)
	q.arg(endOf(prefix))
}

// fromHits begins a query on the collected records. To SQLite a cross join says that they
// come first.
const fromHits = `) select ` + patientColumns + ` from hits h cross join patients p where p.clinic_id = $1 and p.patient_id = h.surviving_id`

// collectByFacts begins with the records that everything but the names fits. The column is
// made an expression, or SQLite walks along its index to find the distinct ones.
func (q *searchQuery) collectByFacts(c people.Criteria) {
	q.write(`with hits as materialized (select distinct m.surviving_id || '' as surviving_id from patients m where m.clinic_id = $1`)
	if len(c.BirthDates) > 0 {
		q.write(` and m.birth_date in (`)
		q.arg(c.BirthDates[0])
		q.write(`, `)
		q.arg(c.BirthDates[len(c.BirthDates)-1])
		q.write(`)`)
	}
	if c.PhoneKey != "" {
		q.between(`m.phone_reversed`, c.PhoneKey)
	}
	if c.EmailKey != "" {
		q.write(` and m.email_key = `)
		q.arg(c.EmailKey)
	}
	if c.PatientID != "" {
		q.write(` and m.patient_id = `)
		q.arg(c.PatientID)
	}
	q.write(fromHits)
}

// collectByName begins with the records that a name fits.
func (q *searchQuery) collectByName(name string) {
	q.write(`with hits as materialized (select distinct n.surviving_id || '' as surviving_id from patient_names n where n.clinic_id = $1`)
	q.between(`n.token`, name)
	q.write(fromHits)
}

// names asks for records that each of the names fits.
func (q *searchQuery) names(names []string) {
	for _, name := range names {
		q.write(` and exists (select 1 from patient_names n where n.clinic_id = $1 and n.surviving_id = p.patient_id`)
		q.between(`n.token`, name)
		q.write(`)`)
	}
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
