package rpc

import (
	"errors"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"

	"github.com/upright-clinic/upright/services/platform/fault"
)

// Validate checks a message against the protovalidate rules of its proto. A violation is
// INVALID_ARGUMENT / INVALID_ARGUMENT and names every field that broke a rule, as a proto
// path, with the rule; it never repeats the value. A rule that cannot be evaluated is
// INTERNAL.
func Validate(m proto.Message) error {
	err := protovalidate.Validate(m)
	if err == nil {
		return nil
	}
	var invalid *protovalidate.ValidationError
	if !errors.As(err, &invalid) {
		return fault.From(err)
	}
	f := fault.New(fault.InvalidArgument, "INVALID_ARGUMENT", "Some fields of the request are not valid.")
	for _, v := range invalid.Violations {
		description := v.Proto.GetMessage()
		if description == "" {
			description = "is not valid"
		}
		f.Fields = append(f.Fields, fault.FieldViolation{
			Field:       protovalidate.FieldPathString(v.Proto.GetField()),
			Description: description,
			Rule:        v.Proto.GetRuleId(),
		})
	}
	return f
}
