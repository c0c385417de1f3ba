import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerGroupMetadata;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** `KilledMain BOOTSTRAP TOPIC PARTITIONS MODE …`: transactions that go on while the broker is killed; what it prints is what killed.py prints. */
final class KilledMain {
    private final Clients clients;
    private final String topic;
    private final int partitions;
    private volatile boolean isStopping;

    private KilledMain(String[] args) {
        clients = new Clients(args[0]);
        topic = args[1];
        partitions = Integer.parseInt(args[2]);
    }

    public static void main(String[] args) throws Exception {
        KilledMain main = new KilledMain(args);
        switch (args[3]) {
            case "transact" -> main.transact(args[4], args[5]);
            case "open" -> main.open(args[4], args[5]);
            case "read" -> main.read();
            default -> throw new IllegalArgumentException(args[3]);
        }
        System.exit(0);
    }

    /** Every third transaction is aborted. */
    private void transact(String id, String group) throws Exception {
        Thread stopping = new Thread(() -> {
            try {
                while (System.in.read() != -1) continue;
            } catch (java.io.IOException error) {
                // Then it stops, too.
            }
            isStopping = true;
        });
        stopping.setDaemon(true);
        stopping.start();
        try (KafkaProducer<String, String> producer = producer(id, "60000")) {
            for (int n = 0; !isStopping; n++) {
                producer.beginTransaction();
                write(producer, Integer.toString(n));
                var offsets = Map.of(new TopicPartition(topic, 0), new OffsetAndMetadata(n + 1));
                producer.sendOffsetsToTransaction(offsets, new ConsumerGroupMetadata(group));
                producer.flush();
                boolean commits = n % 3 != 2;
                if (commits) producer.commitTransaction();
                else producer.abortTransaction();
                say("{\"n\":" + n + ",\"committed\":" + commits + "}");
            }
        }
    }

    /** A transaction that nobody will end. */
    private void open(String id, String timeoutMs) throws Exception {
        KafkaProducer<String, String> producer = producer(id, timeoutMs);
        producer.beginTransaction();
        write(producer, "open");
        producer.flush();
        say("{\"open\":true}");
        Thread.sleep(Long.MAX_VALUE);
    }

    /** What is committed, until each partition has come to a record that says so. */
    private void read() {
        try (KafkaConsumer<String, String> consumer = clients.consumer("isolation.level", "read_committed")) {
            consumer.assign(IntStream.range(0, partitions).mapToObj(each -> new TopicPartition(topic, each)).toList());
            for (int ends = 0; ends < partitions;) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(100))) {
                    if (record.value().equals("end")) ends++;
                    else say("{\"partition\":" + record.partition() + ",\"value\":\"" + record.value() + "\"}");
                }
            }
        }
    }

    private KafkaProducer<String, String> producer(String id, String timeoutMs) {
        KafkaProducer<String, String> producer = clients.producer("transactional.id", id, "transaction.timeout.ms", timeoutMs,
            "linger.ms", "0", "reconnect.backoff.max.ms", "200");
        producer.initTransactions();
        return producer;
    }

    private void write(KafkaProducer<String, String> producer, String value) {
        for (int partition = 0; partition < partitions; partition++) {
            producer.send(new ProducerRecord<>(topic, partition, null, value));
        }
    }

    private static void say(String line) {
        System.out.println(line);
    }
}
