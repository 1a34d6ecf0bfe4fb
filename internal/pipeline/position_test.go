package pipeline

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestPartitionWithoutALeaderKeepsNoOtherFromStarting(t *testing.T) {
	t.Parallel()
	const topic = "half"
	r := newRig(t, map[string]int32{topic: 2})
	r.calls(topic, 0, 0, 3)
	fake := r.kafka.Fake()
	fake.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		ask := req.(*kmsg.ListOffsetsRequest)
		if ask.Topics[0].Partitions[0].Partition != 1 {
			return nil, nil, false
		}
		res := ask.ResponseKind().(*kmsg.ListOffsetsResponse)
		answer := kmsg.NewListOffsetsResponseTopic()
		answer.Topic = topic
		part := kmsg.NewListOffsetsResponseTopicPartition()
		part.Partition, part.ErrorCode = 1, kerr.LeaderNotAvailable.Code
		answer.Partitions = append(answer.Partitions, part)
		res.Topics = append(res.Topics, answer)
		return res, nil, true
	})
	r.readUpTo(r.config(topic), topic, 3)
}
