package schemas

import (
	"fmt"
	"testing"
	"time"
)

// TestNoTimeIsFarAheadOfTheClock: a record's own timestamp is whatever its producer's clock says, or absent, so it cannot
// vouch for an event of the next decade. Each such day would be a partition of the ledger, for ever.
func TestNoTimeIsFarAheadOfTheClock(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	d := NewDecoder(DecoderConfig{Now: func() time.Time { return now }})
	decode := func(event, record time.Time) Reason {
		value := fmt.Sprintf(`{"event":"$ai_generation","uuid":"0197a0b0-0000-7000-8000-000000000001","timestamp":%q,"properties":{}}`,
			event.Format(time.RFC3339))
		return d.Decode(&Record{Topic: "t", Value: []byte(value), Timestamp: record}).Reject
	}
	twoDays := now.Add(48 * time.Hour)
	for _, c := range []struct {
		event, record time.Time
		want          Reason
	}{
		{now, now, ""},
		{now.AddDate(-1, 0, 0), now.AddDate(-1, 0, 0), ""},
		{twoDays, now.Add(24 * time.Hour), ""}, // a record up to a day ahead: no clock is asked for
		{twoDays.Add(time.Second), now.Add(25 * time.Hour), ClockSkew},
		{twoDays.Add(time.Second), time.Time{}, ClockSkew},
		{now.AddDate(60, 0, 0), now.AddDate(60, 0, 0), ClockSkew},
		{now.AddDate(60, 0, 0), time.Time{}, ClockSkew},
	} {
		if got := decode(c.event, c.record); got != c.want {
			t.Errorf("event of %v in a record of %v: reject %q, want %q", c.event, c.record, got, c.want)
		}
	}
	now = now.AddDate(60, 0, 0) // and once it is so late, they count
	if got := decode(now, now); got != "" {
		t.Errorf("reject %q when the time has come", got)
	}
}

func TestWithoutAClockAnyTimeMayBeRead(t *testing.T) {
	value := `{"event":"$ai_generation","uuid":"0197a0b0-0000-7000-8000-000000000001","timestamp":"2190-01-01T00:00:00Z","properties":{}}`
	if got := NewDecoder(DecoderConfig{}).Decode(&Record{Value: []byte(value)}).Reject; got != "" {
		t.Errorf("reject %q", got)
	}
}
