package triage

import (
	_ "embed"
	"sync"
)

// DefaultID is the id of the clinic's intake form that ships with the program.
const DefaultID = "upright-intake"

//go:embed content/upright-intake.v1.json
var uprightIntakeV1 []byte

// Shipped returns every version of every form that ships with the program, oldest first.
// They are compiled once, at the first call. It fails only when the program was built with
// content that Load refuses, which the tests prevent.
var Shipped = sync.OnceValues(func() ([]*Set, error) {
	set, err := Load(uprightIntakeV1)
	if err != nil {
		return nil, err
	}
	return []*Set{set}, nil
})
