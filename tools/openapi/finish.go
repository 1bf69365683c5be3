package main

import (
	"fmt"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	typev1 "github.com/upright-clinic/upright/proto/gen/go/upright/type/v1"
)

// finishSchema renames the fields of a message's schema and adds their limits. A schema
// that is no message of ours, such as a well-known type, stays as it is.
func finishSchema(name string, schema any) error {
	s, ok := schema.(object)
	if !ok {
		return fmt.Errorf("schema %s is no object", name)
	}
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil
	}
	if m, ok := d.(protoreflect.MessageDescriptor); ok {
		return finishFields(s, m)
	}
	return nil
}

// finishFields renames and limits the properties of an object schema for a message.
func finishFields(schema object, m protoreflect.MessageDescriptor) error {
	old, ok := schema["properties"].(object)
	if !ok {
		return nil
	}
	fresh := object{}
	var required []any
	for name, property := range old {
		f := m.Fields().ByJSONName(name)
		if f == nil {
			f = m.Fields().ByName(protoreflect.Name(name))
		}
		if f == nil {
			return fmt.Errorf("%s has no field %s", m.FullName(), name)
		}
		p, ok := property.(object)
		if !ok {
			return fmt.Errorf("%s.%s is no object", m.FullName(), name)
		}
		fresh[string(f.Name())] = p
		if limit(p, f) {
			required = append(required, string(f.Name()))
		}
	}
	schema["properties"] = fresh
	if len(required) > 0 {
		sortStrings(required)
		schema["required"] = required
	}
	if d := text(schema, "description"); d == "" {
		delete(schema, "description")
	}
	return nil
}

// limit adds what protovalidate checks to a property, and reports whether it is required.
func limit(p object, f protoreflect.FieldDescriptor) bool {
	rules, ok := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	if !ok || rules == nil {
		return false
	}
	if r := rules.GetRepeated(); r != nil {
		if r.HasMinItems() {
			p["minItems"] = r.GetMinItems()
		}
		if r.HasMaxItems() {
			p["maxItems"] = r.GetMaxItems()
		}
		if r.GetUnique() {
			p["uniqueItems"] = true
		}
		if items, ok := p["items"].(object); ok {
			scalar(items, r.GetItems())
		}
		return r.GetMinItems() > 0
	}
	scalar(p, rules)
	if rules.GetRequired() {
		return true
	}
	// A text that must not be empty, or must match a pattern that nothing does not.
	s := rules.GetString()
	return s != nil && !f.HasPresence() && s.GetMinLen() > 0
}

// scalar adds the limits of one value.
func scalar(p object, rules *validate.FieldRules) {
	if s := rules.GetString(); s != nil {
		if s.HasMinLen() {
			p["minLength"] = s.GetMinLen()
		}
		if s.HasMaxLen() {
			p["maxLength"] = s.GetMaxLen()
		}
		if s.HasPattern() {
			p["pattern"] = s.GetPattern()
		}
		if in := s.GetIn(); len(in) > 0 {
			p["enum"] = anys(in)
		}
	}
	if n := rules.GetInt32(); n != nil {
		if n.HasGte() {
			p["minimum"] = n.GetGte()
		}
		if n.HasLte() {
			p["maximum"] = n.GetLte()
		}
		if in := n.GetIn(); len(in) > 0 {
			p["enum"] = anys(in)
		}
	}
	if n := rules.GetDouble(); n != nil {
		if n.HasGte() {
			p["minimum"] = n.GetGte()
		}
		if n.HasLte() {
			p["maximum"] = n.GetLte()
		}
	}
}

// finishOperation renames an operation's parameters and the fields of its body, and says
// who may call, how it fails and what headers it takes.
func finishOperation(op object, method string) error {
	m, err := methodOf(text(op, "operationId"))
	if err != nil {
		return err
	}
	var parameters []any
	for _, parameter := range list(op, "parameters") {
		p, ok := parameter.(object)
		if !ok {
			return fmt.Errorf("a parameter is no object")
		}
		if err := finishParameter(p, m.Input()); err != nil {
			return err
		}
		parameters = append(parameters, p)
	}
	if f := m.Input().Fields().ByName("request_id"); f != nil && method != "GET" {
		parameters = append(parameters, header("Idempotency-Key", "Makes a retry harmless; the same as request_id.", 128))
	}
	content := at(at(op, "requestBody"), "content")
	if schema, ok := at(content, "application/json")["schema"].(object); ok {
		if text(schema, "$ref") == "" {
			if err := finishFields(schema, m.Input()); err != nil {
				return err
			}
			if m.Input().Fields().ByName("etag") != nil {
				parameters = append(parameters, header("If-Match", "The version this is based on; the same as etag.", 40))
			}
		}
	} else {
		delete(op, "requestBody")
	}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	at(op, "responses")["default"] = problemResponse()
	return access(op, m)
}

// access says who may call.
func access(op object, m protoreflect.MethodDescriptor) error {
	rule, ok := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
	if !ok || rule == nil {
		return fmt.Errorf("%s has no access rule", m.FullName())
	}
	if rule.GetPublic() {
		op["security"] = []any{}
		return nil
	}
	var roles []any
	for _, r := range rule.GetRoles() {
		roles = append(roles, strings.TrimPrefix(r.String(), "ROLE_"))
	}
	op["x-roles"] = roles
	return nil
}

// finishParameter renames a parameter of the path or the query.
func finishParameter(p object, input protoreflect.MessageDescriptor) error {
	parts := strings.Split(text(p, "name"), ".")
	message := input
	for i, part := range parts {
		if message == nil {
			return fmt.Errorf("parameter %s is no field", text(p, "name"))
		}
		f := message.Fields().ByJSONName(part)
		if f == nil {
			f = message.Fields().ByName(protoreflect.Name(part))
		}
		if f == nil {
			return fmt.Errorf("parameter %s is no field", text(p, "name"))
		}
		parts[i] = string(f.Name())
		if message = f.Message(); i == len(parts)-1 {
			if schema, ok := p["schema"].(object); ok && limit(schema, f) {
				p["required"] = true
			}
		}
	}
	p["name"] = strings.Join(parts, ".")
	return nil
}

// header is a header that a request may have.
func header(name, description string, most int) object {
	return object{"name": name, "in": "header", "description": description, "schema": object{"type": "string", "maxLength": most}}
}

// methodOf finds a method by the operation id that the generators make: service, method and,
// for a second path of the same method, its number.
func methodOf(id string) (protoreflect.MethodDescriptor, error) {
	service, name, ok := strings.Cut(id, "_")
	name, _, _ = strings.Cut(name, "_")
	var found protoreflect.MethodDescriptor
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if s := f.Services().ByName(protoreflect.Name(service)); s != nil && strings.HasPrefix(string(f.Package()), "upright.") {
			found = s.Methods().ByName(protoreflect.Name(name))
		}
		return found == nil
	})
	if !ok || found == nil {
		return nil, fmt.Errorf("operation %q is no method of a service", id)
	}
	return found, nil
}
