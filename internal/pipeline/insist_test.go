package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dropped is a connection from another port at each try.
func dropped(try int) error {
	at := func(port int) net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port} }
	return &net.OpError{Op: "read", Net: "tcp", Source: at(40_000 + try), Addr: at(5432), Err: errors.New("connection reset by peer")}
}

func TestTroubleIsSaidOncePerChangeOfCauseAndEachMinute(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		trouble func(try int) error
		lasts   time.Duration
		want    int
	}{
		"the same":                     {func(int) error { return errors.New("nothing answers there") }, 50 * time.Second, 1},
		"the same for long":            {func(int) error { return errors.New("nothing answers there") }, 5 * time.Minute, 5},
		"the same, from another port":  {dropped, 50 * time.Second, 1},
		"one that changes in each try": {func(try int) error { return fmt.Errorf("trouble %d", try) }, 50 * time.Second, 7}, // at 0, 1, 3, 7, 15, 31 and 47 s
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				w := &worker{now: time.Now, retryPause: time.Second}
				began, tries := time.Now(), 0
				err := w.insist(context.Background(), slog.New(slog.NewTextHandler(&log, nil)), "reach PostgreSQL", func() error {
					if tries++; time.Since(began) < test.lasts {
						return test.trouble(tries)
					}
					return nil
				}, func(error) bool { return false })
				if n := strings.Count(log.String(), "trying again"); err != nil || n != test.want {
					t.Errorf("%v, said %d times in %d tries, want %d:\n%s", err, n, tries, test.want, &log)
				}
			})
		})
	}
}
