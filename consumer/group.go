package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

const (
	// joinBackoff is what kafka-go waits after a failure before it joins again; Run's own growing pause comes on top.
	joinBackoff = 250 * time.Millisecond
	// groupTimeout bounds one request to the coordinator; kafka-go adds the rebalance timeout for a join and the session
	// timeout for a sync. It is generous because a join that we give up leaves a member behind that nobody hears of, for
	// which the next join waits: with 5 s, two workers that came after several killed ones timed out in turns for minutes.
	groupTimeout = 15 * time.Second
	// leaveTimeout is what leaving may take before connections are broken, which fails whatever is waiting. It is longer
	// than the 3 s for which a broker delays the first join of a group.
	leaveTimeout = 4 * time.Second
)

// Assigned is a partition that is ours to try for as long as the context lasts that came with it.
type Assigned struct {
	Topic     string
	Partition int32
	// Mirror tells the group, within a second or so and if it can, that records before offset are done. It returns at
	// once. Lag tools read it; we never do.
	Mirror func(offset int64)
}

// Run joins the group and calls work once for each partition assigned, each in a goroutine of its own. The context that
// work gets ends when the assignment does or ctx does; work should then finish what it has in hand, within less than the
// session timeout, and return. A work that returns early is not called again in that generation and costs the others
// nothing. When all have returned, Run joins again, or, if ctx has ended, leaves the group and returns nil.
//
// Trouble with the group is retried for ever, with a growing pause of at most some seconds.
func (c *Client) Run(ctx context.Context, work func(ctx context.Context, p Assigned)) error {
	conns := newConnections(c.door)
	watch := &watcher{client: c}
	group, err := kafka.NewConsumerGroup(c.groupConfig(conns, watch))
	if err != nil {
		return fmt.Errorf("set up consumer group: %w", err)
	}
	m := membership{client: c, group: group, conns: conns, watch: watch}
	for ctx.Err() == nil {
		m.next(ctx, work)
	}
	return m.leave(ctx)
}

func (c *Client) groupConfig(conns *connections, watch *watcher) kafka.ConsumerGroupConfig {
	return kafka.ConsumerGroupConfig{
		ID:      c.cfg.GroupID,
		Brokers: c.cfg.Brokers,
		Dialer:  newDialer(c.cfg, conns),
		Topics:  c.cfg.Topics,
		GroupBalancers: []kafka.GroupBalancer{
			watchedBalancer{kafka.RangeGroupBalancer{}, watch},
			watchedBalancer{kafka.RoundRobinGroupBalancer{}, watch},
		},
		HeartbeatInterval: min(3*time.Second, c.cfg.SessionTimeout/10),
		SessionTimeout:    c.cfg.SessionTimeout,
		RebalanceTimeout:  c.cfg.RebalanceTimeout,
		JoinGroupBackoff:  joinBackoff,
		Timeout:           groupTimeout,
	}
}

// membership is one run of Run.
type membership struct {
	client   *Client
	group    *kafka.ConsumerGroup
	conns    *connections
	watch    *watcher
	member   string // the last id that the group gave us, until kafka-go has forgotten it
	failures int
	burying  sync.WaitGroup
}

// next serves one generation, or waits after a failure to get one.
func (m *membership) next(ctx context.Context, work func(context.Context, Assigned)) {
	gen, err := m.group.Next(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		m.failures++
		m.complain(m.client.explainJoin(ctx, err))
		if !errors.Is(err, kafka.RebalanceInProgress) {
			m.bury(ctx)
		}
		wait(ctx, pause(m.failures))
		return
	}
	m.failures, m.member = 0, gen.MemberID
	m.client.door.admit(ofGroup(m.client.cfg.GroupID))
	m.serve(ctx, gen, work)
}

// complain has one warning for a streak of failures, and none for what every start of a cluster brings: a coordinator that
// is not there yet, or has moved.
func (m *membership) complain(err error) {
	log := m.client.log.Debug
	if m.failures == noisy && !said(err) {
		log = m.client.log.Warn
	}
	for _, usual := range []error{
		kafka.GroupCoordinatorNotAvailable, kafka.NotCoordinatorForGroup, kafka.GroupLoadInProgress, kafka.RebalanceInProgress,
	} {
		if errors.Is(err, usual) {
			log = m.client.log.Debug
		}
	}
	log("cannot join the consumer group yet", "group", m.client.cfg.GroupID, "failures", m.failures, "err", err)
}

