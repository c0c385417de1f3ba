import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.record.TimestampType;

/** Records on their way in and out. */
final class RecordChecks {
    private static final List<String> CODECS = List.of("none", "gzip", "snappy", "lz4", "zstd");
    private final Clients clients;

    RecordChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("codecs", this::codecs);
        checks.add("records", this::records);
        checks.add("idempotent", this::idempotent);
        checks.add("acks", this::acks);
        checks.add("longPoll", this::longPoll);
        checks.add("appendTime", this::appendTime);
    }

    private void codecs() throws Exception {
        String topic = clients.topic(1);
        for (String codec : CODECS) clients.send(topic, codec + " " + "x".repeat(200), 300, "compression.type", codec);
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<String> values = Clients.values(Clients.take(consumer, 300 * CODECS.size()));
            for (int i = 0; i < values.size(); i++) {
                Checks.same(CODECS.get(i / 300) + " " + "x".repeat(200) + i % 300, values.get(i), "value " + i);
            }
        }
    }

    private void records() throws Exception {
        String topic = clients.topic(1);
        try (KafkaProducer<String, String> producer = clients.producer()) {
            ProducerRecord<String, String> full = new ProducerRecord<>(topic, 0, 1_700_000_000_000L, "k", "v");
            full.headers().add("trace", "abc".getBytes(StandardCharsets.UTF_8)).add("empty", null);
            RecordMetadata first = producer.send(full).get();
            Checks.same(0L, first.offset(), "offset");
            producer.send(new ProducerRecord<>(topic, 0, 1L, (String) null, (String) null)).get();
            producer.send(new ProducerRecord<>(topic, 0, 2L, "", "")).get();
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            List<ConsumerRecord<String, String>> records = Clients.take(consumer, 3);
            ConsumerRecord<String, String> full = records.get(0);
            Checks.same("k=v at 1700000000000", full.key() + "=" + full.value() + " at " + full.timestamp(), "record");
            Checks.same(TimestampType.CREATE_TIME, full.timestampType(), "type of time");
            Checks.same("abc", new String(full.headers().lastHeader("trace").value(), StandardCharsets.UTF_8), "header");
            Checks.expect(full.headers().lastHeader("empty").value() == null, "a header without a value");
            Checks.expect(records.get(1).key() == null && records.get(1).value() == null, "nulls");
            Checks.expect("".equals(records.get(2).key()) && "".equals(records.get(2).value()), "empty, and not null");
        }
    }

    private void idempotent() throws Exception {
        String topic = clients.topic(2);
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (KafkaProducer<String, String> producer = clients.producer(
            "enable.idempotence", "true", "acks", "all", "linger.ms", "0", "batch.size", "500")) {
            for (int i = 0; i < 3000; i++) sent.add(producer.send(new ProducerRecord<>(topic, i % 2, "k", "v" + i)));
            for (int i = 0; i < sent.size(); i++) Checks.same((long) (i / 2), sent.get(i).get().offset(), "offset");
        }
    }

    private void acks() throws Exception {
        String topic = clients.topic(1);
        for (String acks : List.of("0", "1", "all")) {
            clients.send(topic, acks + " ", 50, "acks", acks, "enable.idempotence", "false");
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Clients.take(consumer, 150);
        }
    }

    private void longPoll() throws Exception {
        String topic = clients.topic(1);
        clients.send(topic, "first", 1);
        try (KafkaConsumer<String, String> consumer = clients.consumer("fetch.max.wait.ms", "5000");
             KafkaProducer<String, String> producer = clients.producer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Clients.take(consumer, 1);
            CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
                try {
                    Thread.sleep(300);
                    producer.send(new ProducerRecord<>(topic, "second")).get();
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            long start = System.nanoTime();
            Clients.take(consumer, 1);
            sent.get();
            long waited = (System.nanoTime() - start) / 1_000_000;
            Checks.expect(waited > 250 && waited < 4000, "a waiting fetch is answered by a record: " + waited + " ms");
        }
    }

    private void appendTime() throws Exception {
        String topic = clients.topic(1, Map.of("message.timestamp.type", "LogAppendTime"));
        long before = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = clients.producer()) {
            producer.send(new ProducerRecord<>(topic, 0, 1000L, "k", "v")).get();
        }
        try (KafkaConsumer<String, String> consumer = clients.consumer()) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            ConsumerRecord<String, String> record = Clients.take(consumer, 1).get(0);
            Checks.same(TimestampType.LOG_APPEND_TIME, record.timestampType(), "type of time");
            Checks.expect(record.timestamp() >= before, "the broker's time: " + record.timestamp());
        }
    }
}
