import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Clients of one cluster with the settings that the checks have in common. */
final class Clients {
    private static final long PATIENCE_MS = 30_000;
    final String bootstrap;

    Clients(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    static String fresh(String what) {
        return what + "-" + UUID.randomUUID();
    }

    Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    KafkaProducer<String, String> producer(String... settings) {
        Properties properties = with(settings);
        return new KafkaProducer<>(properties, new StringSerializer(), new StringSerializer());
    }

    KafkaConsumer<String, String> consumer(String... settings) {
        Properties properties = with(settings);
        properties.putIfAbsent("auto.offset.reset", "earliest");
        properties.putIfAbsent("enable.auto.commit", "false");
        return new KafkaConsumer<>(properties, new StringDeserializer(), new StringDeserializer());
    }

    private Properties with(String... settings) {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", bootstrap);
        for (int i = 0; i < settings.length; i += 2) properties.put(settings[i], settings[i + 1]);
        return properties;
    }

    /** A new topic that can be written. */
    String topic(int partitions, Map<String, String> configs) throws Exception {
        String topic = fresh("java");
        try (Admin admin = admin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1).configs(configs))).all().get();
            until("the topic is known", () -> admin.listTopics().names().get().contains(topic));
        }
        return topic;
    }

    String topic(int partitions) throws Exception {
        return topic(partitions, Map.of());
    }

    void send(String topic, String prefix, int count, String... settings) throws Exception {
        try (KafkaProducer<String, String> producer = producer(settings)) {
            for (int i = 0; i < count; i++) producer.send(new ProducerRecord<>(topic, "k" + i, prefix + i));
        }
    }

    /** What a subscribed or assigned consumer gets until there are `count`, and no more than those. */
    static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> taken = new ArrayList<>();
        long until = System.currentTimeMillis() + PATIENCE_MS;
        while (taken.size() < count && System.currentTimeMillis() < until) {
            consumer.poll(Duration.ofMillis(100)).forEach(taken::add);
        }
        Checks.same(count, taken.size(), "records taken");
        return taken;
    }

    static List<String> values(List<ConsumerRecord<String, String>> records) {
        return records.stream().map(ConsumerRecord::value).toList();
    }

    /** The cause of a call to the cluster that must fail. */
    static Throwable failure(Checks.Body call) {
        try {
            call.run();
        } catch (ExecutionException error) {
            return error.getCause();
        } catch (Throwable error) {
            return error;
        }
        throw new AssertionError("a failure was expected");
    }

    /** Waits for a state that others bring about. */
    static void until(String what, java.util.concurrent.Callable<Boolean> holds) throws Exception {
        long until = System.currentTimeMillis() + PATIENCE_MS;
        while (!holds.call()) {
            if (System.currentTimeMillis() > until) throw new AssertionError("not within " + PATIENCE_MS + " ms: " + what);
            Thread.sleep(20);
        }
    }

    static <T> boolean any(Iterable<T> all, Predicate<T> holds) {
        for (T each : all) if (holds.test(each)) return true;
        return false;
    }
}
