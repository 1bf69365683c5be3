package people

import (
	"maps"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/upright-clinic/upright/services/platform/fault"
)

func TestMergeChains(t *testing.T) {
	t.Parallel()
	links := Links{"a": "", "b": "", "c": "", "d": ""}
	step := func(got Moved, err error, survivor string, records ...string) {
		t.Helper()
		if diff := cmp.Diff(Moved{Survivor: survivor, Records: records}, got); diff != "" || err != nil {
			t.Fatalf("%v (-want +got):\n%s", err, diff)
		}
	}
	moved, err := links.Merge("a", "b")
	step(moved, err, "b", "a")
	moved, err = links.Merge("b", "c")
	step(moved, err, "c", "b", "a")
	moved, err = links.Merge("d", "a") // a leads to c
	step(moved, err, "c", "d")
	if got := links.Person("a"); !slices.Equal(got, []string{"c", "a", "b", "d"}) {
		t.Errorf("one person is %v", got)
	}
	if _, err := links.Merge("a", "d"); !fault.Is(err, "ALREADY_MERGED") {
		t.Errorf("merging twice = %v", err)
	}
	if _, err := links.Merge("c", "a"); !fault.Is(err, "SAME_PATIENT") {
		t.Errorf("closing a circle = %v", err)
	}
	before, moved, err := links.Unmerge("b")
	step(moved, err, "b", "b", "a")
	if before != "c" {
		t.Errorf("b had led to %s", before)
	}
	if links.Survivor("a") != "b" || links.Survivor("d") != "c" {
		t.Errorf("a leads to %s, d to %s", links.Survivor("a"), links.Survivor("d"))
	}
	if _, _, err := links.Unmerge("b"); !fault.Is(err, "NOT_MERGED") {
		t.Errorf("taking it back twice = %v", err)
	}
}

// Whatever is merged and taken back in whatever order: chains end, every record leads to one
// that stands alone, what moved says exactly whose survivor changed, and taking back a merge
// restores what was before it.
func TestMergeProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		links := Links{}
		ids := make([]string, rapid.IntRange(2, 12).Draw(t, "records"))
		for i := range ids {
			ids[i] = strconv.Itoa(i)
			links[ids[i]] = ""
		}
		survivors := func() map[string]string {
			s := map[string]string{}
			for _, id := range ids {
				s[id] = links.Survivor(id)
				if links[s[id]] != "" {
					t.Fatalf("the chain of %s ends at %s, which is merged", id, s[id])
				}
			}
			return s
		}
		check := func(before map[string]string, moved Moved) {
			after := survivors()
			for _, id := range ids {
				if changed := before[id] != after[id]; changed != slices.Contains(moved.Records, id) {
					t.Fatalf("%s led to %s, now to %s; moved %v", id, before[id], after[id], moved)
				}
			}
		}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			id, other := rapid.SampledFrom(ids).Draw(t, "id"), rapid.SampledFrom(ids).Draw(t, "other")
			before, was := survivors(), maps.Clone(links)
			if rapid.Bool().Draw(t, "merge") {
				moved, err := links.Merge(id, other)
				if err == nil {
					check(before, moved)
					undone := maps.Clone(links)
					if _, _, err := undone.Unmerge(id); err != nil || !maps.Equal(undone, was) {
						t.Fatalf("taking back %s → %s: %v, %v instead of %v", id, other, err, undone, was)
					}
				} else if !maps.Equal(links, was) {
					t.Fatalf("a refused merge changed %v to %v", was, links)
				}
				continue
			}
			if from, moved, err := links.Unmerge(id); err == nil {
				check(before, moved)
				if from != before[id] {
					t.Fatalf("%s had led to %s, not %s", id, before[id], from)
				}
			}
		}
	})
}
