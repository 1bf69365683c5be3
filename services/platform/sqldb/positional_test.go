package sqldb

import (
	"slices"
	"testing"
)

func TestPositional(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		query, want string
		order       []int
	}{
		{"select 1", "select 1", nil},
		{"a = $1 and b = $2", "a = ? and b = ?", nil},
		{"a = $2 and b = $1", "a = ? and b = ?", []int{1, 0}},
		{"a = $1 or b = $1", "a = ? or b = ?", []int{0, 0}},
		{"a in ($1,$2,$10)", "a in (?,?,?)", []int{0, 1, 9}},
		{"a = '$1' and b = $1", "a = '$1' and b = ?", nil},
		{"a = 'it''s $2' and b = $1", "a = 'it''s $2' and b = ?", nil},
		{`"$2" = $1 -- $3` + "\n and c = $2", `"$2" = ? -- $3` + "\n and c = ?", nil},
		{"/* $9 */ a = $1", "/* $9 */ a = ?", nil},
		{"a = $x and b = $0 and c = 'open", "a = $x and b = $0 and c = 'open", nil},
	} {
		text, order := positional(tc.query)
		if text != tc.want || !slices.Equal(order, tc.order) {
			t.Errorf("%s: %s %v, want %s %v", tc.query, text, order, tc.want, tc.order)
		}
	}
}
