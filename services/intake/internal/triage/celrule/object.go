package celrule

import (
	"errors"
	"reflect"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// provider tells the type checker which fields the answer object has.
type provider struct {
	*types.Registry
	fields map[string]*types.FieldType
}

// FindStructType knows the answer object, and what the registry knows.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if name == objectType {
		return types.NewTypeTypeWithParam(types.NewObjectType(objectType)), true
	}
	return p.Registry.FindStructType(name)
}

// FindStructFieldType knows a field for each question.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if name == objectType {
		t, ok := p.fields[field]
		return t, ok
	}
	return p.Registry.FindStructFieldType(name, field)
}

// activation gives a program its one variable.
type activation struct{ answer *object }

// ResolveName knows "answer".
func (a activation) ResolveName(name string) (any, bool) { return a.answer, name == "answer" }

// Parent is none.
func (a activation) Parent() cel.Activation { return nil }

// object is the answer object of one evaluation.
type object struct {
	*schema
	values []Value
}

// find returns the answer and kind that a field name stands for.
func (o *object) find(field ref.Val) (Value, Kind) {
	name, _ := field.Value().(string)
	i, ok := o.index[name]
	if !ok || i >= len(o.values) {
		return Value{}, Text
	}
	return o.values[i], o.fields[i].Kind
}

// IsSet answers has().
func (o *object) IsSet(field ref.Val) ref.Val {
	v, _ := o.find(field)
	return types.Bool(v.Set)
}

// Get reads one answer; one that is not there is an error.
func (o *object) Get(field ref.Val) ref.Val {
	v, kind := o.find(field)
	switch {
	case !v.Set:
		return types.NewErr("no answer")
	case kind == Int:
		return types.Int(v.Int)
	case kind == List:
		return types.NewStringList(types.DefaultTypeAdapter, v.List)
	}
	return types.String(v.Text)
}

// ConvertToNative is not possible: the object stays inside the evaluation.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, errors.New("the answer object has no native form")
}

// ConvertToType is not possible either.
func (o *object) ConvertToType(ref.Type) ref.Val { return types.NewErr("no conversion") }

// Equal reports whether it is the same object.
func (o *object) Equal(other ref.Val) ref.Val {
	same, ok := other.(*object)
	return types.Bool(ok && same == o)
}

// Type is the answer type.
func (o *object) Type() ref.Type { return types.NewObjectType(objectType) }

// Value is the object itself.
func (o *object) Value() any { return o }
