package consumer

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// TopicID is the id that a topic got when it was made: one that is deleted and made again under its name has another.
// Nil when the broker gives none (before Kafka 2.8), or knows no such topic now. The answer was asked for no longer than
// age ago. One request serves all topics and all who wait for it, and its failure too: it is not tried again, and an error is
// ErrUnavailable if it will pass.
func (c *Client) TopicID(ctx context.Context, topic string, age time.Duration) (uuid.UUID, error) {
	came := time.Now()
	c.ids.mu.Lock()
	defer c.ids.mu.Unlock()
	if c.ids.asked.Before(came.Add(-age)) {
		c.ids.asked = time.Now()
		c.ids.byTopic, c.ids.err = c.askTopicIDs(ctx)
	}
	err := c.ids.err
	if err != nil && errors.Is(ctx.Err(), context.Canceled) { // who comes next is still wanted
		c.ids.asked = time.Time{}
	}
	return c.ids.byTopic[topic], err
}

func (c *Client) askTopicIDs(ctx context.Context) (topicIDs, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	res, err := c.transport.RoundTrip(ctx, c.addr, &topicIDRequest{clientID: c.cfg.ClientID, topics: c.cfg.Topics})
	if err != nil {
		return nil, fmt.Errorf("ask for the ids of the topics: %w", unavailable(err))
	}
	return res.(topicIDs), nil
}

// topicIDCache is the last answer, or why there was none. Who needs a newer one asks while others wait, and they share it.
type topicIDCache struct {
	mu      sync.Mutex
	asked   time.Time
	byTopic topicIDs
	err     error
}

const (
	// topicIDVersion of Metadata is the first with ids (KIP-516); kafka-go v0.4.51 stops at 8.
	topicIDVersion = 10
	// metadataLimit bounds an answer: 100,000 partitions of ours take less.
	metadataLimit = 16 << 20
)

// topicIDs are the ids of the topics that have one. It is the answer to a topicIDRequest.
type topicIDs map[string]uuid.UUID

// topicIDRequest asks any broker. Like a fetchRequest it writes itself and reads its own answer.
type topicIDRequest struct {
	clientID string
	topics   []string
}

// ApiKey makes it a protocol.Message.
func (*topicIDRequest) ApiKey() protocol.ApiKey { return protocol.Metadata }

// ApiKey makes it a protocol.Message.
func (topicIDs) ApiKey() protocol.ApiKey { return protocol.Metadata }

// Required is always so.
func (*topicIDRequest) Required(map[protocol.ApiKey]int16) bool { return true }

// RawExchange first asks what the broker speaks, because kafka-go tells only what both of them do.
func (r *topicIDRequest) RawExchange(rw io.ReadWriter) (protocol.Message, error) {
	versions, err := rawAsk(rw, header(protocol.ApiVersions, 0, r.clientID))
	if err != nil {
		return nil, fmt.Errorf("ask for the broker's versions: %w", err)
	}
	if !speaks(versions, protocol.Metadata, topicIDVersion) {
		return topicIDs{}, nil
	}
	answer, err := rawAsk(rw, r.encode())
	if err != nil {
		return nil, fmt.Errorf("ask for metadata: %w", err)
	}
	return readTopicIDs(answer)
}

// header begins a request with a header of version 1 (https://kafka.apache.org/protocol#protocol_messages), its size to be
// set by rawAsk.
func header(key protocol.ApiKey, version int16, clientID string) []byte {
	b := binary.BigEndian.AppendUint16(make([]byte, 4), uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(version)) // the correlation id
	b = binary.BigEndian.AppendUint16(b, uint16(len(clientID)))
	return append(b, clientID...)
}

// rawAsk sends a request and reads its answer behind the correlation id.
func rawAsk(rw io.ReadWriter, request []byte) ([]byte, error) {
	binary.BigEndian.PutUint32(request, uint32(len(request)-4))
	if _, err := rw.Write(request); err != nil {
		return nil, err
	}
	var head [8]byte
	if _, err := io.ReadFull(rw, head[:]); err != nil {
		return nil, err
	}
	size := int(int32(binary.BigEndian.Uint32(head[:4]))) - 4
	if size < 0 || size > metadataLimit || [4]byte(head[4:]) != [4]byte(request[8:12]) {
		return nil, fmt.Errorf("not an answer to this request: %d bytes", size)
	}
	body := make([]byte, size)
	_, err := io.ReadFull(rw, body)
	return body, err
}

// speaks reads an answer of ApiVersions, version 0.
func speaks(body []byte, key protocol.ApiKey, version int16) bool {
	c := cursor{b: body}
	c.int16() // error code
	for range max(0, min(int(c.int32()), len(body)/6)) {
		k, from, to := c.int16(), c.int16(), c.int16()
		if !c.short && protocol.ApiKey(k) == key {
			return from <= version && version <= to
		}
	}
	return false
}

// encode writes https://kafka.apache.org/protocol#The_Messages_Metadata, version 10. It has the newer form: lengths are one
// more than they say, and each structure ends with the number of its tagged fields, 0.
func (r *topicIDRequest) encode() []byte {
	b := append(header(protocol.Metadata, topicIDVersion, r.clientID), 0)
	b = binary.AppendUvarint(b, uint64(len(r.topics))+1)
	for _, topic := range r.topics {
		b = append(b, make([]byte, 16)...) // asked for by name
		b = binary.AppendUvarint(b, uint64(len(topic))+1)
		b = append(append(b, topic...), 0)
	}
	return append(b, 0, 0, 0, 0) // do not create, do not list what we may do, of the cluster or of topics; no tagged fields
}

var errMetadata = errors.New("broker's answer about topics cannot be read")

// readTopicIDs reads an answer of version 10. Topics that do not exist, or that we may not see, have no id.
func readTopicIDs(body []byte) (topicIDs, error) {
	c := cursor{b: body}
	c.tags()  // of the header
	c.int32() // throttle time
	for range c.count() {
		c.int32()           // node
		c.bytes(c.length()) // host
		c.int32()           // port
		c.bytes(c.length()) // rack
		c.tags()
	}
	c.bytes(c.length()) // cluster id
	c.int32()           // controller
	ids := topicIDs{}
	for range c.count() {
		code := kafka.Error(c.int16())
		name := string(c.bytes(c.length()))
		id, _ := uuid.FromBytes(c.bytes(16)) // nil at the end, which check tells
		c.bytes(1)                           // internal?
		for range c.count() {
			c.bytes(14) // code, index, leader, leader epoch
			for range 3 {
				c.bytes(4 * c.count()) // replicas, those in sync, those offline
			}
			c.tags()
		}
		c.int32() // what we may do
		c.tags()
		if code == 0 && id != uuid.Nil {
			ids[name] = id
		}
	}
	c.int32() // what we may do with the cluster
	c.tags()
	if c.short {
		return nil, errMetadata
	}
	return ids, nil
}

// uvarint reads a number of the newer form.
func (c *cursor) uvarint() int {
	n, width := binary.Uvarint(c.b)
	if width <= 0 || n > uint64(len(c.b)) { // of whatever there are so many, each takes a byte at least
		c.b, c.short = nil, true
		return 0
	}
	c.b = c.b[width:]
	return int(n)
}

// length and count are those of the newer form; 0 for null.
func (c *cursor) length() int { return max(0, c.uvarint()-1) }
func (c *cursor) count() int  { return c.length() }

// tags skips tagged fields.
func (c *cursor) tags() {
	for range c.uvarint() {
		c.uvarint()
		c.bytes(c.uvarint())
	}
}

var _ protocol.RawExchanger = (*topicIDRequest)(nil)
