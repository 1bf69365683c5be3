package gateway

import "github.com/upright-clinic/upright/gateway/internal/route"

// Path is one row of the table of everything that the gateway answers.
type Path struct {
	// Method and Pattern say what it answers.
	Method, Pattern string
	// Access says who may ask: "anybody", "operators", or roles separated by commas.
	Access string
	// API is true when it answers JSON, or a stream, and problem documents.
	API bool
}

// Paths lists everything that the gateway answers, with who may ask, for tests that try
// those who may not.
func (g *Gateway) Paths() (paths []Path) {
	for _, r := range g.table.Rows() {
		paths = append(paths, Path{r.Method, r.Pattern, r.Access.String(), r.Form == route.API || r.Form == route.Stream})
	}
	for _, b := range g.api.Bindings() {
		paths = append(paths, Path{b.Method, b.Path, b.Access.String(), true})
	}
	return paths
}
