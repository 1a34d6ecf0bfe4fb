package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/tracetally/tracetally/consumer"
)

const (
	// identityEvery is how often a partition that is read asks whether its topic is still the one that it was. All partitions
	// share the answer.
	identityEvery = 3 * time.Second
	// identityWait bounds how long it is waited for while there is something to read.
	identityWait = 2 * time.Second
)

// sameTopic halts the partition when its topic was deleted and made again. Brokers before Kafka 2.8 give topics no id; there
// the anchor and the bounds of the log have to do. An id that cannot be had now proves nothing.
func (p *partition) sameTopic(ctx context.Context, age time.Duration) error {
	id, err := p.w.kafka.TopicID(ctx, p.assigned.Topic, age)
	if err != nil {
		return err
	}
	p.identified = p.w.now()
	if id == uuid.Nil {
		return nil
	}
	if p.topicID == uuid.Nil {
		if p.topicID, err = p.w.store.Identify(ctx, p.builder.claim, id); err != nil {
			return err
		}
	}
	if id != p.topicID {
		return &haltError{status: statusReplaced, detail: fmt.Sprintf("the topic has the id %v, and was read as %v: it was deleted and made again", id, p.topicID)}
	}
	return nil
}

// stillSameTopic asks now and then while the log is read. Where the reader gets on, an answer that fails to come can wait.
func (p *partition) stillSameTopic(ctx context.Context) error {
	if p.w.now().Sub(p.identified) < identityEvery {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, identityWait)
	defer cancel()
	err := p.sameTopic(short, identityEvery)
	if errors.Is(err, consumer.ErrUnavailable) {
		p.identified = p.w.now()
		return nil
	}
	return err
}

// sameHistory holds the leader's epoch against the highest one that was seen: a lower one is that of brokers that lost what
// they had acknowledged, or of others. It is the leader's word; that in a batch is outside the checksum.
func (p *partition) sameHistory(b consumer.Bounds, seen int32) error {
	p.epoch = b.LeaderEpoch
	if b.LeaderEpoch >= 0 && b.LeaderEpoch < seen {
		return &haltError{status: statusRegressed, detail: fmt.Sprintf("the leader is in epoch %d, and was in %d", b.LeaderEpoch, seen)}
	}
	return nil
}
