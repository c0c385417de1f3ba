package main

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func reading(topic string, at kgo.Offset, options ...kgo.Opt) *kgo.Client {
	from := kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: at}})
	return client(append([]kgo.Opt{from}, options...)...)
}

func autoCreate(ctx context.Context) {
	topic := fresh("franz")
	send(ctx, topic, "v", 1, kgo.AllowAutoTopicCreation())
	reader := reading(topic, kgo.NewOffset().AtStart())
	defer reader.Close()
	same([]string{"v0"}, values(take(ctx, reader, 1)), "what is in it")
}

func startAt(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	producer := client(kgo.DefaultProduceTopic(topic))
	defer producer.Close()
	for i := range 10 {
		record := &kgo.Record{Value: []byte{'v', byte('0' + i)}, Timestamp: time.UnixMilli(1000 + int64(i)*10)}
		must(producer.ProduceSync(ctx, record).FirstErr())
	}
	for _, each := range []struct {
		at       kgo.Offset
		expected []string
	}{
		{kgo.NewOffset().At(7), []string{"v7", "v8", "v9"}},
		{kgo.NewOffset().AfterMilli(1075), []string{"v8", "v9"}},
		{kgo.NewOffset().AtEnd().Relative(-1), []string{"v9"}},
	} {
		reader := reading(topic, each.at)
		same(each.expected, values(take(ctx, reader, len(each.expected))), each.at.String())
		reader.Close()
	}
}

func outOfRange(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	topic := newTopic(ctx, 1, nil)
	send(ctx, topic, "v", 10)
	upTo := kadm.Offsets{}
	upTo.AddOffset(topic, 0, 7, -1)
	must(got(adm.DeleteRecords(ctx, upTo)).Error())
	strict := reading(topic, kgo.NewOffset().At(3), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer strict.Close()
	err := strict.PollFetches(ctx).Err()
	expect(errors.Is(err, kerr.OffsetOutOfRange), "what is said", err)
	lenient := reading(topic, kgo.NewOffset().At(3), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer lenient.Close()
	same([]string{"v7", "v8", "v9"}, values(take(ctx, lenient, 3)), "what is left")
}

func large(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	big := make([]byte, 500_000)
	producer := client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
	defer producer.Close()
	must(producer.ProduceSync(ctx, &kgo.Record{Value: big}).FirstErr())
	must(producer.ProduceSync(ctx, kgo.StringRecord("small")).FirstErr())
	reader := reading(topic, kgo.NewOffset().AtStart(), kgo.FetchMaxBytes(1000), kgo.FetchMaxPartitionBytes(1000))
	defer reader.Close()
	same([]string{string(big), "small"}, values(take(ctx, reader, 2)), "what is read")
}

func appendTime(ctx context.Context) {
	topic := newTopic(ctx, 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("LogAppendTime")})
	before := time.Now().Add(-time.Millisecond)
	producer := client(kgo.DefaultProduceTopic(topic))
	defer producer.Close()
	must(producer.ProduceSync(ctx, &kgo.Record{Value: []byte("v"), Timestamp: time.UnixMilli(1000)}).FirstErr())
	reader := reading(topic, kgo.NewOffset().AtStart())
	defer reader.Close()
	record := take(ctx, reader, 1)[0]
	same(int8(1), record.Attrs.TimestampType(), "type of time")
	expect(record.Timestamp.After(before), "the broker's time", record.Timestamp)
}

func pattern(ctx context.Context) {
	adm := admin()
	defer adm.Close()
	prefix := fresh("franz")
	reader := client(
		kgo.ConsumerGroup(fresh("group")), kgo.ConsumeRegex(), kgo.ConsumeTopics("^"+prefix+".*"),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.MetadataMaxAge(200*time.Millisecond),
	)
	defer reader.Close()
	for _, name := range []string{prefix + "-first", prefix + "-second"} {
		got(adm.CreateTopic(ctx, 1, 1, nil, name))
		until("the topic is known", func() bool {
			listed, err := adm.ListEndOffsets(ctx, name)
			return err == nil && listed.Error() == nil
		})
		send(ctx, name, name, 1)
		same([]string{name + "0"}, values(take(ctx, reader, 1)), "what it brings")
	}
}