// serve runs work for the partitions of a generation and returns when all of it has, and the generation is over or ctx is.
//
// kafka-go ends a generation when the first function of it returns, and goes on to join the next one when all have. So the
// one function that we give it stays until the generation is over, even when ctx has ended: while work finishes,
// heartbeats go on, and no join is begun that leaving would have to wait for.
func (m *membership) serve(ctx context.Context, gen *kafka.Generation, work func(context.Context, Assigned)) {
	workCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	partitions := m.watch.taken()
	mirror := newMirror(m.client.log)
	var working, watching sync.WaitGroup
	for topic, assignments := range gen.Assignments {
		for _, a := range assignments {
			p := Assigned{Topic: topic, Partition: int32(a.ID)}
			p.Mirror = func(offset int64) { mirror.set(p.Topic, int(p.Partition), offset) }
			working.Go(func() { work(workCtx, p) })
		}
	}
	m.client.cfg.Joined(true)
	defer m.client.cfg.Joined(false)
	m.client.log.Info("joined the consumer group", "group", gen.GroupID, "generation", gen.ID, "partitions", count(gen))

	over := make(chan struct{})
	idle := make(chan struct{})
	gen.Start(func(genCtx context.Context) {
		defer close(over)
		watching.Go(func() { mirror.run(workCtx, gen.CommitOffsets) })
		changed := m.watch.changes(workCtx, partitions, &watching)
		select {
		case <-genCtx.Done():
			stop(kafka.ErrGenerationEnded)
		case <-changed:
			stop(errPartitionsChanged)
		case <-ctx.Done():
		}
		working.Wait()
		watching.Wait()
		mirror.flush(gen.CommitOffsets)
		close(idle)
		if ctx.Err() != nil {
			<-genCtx.Done()
		}
	})
	<-idle
	select {
	case <-over:
	case <-ctx.Done():
	}
}

func count(gen *kafka.Generation) (n int) {
	for _, a := range gen.Assignments {
		n += len(a)
	}
	return n
}

// leave closes the group, which ends the generation and says goodbye to the coordinator. What does not answer in time is
// cut off; a goodbye that could not be said costs the other members the session timeout, and no data.
func (m *membership) leave(ctx context.Context) error {
	defer m.burying.Wait() // it ends with ctx, which has ended
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = m.group.Close() // it has no error to give
	}()
	timer := time.NewTimer(leaveTimeout)
	defer timer.Stop()
	select {
	case <-closed:
		return m.conns.shut()
	case <-timer.C:
	}
	m.client.log.Warn("leaving the consumer group takes long", "group", m.client.cfg.GroupID)
	m.conns.interrupt()
	m.goodbye(ctx)
	err := m.conns.shut()
	<-closed
	return err
}

// bury takes the member that we were out of the group. kafka-go (v0.4.51) says goodbye once when a join fails, which while no
// broker answers is in vain, and forgets its id: for the group a ghost is left, for which the next join waits as long as a
// session lasts. So we say it until somebody hears.
func (m *membership) bury(ctx context.Context) {
	ghost := m.member
	if ghost == "" {
		return
	}
	m.member = ""
	m.burying.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, m.client.cfg.SessionTimeout) // the group forgets it by then
		defer cancel()
		for failures := 1; m.dismiss(ctx, ghost) != nil && wait(ctx, pause(failures)); {
			failures++
		}
	})
}

// dismiss leaves the group on behalf of a member. One that the group does not know is gone, which is as good.
func (m *membership) dismiss(ctx context.Context, member string) error {
	k := kafka.Client{Addr: m.client.addr, Transport: m.client.transport}
	res, err := k.LeaveGroup(ctx, &kafka.LeaveGroupRequest{
		GroupID: m.client.cfg.GroupID, Members: []kafka.LeaveGroupRequestMember{{ID: member}},
	})
	if err == nil && !errors.Is(res.Error, kafka.UnknownMemberId) {
		err = res.Error
	}
	return err
}

// goodbye leaves on behalf of kafka-go, which forgets its member id when a join fails.
func (m *membership) goodbye(ctx context.Context) {
	if m.member == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
	defer cancel()
	if err := m.dismiss(ctx, m.member); err != nil {
		m.client.log.Warn("could not leave the consumer group", "group", m.client.cfg.GroupID, "err", err)
	}
}
