package store_test

import (
	"fmt"
	"testing"

	"github.com/upright-clinic/upright/services/booking/internal/schedule"
	"github.com/upright-clinic/upright/services/booking/internal/store"
	"github.com/upright-clinic/upright/services/platform/sqldb"
	"github.com/upright-clinic/upright/services/platform/sqldb/sqldbtest"
)

func BenchmarkInsertClaims(b *testing.B) {
	for _, multi := range []bool{true, false} {
		b.Run(fmt.Sprint(multi), func(b *testing.B) {
			db := sqldbtest.Open(b, sqldb.SQLite, store.Migrations)
			n := 0
			for n < b.N {
				err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
					for range 500 {
						at := schedule.Slot(5_900_000 + n/10*6)
						c := []store.Claim{
							claim("pat_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%200), at, at+6, fmt.Sprint("apt_01a1fd4e28ac7ed68803d3e5e996d388", n), false),
							claim("prac_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%10), at, at+6, fmt.Sprint("apt_01a1fd4e28ac7ed68803d3e5e996d388", n), false),
							claim("room_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%10), at, at+6, fmt.Sprint("apt_01a1fd4e28ac7ed68803d3e5e996d388", n), false),
						}
						n++
						if multi {
							if err := store.InsertClaims(tx, "cln_01a1fd4e28ac7ed68803d3e5e996d388", c); err != nil {
								return err
							}
							continue
						}
						for i := range c {
							if err := store.InsertClaims(tx, "cln_01a1fd4e28ac7ed68803d3e5e996d388", c[i:i+1]); err != nil {
								return err
							}
						}
					}
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
