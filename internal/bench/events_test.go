package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/tracetally/tracetally/schemas"
)

func TestEveryEventIsOneThatTheWorkerCounts(t *testing.T) {
	at := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, capture := range []bool{false, true} {
		for _, size := range []int{1, 8, 40} {
			s, d := newSource(1, size, capture), schemas.NewDecoder(schemas.DecoderConfig{})
			bytes, ids, kinds := 0, map[string]bool{}, map[schemas.Kind]int{}
			const n = 1000
			for range n {
				value := s.next(at)
				if !json.Valid(value) {
					t.Fatalf("no JSON: %s", value)
				}
				res := d.Decode(&schemas.Record{Topic: "t", Value: value})
				if res.Reject != "" || len(res.Events) != 1 || res.Events[0].Ignored {
					t.Fatalf("not counted (%q): %s", res.Reject, value)
				}
				bytes += len(value)
				ids[res.Events[0].Event.ID] = true
				kinds[res.Events[0].Event.Kind]++
			}
			if len(ids) != n {
				t.Errorf("%d ids for %d events", len(ids), n)
			}
			if mean := bytes / n; mean < size<<10*8/10 || mean > size<<10*14/10 {
				t.Errorf("%d KiB: events have %d bytes", size, mean)
			}
			if x := kinds[schemas.ExceptionEvent]; x == 0 || x > n/50 {
				t.Errorf("%d exceptions in %d events, want some and at most 2 %%", x, n)
			}
		}
	}
}
