package consumer

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"
	"pgregory.net/rapid"
)

// TestBrokerWithoutTopicIDsGivesNone: Kafka 2.7 has no Metadata 10.
func TestBrokerWithoutTopicIDsGivesNone(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"), kfake.MaxVersions(kversion.V2_7_0()))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	c := tapeClient(t, func(c *Config) { c.Brokers = cluster.ListenAddrs() })
	if id, err := c.TopicID(t.Context(), "t", 0); id != uuid.Nil || err != nil {
		t.Errorf("id %v, %v, want none", id, err)
	}
}

// TestTopicIDsThatDoNotComeAreWaitedForOnce: all who wait share one answer, or its failure.
func TestTopicIDsThatDoNotComeAreWaitedForOnce(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "t"))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	var asked atomic.Int64
	cluster.ControlKey(int16(kmsg.Metadata), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if req.GetVersion() == topicIDVersion {
			asked.Add(1)
			return nil, errors.New("no answer"), true
		}
		return nil, nil, false
	})
	c := tapeClient(t, func(c *Config) { c.Brokers = cluster.ListenAddrs() })
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() {
			if _, err := c.TopicID(t.Context(), "t", time.Hour); !errors.Is(err, ErrUnavailable) {
				t.Errorf("TopicID = %v, want ErrUnavailable", err)
			}
		})
	}
	waiting.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times for 50 who wait, want once", n)
	}
}

// TestTopicIDsAreReadAsFranzReadsThem: franz-go writes the answers, and parses the requests.
func TestTopicIDsAreReadAsFranzReadsThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		res := kmsg.NewPtrMetadataResponse()
		res.Version = topicIDVersion
		text := rapid.StringN(0, 20, 200)
		for range rapid.IntRange(0, 3).Draw(t, "brokers") {
			b := kmsg.NewMetadataResponseBroker()
			b.Host, b.Rack = text.Draw(t, "host"), rapid.Ptr(text, true).Draw(t, "rack")
			res.Brokers = append(res.Brokers, b)
		}
		res.ClusterID = rapid.Ptr(text, true).Draw(t, "cluster")
		want := topicIDs{}
		for range rapid.IntRange(0, 4).Draw(t, "topics") {
			topic := kmsg.NewMetadataResponseTopic()
			name := text.Draw(t, "name")
			topic.Topic, topic.ErrorCode = &name, rapid.SampledFrom([]int16{0, 0, 3, 29}).Draw(t, "code")
			copy(topic.TopicID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
			for range rapid.IntRange(0, 5).Draw(t, "partitions") {
				p := kmsg.NewMetadataResponseTopicPartition()
				p.Replicas = rapid.SliceOf(rapid.Int32()).Draw(t, "replicas")
				p.ISR, p.OfflineReplicas = p.Replicas[:len(p.Replicas)/2], []int32{}
				topic.Partitions = append(topic.Partitions, p)
			}
			if delete(want, name); topic.ErrorCode == 0 && topic.TopicID != [16]byte{} {
				want[name] = topic.TopicID
			}
			if slices.ContainsFunc(res.Topics, func(t kmsg.MetadataResponseTopic) bool { return *t.Topic == name }) {
				return // a broker does not say two things of one topic
			}
			res.Topics = append(res.Topics, topic)
		}
		body := append([]byte{0}, res.AppendTo(nil)...)
		got, err := readTopicIDs(body)
		if err != nil || len(got) != len(want) {
			t.Fatalf("read %v, %v, want %v", got, err, want)
		}
		for name, id := range want {
			if got[name] != id {
				t.Fatalf("%q has %v, want %v", name, got[name], id)
			}
		}
		cut := rapid.IntRange(0, len(body)-1).Draw(t, "cut")
		if got, err := readTopicIDs(body[:cut]); err == nil {
			t.Fatalf("cut after %d of %d bytes it reads as %v", cut, len(body), got)
		}
	})
}

func TestTopicIDRequestIsWhatFranzParses(t *testing.T) {
	t.Parallel()
	topics := []string{"a", "the-other"}
	raw := (&topicIDRequest{clientID: "me", topics: topics}).encode()
	var req kmsg.MetadataRequest
	req.Version = topicIDVersion
	if err := req.ReadFrom(raw[4+2+2+4+2+2+1:]); err != nil {
		t.Fatal(err)
	}
	if len(req.Topics) != 2 || *req.Topics[0].Topic != "a" || *req.Topics[1].Topic != "the-other" || req.AllowAutoTopicCreation {
		t.Errorf("request %+v", req)
	}
}
