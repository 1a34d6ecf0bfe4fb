package traffic

import (
	"bytes"
	"reflect"
	"testing"
	"time"
)

var start = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// run produces a minute of traffic with both incidents in it.
func run(seed uint64) (*Generator, []Record) {
	g := New(Config{Seed: seed, Start: start, Rate: 100, MaxLate: 10 * time.Second, Incidents: Schedule(time.Minute)})
	var records []Record
	for r := g.Next(); r.Time.Before(start.Add(time.Minute)); r = g.Next() {
		records = append(records, r)
	}
	// The loop's last record is in the books, so it belongs to the run; what is left follows it.
	records = append(records, g.Finish(start.Add(time.Minute))...)
	return g, records
}

func TestEqualSeedsGiveEqualTraffic(t *testing.T) {
	g, records := run(7)
	again, same := run(7)
	if !reflect.DeepEqual(records, same) || !reflect.DeepEqual(g.Books(), again.Books()) {
		t.Error("two runs with one seed differ")
	}
	if _, other := run(8); reflect.DeepEqual(records[:10], other[:10]) {
		t.Error("two seeds give the same records")
	}
}

func TestRecordsComeInTheOrderOfTheirTime(t *testing.T) {
	_, records := run(7)
	for i := 1; i < len(records); i++ {
		if records[i].Time.Before(records[i-1].Time) {
			t.Fatalf("record %d is due %v after %v", i, records[i].Time, records[i-1].Time)
		}
	}
}

func TestTheMeanRateHolds(t *testing.T) {
	_, records := run(7)
	if n := len(records); n < 5000 || n > 7000 {
		t.Errorf("%d records in a minute at 100/s", n)
	}
}

func TestEveryPartitionIsUsed(t *testing.T) {
	g, _ := run(7)
	b := g.Books()
	for _, topic := range Topics() {
		for p := range topic.Partitions {
			if b.Partitions[TopicPartition{topic.Name, p}].Sent() == 0 {
				t.Errorf("%s/%d got no record", topic.Name, p)
			}
		}
	}
}

func TestASecondCopyHasTheBytesOfTheFirst(t *testing.T) {
	g, records := run(7)
	b := g.Books()
	var want, twice int64
	for _, topic := range b.Topics {
		want += topic.Duplicate
	}
	seen := map[string]int{}
	for _, r := range records {
		if len(r.Value) > 0 {
			seen[r.Topic+string(r.Key)+string(r.Value)]++
		}
	}
	for _, n := range seen {
		twice += int64(n - 1)
	}
	if twice == 0 || want-twice > 1 || twice > want { // one copy may be the record that ended the run
		t.Errorf("%d records have a twin, the books say %d", twice, want)
	}
}

func TestFinishSendsNothingThatHasNotHappened(t *testing.T) {
	g := New(Config{Seed: 3, Start: start, MaxLate: time.Hour})
	for range 2000 {
		g.Next()
	}
	cut := g.clock
	rest := g.Finish(cut)
	if len(rest) == 0 {
		t.Fatal("nothing was on its way")
	}
	for _, r := range rest {
		if r.Time.After(cut) {
			t.Errorf("a record of %v after the end at %v", r.Time, cut)
		}
	}
	if more := g.Finish(cut); len(more) != 0 {
		t.Errorf("a second Finish sent %d records", len(more))
	}
}

func TestIncidentsShowInTheFailures(t *testing.T) {
	quiet := New(Config{Seed: 5, Start: start})
	loud := New(Config{Seed: 5, Start: start, Incidents: []Incident{
		{Kind: RateLimited, To: time.Hour}, {Kind: InvalidJSON, To: time.Hour},
	}})
	for range 8000 {
		quiet.Next()
		loud.Next()
	}
	for _, cause := range []Cause{api("rate_limit"), parsing("invalid_json")} {
		was, is := quiet.Books().Failures[cause], loud.Books().Failures[cause]
		if is < 4*was || is < 50 {
			t.Errorf("%v: %d failures on an ordinary day, %d in the incident", cause, was, is)
		}
	}
}

func TestIncidentsComeBack(t *testing.T) {
	i := Incident{From: time.Minute, To: 2 * time.Minute, Every: 5 * time.Minute}
	for after, want := range map[time.Duration]bool{
		0: false, 60 * time.Second: true, 119 * time.Second: true, 120 * time.Second: false, 365 * time.Second: true,
	} {
		if i.Active(after) != want {
			t.Errorf("Active(%v) = %v", after, !want)
		}
	}
}

func TestPromptsAndOutputsHoldTheCanary(t *testing.T) {
	_, records := run(7)
	with := 0
	for _, r := range records {
		if bytes.Contains(r.Value, []byte(Canary)) {
			with++
		}
	}
	if with < len(records)/2 {
		t.Errorf("%d of %d records hold the canary", with, len(records))
	}
}

func TestRecordsAreOfRealisticSize(t *testing.T) {
	_, records := run(7)
	above1K := 0
	for _, r := range records {
		if len(r.Value) > 64<<10 {
			t.Errorf("a record of %d bytes", len(r.Value))
		}
		if len(r.Value) > 1<<10 {
			above1K++
		}
	}
	if above1K < len(records)/2 {
		t.Errorf("only %d of %d records are larger than 1 KB", above1K, len(records))
	}
}
