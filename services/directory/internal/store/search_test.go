package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/upright-clinic/upright/services/directory/internal/people"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		for _, p := range []people.Patient{
			{ID: "pat_1", GivenName: "Anna Maria", FamilyName: "Müller", BirthDate: civil.MustParse("1980-03-07"), Phone: "+43 664 1234567", Email: "Anna@Example.org"},
			{ID: "pat_2", GivenName: "Änne", FamilyName: "Mueller-Lüdenscheid", BirthDate: civil.MustParse("1980-07-03"), Phone: "0664 7654321", ExternalNumber: "1234"},
			{ID: "pat_3", GivenName: "Bo", FamilyName: "Ångström", FormerNames: "Muller", BirthDate: civil.MustParse("1980-03-07")},
			{ID: "pat_4", GivenName: "Bo", FamilyName: "100%_sure", BirthDate: civil.MustParse("1999-01-01")},
			{ID: "pat_5", GivenName: "小龍", FamilyName: "李", BirthDate: civil.MustParse("1999-01-02")},
		} {
			write(t, db, func(tx *sqldb.Tx) error { return InsertPatient(tx, one, p) })
			p.ID += "_two"
			write(t, db, func(tx *sqldb.Tx) error { return InsertPatient(tx, two, p) })
		}
		for _, test := range []struct {
			text string
			want []string
		}{
			{"muller", []string{"pat_3", "pat_1", "pat_2"}}, // by family name: Ångström, Müller, Mueller-Lüdenscheid
			{"ANNA müll", []string{"pat_1"}},
			{"maria", []string{"pat_1"}},
			{"ann mul", []string{"pat_1", "pat_2"}},
			{"lüdenscheid", []string{"pat_2"}},
			{"bo", []string{"pat_4", "pat_3"}},
			{"o", nil},
			{"%", nil},
			{"100", []string{"pat_4"}},
			{"李", []string{"pat_5"}},
			{"7.3.1980", []string{"pat_3", "pat_1"}},
			{"3/7/1980", []string{"pat_3", "pat_1", "pat_2"}},
			{"mull 1980-07-03", []string{"pat_2"}},
			{"4567", []string{"pat_1"}},
			{"+43664 1234567", []string{"pat_1"}},
			{"1234", []string{"pat_2"}},
			{"anna@example.ORG", []string{"pat_1"}},
			{"pat_4", []string{"pat_4"}},
			{"pat_1_two", nil},
			{"' or 1=1 --", nil},
		} {
			var got []string
			ways, err := people.ParseQuery("query", test.text)
			if err != nil && test.want != nil {
				t.Fatal(err)
			}
			for _, way := range ways {
				for _, p := range read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return SearchPatients(tx, one, way, "", 10) }) {
					got = append(got, p.ID)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%q (-want +got):\n%s", test.text, diff)
			}
		}
	})
}

// Pages of any size put together are the whole list, in the order that Go gives it too.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, db *sqldb.DB) {
		write(t, db, func(tx *sqldb.Tx) error {
			for i := range 60 {
				p := namesake(rand.New(rand.NewPCG(1, uint64(i))), i)
				p.FormerNames = "Everybody"
				if err := InsertPatient(tx, one, p); err != nil {
					return err
				}
			}
			return nil
		})
		everybody := people.Criteria{Names: []string{"everyb"}}
		all := read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return SearchPatients(tx, one, everybody, "", 100) })
		if len(all) != 60 || !slices.IsSortedFunc(all, SearchOrder) {
			t.Fatalf("%d records, in order: %t", len(all), slices.IsSortedFunc(all, SearchOrder))
		}
		for _, size := range []int{1, 7, 60} {
			var pages []people.Patient
			for after := ""; ; after = pages[len(pages)-1].ID {
				page := read(t, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return SearchPatients(tx, one, everybody, after, size) })
				pages = append(pages, page...)
				if len(page) == 0 {
					break
				}
			}
			if diff := cmp.Diff(all, pages); diff != "" {
				t.Errorf("pages of %d (-want +got):\n%s", size, diff)
			}
		}
	})
}

