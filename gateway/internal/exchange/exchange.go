// Package exchange is what the gateway knows of one HTTP request while it is answered: its
// id, where it came from, who sent it and which row of the table it went to.
package exchange

import (
	"context"

	"github.com/upright-clinic/upright/gateway/internal/session"
)

// Exchange is one request and its answer. It belongs to the goroutine that serves it.
type Exchange struct {
	// RequestID finds the request in the log.
	RequestID string
	// Address is the client's network address, of which a trusted proxy may have told us.
	Address string
	// Operator is true for an address of those who run the machine.
	Operator bool
	// Session is who is signed in; nil for nobody.
	Session *session.Session
	// Token is what the session was found by.
	Token string
	// Route is the row that answers: a pattern, never the path itself.
	Route string
}

type contextKey struct{}

// With returns a context that carries the exchange.
func With(ctx context.Context, e *Exchange) context.Context {
	return context.WithValue(ctx, contextKey{}, e)
}

// From returns the exchange that ctx belongs to. It never returns nil: outside of one, the
// answer is an empty exchange.
func From(ctx context.Context) *Exchange {
	if e, ok := ctx.Value(contextKey{}).(*Exchange); ok {
		return e
	}
	return &Exchange{}
}
