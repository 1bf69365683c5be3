package booking_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/authn"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// feed makes a feed and returns its secret.
func (w *world) feed(ctx context.Context, kind, subject string, names bool) (id, secret string) {
	w.t.Helper()
	got, err := w.calendars.CreateCalendarFeed(ctx, &bookingv1.CreateCalendarFeedRequest{SubjectKind: kind, SubjectId: subject, ShowNames: names})
	if err != nil {
		w.t.Fatal(err)
	}
	f := got.GetCalendarFeed()
	secret, found := strings.CutPrefix(strings.TrimSuffix(f.GetPath(), ".ics"), "/calendar/")
	if !found || len(secret) < 26 {
		w.t.Fatalf("path %q", f.GetPath())
	}
	return f.GetCalendarFeedId(), secret
}

// read reads a feed as the gateway does.
func (w *world) read(secret string) *bookingv1.ReadCalendarResponse {
	w.t.Helper()
	got, err := w.calendars.ReadCalendar(w.asGateway(), &bookingv1.ReadCalendarRequest{Secret: secret})
	if err != nil {
		w.t.Fatal(err)
	}
	return got
}

// entries reads a feed with one foreign parser.
func (w *world) entries(secret string) map[string]entry {
	w.t.Helper()
	all := map[string]entry{}
	for _, e := range byArran(w.t, w.read(secret).GetContent()) {
		all[strings.TrimSuffix(e.UID, "@upright")] = e
	}
	return all
}

// TestFeedInstants books around every change of the clocks of a year and a half and compares
// what four foreign parsers read from each kind of feed with the database, instant by instant.
func TestFeedInstants(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Exercise; stairs, hips \\ knees: the long and winding name of a class that is folded, Übung für Füße", Kind: "TREATMENT",
			Discipline: "PHYSIOTHERAPY", DurationMinutes: 30, RoomCapabilities: []string{"TABLE"},
		})
		// Berlin goes forward on 28 March 2027 and back on 31 October 2027.
		for _, day := range []string{"2026-11-23", "2027-03-26", "2027-03-29", "2027-10-29", "2027-11-01"} {
			for _, hour := range []int{8, 11} {
				start, err := time.Parse("2006-01-02 15", fmt.Sprintf("%s %02d", day, hour))
				if err != nil {
					t.Fatal(err)
				}
				r := w.ask(start)
				r.AppointmentTypeId, r.RoomId = typ, "room_1"
				w.book(r)
			}
		}
		gone := w.book(w.ask(at(14, 0)))
		if _, err := w.cancel(gone.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		want := w.booked()
		if len(want) != 11 {
			t.Fatalf("%d booked", len(want))
		}
		for _, subject := range [][2]string{{"PRACTITIONER", ana}, {"ROOM", "room_1"}, {"PATIENT", patient}} {
			_, secret := w.feed(w.reception(), subject[0], subject[1], false)
			for parser, got := range referees(t, w.read(secret).GetContent()) {
				if diff := cmp.Diff(want, strip(got)); diff != "" {
					t.Errorf("%s by %s (-database +feed):\n%s", subject[0], parser, diff)
				}
			}
		}
	})
}

