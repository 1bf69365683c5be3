package schedule

import (
	"archive/zip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/upright-clinic/upright/services/platform/civil"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// TestShiftOn is the written rule for shifts across clock changes, as a table.
func TestShiftOn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, zone, date string
		start, end       int
		from, to         string // UTC
	}{
		{"plain day", "America/Vancouver", "2026-11-24", 9 * 60, 17 * 60, "2026-11-24T17:00Z", "2026-11-25T01:00Z"},
		{"to midnight", "Europe/Berlin", "2026-11-24", 18 * 60, 24 * 60, "2026-11-24T17:00Z", "2026-11-24T23:00Z"},
		{"over midnight", "Europe/Berlin", "2026-11-24", 22 * 60, 6 * 60, "2026-11-24T21:00Z", "2026-11-25T05:00Z"},
		{"spring, day shift keeps its wall time", "Europe/Berlin", "2026-03-29", 9 * 60, 17 * 60, "2026-03-29T07:00Z", "2026-03-29T15:00Z"},
		{"spring, night shift loses the hour", "Europe/Berlin", "2026-03-28", 22 * 60, 6 * 60, "2026-03-28T21:00Z", "2026-03-29T04:00Z"},
		{"spring, start in the gap moves on by it", "Europe/Berlin", "2026-03-29", 2*60 + 30, 5 * 60, "2026-03-29T01:30Z", "2026-03-29T03:00Z"},
		{"spring, end in the gap moves on by it", "Europe/Berlin", "2026-03-29", 0, 2*60 + 30, "2026-03-28T23:00Z", "2026-03-29T01:30Z"},
		{"spring, all of it in the gap", "Europe/Berlin", "2026-03-29", 2*60 + 15, 2*60 + 45, "2026-03-29T01:15Z", "2026-03-29T01:45Z"},
		{"autumn, night shift gains the hour", "Europe/Berlin", "2026-10-24", 22 * 60, 6 * 60, "2026-10-24T20:00Z", "2026-10-25T05:00Z"},
		{"autumn, start in the fold is the first", "Europe/Berlin", "2026-10-25", 2*60 + 30, 5 * 60, "2026-10-25T00:30Z", "2026-10-25T04:00Z"},
		{"autumn, end in the fold is the last", "Europe/Berlin", "2026-10-25", 0, 2*60 + 30, "2026-10-24T22:00Z", "2026-10-25T01:30Z"},
		{"autumn, the repeated half hour", "America/New_York", "2026-11-01", 60, 90, "2026-11-01T05:00Z", "2026-11-01T06:30Z"},
		{"half an hour of change", "Australia/Lord_Howe", "2026-04-05", 60, 3 * 60, "2026-04-04T14:00Z", "2026-04-04T16:30Z"},
		{"midnight that does not exist", "Africa/Cairo", "2026-04-24", 0, 60, "2026-04-23T22:00Z", "2026-04-23T22:00Z"},
		{"quarter hours", "Asia/Kathmandu", "2026-06-01", 9 * 60, 10 * 60, "2026-06-01T03:15Z", "2026-06-01T04:15Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := Shift{Zone: zone(t, c.zone), Start: c.start, End: c.end, From: civil.MustParse(c.date)}
			got, ok := s.On(civil.MustParse(c.date))
			format := "2006-01-02T15:04Z"
			if got.Start().Format(format) != c.from || got.End().Format(format) != c.to {
				t.Errorf("got %s to %s, want %s to %s", got.Start().Format(format), got.End().Format(format), c.from, c.to)
			}
			if ok == (c.from == c.to) {
				t.Errorf("worked: %v", ok)
			}
		})
	}
}

