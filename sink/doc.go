// Package sink writes what was decoded into Postgres, exactly once.
//
// One transaction holds the compare-and-set of every partition's offset, the ledger rows, the rollups and the accounting,
// so either all of a batch is there or nothing of it. Postgres alone decides who owns a partition: a commit whose token or
// offset does not match changes nothing and is answered as fenced. Whether an event is new is decided by the ledger's
// primary key and by nothing else; no cache gives a verdict.
//
// What holds at every moment:
//
//   - S1 next_offset − start_offset = counted + duplicate + late + quarantined + ignored + gap, for every partition (a
//     check of the table; TestAccountingAddsUpForAnyBatches).
//   - S2 the rollups of all three tiers are the sums over the ledger (TestRollupsAreTheSumsOverTheLedger).
//   - S3 a batch that is sent again, cut elsewhere, or fenced in the middle leaves the same tables
//     (TestReplayedAndRecutBatchesLeaveTheSameTables).
//   - S4 a commit whose answer was lost is neither lost nor done twice (TestLostAnswerToCommitCountsOnce).
package sink
