package main

import (
	"bytes"
	"math/big"
	"strings"
	"testing"

	"github.com/tracetally/tracetally/internal/traffic"
)

// twoRecords is a run of two usable records, one of them sent twice, and one that was rejected.
func twoRecords() (traffic.Books, found) {
	at := traffic.TopicPartition{Topic: traffic.TopicEvents, Partition: 1}
	b := traffic.Books{
		Topics:          map[string]traffic.TopicBooks{at.Topic: {Counted: 2, Duplicate: 1, Quarantined: 1}},
		Partitions:      map[traffic.TopicPartition]traffic.PartitionBooks{at: {Usable: 3, Quarantined: 1}},
		Rejects:         map[string]int64{"malformed": 1},
		Events:          map[string]int64{"call": 1, "exception": 1},
		DuplicateEvents: 1,
		Failures:        map[traffic.Cause]int64{{Category: "api_error", Reason: "timeout"}: 1},
		Exceptions:      map[traffic.Cause]int64{{Category: "data_error", Reason: "store_conflict"}: 1},
		Calls:           traffic.CallBooks{Calls: 1, Failed: 1, InputTokens: 7, CostUSD: big.NewRat(1, 8), WastedUSD: new(big.Rat)},
	}
	f := found{
		partitions: map[traffic.TopicPartition]recordVerdicts{at: {Counted: 2, Duplicate: 1, Quarantined: 1, Scanned: 4}},
		events:     eventVerdicts{New: 2, Duplicate: 1},
		rejects:    map[string]int64{"malformed": 1},
		failures:   map[string]int64{"api_error": 1},
		exceptions: map[string]int64{"data_error": 1},
		calls:      callsFound{Calls: 1, Failed: 1, Input: 7, CostUSD: "0.12500", WastedUSD: "0"},
	}
	return b, f
}

func TestFiguresThatAgreeAreSaidToAgree(t *testing.T) {
	b, f := twoRecords()
	var out bytes.Buffer
	if !printSummary(&out, compare(b, f)) || strings.Contains(out.String(), "DIFFER") {
		t.Errorf("no agreement:\n%s", out.String())
	}
}

func TestEveryFigureThatIsOffIsFound(t *testing.T) {
	at := traffic.TopicPartition{Topic: traffic.TopicEvents, Partition: 1}
	for name, spoil := range map[string]func(*found){
		"a record counted elsewhere": func(f *found) {
			f.partitions[traffic.TopicPartition{Topic: at.Topic, Partition: 2}] = f.partitions[at]
			delete(f.partitions, at)
		},
		"a duplicate counted": func(f *found) {
			f.partitions[at] = recordVerdicts{Counted: 3, Quarantined: 1, Scanned: 4}
		},
		"an event lost":            func(f *found) { f.events.New-- },
		"an event in conflict":     func(f *found) { f.events.Conflicting++ },
		"another reject reason":    func(f *found) { f.rejects = map[string]int64{"too_deep": 1} },
		"another category":         func(f *found) { f.failures = map[string]int64{"data_error": 1} },
		"an exception too many":    func(f *found) { f.exceptions["data_error"]++ },
		"a call lost":              func(f *found) { f.calls.Calls-- },
		"a token too many":         func(f *found) { f.calls.Input++ },
		"money off by 10⁻¹⁸":       func(f *found) { f.calls.CostUSD = "0.125000000000000001" },
		"waste that was not there": func(f *found) { f.calls.WastedUSD = "0.1" },
	} {
		b, f := twoRecords()
		spoil(&f)
		if printSummary(new(bytes.Buffer), compare(b, f)) {
			t.Errorf("%s: said to agree", name)
		}
	}
}
