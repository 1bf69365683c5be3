package eventlog

import "context"

// ConsumeWithoutLock is Run without being the only one.
func ConsumeWithoutLock(ctx context.Context, c *Consumer) error {
	for ctx.Err() == nil {
		_ = c.work(ctx)
	}
	return nil
}

// RelayWithoutLock is Run without being the only one.
func RelayWithoutLock(ctx context.Context, l *Log) error {
	r := &relay{Log: l}
	if err := r.start(ctx); err != nil {
		return err
	}
	r.run(ctx)
	return nil
}

// NumberForEver gives out numbers as fast as it can.
func NumberForEver(ctx context.Context, l *Log) error {
	r := &relay{Log: l}
	for ctx.Err() == nil {
		if err := r.number(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}
