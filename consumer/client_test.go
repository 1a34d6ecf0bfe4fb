package consumer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tracetally/tracetally/consumer"
)

func TestConfigReportsEveryProblemAtOnce(t *testing.T) {
	_, err := consumer.New(consumer.Config{Topics: []string{"a", "a"}, MaxWait: time.Hour, FetchBytes: 1})
	for _, want := range []string{"brokers:", "group:", "topics:", "max-wait:", "fetch-bytes:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not mention %q", err, want)
		}
	}
}
