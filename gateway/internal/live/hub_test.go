package live

import (
	"log/slog"
	"strconv"
	"testing"

	"google.golang.org/protobuf/proto"

	bookingv1 "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	eventsv1 "github.com/upright-clinic/upright/proto/gen/go/upright/events/v1"
	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
)

func hub() *Hub { return NewHub(Config{Log: slog.New(slog.DiscardHandler)}) }

func TestSlowReaderIsDropped(t *testing.T) {
	t.Parallel()
	h := hub()
	slow, _, err := h.join("cln_1", "acc_1", "")
	if err != nil {
		t.Fatal(err)
	}
	quick, _, err := h.join("cln_1", "acc_2", "")
	if err != nil {
		t.Fatal(err)
	}
	for i := range queue + 1 {
		h.publish(frame{id: strconv.Itoa(i), clinic: "cln_1"})
		<-quick.frames
	}
	select {
	case <-slow.gone:
	default:
		t.Error("the slow reader is still there")
	}
	select {
	case <-quick.gone:
		t.Error("the quick reader was dropped")
	default:
	}
	if n, _ := h.count(); n != 1 {
		t.Errorf("%d readers", n)
	}
}

func TestOnlySoMuchIsRemembered(t *testing.T) {
	t.Parallel()
	h := hub()
	for i := range remembered + 10 {
		h.publish(frame{id: strconv.Itoa(i), clinic: "cln_1"})
	}
	if len(h.recent) != remembered || h.recent[0].id != "10" {
		t.Errorf("%d remembered from %s on", len(h.recent), h.recent[0].id)
	}
	if missed := h.since("cln_1", strconv.Itoa(remembered+7)); len(missed) != 2 {
		t.Errorf("missed %d, want 2", len(missed))
	}
	if missed := h.since("cln_1", "5"); len(missed) != 1 || string(missed[0].data) != `{"type":"reset"}` {
		t.Errorf("too long ago: %v", missed)
	}
	if missed := h.since("cln_2", strconv.Itoa(remembered)); len(missed) != 0 {
		t.Errorf("another clinic missed %d", len(missed))
	}
}

func TestClosedHubLetsNobodyIn(t *testing.T) {
	t.Parallel()
	h := hub()
	r, _, err := h.join("cln_1", "acc_1", "")
	if err != nil {
		t.Fatal(err)
	}
	h.close()
	<-r.gone
	if _, _, err := h.join("cln_1", "acc_1", ""); err == nil {
		t.Error("joined")
	}
}

func TestClinicOf(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		message proto.Message
		kind    string
		want    string
	}{
		"in the event":     {&intakev1.IntakeStarted{ClinicId: "cln_1"}, "", "cln_1"},
		"in the resource":  {&bookingv1.AppointmentBooked{Appointment: &bookingv1.AppointmentFact{ClinicId: "cln_2"}}, "", "cln_2"},
		"nowhere":          {&bookingv1.AppointmentBooked{}, "", ""},
		"a type not known": {&intakev1.IntakeStarted{ClinicId: "cln_1"}, "upright.future.v1.Thing", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			payload, err := proto.Marshal(tc.message)
			if err != nil {
				t.Fatal(err)
			}
			kind := string(tc.message.ProtoReflect().Descriptor().FullName())
			if tc.kind != "" {
				kind = tc.kind
			}
			if got := clinicOf(&eventsv1.Event{Type: kind, Payload: payload}); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