// No search reads records that it was not asked for, but for walking along all of them in
// order when a name fits a fifth of them. SQLite tells its plan without having to be full.
func TestSearchPlans(t *testing.T) {
	t.Parallel()
	db := sqldbtest.Open(t, sqldb.SQLite, Migrations)
	for _, test := range []struct {
		c    people.Criteria
		hits int
		walk bool
	}{
		{c: people.Criteria{Names: []string{"mull"}}},
		{c: people.Criteria{Names: []string{"mull", "an", "x"}}, hits: broad - 1},
		{c: people.Criteria{Names: []string{"m", "a"}}, hits: broad, walk: true},
		{c: people.Criteria{Names: []string{"m"}, BirthDates: []civil.Date{civil.MustParse("1980-03-07")}}, hits: broad},
		{c: people.Criteria{BirthDates: []civil.Date{civil.MustParse("1980-03-07"), civil.MustParse("1980-07-03")}}},
		{c: people.Criteria{PhoneKey: "7654"}},
		{c: people.Criteria{EmailKey: "a@b.c", Names: []string{"m"}}},
		{c: people.Criteria{PatientID: "pat_1"}},
	} {
		for _, after := range []string{"", "pat_1"} {
			q := planSearch(one, test.c, test.hits, after, 21)
			q.args[0] = "cln_1"
			steps := read(t, db, func(tx *sqldb.Tx) ([]string, error) {
				rows, err := tx.Query("explain query plan "+q.text.String(), q.args...)
				return collect(rows, err, func(scan func(...any) error) (step string, err error) {
					var a, b, c int
					return step, scan(&a, &b, &c, &step)
				})
			})
			plan := strings.Join(steps, "\n")
			for _, step := range steps {
				if strings.HasPrefix(step, "SCAN") && step != "SCAN h" ||
					strings.Contains(step, "(clinic_id=?)") && !test.walk {
					t.Errorf("%+v reads more than it needs: %s in\n%s", test.c, step, plan)
				}
			}
			if test.walk == strings.Contains(plan, "USE TEMP B-TREE FOR ORDER BY") {
				t.Errorf("%+v walks in order: %t\n%s", test.c, test.walk, plan)
			}
		}
	}
}

var (
	givenNames  = []string{"Anna", "Bernd", "Clara", "David", "Eva", "Felix", "Greta", "Hans", "Ida", "Jan", "Klara", "Lukas", "Mia", "Noah", "Olga", "Paul"}
	familyNames = []string{"Müller", "Huber", "Gruber", "Wagner", "Pichler", "Bauer", "Moser", "Steiner", "Hofer", "Leitner", "Šimić", "Øst", "de la Cruz"}
)

// namesake makes one of many patients with common names.
func namesake(random *rand.Rand, i int) people.Patient {
	return people.Patient{
		ID: fmt.Sprintf("pat_%06d", i), GivenName: givenNames[random.IntN(len(givenNames))],
		FamilyName: familyNames[random.IntN(len(familyNames))] + []string{"", "mann", "berger", "hofer"}[random.IntN(4)],
		BirthDate:  civil.MustParse("1930-01-01").AddDays(random.IntN(30000)),
		Phone:      fmt.Sprintf("0664 %07d", random.IntN(10_000_000)),
	}
}

// BenchmarkSearch searches among a hundred thousand patients.
func BenchmarkSearch(b *testing.B) {
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.Postgres} {
		db := sqldbtest.Open(b, dialect, Migrations)
		write(b, db, func(tx *sqldb.Tx) error {
			_, err := InsertClinic(tx, people.Clinic{ID: "cln_1", Slug: "one", PublicName: "Clinic", TimeZone: "UTC", Locale: "de"})
			return err
		})
		random := rand.New(rand.NewPCG(1, 2))
		for start := 0; start < 100_000; start += 5000 {
			write(b, db, func(tx *sqldb.Tx) error {
				for i := range 5000 {
					if err := InsertPatient(tx, one, namesake(random, start+i)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		for _, text := range []string{"a", "mull an", "pichlerberger gr", "m 1980-03-07", "1980-03-07", "4567", "0664 123", "huber", "e s"} {
			ways, err := people.ParseQuery("query", text)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(string(dialect)+"/"+text, func(b *testing.B) {
				for b.Loop() {
					for _, way := range ways {
						read(b, db, func(tx *sqldb.Tx) ([]people.Patient, error) { return SearchPatients(tx, one, way, "", 21) })
					}
				}
			})
		}
	}
}
