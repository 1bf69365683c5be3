// Package apidoc reads the OpenAPI document of the public interface for the pages that
// explain it, so that what people read and what programs read is one thing.
package apidoc

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// API is the document as the pages show it.
type API struct {
	// Title, Version and Description are the document's.
	Title, Version, Description string
	// Groups are the services, by name.
	Groups []*Group
}

// Group is one service.
type Group struct {
	// Name is the service's, Description what it is for.
	Name, Description string
	// Operations are its paths.
	Operations []Operation
	// Schemas are the messages that they use, by name.
	Schemas []Schema
}

// Operation is one method at one path.
type Operation struct {
	// ID is unique; Method and Path are those of HTTP.
	ID, Method, Path string
	// Summary and Description say what it does and how it refuses.
	Summary, Description string
	// Access says who may call; empty means anybody.
	Access []string
	// Parameters are those of path, query and header.
	Parameters []Field
	// Body are the fields of the body, or BodyOf is the message that it is.
	Body   []Field
	BodyOf string
	// Answer is the message that comes back.
	Answer string
}

// Schema is one message.
type Schema struct {
	// Name is its full name, Short the last part of it.
	Name, Short, Description string
	// Fields are its fields, by name.
	Fields []Field
}

// Field is one field or parameter.
type Field struct {
	// Name, and where it goes: "path", "query", "header", or empty for a field.
	Name, In string
	// Type in words; Of is the message that it holds.
	Type, Of string
	// Description says what it means.
	Description string
	// Required is true when it must be there.
	Required bool
}

// Parse reads a document. It fails when it is no OpenAPI document.
func Parse(document []byte) (*API, error) {
	var d document3
	if err := json.Unmarshal(document, &d); err != nil {
		return nil, fmt.Errorf("OpenAPI document: %w", err)
	}
	if !strings.HasPrefix(d.OpenAPI, "3.") {
		return nil, fmt.Errorf("OpenAPI document: version %q", d.OpenAPI)
	}
	api := &API{Title: d.Info.Title, Version: d.Info.Version, Description: d.Info.Description}
	groups := map[string]*Group{}
	for _, tag := range d.Tags {
		groups[tag.Name] = &Group{Name: tag.Name, Description: tag.Description}
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			name := "Other"
			if len(o.Tags) > 0 {
				name = o.Tags[0]
			}
			if groups[name] == nil {
				groups[name] = &Group{Name: name}
			}
			groups[name].Operations = append(groups[name].Operations, o.operation(strings.ToUpper(method), path))
		}
	}
	for _, g := range groups {
		if len(g.Operations) == 0 {
			continue
		}
		slices.SortFunc(g.Operations, func(a, b Operation) int {
			return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Method, b.Method))
		})
		g.Schemas = d.reachable(g.Operations)
		api.Groups = append(api.Groups, g)
	}
	slices.SortFunc(api.Groups, func(a, b *Group) int { return cmp.Compare(a.Name, b.Name) })
	return api, nil
}

// Group returns a service by its name, or nil.
func (a *API) Group(name string) *Group {
	for _, g := range a.Groups {
		if g.Name == name {
			return g
		}
	}
	return nil
}

// document3 is what is read of an OpenAPI 3 document.
type document3 struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Title, Version, Description string
	} `json:"info"`
	Tags       []struct{ Name, Description string }  `json:"tags"`
	Paths      map[string]map[string]operation3      `json:"paths"`
	Components struct{ Schemas map[string]*schema3 } `json:"components"`
}

type operation3 struct {
	OperationID, Summary, Description string
	Tags                              []string
	Parameters                        []parameter3
	RequestBody                       *content3
	Responses                         map[string]content3
	Security                          *[]map[string][]string
	Roles                             []string `json:"x-roles"`
}

type parameter3 struct {
	Name, In, Description string
	Required              bool
	Schema                *schema3
}

type content3 struct {
	Content map[string]struct{ Schema *schema3 }
}

type schema3 struct {
	Ref                  string `json:"$ref"`
	Type                 any
	Format               string
	Description          string
	Enum                 []any
	Properties           map[string]*schema3
	Items                *schema3
	AdditionalProperties any
	Required             []string
}

// operation turns one operation into what is shown.
func (o operation3) operation(method, path string) Operation {
	op := Operation{ID: o.OperationID, Method: method, Path: path, Summary: o.Summary, Description: o.Description, Access: o.Roles}
	for _, p := range o.Parameters {
		kind, of := p.Schema.words()
		op.Parameters = append(op.Parameters, Field{Name: p.Name, In: p.In, Type: kind, Of: of, Description: p.Description, Required: p.Required})
	}
	if o.RequestBody != nil {
		if s := o.RequestBody.Content["application/json"].Schema; s != nil {
			op.BodyOf = name(s.Ref)
			op.Body = s.fields()
		}
	}
	for _, c := range o.Responses["200"].Content {
		if c.Schema != nil {
			op.Answer = name(c.Schema.Ref)
		}
	}
	return op
}

// fields lists an object's fields by name.
func (s *schema3) fields() (fields []Field) {
	for key, p := range s.Properties {
		kind, of := p.words()
		fields = append(fields, Field{Name: key, Type: kind, Of: of, Description: p.Description, Required: slices.Contains(s.Required, key)})
	}
	slices.SortFunc(fields, func(a, b Field) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}

// words says a type: what it is, and the message in it.
func (s *schema3) words() (kind, of string) {
	switch {
	case s == nil:
		return "", ""
	case s.Ref != "":
		return "", name(s.Ref)
	case s.Items != nil:
		kind, of = s.Items.words()
		return strings.TrimSpace("list of " + kind), of
	case s.AdditionalProperties != nil:
		return "map", ""
	case len(s.Enum) > 0:
		values := make([]string, 0, len(s.Enum))
		for _, v := range s.Enum {
			if text := fmt.Sprint(v); text != "" {
				values = append(values, text)
			}
		}
		return "one of " + strings.Join(values, ", "), ""
	}
	kind = "any value"
	switch t := s.Type.(type) {
	case string:
		kind = t
	case []any:
		kind = strings.Trim(fmt.Sprint(t), "[]")
	}
	if s.Format != "" {
		kind += " (" + s.Format + ")"
	}
	return kind, ""
}

// name is the message that a reference names.
func name(ref string) string { return strings.TrimPrefix(ref, "#/components/schemas/") }

// reachable lists the messages that operations use, with those inside them.
func (d *document3) reachable(operations []Operation) (found []Schema) {
	seen := map[string]bool{}
	var visit func(name string)
	visit = func(name string) {
		s := d.Components.Schemas[name]
		if s == nil || seen[name] {
			return
		}
		seen[name] = true
		one := Schema{Name: name, Short: name[strings.LastIndexByte(name, '.')+1:], Description: s.Description, Fields: s.fields()}
		found = append(found, one)
		for _, f := range one.Fields {
			visit(f.Of)
		}
	}
	for _, o := range operations {
		visit(o.BodyOf)
		visit(o.Answer)
		for _, f := range o.Body {
			visit(f.Of)
		}
	}
	slices.SortFunc(found, func(a, b Schema) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
