package intake

import "context"

// EscalateTasks does one round of what Run does about late tasks.
func (s *Service) EscalateTasks(ctx context.Context) (int, error) { return s.app.EscalateTasks(ctx) }

// ChaseDrafts does one round of what Run does about unfinished forms.
func (s *Service) ChaseDrafts(ctx context.Context) (int, error) { return s.app.ChaseDrafts(ctx) }
