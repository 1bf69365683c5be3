package store_test

import (
	"fmt"
	"sync/atomic"
	"syscall"
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
			var seq atomic.Int64
			b.SetParallelism(16)
			var before syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &before)
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					n := int(seq.Add(1))
					at := schedule.Slot(5_900_000 + n/10*6)
					apt := fmt.Sprint("apt_01a1fd4e28ac7ed68803d3e5e996d388", n)
					c := []store.Claim{
						claim("pat_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%200), at, at+6, apt, false),
						claim("prac_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%10), at, at+6, apt, false),
						claim("room_01a1fd4e28ac7ed68803d3e5e996d388"+fmt.Sprint(n%10), at, at+6, apt, false),
					}
					err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
						if multi {
							return store.InsertClaims(tx, "cln_01a1fd4e28ac7ed68803d3e5e996d388", c)
						}
						for i := range c {
							if err := store.InsertClaims(tx, "cln_01a1fd4e28ac7ed68803d3e5e996d388", c[i:i+1]); err != nil {
								return err
							}
						}
						return nil
					})
					if err != nil {
						b.Fatal(err)
					}
				}
			})
			var after syscall.Rusage
			_ = syscall.Getrusage(syscall.RUSAGE_SELF, &after)
			b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/float64(b.N)/1000, "cpu-us/op")
		})
	}
}
