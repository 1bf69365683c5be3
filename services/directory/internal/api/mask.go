package api

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/upright-clinic/upright/services/directory/internal/app"
	"github.com/upright-clinic/upright/services/platform/fault"
)

// codec turns records of one kind into messages and back.
type codec[T any, M proto.Message] struct {
	encode func(T) M
	// decode gives base with the values of the message in every field that callers may set.
	decode func(base T, message M) (T, error)
	// serverSet are the fields that callers cannot set; naming them changes nothing, as
	// AIP-203 asks.
	serverSet []string
}

// change decodes an update: the record with this id and etag shall have the message's values
// in the fields of the mask, or in every field that can be set when the mask is empty or "*".
// INVALID_ARGUMENT on update_mask for a path that names no field.
func (c codec[T, M]) change(id, etag string, message M, mask *fieldmaskpb.FieldMask) (app.Change[T], error) {
	paths, err := c.paths(message, mask)
	if err != nil {
		return app.Change[T]{}, err
	}
	change := app.Change[T]{ID: id, Etag: etag, Apply: func(current T) (T, error) {
		merged := c.encode(current)
		for _, path := range paths {
			copyField(merged.ProtoReflect(), message.ProtoReflect(), path)
		}
		return c.decode(current, merged)
	}}
	for _, path := range paths {
		if !slices.Contains(change.Fields, path[0]) {
			change.Fields = append(change.Fields, path[0])
		}
	}
	return change, nil
}

// paths gives the paths to copy, each one or two names.
func (c codec[T, M]) paths(message M, mask *fieldmaskpb.FieldMask) (paths [][]string, err error) {
	fields := message.ProtoReflect().Descriptor().Fields()
	if len(mask.GetPaths()) == 0 || slices.Equal(mask.GetPaths(), []string{"*"}) {
		for i := range fields.Len() {
			if name := string(fields.Get(i).Name()); !slices.Contains(c.serverSet, name) {
				paths = append(paths, []string{name})
			}
		}
		return paths, nil
	}
	for _, text := range mask.GetPaths() {
		path := strings.Split(text, ".")
		if !known(fields, path) {
			return nil, fault.Invalid("update_mask", "must name fields of the "+string(message.ProtoReflect().Descriptor().Name()))
		}
		if !slices.Contains(c.serverSet, path[0]) {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// known reports whether a path of one or two names leads to a field.
func known(fields protoreflect.FieldDescriptors, path []string) bool {
	field := fields.ByName(protoreflect.Name(path[0]))
	if field == nil || len(path) > 2 {
		return false
	}
	if len(path) == 1 {
		return true
	}
	return field.Kind() == protoreflect.MessageKind && field.Cardinality() != protoreflect.Repeated &&
		field.Message().Fields().ByName(protoreflect.Name(path[1])) != nil
}

// copyField makes the field at path of one message like that of the other, absence included.
func copyField(to, from protoreflect.Message, path []string) {
	field := to.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	if len(path) == 2 {
		copyField(to.Mutable(field).Message(), from.Get(field).Message(), path[1:])
		return
	}
	if !from.Has(field) {
		to.Clear(field)
		return
	}
	to.Set(field, from.Get(field))
}
