package classify

import (
	"fmt"
	"hash/maphash"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/tracetally/tracetally/schemas"
)

// memoSize is how many labels a classifier remembers: an outage says the same thing thousands of times. One takes about
// 600 bytes.
const memoSize = 2048

// memo remembers the labels of failures that showed exactly the same. A label is a pure function of what is hashed, and the
// memo keeps no text but that of the label itself. The key is 128 bits under two seeds of this process, so nobody outside
// can make two failures that share one.
type memo struct {
	seeds  [2]maphash.Seed
	labels *lru.Cache[memoKey, schemas.Failure]
}

type memoKey [2]uint64

func newMemo() (*memo, error) {
	labels, err := lru.New[memoKey, schemas.Failure](memoSize)
	if err != nil {
		return nil, fmt.Errorf("make the memo of labels: %w", err)
	}
	return &memo{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, labels: labels}, nil
}

// maxKeyBytes bounds what is hashed: a failure with more to say is not remembered.
const maxKeyBytes = 64 << 10

// key is over everything that Classify reads of an event, each text with its length (TestMemoizedLabelIsTheComputedOne). It
// answers false for a failure that is not to be remembered.
func (m *memo) key(buf []byte, ev *schemas.Event, s *schemas.Sensitive) ([]byte, memoKey, bool) {
	long := false
	text := func(values ...string) {
		for _, v := range values {
			if long = long || len(buf)+len(v) > maxKeyBytes; long {
				return
			}
			n := len(v)
			buf = append(buf, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
			buf = append(buf, v...)
		}
	}
	named := byte(0)
	if ev.Provider != "" || ev.ProviderRaw != "" {
		named = 1
	}
	buf = append(buf[:0], byte(ev.Kind), byte(ev.Status), byte(ev.HTTPStatus), byte(ev.HTTPStatus>>8), byte(ev.HTTPStatus>>16), named)
	text(ev.StopReason, s.ErrorText, s.ErrorType, s.ErrorCode, s.Stage, s.Category, s.ClientFingerprint)
	for i := range s.Exceptions {
		x := &s.Exceptions[i]
		text("exception", x.Type, x.Module, x.Value)
		for k := range x.Frames {
			f := &x.Frames[k]
			text("frame", f.Filename, f.Module, f.Function, f.ContextLine)
			if f.InApp {
				buf = append(buf, 1)
			}
		}
	}
	return buf, memoKey{maphash.Bytes(m.seeds[0], buf), maphash.Bytes(m.seeds[1], buf)}, !long
}
