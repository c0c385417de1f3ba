package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func write(ctx context.Context, producer *kgo.Client, topic, prefix string, count int) {
	must(producer.BeginTransaction())
	for i := range count {
		must(producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, prefix, i)}).FirstErr())
	}
}

func transactions(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	producer := client(kgo.TransactionalID(fresh("txn")))
	defer producer.Close()
	write(ctx, producer, topic, "a", 3)
	must(producer.EndTransaction(ctx, kgo.TryCommit))
	write(ctx, producer, topic, "b", 3)
	must(producer.EndTransaction(ctx, kgo.TryAbort))
	write(ctx, producer, topic, "c", 1)
	everything := client(kgo.ConsumeTopics(topic))
	defer everything.Close()
	take(ctx, everything, 7)
	committed := client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer committed.Close()
	same([]string{"a0", "a1", "a2"}, values(take(ctx, committed, 3)), "what is committed")
	short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	expect(committed.PollFetches(short).Empty(), "an open transaction is not seen")
	must(producer.EndTransaction(ctx, kgo.TryCommit))
	same([]string{"c0"}, values(take(ctx, committed, 1)), "seen when it is committed")
}

func transactionOffsets(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	from, to, name := newTopic(ctx, 1, nil), newTopic(ctx, 1, nil), fresh("group")
	send(ctx, from, "v", 10)
	for _, commits := range []kgo.TransactionEndTry{kgo.TryAbort, kgo.TryCommit} {
		session := got(kgo.NewGroupTransactSession(
			kgo.SeedBrokers(bootstrap), kgo.TransactionalID(fresh("txn")), kgo.ConsumerGroup(name), kgo.ConsumeTopics(from),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		))
		must(session.Begin())
		taken := 0
		for taken < 10 {
			fetches := session.PollFetches(ctx)
			must(fetches.Err())
			taken += fetches.NumRecords()
		}
		must(session.ProduceSync(ctx, &kgo.Record{Topic: to, Value: fmt.Append(nil, "committed: ", commits)}).FirstErr())
		same(bool(commits), got(session.End(ctx, commits)), "ended as it was asked to")
		session.Close()
		// Apache Kafka writes the end of a transaction to its partitions after it has answered.
		until("the group's offset", func() bool {
			offset, found := got(adm.FetchOffsets(ctx, name)).Lookup(from, 0)
			return bool(commits) == (found && offset.At == 10)
		})
	}
	reader := client(kgo.ConsumeTopics(to), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer reader.Close()
	same([]string{"committed: true"}, values(take(ctx, reader, 1)), "results")
}

func fencing(ctx context.Context) {
	topic, id := newTopic(ctx, 1, nil), fresh("txn")
	first, second := client(kgo.TransactionalID(id)), client(kgo.TransactionalID(id))
	defer first.Close()
	defer second.Close()
	write(ctx, first, topic, "first", 1)
	write(ctx, second, topic, "second", 1)
	must(second.EndTransaction(ctx, kgo.TryCommit))
	err := first.EndTransaction(ctx, kgo.TryCommit)
	expect(errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch), "the first producer", err)
	reader := client(kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	defer reader.Close()
	same([]string{"second0"}, values(take(ctx, reader, 1)), "what is committed")
}

func transactionAdmin(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic, id := newTopic(ctx, 1, nil), fresh("txn")
	producer := client(kgo.TransactionalID(id))
	defer producer.Close()
	write(ctx, producer, topic, "v", 1)
	same("Ongoing", got(adm.ListTransactions(ctx, nil, nil))[id].State, "listed")
	described := got(adm.DescribeTransactions(ctx, id))[id]
	same(map[int32]struct{}{0: {}}, described.Topics[topic], "partitions")
	set := kadm.TopicsSet{}
	set.Add(topic, 0)
	producers := got(adm.DescribeProducers(ctx, set)).SortedProducers()
	same(1, len(producers), "producers")
	same(int64(0), producers[0].CurrentTxnStartOffset, "where it began")
	must(producer.EndTransaction(ctx, kgo.TryAbort))
}