func TestShiftDays(t *testing.T) {
	t.Parallel()
	week := Shift{
		Zone: time.UTC, Weekdays: Weekdays(0).On(time.Monday).On(time.Thursday), Start: 540, End: 600,
		From: civil.MustParse("2026-11-02"), To: civil.MustParse("2026-11-19"),
	}
	dated := Shift{Zone: time.UTC, Start: 540, End: 600, From: civil.MustParse("2026-11-11")}
	for _, c := range []struct {
		shift Shift
		want  string
	}{
		{week, "2026-11-02 2026-11-05 2026-11-09 2026-11-12 2026-11-16 2026-11-19"},
		{dated, "2026-11-11"},
	} {
		var days []string
		for d := civil.MustParse("2026-10-20"); d.Before(civil.MustParse("2026-12-10")); d = d.AddDays(1) {
			if _, ok := c.shift.On(d); ok {
				days = append(days, d.String())
			}
		}
		if got := strings.Join(days, " "); got != c.want {
			t.Errorf("worked on %s, want %s", got, c.want)
		}
		b := NewBits(SpanOf(civil.MustParse("2026-10-20").At(0, 0, time.UTC), civil.MustParse("2026-12-10").At(0, 0, time.UTC)))
		c.shift.Paint(b)
		if b.Count() != 12*len(days) {
			t.Errorf("painted %d slots, want %d", b.Count(), 12*len(days))
		}
	}
}

// zones lists every zone of the tz database that Go brings along.
func zones(t testing.TB) (list []*time.Location) {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			list = append(list, zone(t, f.Name))
		}
	}
	if len(list) < 400 {
		t.Fatalf("only %d zones", len(list))
	}
	return list
}

// TestWallTimesEverywhere checks every clock change of every zone from 2024 to 2030: a wall
// time that exists is what the clocks show, the first for a start and the last for an end;
// one that does not is later by exactly what the clocks skip.
func TestWallTimesEverywhere(t *testing.T) {
	t.Parallel()
	changes := 0
	for _, loc := range zones(t) {
		at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).In(loc)
		for {
			_, change := at.ZoneBounds()
			if change.IsZero() || change.Year() > 2030 {
				break
			}
			at = change.In(loc)
			changes++
			checkChange(t, loc, change)
		}
	}
	if changes < 1000 {
		t.Errorf("only %d changes seen", changes)
	}
}

func checkChange(t *testing.T, loc *time.Location, change time.Time) {
	t.Helper()
	_, before := change.Add(-time.Second).In(loc).Zone()
	_, after := change.In(loc).Zone()
	shown := map[string][]time.Time{} // wall time to instants
	for at := change.Add(-6 * time.Hour); at.Before(change.Add(6 * time.Hour)); at = at.Add(15 * time.Minute) {
		wall := at.In(loc).Format("2006-01-02T15:04")
		shown[wall] = append(shown[wall], at)
	}
	fake := change.Add(time.Duration(before) * time.Second).UTC() // the wall time of the change, by the old offset
	for minutes := -180; minutes <= 180; minutes += 15 {
		wall := fake.Add(time.Duration(minutes) * time.Minute)
		date, minute := civil.Of(wall, time.UTC), wall.Hour()*60+wall.Minute()
		start, end := WallStart(date, minute, loc), WallEnd(date, minute, loc)
		instants := shown[wall.Format("2006-01-02T15:04")]
		if len(instants) > 0 {
			if !start.Equal(instants[0]) || !end.Equal(instants[len(instants)-1]) {
				t.Errorf("%s %s: start %s, end %s, want %s, %s", loc, wall, start, end, instants[0], instants[len(instants)-1])
			}
			continue
		}
		want := wall.Add(time.Duration(after-before) * time.Second).Format("2006-01-02T15:04")
		if got := start.In(loc).Format("2006-01-02T15:04"); got != want || !end.Equal(start) {
			t.Errorf("%s %s is skipped: start %s, end %s, want %s", loc, wall, got, end.In(loc), want)
		}
	}
}

// TestGridEverywhere checks that the grid is wall time, through changes of an hour and less.
func TestGridEverywhere(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"UTC", "America/St_Johns", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"} {
		loc := zone(t, name)
		for _, step := range []int{5, 10, 15, 20, 30, 60} {
			for _, day := range []string{"2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"} {
				from := SlotAt(civil.MustParse(day).At(0, 0, time.UTC))
				b := NewBits(Span{from, from + 3*288})
				Grid(b, step, loc)
				for s := b.Span().From; s < b.Span().To; s++ {
					if want := s.Time().In(loc).Minute()%step == 0; b.Has(s) != want {
						t.Fatalf("%s every %d minutes: %s is %v", name, step, s.Time().In(loc), !want)
					}
				}
			}
		}
	}
}
