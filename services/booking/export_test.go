package booking

import "context"

// AskForOutcomes runs the round that asks about past appointments at once.
func (s *Service) AskForOutcomes(ctx context.Context) error { return s.app.AskForOutcomes(ctx) }
