package alerts

import (
	"testing"
	"time"
)

func TestRetentionShowsWhatIsKeptAndWhatIsOverdue(t *testing.T) {
	t.Parallel()
	c := newClock()
	m, reg := newTest(t, c)
	want(t, gather(t, reg), map[string]float64{
		"tracetally_horizon_timestamp_seconds{}":                 0,
		"tracetally_ledger_partitions{}":                         0,
		"tracetally_ledger_expired_partitions{}":                 0,
		"tracetally_retention_last_success_timestamp_seconds{}":  unix(c.now()), // or an alert on its age would fire at once
		"tracetally_retention_errors_total{}":                    0,
		"tracetally_retention_waits_total{}":                     0,
		"tracetally_ledger_partitions_dropped_total{}":           0,
		`tracetally_unattended_partitions{horizon="held"}`:       0,
		`tracetally_unattended_partitions{horizon="released"}`:   0,
		"tracetally_ledger_oldest_partition_timestamp_seconds{}": 0,
		"tracetally_rollup_rows_deleted_total{}":                 0,
	})
	m.Retained(RetentionState{
		Known: true, Horizon: time.Unix(100, 0), Oldest: time.Unix(50, 0), Succeeded: time.Unix(200, 0), Partitions: 9, Expired: 1,
		Holding: 2, Released: 3, Dropped: 4, Deleted: 5,
	})
	m.RetentionFailed(true)
	m.RetentionFailed(false)
	m.RetentionFailed(false)
	want(t, gather(t, reg), map[string]float64{
		"tracetally_ledger_expired_partitions{}":                 1,
		"tracetally_retention_errors_total{}":                    2,
		"tracetally_retention_waits_total{}":                     1,
		`tracetally_unattended_partitions{horizon="held"}`:       2,
		`tracetally_unattended_partitions{horizon="released"}`:   3,
		"tracetally_ledger_oldest_partition_timestamp_seconds{}": 50,
	})
	m.Retained(RetentionState{Dropped: 0, Deleted: 0})                 // could not look: nothing is said
	m.Retained(RetentionState{Known: true, Partitions: 8, Dropped: 1}) // the horizon never goes back, and success is not forgotten
	want(t, gather(t, reg), map[string]float64{
		"tracetally_horizon_timestamp_seconds{}":                 100,
		"tracetally_ledger_partitions{}":                         8,
		"tracetally_ledger_expired_partitions{}":                 0,
		"tracetally_retention_last_success_timestamp_seconds{}":  200,
		"tracetally_ledger_partitions_dropped_total{}":           5,
		"tracetally_rollup_rows_deleted_total{}":                 5,
		`tracetally_unattended_partitions{horizon="held"}`:       0,
		"tracetally_ledger_oldest_partition_timestamp_seconds{}": 0,
	})
}
