// Package openapi holds the OpenAPI 3.1 document of the public HTTP interface, as it was
// generated from the protos beside it.
package openapi

import _ "embed"

// Document is the whole interface as JSON. It must not be changed.
//
//go:embed gen/openapi/upright.json
var Document []byte
