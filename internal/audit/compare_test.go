package audit

import (
	"math/big"
	"testing"

	"github.com/tracetally/tracetally/internal/traffic"
)

// twoRecords is a run of two usable records, one of them sent twice, and one that was rejected.
func twoRecords() (traffic.Books, Found) {
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
	f := Found{
		Partitions: map[traffic.TopicPartition]RecordVerdicts{at: {Counted: 2, Duplicate: 1, Quarantined: 1, Scanned: 4}},
		Events:     EventVerdicts{New: 2, Duplicate: 1},
		Rejects:    map[string]int64{"malformed": 1},
		Failures:   map[traffic.Cause]int64{{Category: "api_error", Reason: "timeout"}: 1},
		Exceptions: map[traffic.Cause]int64{{Category: "data_error", Reason: "store_conflict"}: 1},
		Calls:      CallsFound{Calls: 1, Failed: 1, Input: 7, CostUSD: "0.12500", WastedUSD: "0"},
	}
	return b, f
}

func TestFiguresThatAgreeAreSaidToAgree(t *testing.T) {
	b, f := twoRecords()
	if off := differing(Compare(b, f)); len(off) != 0 {
		t.Errorf("said to differ: %+v", off)
	}
}

func TestEveryFigureThatIsOffIsFound(t *testing.T) {
	at := traffic.TopicPartition{Topic: traffic.TopicEvents, Partition: 1}
	for name, spoil := range map[string]func(*Found){
		"a record counted elsewhere": func(f *Found) {
			f.Partitions[traffic.TopicPartition{Topic: at.Topic, Partition: 2}] = f.Partitions[at]
			delete(f.Partitions, at)
		},
		"a duplicate counted": func(f *Found) {
			f.Partitions[at] = RecordVerdicts{Counted: 3, Quarantined: 1, Scanned: 4}
		},
		"an event lost":            func(f *Found) { f.Events.New-- },
		"an event in conflict":     func(f *Found) { f.Events.Conflicting++ },
		"another reject reason":    func(f *Found) { f.Rejects = map[string]int64{"too_deep": 1} },
		"another category":         func(f *Found) { f.Failures = map[traffic.Cause]int64{{Category: "data_error", Reason: "timeout"}: 1} },
		"an exception too many":    func(f *Found) { f.Exceptions[traffic.Cause{Category: "data_error", Reason: "store_conflict"}]++ },
		"a call lost":              func(f *Found) { f.Calls.Calls-- },
		"a token too many":         func(f *Found) { f.Calls.Input++ },
		"money off by 10⁻¹⁸":       func(f *Found) { f.Calls.CostUSD = "0.125000000000000001" },
		"waste that was not there": func(f *Found) { f.Calls.WastedUSD = "0.1" },
	} {
		b, f := twoRecords()
		spoil(&f)
		if len(differing(Compare(b, f))) == 0 {
			t.Errorf("%s: said to agree", name)
		}
	}
}

func differing(checks []Check) []Check {
	var off []Check
	for _, c := range checks {
		if !c.Agrees() {
			off = append(off, c)
		}
	}
	return off
}
