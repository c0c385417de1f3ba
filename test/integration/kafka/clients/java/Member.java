import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** One member of a group in a thread of its own: what it owns, what it has read, how often something was taken from it. */
final class Member implements ConsumerRebalanceListener, AutoCloseable {
    private final KafkaConsumer<String, String> consumer;
    private final Thread thread;
    private volatile boolean isLeaving;
    private volatile Throwable failure;
    private final Set<Integer> owned = new TreeSet<>();
    private final Queue<String> read;
    final AtomicInteger revoked = new AtomicInteger();
    final AtomicInteger assigned = new AtomicInteger();

    Member(KafkaConsumer<String, String> consumer, String topic, Queue<String> read) {
        this.consumer = consumer;
        this.read = read;
        thread = new Thread(() -> poll(topic));
        thread.start();
    }

    Member(KafkaConsumer<String, String> consumer, String topic) {
        this(consumer, topic, new ConcurrentLinkedQueue<>());
    }

    private void poll(String topic) {
        try (consumer) {
            consumer.subscribe(List.of(topic), this);
            while (!isLeaving) {
                var records = consumer.poll(Duration.ofMillis(50));
                records.forEach(record -> read.add(record.value()));
                if (!records.isEmpty()) consumer.commitSync();
            }
        } catch (Throwable error) {
            failure = error;
        }
    }

    synchronized Set<Integer> owned() {
        if (failure != null) throw new AssertionError("a member failed", failure);
        return new TreeSet<>(owned);
    }

    @Override
    public synchronized void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        if (isLeaving) return;
        revoked.addAndGet(partitions.size());
        for (TopicPartition each : partitions) owned.remove(each.partition());
    }

    @Override
    public synchronized void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        assigned.incrementAndGet();
        for (TopicPartition each : partitions) owned.add(each.partition());
    }

    @Override
    public void close() throws InterruptedException {
        isLeaving = true;
        thread.join();
        if (failure != null) throw new AssertionError("a member failed", failure);
    }
}
