package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// What a worker needs of Kafka's ACLs is READ on its topics and READ on its group; both imply DESCRIBE:
// https://kafka.apache.org/documentation/#operations_resources_and_protocols.

// Refused is nil, or every reason that stands for which Kafka does not let us in, each an AccessError.
func (c *Client) Refused() error { return c.door.standing() }

// explain makes a refusal of a topic or of the group one that says what to allow; other errors stay. The topic may be
// empty, if the broker did not say which.
func (c *Client) explain(err error, topic string) error {
	var denied *AccessError
	switch {
	case err == nil || errors.As(err, &denied):
		return err
	case errors.Is(err, kafka.GroupAuthorizationFailed):
		denied = c.denied(ofGroup(c.cfg.GroupID), "group "+c.cfg.GroupID, err)
	case errors.Is(err, kafka.TopicAuthorizationFailed) && topic != "":
		denied = c.denied(ofTopic(topic), "topic "+topic, err)
	case errors.Is(err, kafka.TopicAuthorizationFailed):
		names := ofTopic(strings.Join(c.cfg.Topics, ", or "))
		denied = c.denied(names, names, err)
	default:
		return err
	}
	c.door.note(denied)
	return denied
}

// explainFetch is explain for a fetch: a topic may be visible, and its records not.
func (c *Client) explainFetch(err error, topic string) error {
	if !errors.Is(err, kafka.TopicAuthorizationFailed) {
		return c.explain(err, topic)
	}
	denied := c.denied(ofRecords(topic), "topic "+topic, err)
	c.door.note(denied)
	return denied
}

// What an AccessError may be of, beside brokers.
func ofGroup(name string) string   { return "group " + name }
func ofTopic(name string) string   { return "topic " + name }
func ofRecords(name string) string { return "records of topic " + name }

func (c *Client) denied(where, what string, err error) *AccessError {
	return &AccessError{
		Where: where, Problem: c.cfg.Access.principal() + " may not read it",
		Mend: fmt.Sprintf("allow READ on %s, which is all that we need of it", what), Err: err,
	}
}

// principal is who we are to the ACLs, as far as we know it.
func (a Access) principal() string {
	switch {
	case a.User != "":
		return fmt.Sprintf("User:%s", a.User)
	case a.CertFile != "":
		return "the subject of " + a.CertFile
	}
	return "User:ANONYMOUS"
}

// checkTopics explains what the metadata say of topics that we may not see, and gives the first, of those wanted; nil if
// they may all be seen.
func (c *Client) checkTopics(m *metadata.Response, wanted ...string) (first error) {
	for i := range m.Topics {
		t := &m.Topics[i]
		if !slices.Contains(wanted, t.Name) {
			continue
		}
		switch kafka.Error(t.ErrorCode) {
		case kafka.TopicAuthorizationFailed:
			first = cmp.Or(first, c.explain(kafka.TopicAuthorizationFailed, t.Name))
		case 0:
			c.door.admit(ofTopic(t.Name))
		}
	}
	return first
}

// explainJoin explains why the group cannot be joined. kafka-go's join fails as a whole if one of the topics may not be
// seen, and does not say which.
func (c *Client) explainJoin(ctx context.Context, err error) error {
	if !errors.Is(err, kafka.TopicAuthorizationFailed) {
		return c.explain(err, "")
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	m, metaErr := c.metadata(ctx)
	if metaErr != nil {
		return c.explain(err, "")
	}
	if named := c.checkTopics(m, c.cfg.Topics...); named != nil {
		return named
	}
	return err // it was allowed meanwhile
}

// said tells whether an error was logged already, when it was met at the door.
func said(err error) bool {
	var access *AccessError
	return errors.As(err, &access)
}
