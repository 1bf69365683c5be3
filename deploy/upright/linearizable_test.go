package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// slots are the half hours of one clinician that the clients fight for.
const slots = 4

// checkTimeout is how long an order is looked for; it takes a moment where nobody else computes.
const checkTimeout = 5 * time.Minute

// diaryOp is what a client did; diaryAnswer what it was told.
type (
	diaryOp struct {
		do   string // "book", "cancel", "move", "read", "look"
		id   string // the appointment to cancel, move or look at
		slot int    // where to book or move to
	}
	diaryAnswer struct {
		reason string // "" when it was done
		id     string // of a booking
		sheet  sheet  // of a read
		slot   int    // of a look; -1 when it has none
	}
	// sheet says which appointment has which half hour.
	sheet [slots]string
)

// diaryModel is a diary as one person with a pencil would keep it: whatever clients see must
// be explained by some order of their requests, each at one moment between its call and its
// answer.
var diaryModel = porcupine.Model{
	Init: func() any { return sheet{} },
	Step: func(state, input, output any) (bool, any) {
		now, op, got := state.(sheet), input.(diaryOp), output.(diaryAnswer)
		at := slices.Index(now[:], op.id)
		if op.id == "" {
			at = -1
		}
		switch op.do {
		case "read":
			return got.sheet == now, now
		case "look":
			return got.slot == at, now
		case "book":
			if now[op.slot] != "" {
				return got.reason == "SLOT_TAKEN", now
			}
			now[op.slot] = got.id
			return got.reason == "" && got.id != "", now
		case "cancel": // again changes nothing
			if at >= 0 {
				now[at] = ""
			}
			return got.reason == "", now
		case "move":
			switch {
			case at < 0:
				return got.reason == "NOT_RESCHEDULABLE", now
			case at != op.slot && now[op.slot] != "":
				return got.reason == "SLOT_TAKEN", now
			}
			now[at], now[op.slot] = "", op.id
			return got.reason == "", now
		}
		return false, now
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v -> %+v", input, output) },
}

// recorder writes a history down.
type recorder struct {
	h       *house
	start   time.Time // the first slot
	began   time.Time
	patient []string

	mu      sync.Mutex
	history []porcupine.Operation
	ids     []string
}

// TestLinearizable records what clients see who book, move, cancel and read at once while the
// program is killed and started again, and has porcupine look for an order that explains it.
// Every request is repeated with its Idempotency-Key until it has an answer, so every operation
// happens once.
func TestLinearizable(t *testing.T) {
	t.Parallel()
	rounds, kills := 1, 2
	if os.Getenv("UPRIGHT_SOAK") == "1" {
		rounds, kills = 50, 6
	}
	eachStack(t, func(t *testing.T, s *stack) {
		h := buildHouse(t, s.base, s.admin)
		patients := h.patients(6, "Line")
		for round := range rounds {
			r := &recorder{h: h, start: inDays(10 + round).Truncate(time.Hour), began: time.Now(), patient: patients}
			r.play(t, s, kills)
			checkHistory(t, r.history)
			if t.Failed() {
				return
			}
		}
	})
}

// play lets the clients loose while the program is killed again and again.
func (r *recorder) play(t *testing.T, s *stack, kills int) {
	t.Helper()
	var group sync.WaitGroup
	enough := make(chan struct{}, 1024)
	for client := range r.patient {
		group.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(client), uint64(r.start.Unix()))) //nolint:gosec // a game of chance
			for n := range 24 {
				if err := r.one(t.Context(), client, n, rnd); err != nil {
					t.Error(err)
					return
				}
				enough <- struct{}{}
			}
		})
	}
	for range kills { // after so many answers each
		for range 24 * len(r.patient) / (kills + 1) {
			<-enough
		}
		s.holder("booking").kill()
		s.forget("booking")
		s.startAll()
	}
	group.Wait()
	if err := r.record(t.Context(), 0, "last", diaryOp{do: "read"}); err != nil {
		t.Error(err)
	}
}

// one does something at random.
func (r *recorder) one(ctx context.Context, client, n int, rnd *rand.Rand) error {
	op := diaryOp{do: "book", slot: rnd.IntN(slots)}
	r.mu.Lock()
	if len(r.ids) > 0 && rnd.IntN(3) > 0 {
		op.do, op.id = []string{"cancel", "move", "look"}[rnd.IntN(3)], r.ids[rnd.IntN(len(r.ids))]
	}
	r.mu.Unlock()
	if rnd.IntN(4) == 0 {
		op = diaryOp{do: "read"}
	}
	return r.record(ctx, client, fmt.Sprint(n), op)
}

// record does one operation until it has an answer, and writes it down.
func (r *recorder) record(ctx context.Context, client int, key string, op diaryOp) error {
	call := time.Since(r.began)
	got, err := r.insist(ctx, client, fmt.Sprintf("line-%d-%d-%s", r.start.Unix(), client, key), op)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if got.id != "" {
		r.ids = append(r.ids, got.id)
	}
	r.history = append(r.history, porcupine.Operation{
		ClientId: client, Input: op, Call: call.Nanoseconds(), Output: got, Return: time.Since(r.began).Nanoseconds(),
	})
	return nil
}

