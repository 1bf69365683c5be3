package triage

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"sync"
)

// DefaultID is the id of the clinic's intake form that ships with the program.
const DefaultID = "upright-intake"

//go:embed content/upright-intake.v1.json
var uprightIntakeV1 []byte

//go:embed content
var content embed.FS

// translations are the languages that the form has besides English.
var translations = []string{
	"content/upright-intake.v1.es.json", "content/upright-intake.v1.hi.json", "content/upright-intake.v1.ar.json",
}

// Shipped returns every version of every form that ships with the program, oldest first.
// They are compiled once, at the first call. It fails only when the program was built with
// content that Load refuses, which the tests prevent. A translation is no other version:
// what is asked, and what follows from an answer, is the same in every language.
var Shipped = sync.OnceValues(func() ([]*Set, error) {
	var others [][]byte
	for _, name := range translations {
		other, err := content.ReadFile(name)
		if err != nil {
			return nil, err
		}
		others = append(others, other)
	}
	full, err := Translated(uprightIntakeV1, others...)
	if err != nil {
		return nil, err
	}
	set, err := Load(full)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(uprightIntakeV1)
	set.hash = hex.EncodeToString(sum[:])
	return []*Set{set}, nil
})
