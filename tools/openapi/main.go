// Command openapi finishes the OpenAPI document that the generators make of the protos.
//
// The generators name fields in lowerCamelCase; our JSON has the names of the protos. They
// do not know our errors (RFC 9457), who may call a method, how one signs in, nor the limits
// that protovalidate checks. All of that is in the descriptors, and is put into the document
// here, so that a client made from it fits.
//
//	openapi < merged.json > upright.json
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	_ "github.com/upright-clinic/upright/proto/gen/go/upright/booking/v1"
	_ "github.com/upright-clinic/upright/proto/gen/go/upright/directory/v1"
	_ "github.com/upright-clinic/upright/proto/gen/go/upright/intake/v1"
	_ "github.com/upright-clinic/upright/proto/gen/go/upright/plans/v1"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

// run finishes one document.
func run(in io.Reader, out io.Writer) error {
	var doc object
	if err := json.NewDecoder(in).Decode(&doc); err != nil {
		return err
	}
	if err := finish(doc); err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// object is a JSON object.
type object = map[string]any

// at returns the object at a key, made when it is not there.
func at(o object, key string) object {
	v, ok := o[key].(object)
	if !ok {
		v = object{}
		o[key] = v
	}
	return v
}

// list returns the array at a key.
func list(o object, key string) []any {
	v, _ := o[key].([]any)
	return v
}

// text returns the string at a key.
func text(o object, key string) string {
	v, _ := o[key].(string)
	return v
}

const intro = `What programs can ask of a clinic that runs Upright.

Sign in with POST /v1/sessions and send the token as "Authorization: Bearer <token>". Names of fields are those of the protos, times are RFC 3339, civil dates YYYY-MM-DD.
Send the header Idempotency-Key with everything that changes something: the same key again returns the same resource, the same key with another body is refused with 422.
Unknown fields and parameters are refused. Every error is a problem document (RFC 9457): decide by its reason, show its detail.`

// finish puts into the document what the generators do not know.
func finish(doc object) error {
	doc["info"] = object{
		"title": "Upright", "version": "v1", "description": intro,
		"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
	}
	doc["servers"] = []any{object{"url": "/"}}
	schemas := at(at(doc, "components"), "schemas")
	delete(schemas, "google.rpc.Status")
	for name, schema := range schemas {
		if err := finishSchema(name, schema); err != nil {
			return err
		}
	}
	schemas["Problem"] = problemSchema()
	at(doc, "components")["securitySchemes"] = object{
		"bearer": object{"type": "http", "scheme": "bearer", "description": "The token of POST /v1/sessions."},
		"cookie": object{"type": "apiKey", "in": "cookie", "name": "__Host-upright", "description": "What browsers send; set by POST /v1/sessions."},
	}
	doc["security"] = []any{object{"bearer": []any{}}, object{"cookie": []any{}}}
	paths := at(doc, "paths")
	for path, item := range paths {
		for method, op := range item.(object) {
			o, ok := op.(object)
			if !ok {
				continue
			}
			if err := finishOperation(o, strings.ToUpper(method)); err != nil {
				return fmt.Errorf("%s %s: %w", method, path, err)
			}
		}
	}
	paths["/v1/events:watch"] = watchPath()
	return nil
}

// problemSchema is the body of every error.
func problemSchema() object {
	str := func(description string) object { return object{"type": "string", "description": description} }
	return object{
		"type": "object", "description": "Why not (RFC 9457).",
		"required": []any{"type", "title", "status", "code", "reason", "detail", "metadata", "request_id", "violations"},
		"properties": object{
			"type": str("urn:upright:reason: and the reason."), "title": str("The same for every problem of the kind."),
			"status": object{"type": "integer", "description": "The HTTP status."}, "code": str("Name of the gRPC code, for example FAILED_PRECONDITION."),
			"reason": str("What programs decide by, for example INJECTION_LIMIT."), "detail": str("One sentence for a person."),
			"metadata":   object{"type": "object", "additionalProperties": object{"type": "string"}, "description": "Facts: ids, codes, dates, numbers, for example next_eligible_date."},
			"request_id": str("Finds the request in the log."),
			"violations": object{"type": "array", "description": "Fields that are wrong.", "items": object{
				"type": "object", "required": []any{"field", "description"},
				"properties": object{"field": str("Path in the request message."), "description": str("What is wrong with it."), "rule": str("Id of the constraint.")},
			}},
		},
	}
}

// problemResponse is the answer to a request that failed.
func problemResponse() object {
	return object{
		"description": "Why not.",
		"content":     object{"application/problem+json": object{"schema": object{"$ref": "#/components/schemas/Problem"}}},
	}
}

// watchPath is the one path that no proto declares.
func watchPath() object {
	return object{"get": object{
		"tags": []any{"Live"}, "operationId": "WatchEvents",
		"summary":     "WatchEvents streams what happens in the clinic, ids and types only, as server-sent events.",
		"description": "Each event's data is an object with event_id, type, aggregate_type, aggregate_id, aggregate_version and time. The type \"reset\" asks to load everything again. Last-Event-ID brings what was missed.",
		"x-roles":     []any{"RECEPTIONIST", "CLINICIAN", "ADMIN", "PRIVACY_OFFICER"},
		"responses": object{
			"200":     object{"description": "A stream that does not end.", "content": object{"text/event-stream": object{"schema": object{"type": "string"}}}},
			"default": problemResponse(),
		},
	}}
}
