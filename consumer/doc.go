// Package consumer reads Kafka: it knows which partitions are ours at the moment, and hands out what each of them holds
// in whole ranges of offsets, every offset once, none skipped.
//
// Two halves, which do not depend on each other:
//
//   - Membership (Client.Run, group.go): kafka-go's ConsumerGroup says who should try which partition. It is a hint. The
//     database decides ownership, and offsets committed to the group (Assigned.Mirror) are for lag tools and are never
//     read back.
//   - Reading (Client.Reader, reader.go): a fetch request of our own travels over kafka-go's Transport, which dials,
//     authenticates and routes it to the leader (fetch.go). The batches are decoded here (batch.go, records.go,
//     codec.go), because kafka-go delivers aborted records and control markers, does not check the CRC on every path,
//     does not bound decompression, and lets a batch that claims 2^50 headers kill the process (seen with v0.4.51).
//
// What the bytes of a batch can do is bounded: nothing they claim is believed before it is compared with what is there,
// and what cannot be decoded becomes a BadRange, so that a partition never stops at a poisoned batch and never loses the
// batches beside it.
//
// The record batch and the fetch protocol are those of https://kafka.apache.org/documentation/#recordbatch and
// https://kafka.apache.org/protocol#The_Messages_Fetch.
package consumer
