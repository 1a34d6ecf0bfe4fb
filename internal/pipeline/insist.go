package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math/bits"
	"time"

	"github.com/tracetally/tracetally/consumer"
)

// insist tries until it succeeds, an error is final, or ctx ends, with growing pauses; it returns the last error only if that
// is final.
func (w *worker) insist(ctx context.Context, log *slog.Logger, what string, try func() error, final func(error) bool) error {
	for failures := 0; ctx.Err() == nil; failures++ {
		err := try()
		if err == nil || final(err) {
			return err
		}
		if worthSaying(failures) && ctx.Err() == nil && !saidByConsumer(err) {
			log.Warn("trying again", "what", what, "failures", failures+1, "err", err)
		}
		pause(ctx, w.rest(failures))
	}
	return nil
}

// saidByConsumer: who is not let in by Kafka hears it once, when it begins, and not at each try.
func saidByConsumer(err error) bool {
	var access *consumer.AccessError
	return errors.As(err, &access)
}

// worthSaying picks the 1st, 2nd, 3rd, 5th, 9th … failure in a row.
func worthSaying(failures int) bool { return bits.OnesCount(uint(failures)) <= 1 }

// rest is how long to pause after so many failures before: from retryPause, doubling, to 16 times that.
func (w *worker) rest(failures int) time.Duration { return w.retryPause << min(failures, 4) }

// pause waits, but not beyond the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
