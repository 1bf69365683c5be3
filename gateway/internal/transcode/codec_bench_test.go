package transcode

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
)

// compact is what a search for openings of a clinic brings: 40 groups of 28 starts.
func compact() *bookingv1.ListOpeningsResponse {
	out := &bookingv1.ListOpeningsResponse{}
	for range 40 {
		g := &bookingv1.OpeningGroup{PractitionerId: "prac_0193a1b2c3d4e5f60718293a4b5c6d7e", LocalDate: "2026-11-24", BaseTime: "2026-11-24T09:00:00-08:00"}
		for i := range 28 {
			g.OffsetMinutes = append(g.OffsetMinutes, int32(15*i))
		}
		out.Groups = append(out.Groups, g)
	}
	return out
}

// sheet is a day of 80 appointments.
func sheet() *bookingv1.ListAppointmentsResponse {
	out := &bookingv1.ListAppointmentsResponse{}
	at := timestamppb.New(time.Date(2026, 11, 24, 17, 0, 0, 0, time.UTC))
	for range 80 {
		out.Appointments = append(out.Appointments, &bookingv1.Appointment{
			AppointmentId: "apt_0193a1b2c3d4e5f60718293a4b5c6d7e", PatientId: "pat_0193a1b2c3d4e5f60718293a4b5c6d7e",
			PractitionerId: "prac_0193a1b2c3d4e5f60718293a4b5c6d7e", StartTime: at, EndTime: at, LocalDate: "2026-11-24",
			LocalStart: "2026-11-24T09:00", TimeZone: "America/Vancouver", State: "BOOKED", Etag: "1",
		})
	}
	return out
}

func BenchmarkMarshal(b *testing.B) {
	for name, m := range map[string]proto.Message{"openings": compact(), "sheet": sheet(), "one": sheet().GetAppointments()[0]} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := (codec{}).Marshal(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
