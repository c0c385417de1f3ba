package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func records(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	producer := client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer producer.Close()
	at := time.UnixMilli(1_700_000_000_000)
	headers := []kgo.RecordHeader{{Key: "trace", Value: []byte("abc")}, {Key: "empty", Value: nil}}
	must(producer.ProduceSync(ctx,
		&kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte("v"), Headers: headers, Timestamp: at},
		&kgo.Record{Topic: topic},
		&kgo.Record{Topic: topic, Key: []byte{}, Value: []byte{}},
	).FirstErr())
	reader := client(kgo.ConsumeTopics(topic))
	defer reader.Close()
	back := take(ctx, reader, 3)
	same("k=v", string(back[0].Key)+"="+string(back[0].Value), "record")
	same(at.UnixMilli(), back[0].Timestamp.UnixMilli(), "time")
	same(headers, back[0].Headers, "headers")
	expect(back[1].Key == nil && back[1].Value == nil, "nulls")
	expect(back[2].Key != nil && len(back[2].Key) == 0 && back[2].Value != nil, "empty, and not null")
}

func codecs(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	all := []kgo.CompressionCodec{
		kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression(),
	}
	expected := []string{}
	for i, codec := range all {
		prefix := fmt.Sprintf("codec %d, aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ", i)
		send(ctx, topic, prefix, 300, kgo.ProducerBatchCompression(codec))
		for n := range 300 {
			expected = append(expected, fmt.Sprint(prefix, n))
		}
	}
	reader := client(kgo.ConsumeTopics(topic))
	defer reader.Close()
	same(expected, values(take(ctx, reader, len(expected))), "values")
}

func acks(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	for _, level := range []kgo.Acks{kgo.NoAck(), kgo.LeaderAck(), kgo.AllISRAcks()} {
		send(ctx, topic, "v", 50, kgo.RequiredAcks(level), kgo.DisableIdempotentWrite())
	}
	reader := client(kgo.ConsumeTopics(topic))
	defer reader.Close()
	take(ctx, reader, 150)
}

func idempotent(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	producer := client(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchMaxBytes(512), kgo.ProducerLinger(0))
	defer producer.Close()
	all := []*kgo.Record{}
	for i := range 3000 {
		all = append(all, kgo.StringRecord(fmt.Sprint("v", i)))
	}
	for i, result := range producer.ProduceSync(ctx, all...) {
		must(result.Err)
		same(int64(i), result.Record.Offset, "offset")
	}
}

func longPoll(ctx context.Context) {
	topic := newTopic(ctx, 1, nil)
	send(ctx, topic, "first", 1)
	reader := client(kgo.ConsumeTopics(topic), kgo.FetchMaxWait(5*time.Second))
	defer reader.Close()
	take(ctx, reader, 1)
	start := time.Now()
	time.AfterFunc(300*time.Millisecond, func() { send(ctx, topic, "second", 1) })
	take(ctx, reader, 1)
	waited := time.Since(start)
	expect(waited > 250*time.Millisecond && waited < 4*time.Second, "a waiting fetch is answered by a record", waited)
}
