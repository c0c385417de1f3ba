import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** Transactions: what readers see of them, offsets within them, who may go on. */
final class TransactionChecks {
    private final Clients clients;

    TransactionChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("transactions", this::transactions);
        checks.add("transactionOffsets", this::offsets);
        checks.add("fencing", this::fencing);
        checks.add("transactionAdmin", this::administration);
    }

    private KafkaProducer<String, String> producer(String id) {
        KafkaProducer<String, String> producer = clients.producer("transactional.id", id);
        producer.initTransactions();
        return producer;
    }

    private static void write(KafkaProducer<String, String> producer, String topic, String prefix, boolean commits) {
        producer.beginTransaction();
        for (int i = 0; i < 6; i++) producer.send(new ProducerRecord<>(topic, i % 2, "k", prefix + i));
        producer.flush();
        if (commits) producer.commitTransaction();
        else producer.abortTransaction();
    }

    private void transactions() throws Exception {
        String topic = clients.topic(2);
        List<TopicPartition> partitions = List.of(new TopicPartition(topic, 0), new TopicPartition(topic, 1));
        try (KafkaProducer<String, String> producer = producer(Clients.fresh("txn"));
             KafkaConsumer<String, String> committed = clients.consumer("isolation.level", "read_committed");
             KafkaConsumer<String, String> everything = clients.consumer()) {
            committed.assign(partitions);
            everything.assign(partitions);
            write(producer, topic, "a", true);
            write(producer, topic, "b", false);
            write(producer, topic, "c", true);
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, 0, "k", "open")).get();
            Checks.same(19, Clients.take(everything, 19).size(), "what read_uncommitted sees");
            List<String> seen = new ArrayList<>(Clients.values(Clients.take(committed, 12)));
            Checks.expect(seen.stream().allMatch(each -> each.startsWith("a") || each.startsWith("c")), "seen: " + seen);
            Checks.expect(committed.poll(Duration.ofMillis(300)).isEmpty(), "an open transaction is not seen");
            // Three of a, its marker, three of b, its marker, three of c, its marker; then the open one.
            Checks.same(12L, committed.endOffsets(partitions).get(partitions.get(0)), "last stable offset");
            Checks.same(13L, everything.endOffsets(partitions).get(partitions.get(0)), "high watermark");
            producer.commitTransaction();
            Checks.same(List.of("open"), Clients.values(Clients.take(committed, 1)), "seen when it is committed");
        }
    }

    private void offsets() throws Exception {
        String from = clients.topic(1);
        String to = clients.topic(1);
        String group = Clients.fresh("group");
        TopicPartition input = new TopicPartition(from, 0);
        clients.send(from, "v", 10);
        try (KafkaProducer<String, String> producer = producer(Clients.fresh("txn"));
             KafkaConsumer<String, String> consumer = clients.consumer("group.id", group)) {
            consumer.subscribe(List.of(from));
            Clients.take(consumer, 10);
            for (boolean commits : new boolean[] {false, true}) {
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(to, "k", "result " + commits));
                producer.sendOffsetsToTransaction(Map.of(input, new OffsetAndMetadata(commits ? 10 : 5)), consumer.groupMetadata());
                if (commits) producer.commitTransaction();
                else producer.abortTransaction();
                OffsetAndMetadata committed = consumer.committed(Set.of(input)).get(input);
                Checks.same(commits ? 10L : null, committed == null ? null : committed.offset(), "committed offset");
            }
        }
        try (KafkaConsumer<String, String> reader = clients.consumer("isolation.level", "read_committed")) {
            reader.assign(List.of(new TopicPartition(to, 0)));
            Checks.same(List.of("result true"), Clients.values(Clients.take(reader, 1)), "results");
        }
    }

    private void fencing() throws Exception {
        String topic = clients.topic(1);
        String id = Clients.fresh("txn");
        try (KafkaProducer<String, String> first = producer(id)) {
            first.beginTransaction();
            first.send(new ProducerRecord<>(topic, "k", "first")).get();
            try (KafkaProducer<String, String> second = producer(id)) {
                second.beginTransaction();
                second.send(new ProducerRecord<>(topic, "k", "second")).get();
                second.commitTransaction();
            }
            Throwable fenced = Clients.failure(first::commitTransaction);
            Checks.expect(fenced instanceof ProducerFencedException || fenced instanceof InvalidProducerEpochException
                || fenced.getCause() instanceof ProducerFencedException, "the first producer: " + fenced);
        }
        try (KafkaConsumer<String, String> reader = clients.consumer("isolation.level", "read_committed")) {
            reader.assign(List.of(new TopicPartition(topic, 0)));
            Checks.same(List.of("second"), Clients.values(Clients.take(reader, 1)), "what is committed");
        }
    }

    private void administration() throws Exception {
        String topic = clients.topic(1);
        TopicPartition partition = new TopicPartition(topic, 0);
        String id = Clients.fresh("txn");
        try (Admin admin = clients.admin(); KafkaProducer<String, String> producer = producer(id)) {
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "k", "v")).get();
            var listed = admin.listTransactions().all().get();
            Checks.expect(Clients.any(listed, each -> each.transactionalId().equals(id)
                && each.state() == TransactionState.ONGOING), "it is listed: " + listed);
            var described = admin.describeTransactions(List.of(id)).description(id).get();
            Checks.same(Set.of(partition), described.topicPartitions(), "its partitions");
            var active = admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
            Checks.same(1, active.size(), "active producers");
            Checks.same(0L, active.get(0).currentTransactionStartOffset().getAsLong(), "where it began");
            Checks.same(0L, stableEnd(admin, partition), "last stable offset");
            admin.fenceProducers(List.of(id)).all().get();
            Clients.until("it was ended", () -> stableEnd(admin, partition) == 2);
            Throwable fenced = Clients.failure(producer::commitTransaction);
            Checks.expect(fenced instanceof ProducerFencedException || fenced instanceof InvalidProducerEpochException
                || fenced.getCause() instanceof ProducerFencedException, "the producer: " + fenced);
        }
    }

    private static long stableEnd(Admin admin, TopicPartition partition) throws Exception {
        var options = new ListOffsetsOptions(IsolationLevel.READ_COMMITTED);
        return admin.listOffsets(Map.of(partition, OffsetSpec.latest()), options).partitionResult(partition).get().offset();
    }
}
