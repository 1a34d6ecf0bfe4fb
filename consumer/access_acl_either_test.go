package consumer_test

import (
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/tracetally/tracetally/consumer"
	"github.com/tracetally/tracetally/internal/kafkatest"
)

func topicRead(topic string) *kadm.ACLBuilder {
	return kadm.NewACLs().Topics(topic).Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral)
}

func groupRead(group string) *kadm.ACLBuilder {
	return kadm.NewACLs().Groups(group).Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral)
}

// grant gives a user rights and nothing else.
func grant(t *testing.T, k *kafkatest.Guarded, user string, rights ...*kadm.ACLBuilder) {
	t.Helper()
	for _, r := range rights {
		res, err := k.Admin().CreateACLs(patient(t), r.Allow("User:"+user))
		must(t, err)
		for _, one := range res {
			must(t, one.Err)
		}
	}
}

func revoke(t *testing.T, k *kafkatest.Guarded, user string, right *kadm.ACLBuilder) {
	t.Helper()
	res, err := k.Admin().DeleteACLs(patient(t), right.Allow("User:"+user).AllowHosts().Deny().DenyHosts())
	must(t, err)
	for _, one := range res {
		must(t, one.Err)
	}
}

func TestReadOnTopicAndGroupIsAllThatIsNeeded(t *testing.T) {
	t.Parallel()
	name := kafkatest.Name(t)
	k := kafkatest.EitherGuarded(t, kafkatest.Guard{SASL: true, Topics: map[string]int32{name: 1}})
	fill(t, k, 5)
	grant(t, k, kafkatest.Limited, topicRead(name), groupRead(name))
	client, log := guardedClient(t, k, as(consumer.ScramSHA512, kafkatest.Limited))
	w := startWorker(t, client)
	admitted(t, client, w, 5)
	mirror(t, w, name+"/0", 5)
	awaitMirrored(t, k, name, 5)
	if n := log.count("level=WARN"); n != 0 {
		t.Errorf("%d warnings", n)
	}
}

// awaitMirrored waits until the group has an offset for partition 0 of the topic of the same name.
func awaitMirrored(t *testing.T, k *kafkatest.Guarded, name string, want int64) {
	t.Helper()
	ctx := patient(t)
	for {
		offsets, err := k.Admin().FetchOffsets(ctx, name)
		if at, ok := offsets.Lookup(name, 0); err == nil && ok && at.At == want {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("offset is not mirrored: %v, %v", offsets, err)
		}
	}
}

// mirror says that a partition is done up to an offset.
func mirror(t *testing.T, w *worker, partition string, offset int64) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	set := w.mirror[partition]
	if set == nil {
		t.Fatalf("%s is not held", partition)
	}
	set(offset)
}

func TestMissingRightIsNamedAndWaitedFor(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		given, missing func(string) *kadm.ACLBuilder
		want           string
	}{
		"topic": {given: groupRead, missing: topicRead, want: "User:limited may not read it: allow READ on topic "},
		"group": {given: topicRead, missing: groupRead, want: "User:limited may not read it: allow READ on group "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			name := kafkatest.Name(t)
			k := kafkatest.EitherGuarded(t, kafkatest.Guard{SASL: true, Topics: map[string]int32{name: 1}})
			fill(t, k, 5)
			grant(t, k, kafkatest.Limited, test.given(name))
			client, log := guardedClient(t, k, as(consumer.ScramSHA256, kafkatest.Limited))
			w := startWorker(t, client)
			log.wait(t, "level=WARN", "does not let us in", test.want+name)
			log.wait(t, "cannot join the consumer group", test.want+name)
			if err := client.Refused(); err == nil || !errors.Is(err, consumer.ErrUnavailable) {
				t.Errorf("refused is %v", err)
			}
			grant(t, k, kafkatest.Limited, test.missing(name))
			admitted(t, client, w, 5)
			log.wait(t, "lets us in again", name)
		})
	}
}

func TestRightThatIsTakenAwayIsNamedByTheReaderAndWaitedFor(t *testing.T) {
	t.Parallel()
	name := kafkatest.Name(t)
	k := kafkatest.EitherGuarded(t, kafkatest.Guard{SASL: true, Topics: map[string]int32{name: 1}})
	fill(t, k, 5)
	grant(t, k, kafkatest.Limited, topicRead(name), groupRead(name))
	client, log := guardedClient(t, k, as(consumer.ScramSHA256, kafkatest.Limited))
	r := client.Reader(name, 0, 0)
	readTo(t, r, 5)
	revoke(t, k, kafkatest.Limited, topicRead(name))
	ctx := patient(t)
	var denied *consumer.AccessError
	for {
		if _, err := r.Next(ctx); errors.As(err, &denied) {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("reads on without the right: %v", err)
		}
	}
	log.wait(t, "level=WARN", "allow READ on topic "+name)
	fill(t, k, 2)
	grant(t, k, kafkatest.Limited, topicRead(name))
	if got := readTo(t, r, 7); len(got.records) != 2 {
		t.Errorf("read %v", got.values())
	}
	if err := client.Refused(); err != nil {
		t.Errorf("may read again, and yet: %v", err)
	}
}
