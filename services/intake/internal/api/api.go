// Package api decodes requests, calls one use case, and encodes what the caller may see. It
// decides nothing about patients but which fields each audience gets.
package api

import (
	"maps"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	intakev1 "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	"github.com/upright-clinic/upright/services/intake/internal/app"
	"github.com/upright-clinic/upright/services/intake/internal/triage"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// Register puts intake's services on a server.
func Register(r grpc.ServiceRegistrar, a *app.App) {
	intakev1.RegisterQuestionnaireServiceServer(r, &questionnaires{app: a})
	intakev1.RegisterIntakeServiceServer(r, &intakes{app: a})
	intakev1.RegisterTriageServiceServer(r, &work{app: a})
	intakev1.RegisterQuestionnaireVersionServiceServer(r, &formVersions{app: a})
	intakev1.RegisterTriageSettingsServiceServer(r, &settings{app: a})
	intakev1.RegisterFunnelServiceServer(r, &funnel{app: a})
	intakev1.RegisterFormServiceServer(r, &form{app: a})
}

// timestamp leaves out instants that are not there.
func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// answers reads answers as they were given. It fails with INVALID_ARGUMENT naming each one
// that is no text, number, true, false or list of texts.
func answers(in map[string]*structpb.Value) (triage.Answers, error) {
	out := make(triage.Answers, len(in))
	var bad *fault.Error
	for _, id := range slices.Sorted(maps.Keys(in)) {
		a, err := triage.AnswerOf(in[id].AsInterface())
		switch {
		case err == nil:
			out[id] = a
		case bad == nil:
			bad = fault.Invalid("answers."+id, err.Error())
		default:
			bad = bad.OnField("answers."+id, err.Error())
		}
	}
	if bad != nil {
		return nil, bad
	}
	return out, nil
}

// value writes an answer as it was given.
func value(a triage.Answer) *structpb.Value {
	v, err := structpb.NewValue(a.Any())
	if err != nil { // only texts that are not UTF-8, which protobuf lets nobody send
		return structpb.NewNullValue()
	}
	return v
}

// given writes the answers behind something.
func given(in []app.Given) []*intakev1.GivenAnswer {
	out := make([]*intakev1.GivenAnswer, len(in))
	for i, g := range in {
		out[i] = &intakev1.GivenAnswer{QuestionId: g.Question, Value: value(g.Answer)}
	}
	return out
}

// blocks writes kinds of care with what speaks against them.
func blocks(in []triage.Block) []*intakev1.ModalityBlock {
	out := make([]*intakev1.ModalityBlock, len(in))
	for i, b := range in {
		out[i] = &intakev1.ModalityBlock{Modality: b.Modality, ContraindicationIds: b.Contraindications}
	}
	return out
}

// levelNamed reads a level that the contract has checked already.
func levelNamed(code string) (triage.Level, error) {
	l, ok := triage.ParseLevel(code)
	if !ok {
		return l, fault.Invalid("level", "is not a level")
	}
	return l, nil
}

// pageSize is the size asked for, or the usual one.
func pageSize(asked int32, usual int) int {
	if asked == 0 {
		return usual
	}
	return int(asked)
}
