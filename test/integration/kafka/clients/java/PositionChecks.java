import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** What there is to read, and from where. */
final class PositionChecks {
    private final Clients clients;

    PositionChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("autoCreate", this::autoCreate);
        checks.add("startAt", this::startAt);
        checks.add("outOfRange", this::outOfRange);
        checks.add("large", this::large);
        checks.add("pattern", this::pattern);
    }

    private void autoCreate() throws Exception {
        String topic = Clients.fresh("java");
        clients.send(topic, "v", 1);
        try (KafkaConsumer<String, String> consumer = reading(topic)) {
            Checks.same(List.of("v0"), Clients.values(Clients.take(consumer, 1)), "what is in it");
        }
    }

    private void startAt() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (KafkaProducer<String, String> producer = clients.producer("linger.ms", "0")) {
            for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, 1000L + i * 10, "k", "v" + i)).get();
        }
        try (KafkaConsumer<String, String> consumer = reading(topic)) {
            consumer.seek(partition, 7);
            Checks.same(List.of("v7", "v8", "v9"), Clients.values(Clients.take(consumer, 3)), "from an offset");
            consumer.seek(partition, consumer.offsetsForTimes(Map.of(partition, 1075L)).get(partition).offset());
            Checks.same(List.of("v8", "v9"), Clients.values(Clients.take(consumer, 2)), "from a time");
            consumer.seekToEnd(List.of(partition));
            consumer.seek(partition, consumer.position(partition) - 1);
            Checks.same(List.of("v9"), Clients.values(Clients.take(consumer, 1)), "before the end");
        }
    }

    private void outOfRange() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        clients.send(topic, "v", 10);
        try (Admin admin = clients.admin()) {
            admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(7))).all().get();
        }
        try (KafkaConsumer<String, String> consumer = reading(topic, "auto.offset.reset", "none")) {
            consumer.seek(partition, 3);
            Throwable gone = Clients.failure(() -> Clients.take(consumer, 1));
            Checks.expect(gone instanceof OffsetOutOfRangeException, "what is said: " + gone);
        }
        try (KafkaConsumer<String, String> consumer = reading(topic)) {
            consumer.seek(partition, 3);
            Checks.same(List.of("v7", "v8", "v9"), Clients.values(Clients.take(consumer, 3)), "what is left");
        }
    }

    private void large() throws Exception {
        String topic = clients.topic(1);
        String large = "x".repeat(500_000);
        try (KafkaProducer<String, String> producer = clients.producer()) {
            producer.send(new ProducerRecord<>(topic, large)).get();
            producer.send(new ProducerRecord<>(topic, "small")).get();
        }
        try (KafkaConsumer<String, String> consumer = reading(topic, "max.partition.fetch.bytes", "1000", "fetch.max.bytes", "1000")) {
            Checks.same(List.of(large, "small"), Clients.values(Clients.take(consumer, 2)), "what is read");
        }
    }

    /** By the client's expression, and by the broker's. */
    private void pattern() throws Exception {
        String prefix = Clients.fresh("java");
        String group = Clients.fresh("group");
        try (Admin admin = clients.admin();
             KafkaConsumer<String, String> classic = clients.consumer("group.id", group, "metadata.max.age.ms", "200");
             KafkaConsumer<String, String> newer = clients.consumer("group.id", group + "-newer", "group.protocol", "consumer")) {
            classic.subscribe(Pattern.compile(prefix + ".*"));
            newer.subscribe(new SubscriptionPattern(prefix + ".*"));
            for (String name : List.of(prefix + "-first", prefix + "-second")) {
                admin.createTopics(List.of(new NewTopic(name, 1, (short) 1))).all().get();
                clients.send(name, name, 1);
                Checks.same(List.of(name + "0"), Clients.values(Clients.take(classic, 1)), "what the client's brings");
                Checks.same(List.of(name + "0"), Clients.values(Clients.take(newer, 1)), "what the broker's brings");
                classic.commitSync();
                newer.commitSync();
            }
        }
    }

    private KafkaConsumer<String, String> reading(String topic, String... settings) {
        KafkaConsumer<String, String> consumer = clients.consumer(settings);
        consumer.assign(List.of(new TopicPartition(topic, 0)));
        return consumer;
    }
}