// booked is what the database has, as entries without words.
func (w *world) booked() (list []entry) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *sqldb.Tx) error {
		rows, err := tx.Query(`select appointment_id, version, starts_at, ends_at, state from appointments order by appointment_id`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e entry
			var from, to int64
			var version int
			var state string
			if err := rows.Scan(&e.UID, &version, &from, &to, &state); err != nil {
				return err
			}
			e.UID, e.Sequence, e.Cancelled = e.UID+"@upright", version, state == "CANCELLED"
			e.Start, e.End = time.UnixMicro(from).UTC(), time.UnixMicro(to).UTC()
			list = append(list, e)
		}
		return rows.Err()
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func strip(list []entry) (out []entry) {
	for _, e := range list {
		e.Start, e.End, e.Summary = e.Start.UTC(), e.End.UTC(), ""
		out = append(out, e)
	}
	return out
}

// TestFeedWords: names, links and in a patient's feed the kind of care are only in a feed that
// was asked to have them.
func TestFeedWords(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		typ := w.newType(&bookingv1.AppointmentType{
			DisplayName: "Pelvic floor", Kind: "TREATMENT", Discipline: "PHYSIOTHERAPY", DurationMinutes: 30,
			Modes: []string{"IN_PERSON", "ONLINE"}, MeetingUriPrefix: "https://meet.example/",
		})
		here, away := w.ask(at(10, 0)), w.ask(at(11, 0))
		here.AppointmentTypeId, away.AppointmentTypeId, away.Mode = typ, typ, "ONLINE"
		a := w.book(here).GetAppointmentId()
		link := w.book(away).GetMeetingUri()
		for _, c := range []struct {
			kind, subject string
			names         bool
			summary       string
		}{
			{"PRACTITIONER", ana, false, "Pelvic floor"},
			{"PRACTITIONER", ana, true, "Pelvic floor: Maria López " + patient},
			{"PATIENT", patient, false, "Appointment"},
			{"PATIENT", patient, true, "Pelvic floor: Ana Berg"},
		} {
			_, secret := w.feed(w.reception(), c.kind, c.subject, c.names)
			if got := w.entries(secret)[a].Summary; got != c.summary {
				t.Errorf("%s, names %v: %q, want %q", c.kind, c.names, got, c.summary)
			}
			text := strings.ReplaceAll(string(w.read(secret).GetContent()), "\r\n ", "")
			for _, word := range []string{`LOCATION:Mill Lane\, Mill Lane 1\, 10115 Berlin`, link} {
				if strings.Contains(text, word) != c.names {
					t.Errorf("%s, names %v: %q in %s", c.kind, c.names, word, text)
				}
			}
			if !c.names && (strings.Contains(text, "Maria") || strings.Contains(text, "Ana") || strings.Contains(text, patient)) {
				t.Errorf("%s names somebody: %s", c.kind, text)
			}
		}
		one, err := w.calendars.GetAppointmentCalendar(w.patient(), &bookingv1.GetAppointmentCalendarRequest{AppointmentId: a})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(one.GetContent(), "METHOD:PUBLISH\r\n") || strings.Contains(one.GetContent(), "X-WR-CALNAME") {
			t.Errorf("one appointment to keep is written as a feed: %s", one.GetContent())
		}
		if list := byEmersion(t, []byte(one.GetContent())); len(list) != 1 || list[0].UID != a+"@upright" || list[0].Summary != "Pelvic floor: Ana Berg" {
			t.Errorf("one appointment: %v", list)
		}
	})
}

// TestFeedFollows: an entry keeps its UID when the appointment is moved or cancelled, and its
// sequence grows; the entity tag changes with the content and not without.
func TestFeedFollows(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		apt := w.book(w.ask(at(10, 0)))
		_, secret := w.feed(w.reception(), "PRACTITIONER", ana, false)
		_, bens := w.feed(w.reception(), "PRACTITIONER", ben, false)
		_, mine := w.feed(w.patient(), "PATIENT", "", false)
		first := w.read(secret)
		w.clock.Advance(time.Minute)
		if again := w.read(secret); again.GetEtag() != first.GetEtag() || !bytes.Equal(again.GetContent(), first.GetContent()) {
			t.Error("the same diary gives another calendar")
		}
		_, err := w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{
			AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(12, 0)),
		})
		if err != nil {
			t.Fatal(err)
		}
		e := w.entries(secret)[apt.GetAppointmentId()]
		if !e.Start.Equal(at(12, 0)) || e.Sequence != 2 || e.Cancelled || w.read(secret).GetEtag() == first.GetEtag() {
			t.Errorf("moved: %v", e)
		}
		stamped := func(content []byte, at time.Time) bool {
			stamp := at.UTC().Format("20060102T150405Z")
			return bytes.Contains(content, []byte("DTSTAMP:"+stamp+"\r\n")) && bytes.Contains(content, []byte("LAST-MODIFIED:"+stamp+"\r\n"))
		}
		if !stamped(first.GetContent(), friday) || !stamped(w.read(secret).GetContent(), friday.Add(time.Minute)) {
			t.Errorf("stamps of the booking and the move:\n%s\n%s", first.GetContent(), w.read(secret).GetContent())
		}
		_, err = w.appointments.RescheduleAppointment(w.reception(), &bookingv1.RescheduleAppointmentRequest{
			AppointmentId: apt.GetAppointmentId(), StartTime: timestamppb.New(at(13, 0)), PractitionerId: ben,
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(w.entries(secret)) != 0 || w.entries(bens)[apt.GetAppointmentId()].Sequence != 3 {
			t.Errorf("handed over: %v, %v", w.entries(secret), w.entries(bens))
		}
		if _, err := w.cancel(apt.GetAppointmentId()); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{bens, mine} {
			if e := w.entries(secret)[apt.GetAppointmentId()]; !e.Cancelled || e.Sequence != 4 || !e.Start.Equal(at(13, 0)) {
				t.Errorf("cancelled: %v", e)
			}
		}
	})
}

