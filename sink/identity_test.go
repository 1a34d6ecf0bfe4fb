package sink

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"
)

func TestTopicIDStaysOnceSomethingWasRead(t *testing.T) {
	t.Parallel()
	s := openStore(t, Config{})
	start := func(context.Context, bool) (int64, error) { return 7, nil }
	claim, err := s.Acquire(t.Context(), "t", 0, "c", start)
	empty, err2 := s.Acquire(t.Context(), "t", 1, "c", func(context.Context, bool) (int64, error) { return 0, nil })
	err = errors.Join(err, err2)
	if err != nil {
		t.Fatal(err)
	}
	first, second := uuid.New(), uuid.New()
	for _, id := range []uuid.UUID{first, second} {
		if kept, err := s.Identify(t.Context(), empty, id); err != nil || kept != id {
			t.Errorf("before anything was read: Identify(%v) = %v, %v", id, kept, err)
		}
	}
	for _, id := range []uuid.UUID{first, first, second} {
		if kept, err := s.Identify(t.Context(), claim, id); err != nil || kept != first {
			t.Errorf("Identify(%v) = %v, %v, want %v", id, kept, err, first)
		}
	}
	if _, err := s.Acquire(t.Context(), "t", 0, "c", start); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Identify(t.Context(), claim, first); !errors.Is(err, ErrFenced) {
		t.Errorf("with an old claim: %v, want ErrFenced", err)
	}
}
