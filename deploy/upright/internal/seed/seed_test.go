package seed

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

func TestDiaryIsTheSameForTheSameSeed(t *testing.T) {
	t.Parallel()
	first := civil.MustParse("2026-11-21")
	plan := func(seed uint64) []visit { return planDiary(Sizes["clinic"], first, rand.New(rand.NewPCG(seed, 2))) }
	if !reflect.DeepEqual(plan(1), plan(1)) {
		t.Error("two diaries of one seed differ")
	}
	if reflect.DeepEqual(plan(1), plan(2)) {
		t.Error("two seeds give one diary")
	}
}

// About half full, nobody in two places, a room for everybody: by construction, for every size.
func TestDiaryFits(t *testing.T) {
	t.Parallel()
	lengths := map[typeKey]int{}
	roomless := map[typeKey]bool{}
	for _, k := range types() {
		lengths[k.key], roomless[k.key] = int(k.typ.GetDurationMinutes()), k.typ.GetNoRoom()
	}
	for name, size := range Sizes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			type place struct {
				who, slot int
				day       civil.Date
			}
			practitioner, rooms, patient := map[place]bool{}, map[place]int{}, map[place]bool{}
			first := civil.MustParse("2026-11-21")
			visits := planDiary(size, first, rand.New(rand.NewPCG(1, 2)))
			taken := 0
			for _, v := range visits {
				if patient[place{v.patient, 0, v.day}] {
					t.Fatalf("patient %d comes twice on %v", v.patient, v.day)
				}
				patient[place{v.patient, 0, v.day}] = true
				for m := v.minute; m < v.minute+lengths[v.key]; m += slotMinutes {
					at := place{v.practitioner, m / slotMinutes, v.day}
					if practitioner[at] {
						t.Fatalf("practitioner %d is double-booked on %v", v.practitioner, v.day)
					}
					practitioner[at] = true
					taken++
					if !roomless[v.key] {
						at.who = 0
						if rooms[at]++; rooms[at] > size.Rooms-1 {
							t.Fatalf("no room left on %v", v.day)
						}
					}
				}
			}
			if size.Appointments > 0 && len(visits) != size.Appointments {
				t.Errorf("%d appointments, want %d", len(visits), size.Appointments)
			}
			if size.Appointments > 0 {
				return
			}
			offered := 0
			for d := 1; d <= 7*size.Weeks; d++ {
				for p := range size.Practitioners {
					if worksOn(p, first.AddDays(d).Weekday()) {
						offered += slotsPerDay
					}
				}
			}
			if share := float64(taken) / float64(offered); share < 0.35 || share > 0.6 {
				t.Errorf("the diary is %.0f %% full, want about half", 100*share)
			}
		})
	}
}

func TestEveryPractitionerWorks(t *testing.T) {
	t.Parallel()
	for p := range 50 {
		if !slices.ContainsFunc([]time.Weekday{1, 2, 3, 4, 5}, func(d time.Weekday) bool { return worksOn(p, d) }) || worksOn(p, time.Sunday) {
			t.Errorf("practitioner %d: wrong days", p)
		}
	}
}
