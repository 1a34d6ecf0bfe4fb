package consumer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/segmentio/kafka-go/protocol"
)

const (
	fetchVersion = 11
	// fetchOverhead is more than everything in a response beside the records, a thousand aborted transactions included.
	fetchOverhead = 64 << 10
)

// fetchRequest asks for the committed records of one partition. It writes itself and reads its own answer, so that
// kafka-go's decoder never sees a record: protocol.RawExchanger exists for SASL v0 and does just that. It runs in a
// goroutine of kafka-go, where a panic cannot be caught: it only moves bytes.
type fetchRequest struct {
	clientID  string
	topic     string
	partition int32
	offset    int64
	maxWait   time.Duration
	maxBytes  int32
	limit     int // of the response; a longer one is read up to there
	memory    *memory
	version   int16 // that kafka-go agreed on with the broker
}

// fetchResponse is the answer behind its size and correlation id. The buffer belongs to whoever holds it.
type fetchResponse struct{ body []byte }

// cutError brings the head of a response that is longer than the limit. Being an error it makes kafka-go drop the
// connection, on which the rest is still to come.
type cutError struct{ head *fetchResponse }

func (*cutError) Error() string { return "fetch response is longer than its limit" }

// ApiKey makes it a protocol.Message.
func (*fetchRequest) ApiKey() protocol.ApiKey { return protocol.Fetch }

// ApiKey makes it a protocol.Message.
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker routes the request to the partition's leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	p, ok := cluster.Topics[r.topic].Partitions[r.partition]
	if !ok {
		return protocol.Broker{}, errors.New("no broker knows it")
	}
	b, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{}, errors.New("it has no leader")
	}
	return b, nil
}

// Required is always so; it is also the one moment at which the negotiated version can be seen.
func (r *fetchRequest) Required(versions map[protocol.ApiKey]int16) bool {
	r.version = versions[protocol.Fetch]
	return true
}

// RawExchange sends the request and reads the answer's bytes.
func (r *fetchRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	if r.version < fetchVersion {
		return nil, fmt.Errorf("broker speaks fetch up to version %d, need %d (Kafka 2.3)", r.version, fetchVersion)
	}
	if _, err := rw.Write(r.encode()); err != nil {
		return nil, fmt.Errorf("send fetch request: %w", err)
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, fmt.Errorf("read fetch response: %w", err)
	}
	size := int(int32(binary.BigEndian.Uint32(head[:4]))) - 4
	if id := int32(binary.BigEndian.Uint32(head[4:])); size < 0 || id != r.partition {
		return nil, fmt.Errorf("read fetch response: not an answer to this request (size %d, id %d)", size, id)
	}
	res := &fetchResponse{body: r.memory.take(min(size, r.limit))}
	if _, err := io.ReadFull(rw, res.body); err != nil {
		return nil, fmt.Errorf("read fetch response: %w", err)
	}
	if size > r.limit {
		return nil, &cutError{head: res}
	}
	return res, nil
}

// encode writes https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. The partition serves as correlation id:
// a connection carries one request at a time. Only the partition's own bound on bytes is used: kfake 20260918 leaves out the
// aborted transactions when it stops at the one of all partitions.
func (r *fetchRequest) encode() []byte {
	b := make([]byte, 4, 128+len(r.clientID)+len(r.topic))
	str := func(s string) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	i16 := func(n int16) { b = binary.BigEndian.AppendUint16(b, uint16(n)) }
	i32 := func(n int32) { b = binary.BigEndian.AppendUint32(b, uint32(n)) }
	i64 := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }

	i16(int16(protocol.Fetch))
	i16(fetchVersion)
	i32(r.partition)
	str(r.clientID)

	i32(-1) // replica id: a consumer
	i32(int32(r.maxWait.Milliseconds()))
	i32(1)                         // min bytes
	i32(math.MaxInt32)             // max bytes of all partitions, of which there is one
	b = append(b, byte(committed)) // isolation level
	i32(0)                         // session id
	i32(-1)                        // session epoch: no session
	i32(1)                         // topics
	str(r.topic)                   //
	i32(1)                         // partitions
	i32(r.partition)               //
	i32(-1)                        // current leader epoch: unknown
	i64(r.offset)                  //
	i64(-1)                        // log start offset: a follower's
	i32(r.maxBytes)                // partition max bytes
	i32(0)                         // forgotten topics
	str("")                        // rack
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

var (
	_ protocol.RawExchanger  = (*fetchRequest)(nil)
	_ protocol.BrokerMessage = (*fetchRequest)(nil)
)