// insist asks until there is an answer that stands.
func (r *recorder) insist(ctx context.Context, client int, key string, op diaryOp) (diaryAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for {
		got, err := r.ask(ctx, client, key, op)
		if err == nil {
			return got, nil
		}
		if reason := definite(err); reason != "" {
			return diaryAnswer{reason: reason}, nil
		}
		select {
		case <-ctx.Done():
			return got, fmt.Errorf("%+v has no answer: %w", op, err)
		case <-pace.C:
		}
	}
}

func (r *recorder) at(slot int) string {
	return r.start.Add(time.Duration(slot) * 30 * time.Minute).Format(time.RFC3339)
}

func (r *recorder) ask(ctx context.Context, client int, key string, op diaryOp) (got diaryAnswer, err error) {
	header := http.Header{"Idempotency-Key": {key}}
	var apt appointment
	switch op.do {
	case "book":
		body := r.h.booking("Physiotherapy", r.patient[client], r.h.physioID, r.start.Add(time.Duration(op.slot)*30*time.Minute), "")
		err = r.h.reception.callWith(ctx, header, http.MethodPost, "/v1/appointments", body, &apt)
		return diaryAnswer{id: apt.ID}, err
	case "cancel":
		return got, r.h.reception.callWith(ctx, header, http.MethodPost, "/v1/appointments/"+op.id+":cancel", m{}, nil)
	case "move":
		return got, r.h.reception.callWith(ctx, header, http.MethodPost, "/v1/appointments/"+op.id+":reschedule", m{"start_time": r.at(op.slot)}, nil)
	}
	if op.do == "look" {
		var entry diaryEntry
		err = r.h.reception.call(ctx, http.MethodGet, "/v1/appointments/"+op.id, nil, &entry)
		return diaryAnswer{slot: r.slotOf(entry)}, err
	}
	var list struct {
		Appointments []diaryEntry `json:"appointments"`
	}
	err = r.h.reception.call(ctx, http.MethodGet, "/v1/appointments?date="+date(r.start), nil, &list)
	for _, a := range list.Appointments {
		slot := r.slotOf(a)
		if slot < 0 {
			continue
		}
		if got.sheet[slot] != "" {
			return got, fmt.Errorf("slot %d has two appointments", slot)
		}
		got.sheet[slot] = a.ID
	}
	return got, err
}

// diaryEntry is an appointment as the API tells of it.
type diaryEntry struct {
	ID    string    `json:"appointment_id"`
	State string    `json:"state"`
	Start time.Time `json:"start_time"`
}

// slotOf says which half hour an appointment has, -1 for none.
func (r *recorder) slotOf(e diaryEntry) int {
	if slot := int(e.Start.Sub(r.start) / (30 * time.Minute)); e.State == "BOOKED" && slot >= 0 && slot < slots {
		return slot
	}
	return -1
}

// checkHistory finds an order that explains the history, and none for what it is turned into by
// planting a second booking of a taken slot, or a read that misses one.
func checkHistory(t *testing.T, history []porcupine.Operation) {
	t.Helper()
	if got := porcupine.CheckOperationsTimeout(diaryModel, history, checkTimeout); got != porcupine.Ok {
		for _, op := range history {
			t.Logf("%d %d..%d %s", op.ClientId, op.Call, op.Return, diaryModel.DescribeOperation(op.Input, op.Output))
		}
		t.Fatalf("the history is %s", got)
	}
	taken := slices.IndexFunc(history, func(op porcupine.Operation) bool {
		return op.Input.(diaryOp).do == "book" && op.Output.(diaryAnswer).reason == "SLOT_TAKEN"
	})
	if taken < 0 {
		t.Fatal("nobody was refused: the clients did not meet")
	}
	second := slices.Clone(history)
	second[taken].Output = diaryAnswer{id: "apt_planted"}
	last := len(history) - 1
	missed := slices.Clone(history)
	seen := missed[last].Output.(diaryAnswer)
	seen.sheet[0] += "planted"
	missed[last].Output = seen
	for name, planted := range map[string][]porcupine.Operation{"a second booking": second, "a wrong last read": missed} {
		if got := porcupine.CheckOperationsTimeout(diaryModel, planted, checkTimeout); got != porcupine.Illegal {
			t.Errorf("%s is %s", name, got)
		}
	}
}

// TestPlantedHistoryIsRejected: the checker itself sees a double booking.
func TestPlantedHistoryIsRejected(t *testing.T) {
	t.Parallel()
	book := func(client int, id string, call, ret int64) porcupine.Operation {
		return porcupine.Operation{ClientId: client, Input: diaryOp{do: "book"}, Call: call, Output: diaryAnswer{id: id}, Return: ret}
	}
	double := []porcupine.Operation{book(0, "apt_1", 0, 10), book(1, "apt_2", 5, 15)}
	if porcupine.CheckOperations(diaryModel, double) {
		t.Error("two bookings of one slot are explained")
	}
	freed := append(slices.Clone(double), porcupine.Operation{ClientId: 2, Input: diaryOp{do: "cancel", id: "apt_1"}, Call: 4, Output: diaryAnswer{}, Return: 12})
	if !porcupine.CheckOperations(diaryModel, freed) {
		t.Error("with a cancel between them they are not")
	}
}