// TestFeedSecret: a secret is kept as a digest only and reaches neither log, event nor audit;
// what is revoked answers like what never was; nobody makes, sees or revokes another's.
func TestFeedSecret(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := with(w.reception(), "once")
		id, secret := w.feed(ctx, "PRACTITIONER", ana, false)
		again, err := w.calendars.CreateCalendarFeed(ctx, &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PRACTITIONER", SubjectId: ana})
		if err != nil || again.GetCalendarFeed().GetCalendarFeedId() != id || again.GetCalendarFeed().GetPath() != "" {
			t.Errorf("a retry: %v %v", again, err)
		}
		theirs, _ := w.feed(w.reception(), "PATIENT", "pat_two", false)
		own, _ := w.feed(w.patient(), "PATIENT", "", true)
		for name, n := range map[string]int{
			"feeds": w.rows(`select count(*) from calendar_feeds where secret_hash like $1`, "%"+secret+"%"),
			"audit": w.rows(`select count(*) from audit_log where facts like $1 or resource_id like $1`, "%"+secret+"%"),
			"ids":   w.rows(`select count(*) from request_ids where resource_id like $1`, "%"+secret+"%"),
		} {
			if n != 0 {
				t.Errorf("the secret is in %s", name)
			}
		}
		if n := w.rows(`select count(*) from audit_log where action = 'calendar_feed.create'`); n != 3 {
			t.Errorf("%d audit rows", n)
		}
		w.read(secret)
		guess := &bookingv1.ReadCalendarRequest{Secret: strings.Repeat("A", 26)}
		_, never := w.calendars.ReadCalendar(w.asGateway(), guess)
		refused(t, never, "NOT_FOUND")

		stranger := authn.With(t.Context(), rpctest.Person("cln_b", typev1.Role_ROLE_RECEPTIONIST))
		for _, c := range []struct {
			who context.Context
			id  string
		}{{w.patient(), id}, {w.patient(), theirs}, {stranger, id}} {
			_, err := w.calendars.DeleteCalendarFeed(c.who, &bookingv1.DeleteCalendarFeedRequest{CalendarFeedId: c.id})
			refused(t, err, "NOT_FOUND")
		}
		list, err := w.calendars.ListCalendarFeeds(w.patient(), &bookingv1.ListCalendarFeedsRequest{})
		if err != nil || len(list.GetCalendarFeeds()) != 1 || list.GetCalendarFeeds()[0].GetCalendarFeedId() != own || list.GetCalendarFeeds()[0].GetPath() != "" {
			t.Errorf("a patient lists %v %v", list, err)
		}
		_, err = w.calendars.ListCalendarFeeds(w.patient(), &bookingv1.ListCalendarFeedsRequest{SubjectId: "pat_two"})
		refused(t, err, "NOT_FOUND")
		for range 2 {
			if _, err := w.calendars.DeleteCalendarFeed(w.reception(), &bookingv1.DeleteCalendarFeedRequest{CalendarFeedId: id}); err != nil {
				t.Fatal(err)
			}
		}
		_, err = w.calendars.ReadCalendar(w.asGateway(), &bookingv1.ReadCalendarRequest{Secret: secret})
		if err == nil || err.Error() != never.Error() {
			t.Errorf("revoked: %v, never there: %v", err, never)
		}
		if strings.Contains(w.logged.String(), secret) {
			t.Error("the log has the secret")
		}
	})
}

// TestBadFeed: each field wrong in turn.
func TestBadFeed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, sqldb.SQLite)
	for name, c := range map[string]struct {
		who  context.Context
		r    *bookingv1.CreateCalendarFeedRequest
		want string
	}{
		"no kind":                   {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectId: ana}, "INVALID_ARGUMENT"},
		"unknown kind":              {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "CLINIC", SubjectId: ana}, "INVALID_ARGUMENT"},
		"no subject":                {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "ROOM"}, "INVALID_ARGUMENT"},
		"unknown practitioner":      {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PRACTITIONER", SubjectId: "prac_nobody"}, "NOT_FOUND"},
		"room as a practitioner":    {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PRACTITIONER", SubjectId: "room_1"}, "NOT_FOUND"},
		"device as a room":          {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "ROOM", SubjectId: "eqp_laser"}, "NOT_FOUND"},
		"unknown patient":           {w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PATIENT", SubjectId: "pat_nobody"}, "NOT_FOUND"},
		"a practitioner's, patient": {w.patient(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PRACTITIONER", SubjectId: ana}, "NOT_FOUND"},
		"another patient's":         {w.patient(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "PATIENT", SubjectId: "pat_two"}, "NOT_FOUND"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.calendars.CreateCalendarFeed(c.who, c.r)
			refused(t, err, c.want)
		})
	}
	for range 20 {
		w.feed(w.reception(), "ROOM", "room_1", false)
	}
	_, err := w.calendars.CreateCalendarFeed(w.reception(), &bookingv1.CreateCalendarFeedRequest{SubjectKind: "ROOM", SubjectId: "room_1"})
	refused(t, err, "TOO_MANY_FEEDS")
	_, err = w.calendars.GetAppointmentCalendar(w.reception(), &bookingv1.GetAppointmentCalendarRequest{AppointmentId: "apt_missing"})
	refused(t, err, "NOT_FOUND")
}
