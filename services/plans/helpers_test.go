package plans_test

import "github.com/upright-clinic/upright/services/platform/civil"

// daysAfter gives the date n days on.
func daysAfter(date string, n int) string { return civil.MustParse(date).AddDays(n).String() }
