// Package pipeline is the line that data walks, from Kafka to PostgreSQL and the metrics. Read it first: the stages know
// nothing of each other, here they meet.
//
//	Kafka ─▶ consumer ─▶ schemas.Decode ─▶ enrich ─▶ classify ─▶ sink (one transaction) ─▶ PostgreSQL ─▶ Grafana
//	         records      events            cost,      category,   ledger, rollups,
//	                                        lengths,   reason,     offsets, accounting
//	                                        hashes     redaction          └─▶ after commit: alerts ─▶ /metrics ─▶ Prometheus
//
// One goroutine per assigned partition walks the line (partition.go): it asks the consumer for the next range of offsets,
// takes each record through Line.Walk, gathers the events into a batch (batch.go) and offers the batch to the worker's one
// committer, which writes what all partitions offered in one transaction. While a batch is being committed the partition
// prepares the next one, and no more: that, and a budget shared by all partitions, bounds memory.
//
// PostgreSQL alone decides who owns a partition and where it stands. Membership in the Kafka group is a hint about who
// should try; offsets in Kafka are a mirror for lag tools and are never read back.
//
// # Guarantees
//
//   - G1 every offset gets exactly one verdict: TestEveryOffsetGetsOneVerdict
//   - G2 a record that arrives twice, or is read twice, counts once: TestReplayedTopicChangesNothing,
//     TestEventSentTwiceCountsOnce
//   - G3 a worker killed at any moment loses and doubles nothing, nor does a rebalance or a broker that comes back:
//     TestKilledWorkersCountEverythingOnce, TestRebalanceInMidBatchLosesAndDoublesNothing, TestBrokerThatComesBackCostsNothing
//   - G4 a bad record is set aside with its coordinates and stops nobody: TestBadInputIsSetAsideAndStopsNobody
//   - G5 offsets are never skipped silently: TestTrimmedOffsetsBecomeAGap, TestShrunkLogHaltsThePartition,
//     TestReplacedLogHaltsThePartition, TestTopicReplacedByItsOwnRecordsHaltsThePartition
//   - G6 metrics follow the commit, and old backlog moves none: TestMetricsNeverLeadTheTables,
//     TestOldBacklogMovesNoAlertSeries
//   - G7 text of prompts and outputs goes nowhere, secrets in the text of errors neither: TestCanaryTextReachesNothing
//   - G8 what is dropped because it is old changes no figure, and what still comes for it is late, not lost:
//     TestWorkerDropsOldDaysAndCountsWhatComesForThemAsLate
//   - G9 a partition that stands still gets a new client, then a new process: TestStuckClientIsMadeAnewAndLosesNothing,
//     TestClientThatStaysStuckEndsTheWorkerWithTheReason
package pipeline
