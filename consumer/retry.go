package consumer

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

const (
	firstPause = 50 * time.Millisecond
	longPause  = 5 * time.Second
)

// pause is how long to wait after so many failures in a row (from 1): doubling, capped, and shortened by up to half at
// random so that partitions do not come back in step.
func pause(failures int) time.Duration {
	d := longPause
	if failures < 8 { // firstPause << 7 is beyond longPause
		d = min(longPause, firstPause<<max(0, failures-1))
	}
	return d/2 + rand.N(d/2+1) //nolint:gosec // spreads load, guards nothing
}

// wait is false when ctx ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// retry repeats ask while its error is ErrUnavailable and ctx goes on. The error names what was wrong last.
func (c *Client) retry(ctx context.Context, ask func() error) error {
	for failures := 1; ; failures++ {
		err := ask()
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return err
		}
		if ctx.Err() != nil || !wait(ctx, pause(failures)) {
			if none := c.Unreachable(); none != nil && !said(err) {
				err = none // it says more, and was said
			}
			return fmt.Errorf("%w (last: %w)", context.Cause(ctx), err)
		}
	}
}

// unavailable marks err as one that will pass.
func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
