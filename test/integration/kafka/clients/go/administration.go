package main

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func topics(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 3, nil)
	_, err := adm.CreateTopic(ctx, 3, 1, nil, topic)
	expect(errors.Is(err, kerr.TopicAlreadyExists), "made twice", err)
	same(3, len(got(adm.ListTopics(ctx, topic))[topic].Partitions), "partitions")
	got(adm.DeleteTopic(ctx, topic))
	until("the topic is gone", func() bool { return !got(adm.ListTopics(ctx)).Has(topic) })
}

func partitions(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 2, nil)
	must(got(adm.CreatePartitions(ctx, 3, topic)).Error())
	until("5 partitions", func() bool { return len(got(adm.ListTopics(ctx, topic))[topic].Partitions) == 5 })
	refused := got(adm.UpdatePartitions(ctx, 1, topic)).Error()
	expect(errors.Is(refused, kerr.InvalidPartitions), "fewer partitions", refused)
}

func configs(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 1, map[string]*string{"segment.bytes": kadm.StringPtr("1048576")})
	valueOf := func(name string) string {
		described := got(got(adm.DescribeTopicConfigs(ctx, topic)).On(topic, nil))
		for _, config := range described.Configs {
			if config.Key == name {
				return config.MaybeValue()
			}
		}
		return ""
	}
	alter := func(name, value string) error {
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value}
		return got(got(adm.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic)).On(topic, nil)).Err
	}
	same("1048576", valueOf("segment.bytes"), "segment.bytes")
	must(alter("max.message.bytes", "1000"))
	until("the change is seen", func() bool { return valueOf("max.message.bytes") == "1000" })
	producer := client(kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer producer.Close()
	large := producer.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: make([]byte, 5000)}).FirstErr()
	expect(errors.Is(large, kerr.MessageTooLarge), "too large a record", large)
	nonsense := alter("retention.ms", "soon")
	expect(errors.Is(nonsense, kerr.InvalidConfig), "nonsense", nonsense)
}

func deleteRecords(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 1, nil)
	send(ctx, topic, "v", 10)
	upTo := kadm.Offsets{}
	upTo.AddOffset(topic, 0, 7, -1)
	must(got(adm.DeleteRecords(ctx, upTo)).Error())
	start, _ := got(adm.ListStartOffsets(ctx, topic)).Lookup(topic, 0)
	same(int64(7), start.Offset, "first offset")
	reader := client(kgo.ConsumeTopics(topic))
	defer reader.Close()
	same([]string{"v7", "v8", "v9"}, values(take(ctx, reader, 3)), "what is left")
}

func offsets(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 1, nil)
	send(ctx, topic, "v", 10)
	at := func(listed kadm.ListedOffsets, err error) int64 {
		offset, _ := got(listed, err).Lookup(topic, 0)
		must(offset.Err)
		return offset.Offset
	}
	same(int64(0), at(adm.ListStartOffsets(ctx, topic)), "first")
	same(int64(10), at(adm.ListEndOffsets(ctx, topic)), "last")
	same(int64(10), at(adm.ListCommittedOffsets(ctx, topic)), "last stable")
	same(int64(0), at(adm.ListOffsetsAfterMilli(ctx, 1, topic)), "after a time")
}

func groupAdmin(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic, group := newTopic(ctx, 1, nil), fresh("group")
	send(ctx, topic, "v", 10)
	member := member(group, topic)
	until("all is committed", func() bool {
		committed, found := got(adm.FetchOffsets(ctx, group)).Lookup(topic, 0)
		return found && committed.At == 10
	})
	_, listed := got(adm.ListGroups(ctx))[group]
	expect(listed, "it is listed")
	described := got(adm.DescribeGroups(ctx, group))[group]
	same("Stable", described.State, "state")
	same(1, len(described.Members), "members")
	lag := got(adm.Lag(ctx, group))[group].Lag.Total()
	same(int64(0), lag, "lag")
	_, err := adm.DeleteGroup(ctx, group)
	expect(errors.Is(err, kerr.NonEmptyGroup), "deleted in use", err)
	member.close()
	changed := kadm.Offsets{}
	changed.AddOffset(topic, 0, 4, -1)
	must(adm.CommitAllOffsets(ctx, group, changed))
	committed, _ := got(adm.FetchOffsets(ctx, group)).Lookup(topic, 0)
	same(int64(4), committed.At, "changed offset")
	got(adm.DeleteGroup(ctx, group))
	_, listed = got(adm.ListGroups(ctx))[group]
	expect(!listed, "it is gone")
}

func cluster(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	described := got(adm.BrokerMetadata(ctx))
	same(1, len(described.Brokers), "brokers")
	expect(len(described.Cluster) > 10, "a cluster id", described.Cluster)
}

func logDirs(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 1, nil)
	send(ctx, topic, "v", 100)
	set := kadm.TopicsSet{}
	set.Add(topic, 0)
	size := int64(0)
	got(adm.DescribeAllLogDirs(ctx, set)).Each(func(dir kadm.DescribedLogDir) { size += dir.Size() })
	expect(size > 500, "bytes of the partition", size)
}

func scramUsers(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	user := fresh("user")
	made := kadm.UpsertSCRAM{User: user, Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "secret"}
	must(got(adm.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{made})).Error())
	until("the user is there", func() bool {
		_, found := got(adm.DescribeUserSCRAMs(ctx))[user]
		return found
	})
	infos := got(adm.DescribeUserSCRAMs(ctx, user))[user].CredInfos
	same([]kadm.CredInfo{{Mechanism: kadm.ScramSha256, Iterations: 4096}}, infos, "credentials")
	gone := []kadm.DeleteSCRAM{{User: user, Mechanism: kadm.ScramSha256}}
	must(got(adm.AlterUserSCRAMs(ctx, gone, nil)).Error())
	until("the user is gone", func() bool {
		_, found := got(adm.DescribeUserSCRAMs(ctx))[user]
		return !found
	})
	again := got(adm.AlterUserSCRAMs(ctx, gone, nil)).Error()
	expect(errors.Is(again, kerr.ResourceNotFound), "deleted twice", again)
}
