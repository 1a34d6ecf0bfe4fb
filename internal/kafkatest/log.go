package kafkatest

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Log is a partition's log that no broker would have written: it answers fetches with batches made by hand, so that a
// reader can be shown damage which a broker refuses to store.
type Log struct {
	Topic     string
	Partition int32
	// Batches as Batch.Bytes makes them, with their Base set.
	Batches [][]byte
	// Ends[i] is the offset behind Batches[i], as this broker believes.
	Ends []int64
	// Start is the first offset.
	Start int64
	// Whole: answer with all batches, whatever the reader's limit. Else at least one.
	Whole bool
	// OnFetch, if set, sees each offset asked for and may replace the records of the answer.
	OnFetch func(offset int64, records []byte) []byte
}

// End is the offset behind the last batch.
func (l *Log) End() int64 {
	if len(l.Ends) == 0 {
		return l.Start
	}
	return l.Ends[len(l.Ends)-1]
}

// Add appends a batch that ends before offset end.
func (l *Log) Add(end int64, batch []byte) {
	l.Batches, l.Ends = append(l.Batches, batch), append(l.Ends, end)
}

// Serve makes the cluster answer fetches and list-offsets requests of l's partition from l, from now on. Fetches must be
// for that partition alone.
func (c *Cluster) Serve(l *Log) {
	fake := c.Fake()
	fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		r := req.(*kmsg.FetchRequest)
		if len(r.Topics) != 1 || r.Topics[0].Topic != l.Topic || r.Topics[0].Partitions[0].Partition != l.Partition {
			return nil, nil, false
		}
		return l.fetch(r), nil, true
	})
	fake.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		r := req.(*kmsg.ListOffsetsRequest)
		if len(r.Topics) != 1 || r.Topics[0].Topic != l.Topic || r.Topics[0].Partitions[0].Partition != l.Partition {
			return nil, nil, false
		}
		return l.listOffsets(r), nil, true
	})
}

func (l *Log) fetch(req *kmsg.FetchRequest) kmsg.Response {
	res := req.ResponseKind().(*kmsg.FetchResponse)
	asked := req.Topics[0].Partitions[0]
	p := kmsg.NewFetchResponseTopicPartition()
	p.Partition, p.RecordBatches = l.Partition, []byte{}
	p.HighWatermark, p.LastStableOffset, p.LogStartOffset = l.End(), l.End(), l.Start
	if asked.FetchOffset < l.Start || asked.FetchOffset > l.End() {
		p.ErrorCode = kerr.OffsetOutOfRange.Code
		p.HighWatermark, p.LastStableOffset, p.LogStartOffset = -1, -1, -1
	} else {
		p.RecordBatches = l.from(asked.FetchOffset, int(asked.PartitionMaxBytes))
		if l.OnFetch != nil {
			p.RecordBatches = l.OnFetch(asked.FetchOffset, p.RecordBatches)
		}
	}
	t := kmsg.NewFetchResponseTopic()
	t.Topic, t.Partitions = l.Topic, append(t.Partitions, p)
	res.Topics = append(res.Topics, t)
	return res
}

// from is the batch that holds offset and those behind it, up to most bytes, but one at least.
func (l *Log) from(offset int64, most int) []byte {
	records := []byte{}
	for i, b := range l.Batches {
		if l.Ends[i] <= offset {
			continue
		}
		if len(records) > 0 && len(records)+len(b) > most && !l.Whole {
			break
		}
		records = append(records, b...)
	}
	return records
}

func (l *Log) listOffsets(req *kmsg.ListOffsetsRequest) kmsg.Response {
	res := req.ResponseKind().(*kmsg.ListOffsetsResponse)
	p := kmsg.NewListOffsetsResponseTopicPartition()
	p.Partition, p.Offset = l.Partition, l.End()
	if req.Topics[0].Partitions[0].Timestamp == -2 {
		p.Offset = l.Start
	}
	t := kmsg.NewListOffsetsResponseTopic()
	t.Topic, t.Partitions = l.Topic, append(t.Partitions, p)
	res.Topics = append(res.Topics, t)
	return res
}

// BaseOf is the base offset that a batch says it has.
func BaseOf(batch []byte) int64 { return int64(binary.BigEndian.Uint64(batch)) }
