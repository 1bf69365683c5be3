package booking_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	directoryv1 "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
	"github.com/upright-clinic/upright/services/platform/civil"
	"github.com/upright-clinic/upright/services/platform/clock"
	"github.com/upright-clinic/upright/services/platform/rpc"
	"github.com/upright-clinic/upright/services/platform/rpc/rpctest"
	"github.com/upright-clinic/upright/services/platform/sqldb"
)

// benchWorld is the published workload's clinic: ten practitioners, nine to five every day,
// half-hour visits, two hundred patients, twenty rooms.
func benchWorld(b *testing.B) *world {
	b.Helper()
	w := newWorld(b, sqldb.SQLite)
	yes := proto.Bool(true)
	for i := range 20 {
		w.dir.rooms = append(w.dir.rooms, &directoryv1.Room{RoomId: fmt.Sprintf("room_b%02d", i), LocationId: place, Capabilities: []string{"BENCH"}, Active: yes, Etag: "1"})
	}
	for i := range 10 {
		id := benchPractitioner(i)
		w.dir.practitioners = append(w.dir.practitioners, &directoryv1.Practitioner{PractitionerId: id, Disciplines: []string{"CBT"}, Active: yes, Etag: "1"})
		_, err := w.shifts.CreateShift(w.admin(), &bookingv1.CreateShiftRequest{Shift: &bookingv1.Shift{
			PractitionerId: id, LocationId: place, StartLocalTime: "09:00", EndLocalTime: "17:00", StartDate: "2026-01-01",
			Weekdays: []string{"MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"},
		}})
		if err != nil {
			b.Fatal(err)
		}
	}
	for i := range 20 {
		w.dir.tell(b, &directoryv1.ResourceChanged{ClinicId: clinic, ResourceId: fmt.Sprintf("room_b%02d", i)})
	}
	stop := w.run()
	b.Cleanup(stop)
	waitFor(b, "rooms known", func() bool { return w.rows(`select count(*) from resources where resource_id like 'room_b%'`) == 20 })
	w.physio = w.newType(&bookingv1.AppointmentType{
		DisplayName: "Bench", Kind: "TREATMENT", Discipline: "CBT", DurationMinutes: 30, RoomCapabilities: []string{"BENCH"},
	})
	// One connection, as the gateway has: principals are signed and checked once.
	signer, err := w.served.Keys.EdgeSigner(rpctest.Edge, clock.System)
	if err != nil {
		b.Fatal(err)
	}
	conn, err := rpc.NewPeer(w.served.Server.InProcess(), rpc.PeerConfig{Service: "booking", Signer: signer})
	if err != nil {
		b.Fatal(err)
	}
	w.appointments, w.openings = bookingv1.NewAppointmentServiceClient(conn), bookingv1.NewOpeningServiceClient(conn)
	return w
}

func benchPractitioner(i int) string { return fmt.Sprintf("prac_b%02d", i) }

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkBook books distinct free slots without a plan, by 32 clients at once, through the
// in-process channel with every check: signed principal, access rule, validation, request id,
// gate, rules, claims, audit and event.
func BenchmarkBook(b *testing.B) {
	w := benchWorld(b)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	ctx := w.as(typev1.Role_ROLE_RECEPTIONIST)
	one := func(i int) error {
		day, slot, who := i/160, i/10%16, i%10
		start := civil.MustParse("2026-11-21").AddDays(day%700).At(9+slot/2, slot%2*30, berlin)
		return w.bookSlot(with(ctx, fmt.Sprint("bench-", i)), who, fmt.Sprintf("pat_%03d", i%200), start)
	}
	for i := range 200 {
		if err := one(i); err != nil {
			b.Fatal(err)
		}
	}
	n.Store(200)
	b.SetParallelism(16)
	b.ReportAllocs()
	used := cpu(b)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := one(int(n.Add(1))); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

func (w *world) bookSlot(ctx context.Context, who int, patientID string, start time.Time) error {
	_, err := w.appointments.CreateAppointment(ctx, &bookingv1.CreateAppointmentRequest{
		AppointmentTypeId: w.physio, PatientId: patientID, PractitionerId: benchPractitioner(who), StartTime: timestamppb.New(start),
	})
	return err
}

// BenchmarkOpenings searches ten practitioners over fourteen days, half booked: 1,120 starts,
// view COMPACT.
func BenchmarkOpenings(b *testing.B) {
	w := benchWorld(b)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	ctx := w.as(typev1.Role_ROLE_RECEPTIONIST)
	for i := range 1120 {
		day, slot, who := i/80, i/10%8*2, i%10
		start := civil.MustParse("2026-11-21").AddDays(day).At(9+slot/2, 0, berlin)
		if err := w.bookSlot(ctx, who, fmt.Sprintf("pat_%04d", i), start); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	used := cpu(b)
	b.ResetTimer()
	for range b.N {
		got, err := w.openings.ListOpenings(ctx, &bookingv1.ListOpeningsRequest{
			AppointmentTypeId: w.physio, StartDate: "2026-11-21", EndDate: "2026-12-04", View: "COMPACT",
		})
		if err != nil {
			b.Fatal(err)
		}
		found := 0
		for _, g := range got.GetGroups() {
			found += len(g.GetOffsetMinutes())
		}
		if found != 1120 {
			b.Fatalf("%d openings", found)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkDaySheet lists a day of eighty appointments.
func BenchmarkDaySheet(b *testing.B) {
	w := benchWorld(b)
	ctx := w.as(typev1.Role_ROLE_RECEPTIONIST)
	for i := range 80 {
		start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC).Add(time.Duration(i/10) * time.Hour)
		if err := w.bookSlot(ctx, i%10, fmt.Sprintf("pat_%04d", i), start); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	used := cpu(b)
	b.ResetTimer()
	for range b.N {
		got, err := w.appointments.ListAppointments(ctx, &bookingv1.ListAppointmentsRequest{Date: "2026-11-23"})
		if err != nil || len(got.GetAppointments()) != 80 {
			b.Fatal(len(got.GetAppointments()), err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
}

// BenchmarkProposeCourse places twelve sessions over a half-full clinic of ten practitioners:
// every other half hour of eight weeks is booked. The mark is 200 milliseconds.
func BenchmarkProposeCourse(b *testing.B) {
	w := benchWorld(b)
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	ctx := w.as(typev1.Role_ROLE_RECEPTIONIST)
	for i := range 80 * 56 {
		day, slot, who := i/80, i/10%8*2, i%10
		start := civil.MustParse("2026-11-21").AddDays(day).At(9+slot/2, 0, berlin)
		if err := w.bookSlot(ctx, who, fmt.Sprintf("pat_%04d", i), start); err != nil {
			b.Fatal(err)
		}
	}
	w.plans.plan = twelve()
	w.plans.plan.Courses[0].Discipline = "CBT"
	courses := bookingv1.NewCourseServiceClient(w.served.Conn())
	used := cpu(b)
	b.ResetTimer()
	for range b.N {
		got, err := courses.ProposeCourse(ctx, &bookingv1.ProposeCourseRequest{
			PlanId: "pln_1", StartDate: "2026-11-23", AppointmentTypeId: w.physio,
			Preferences: &bookingv1.CoursePreferences{Days: []string{"TUESDAY", "THURSDAY"}, From: "09:00", To: "17:00"},
		})
		if err != nil || len(got.GetOccurrences()) != 12 {
			b.Fatal(len(got.GetOccurrences()), err)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64((cpu(b)-used).Microseconds())/float64(b.N), "cpu-µs/op")
}
