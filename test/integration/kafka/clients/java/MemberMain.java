import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** `MemberMain BOOTSTRAP GROUP TOPIC`: a member of a classic group until its input ends; it prints what member.py prints. */
final class MemberMain implements ConsumerRebalanceListener {
    private static volatile boolean isStopping;
    private final Set<Integer> owned = new TreeSet<>();

    public static void main(String[] args) throws Exception {
        Thread stopping = new Thread(MemberMain::readToEnd);
        stopping.setDaemon(true);
        stopping.start();
        Clients clients = new Clients(args[0]);
        try (KafkaConsumer<String, String> consumer = clients.consumer("group.id", args[1], "group.protocol", "classic",
            "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RangeAssignor",
            "heartbeat.interval.ms", "100", "session.timeout.ms", "10000")) {
            consumer.subscribe(List.of(args[2]), new MemberMain());
            while (!isStopping) {
                var records = consumer.poll(Duration.ofMillis(50));
                records.forEach(record -> System.out.println("{\"read\":\"" + record.value() + "\"}"));
                if (!records.isEmpty()) consumer.commitSync();
            }
        }
        System.exit(0);
    }

    private static void readToEnd() {
        try {
            while (System.in.read() != -1) continue;
        } catch (java.io.IOException error) {
            // Then it leaves, too.
        }
        isStopping = true;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        for (TopicPartition each : partitions) owned.remove(each.partition());
        tell();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        for (TopicPartition each : partitions) owned.add(each.partition());
        tell();
    }

    private void tell() {
        System.out.println("{\"owned\":" + owned + "}");
    }
}
