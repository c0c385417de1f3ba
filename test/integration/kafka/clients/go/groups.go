package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// One member of a group that reads and commits until it is closed: what it owns, what was taken from it.
type groupMember struct {
	client   *kgo.Client
	stop     context.CancelFunc
	stopped  chan error
	mutex    sync.Mutex
	owned    map[int32]bool
	read     []string
	revoked  int
	assigned int
	leaving  bool
}

func member(group, topic string, options ...kgo.Opt) *groupMember {
	ctx, stop := context.WithCancel(context.Background())
	one := &groupMember{owned: map[int32]bool{}, stop: stop, stopped: make(chan error, 1)}
	gains := func(_ context.Context, _ *kgo.Client, gained map[string][]int32) {
		one.mutex.Lock()
		defer one.mutex.Unlock()
		one.assigned++
		for _, partition := range gained[topic] {
			one.owned[partition] = true
		}
	}
	loses := func(_ context.Context, _ *kgo.Client, lost map[string][]int32) {
		one.mutex.Lock()
		defer one.mutex.Unlock()
		if one.leaving {
			return
		}
		one.revoked += len(lost[topic])
		for _, partition := range lost[topic] {
			delete(one.owned, partition)
		}
	}
	one.client = client(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.HeartbeatInterval(100 * time.Millisecond), kgo.SessionTimeout(10 * time.Second),
		kgo.OnPartitionsAssigned(gains), kgo.OnPartitionsRevoked(loses), kgo.OnPartitionsLost(loses),
	}, options...)...)
	go one.poll(ctx)
	return one
}

func (one *groupMember) poll(ctx context.Context) {
	for {
		fetches := one.client.PollFetches(ctx)
		if errors.Is(fetches.Err(), context.Canceled) {
			one.stopped <- nil
			return
		}
		err := fetches.Err()
		if err == nil && !fetches.Empty() {
			one.mutex.Lock()
			one.read = append(one.read, values(fetches.Records())...)
			one.mutex.Unlock()
			err = one.client.CommitUncommittedOffsets(context.Background())
		}
		one.client.AllowRebalance()
		if err != nil {
			one.stopped <- err
			return
		}
	}
}

func (one *groupMember) close() {
	one.mutex.Lock()
	one.leaving = true
	one.mutex.Unlock()
	one.stop()
	must(<-one.stopped)
	one.client.CloseAllowingRebalance()
}

func (one *groupMember) partitions() map[int32]bool {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	now := map[int32]bool{}
	for partition := range one.owned {
		now[partition] = true
	}
	return now
}

func isShared(each int, members ...*groupMember) bool {
	all := map[int32]bool{}
	for _, one := range members {
		owned := one.partitions()
		if len(owned) != each {
			return false
		}
		for partition := range owned {
			all[partition] = true
		}
	}
	return len(all) == each*len(members)
}

func readBy(members ...*groupMember) []string {
	all := []string{}
	for _, one := range members {
		one.mutex.Lock()
		all = append(all, one.read...)
		one.mutex.Unlock()
	}
	return all
}

// Every partition has one owner whoever comes and goes, and every record is read once.
func group(ctx context.Context) {
	share(ctx, kgo.Balancers(kgo.RangeBalancer()))
}

func newerProtocol(ctx context.Context) {
	name := share(ctx, kgo.Balancers(kgo.StickyBalancer()), kgo.ServerSideBalancer())
	adm := admin()
	defer adm.Close()
	_, isNewer := got(adm.DescribeConsumerGroups(ctx, name))[name]
	expect(isNewer, "it is a group of the newer protocol", name)
}

// Gives the group's name.
func share(ctx context.Context, options ...kgo.Opt) string {
	topic, name := newTopic(ctx, 6, nil), fresh("group")
	members := []*groupMember{member(name, topic, options...), member(name, topic, options...), member(name, topic, options...)}
	until("two partitions each", func() bool { return isShared(2, members...) })
	send(ctx, topic, "a", 300)
	until("all are read", func() bool { return len(readBy(members...)) >= 300 })
	members[0].close()
	until("three partitions each", func() bool { return isShared(3, members[1:]...) })
	send(ctx, topic, "b", 60)
	until("all are read", func() bool { return len(readBy(members...)) >= 360 })
	different := map[string]bool{}
	for _, value := range readBy(members...) {
		different[value] = true
	}
	same(360, len(different), "different records")
	same(360, len(readBy(members...)), "records")
	members[1].close()
	members[2].close()
	return name
}

func resume(ctx context.Context) {
	topic, name := newTopic(ctx, 1, nil), fresh("group")
	for round := range 2 {
		prefix := fmt.Sprint("round ", round, ": ")
		send(ctx, topic, prefix, 2)
		reader := client(kgo.ConsumerGroup(name), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit())
		same([]string{prefix + "0", prefix + "1"}, values(take(ctx, reader, 2)), "what is new")
		must(reader.CommitUncommittedOffsets(ctx))
		reader.Close()
	}
}

// Who keeps a partition is not interrupted: only what moves is revoked.
func cooperative(ctx context.Context) {
	topic, name := newTopic(ctx, 6, nil), fresh("group")
	sticky := kgo.Balancers(kgo.CooperativeStickyBalancer())
	first := member(name, topic, sticky)
	until("it owns all", func() bool { return isShared(6, first) })
	second := member(name, topic, sticky)
	until("three each", func() bool { return isShared(3, first, second) })
	same([]int{3, 0}, []int{first.revoked, second.revoked}, "partitions revoked")
	second.close()
	until("it owns all again", func() bool { return isShared(6, first) })
	first.close()
}

// A static member that comes back has what it had, and nobody else notices.
func staticMember(ctx context.Context) {
	topic, name := newTopic(ctx, 4, nil), fresh("group")
	eager := kgo.Balancers(kgo.RangeBalancer())
	// It leads the group.
	goes := member(name, topic, eager, kgo.InstanceID("two"))
	until("it owns all", func() bool { return isShared(4, goes) })
	stays := member(name, topic, eager, kgo.InstanceID("one"))
	until("two each", func() bool { return isShared(2, stays, goes) })
	had, assigned := goes.partitions(), stays.assigned
	goes.close()
	back := member(name, topic, eager, kgo.InstanceID("two"))
	until("it is back", func() bool { return isShared(2, back) })
	same(had, back.partitions(), "what it owns")
	same(assigned, stays.assigned, "assignments of the other")
	back.close()
	stays.close()
}
