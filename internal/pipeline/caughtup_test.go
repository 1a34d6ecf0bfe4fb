package pipeline

import (
	"testing"
	"time"
)

// TestBusyPartitionWhoseTimestampsStandStillSaysThatItIsCaughtUp and one whose timestamps move does not: its watermark says
// more.
func TestBusyPartitionWhoseTimestampsStandStillSaysThatItIsCaughtUp(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	stamp := start.AddDate(0, -1, 0)
	for name, moves := range map[string]bool{"still": false, "moving": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l logEnd
			said := 0
			for second := range 3 * 60 * 60 { // each second the log grows, is read to its end, and what was read before is committed
				now := start.Add(time.Duration(second) * time.Second)
				end := int64(second)
				l.read(now, end)
				newest := stamp
				if moves {
					newest = stamp.Add(time.Duration(second/60) * time.Minute)
				}
				at, ok := l.committed(now, end-1, newest) // never all of it
				if !ok {
					continue
				}
				said++
				l.told = now
				if now.Before(start.Add(time.Hour)) {
					t.Fatalf("said after %v", now.Sub(start))
				}
				if got := now.Sub(at); got != time.Second {
					t.Fatalf("caught up since %v, want since the look that saw the end of what is committed", got)
				}
			}
			if moves && said != 0 || !moves && (said < 100 || said > 120) {
				t.Errorf("said %d times in the two hours after the first", said)
			}
		})
	}
}

func TestEndThatIsNotCommittedIsNotCaughtUp(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	l := logEnd{moved: now.Add(-2 * stillFor), newest: now}
	l.read(now, 10)
	l.read(now.Add(time.Second), 20) // the older look is reached first
	if _, ok := l.committed(now.Add(time.Minute), 9, now); ok {
		t.Error("caught up with a record missing")
	}
	if at, ok := l.committed(now.Add(2*time.Minute), 10, now); !ok || !at.Equal(now) {
		t.Errorf("caught up at %v, %v, want at the first look", at, ok)
	}
	if _, ok := l.committed(now.Add(time.Hour), 30, now); ok {
		t.Error("caught up without another look at the end")
	}
}
