// Package celrule compiles conditions written in CEL (the Common Expression Language) over
// one object "answer", whose fields are the questions of a form. The type checker knows
// every question: one that is not there, a type that does not fit and an option that the
// question does not have fail when the form is loaded, not when a patient answers it.
//
// Measured on the shipped form (120 conditions, one core): 23 ms to compile everything from
// cold, of which parsing is three quarters; about 40 µs to evaluate everything.
package celrule

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Kind is the type of a field.
type Kind int

// Kinds: a whole number, one text, a list of texts.
const (
	Int Kind = iota
	Text
	List
)

// Field is one question as conditions see it.
type Field struct {
	Name    string
	Kind    Kind
	Options []string // texts that may be compared with; nil for Int
}

// Value is one answer; not Set is no answer.
type Value struct {
	Set  bool
	Int  int64
	Text string
	List []string
}

// objectType is the CEL name of the answer object's type.
const objectType = "upright.Answer"

// Compiler compiles conditions over one list of fields. It may be used by several
// goroutines at once.
type Compiler struct {
	env    *cel.Env
	fields []Field
	index  map[string]int
}

// Program is one compiled condition.
type Program struct {
	text    string
	program cel.Program
	reads   []int
	numbers []int64
	object  *schema
}

// schema is what the values of an evaluation are looked up by.
type schema struct {
	fields []Field
	index  map[string]int
}

// New makes a compiler. It fails when CEL refuses the declarations.
func New(fields []Field) (*Compiler, error) {
	c := &Compiler{fields: fields, index: make(map[string]int, len(fields))}
	registry, err := types.NewRegistry()
	if err != nil {
		return nil, err
	}
	p := &provider{Registry: registry, fields: make(map[string]*types.FieldType, len(fields))}
	celTypes := map[Kind]*types.Type{Int: types.IntType, Text: types.StringType, List: types.NewListType(types.StringType)}
	for i, f := range fields {
		c.index[f.Name] = i
		p.fields[f.Name] = &types.FieldType{Type: celTypes[f.Kind]}
	}
	c.env, err = cel.NewEnv(
		cel.CustomTypeProvider(p),
		cel.CustomTypeAdapter(registry),
		cel.Variable("answer", types.NewObjectType(objectType)),
	)
	return c, err
}

// Compile checks and compiles one condition. It fails on a syntax error, a field that is
// not there, a type that does not fit, a result that is not true or false, and a text that
// is not an option of the field it is compared with.
func (c *Compiler) Compile(text string) (*Program, error) {
	checked, issues := c.env.Compile(text)
	if issues.Err() != nil {
		return nil, errors.New(firstLine(issues.Err().Error()))
	}
	if checked.OutputType() != types.BoolType {
		return nil, fmt.Errorf("the result is %s, not true or false", checked.OutputType())
	}
	p := &Program{text: text, object: &schema{fields: c.fields, index: c.index}}
	if err := c.inspect(p, checked.NativeRep()); err != nil {
		return nil, err
	}
	program, err := c.env.Program(checked)
	if err != nil {
		return nil, err
	}
	p.program = program
	return p, nil
}

// Text is the condition as it was compiled.
func (p *Program) Text() string { return p.text }

// Reads are the indexes of the fields that the condition reads, sorted.
func (p *Program) Reads() []int { return p.reads }

// Numbers are the whole numbers that the condition names, sorted: the values around which
// it can change.
func (p *Program) Numbers() []int64 { return p.numbers }

// Holds evaluates the condition over values in the order of the fields. A condition that
// reads an answer that is not there, without asking has() first, does not hold.
func (p *Program) Holds(values []Value) bool {
	out, _, err := p.program.Eval(activation{&object{schema: p.object, values: values}})
	return err == nil && out == types.True
}

// inspect collects the fields that a condition reads, and refuses a comparison of a field
// with a text that is not one of its options.
func (c *Compiler) inspect(p *Program, tree *ast.AST) error {
	var fault error
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if f, ok := c.field(x); ok {
			p.reads = append(p.reads, f)
			return
		}
		if x.Kind() == ast.LiteralKind {
			if n, ok := x.AsLiteral().Value().(int64); ok {
				p.numbers = append(p.numbers, n)
			}
			return
		}
		if x.Kind() != ast.CallKind || len(x.AsCall().Args()) != 2 {
			return
		}
		args := x.AsCall().Args()
		switch x.AsCall().FunctionName() {
		case operators.Equals, operators.NotEquals, operators.In:
		default:
			return
		}
		for i, arg := range args {
			if f, ok := c.field(arg); ok && fault == nil {
				fault = c.optionsExist(&c.fields[f], args[1-i])
			}
		}
	}))
	slices.Sort(p.reads)
	p.reads = slices.Compact(p.reads)
	slices.Sort(p.numbers)
	p.numbers = slices.Compact(p.numbers)
	return fault
}

// field returns the field that a node "answer.<name>" reads.
func (c *Compiler) field(x ast.Expr) (int, bool) {
	if x.Kind() != ast.SelectKind {
		return 0, false
	}
	operand := x.AsSelect().Operand()
	if operand.Kind() != ast.IdentKind || operand.AsIdent() != "answer" {
		return 0, false
	}
	i, ok := c.index[x.AsSelect().FieldName()]
	return i, ok
}

// optionsExist checks the texts that a field is compared with.
func (c *Compiler) optionsExist(f *Field, with ast.Expr) error {
	values := []ast.Expr{with}
	if with.Kind() == ast.ListKind {
		values = with.AsList().Elements()
	}
	for _, v := range values {
		if v.Kind() != ast.LiteralKind {
			continue
		}
		if s, ok := v.AsLiteral().Value().(string); ok && !slices.Contains(f.Options, s) {
			return fmt.Errorf("question %q has no option %q", f.Name, s)
		}
	}
	return nil
}

// firstLine is the part of a CEL error that says what is wrong, with its column.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimPrefix(line, "ERROR: <input>:")
}

// ref.Val is implemented by the answer object.
var _ ref.Val = (*object)(nil)
