package alerts

import (
	"strings"
	"testing"
	"time"
)

const p0 = `{partition="0",topic="llm_events"}`

func TestLagIsZeroWhenCaughtUpHoweverOldTheLastRecordIs(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p := m.Partition("llm_events", 0)
	p.Fetched(100)
	p.Committed(100, c.now().Add(-72*time.Hour))
	want(t, gather(t, reg), map[string]float64{
		"tracetally_partition_lag_records" + p0: 0, "tracetally_event_time_lag_seconds" + p0: 0,
		"tracetally_caught_up" + p0: 1, "tracetally_partition_next_offset" + p0: 100,
		`tracetally_partition_status{partition="0",status="running",topic="llm_events"}`: 1,
	})
}

func TestAPartitionThatStandsStillIsSeenToFallBehind(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p := m.Partition("llm_events", 0)
	p.Committed(40, c.now().Add(-time.Minute))
	p.Fetched(100)
	want(t, gather(t, reg), map[string]float64{
		"tracetally_partition_lag_records" + p0: 60, "tracetally_event_time_lag_seconds" + p0: 60, "tracetally_caught_up" + p0: 0,
	})
	c.advance(10 * time.Minute) // and nobody calls
	want(t, gather(t, reg), map[string]float64{"tracetally_event_time_lag_seconds" + p0: 660})
}

func TestOneNewRecordOnAnIdlePartitionIsNoLagOfDays(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p := m.Partition("llm_events", 0)
	p.Fetched(100)
	p.Committed(100, c.now().Add(-72*time.Hour))
	c.advance(2 * time.Second)
	p.Fetched(101)
	want(t, gather(t, reg), map[string]float64{
		"tracetally_event_time_lag_seconds" + p0: 2, "tracetally_caught_up" + p0: 0, "tracetally_partition_lag_records" + p0: 1,
	})
}

func TestASilentBrokerIsNotTakenForCaughtUp(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p := m.Partition("llm_events", 0)
	p.Fetched(100)
	p.Committed(100, c.now())
	c.advance(answerLimit)
	want(t, gather(t, reg), map[string]float64{"tracetally_caught_up" + p0: 1, "tracetally_event_time_lag_seconds" + p0: 0})
	c.advance(time.Second)
	want(t, gather(t, reg), map[string]float64{"tracetally_caught_up" + p0: 0, "tracetally_event_time_lag_seconds" + p0: 61})
	p.Fetched(100)
	want(t, gather(t, reg), map[string]float64{"tracetally_caught_up" + p0: 1, "tracetally_event_time_lag_seconds" + p0: 0})
}

func TestBeforeTheFirstAnswerNothingIsClaimed(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	m.Partition("llm_events", 0)
	c.advance(30 * time.Second)
	got := gather(t, reg)
	want(t, got, map[string]float64{"tracetally_caught_up" + p0: 0, "tracetally_event_time_lag_seconds" + p0: 30})
	for _, name := range []string{"tracetally_partition_lag_records", "tracetally_partition_next_offset"} {
		if n := countPrefix(got, name); n != 0 {
			t.Errorf("%s is exported and nobody knows it", name)
		}
	}
}

func TestAHaltIsShownInPlaceOfRunning(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	m.Partition("llm_events", 0).Status("log_regressed")
	got := gather(t, reg)
	want(t, got, map[string]float64{`tracetally_partition_status{partition="0",status="log_regressed",topic="llm_events"}`: 1})
	if n := countPrefix(got, "tracetally_partition_status"); n != 1 {
		t.Errorf("%d statuses, want 1", n)
	}
}

func TestARevokedPartitionLeavesNoGauge(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p, q := m.Partition("llm_events", 0), m.Partition("llm_events", 1)
	p.Committed(1, c.now())
	q.Committed(1, c.now())
	p.Delete()
	for key := range gather(t, reg) {
		if strings.Contains(key, `partition="0"`) {
			t.Errorf("%s is left", key)
		}
	}
	want(t, gather(t, reg), map[string]float64{`tracetally_partition_next_offset{partition="1",topic="llm_events"}`: 1})
}

func TestTheLastOwnersDeleteLeavesTheNextOne(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	last := m.Partition("llm_events", 0)
	next := m.Partition("llm_events", 0)
	next.Committed(7, c.now())
	last.Committed(3, c.now())
	last.Delete()
	want(t, gather(t, reg), map[string]float64{"tracetally_partition_next_offset" + p0: 7})
}

func TestAnyTopicNameCanBeGathered(t *testing.T) {
	c := newClock()
	m, reg := newTest(t, c)
	p := m.Partition("\xff", 0)
	p.Status("\xff")
	p.Committed(7, c.now())
	want(t, gather(t, reg), map[string]float64{"tracetally_partition_next_offset{partition=\"0\",topic=\"\uFFFD\"}": 7})
}
