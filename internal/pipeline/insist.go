package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"math/bits"
	"net"
	"strings"
	"time"

	"github.com/tracetally/tracetally/consumer"
)

// sayAgain is how often a trouble is said that stays the same.
const sayAgain = time.Minute

// insist tries until it succeeds, an error is final, or ctx ends, with growing pauses; it returns the last error only if that
// is final. What it meets is said when it changes, and each sayAgain.
func (w *worker) insist(ctx context.Context, log *slog.Logger, what string, try func() error, final func(error) bool) error {
	var said string
	var saidAt time.Time
	for failures := 0; ctx.Err() == nil; failures++ {
		err := try()
		if err == nil || final(err) {
			return err
		}
		if now, why := w.now(), cause(err); ctx.Err() == nil && !saidByConsumer(err) && (why != said || now.Sub(saidAt) >= sayAgain) {
			said, saidAt = why, now
			log.Warn("trying again", "what", what, "failures", failures+1, "err", err)
		}
		pause(ctx, w.rest(failures))
	}
	return nil
}

// saidByConsumer: who is not let in by Kafka, or does not reach it, hears it once, when it begins, and not at each try.
func saidByConsumer(err error) bool {
	var access *consumer.AccessError
	return errors.As(err, &access)
}

// cause is what an error says, without the port of ours, which is another one at each try.
func cause(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Source != nil {
		return strings.ReplaceAll(err.Error(), op.Source.String(), "")
	}
	return err.Error()
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
