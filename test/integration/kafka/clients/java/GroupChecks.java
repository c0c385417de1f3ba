import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Groups of three members, of the classic protocol and of the newer one. */
final class GroupChecks {
    private static final String STICKY = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor";
    private final Clients clients;

    GroupChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("group", () -> share("group.protocol", "classic"));
        checks.add("resume", () -> resume("group.protocol", "classic"));
        checks.add("cooperative", this::cooperative);
        checks.add("staticMember", this::staticMember);
        checks.add("kip848", () -> {
            share("group.protocol", "consumer");
            resume("group.protocol", "consumer");
            typed();
        });
    }

    private KafkaConsumer<String, String> member(String group, String... settings) {
        List<String> all = new ArrayList<>(List.of("group.id", group));
        all.addAll(List.of(settings));
        if (!all.contains("consumer")) all.addAll(List.of("heartbeat.interval.ms", "100", "session.timeout.ms", "10000"));
        return clients.consumer(all.toArray(String[]::new));
    }

    /** Every partition has one owner whoever comes and goes, and every record is read. */
    private void share(String... settings) throws Exception {
        String topic = clients.topic(6);
        String group = Clients.fresh("group");
        Queue<String> read = new ConcurrentLinkedQueue<>();
        List<Member> members = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) members.add(new Member(member(group, settings), topic, read));
            Clients.until("two partitions each", () -> isShared(members, 2));
            for (int partition = 0; partition < 6; partition++) clients.send(topic, "a" + partition + "-", 50);
            Clients.until("all are read", () -> read.size() >= 300);
            members.remove(0).close();
            Clients.until("three partitions each", () -> isShared(members, 3));
            clients.send(topic, "b", 60);
            Clients.until("all are read", () -> read.size() >= 360);
            Checks.same(360, read.size(), "records read");
            Checks.same(360, new TreeSet<>(read).size(), "different ones");
        } finally {
            for (Member each : members) each.close();
        }
    }

    private static boolean isShared(List<Member> members, int each) {
        Set<Integer> all = new TreeSet<>();
        for (Member member : members) {
            if (member.owned().size() != each) return false;
            all.addAll(member.owned());
        }
        return all.size() == members.size() * each;
    }

    private void resume(String... settings) throws Exception {
        String topic = clients.topic(1);
        String group = Clients.fresh("group");
        clients.send(topic, "early", 5);
        try (KafkaConsumer<String, String> first = member(group, settings)) {
            first.subscribe(List.of(topic));
            Clients.take(first, 5);
            first.commitSync();
        }
        clients.send(topic, "late", 5);
        try (KafkaConsumer<String, String> second = member(group, settings)) {
            second.subscribe(List.of(topic));
            List<String> late = Clients.values(Clients.take(second, 5));
            Checks.same(List.of("late0", "late1", "late2", "late3", "late4"), late, "after the committed offset");
            TopicPartition partition = new TopicPartition(topic, 0);
            Checks.same(5L, second.committed(Set.of(partition)).get(partition).offset(), "committed");
        }
    }

    /** Who keeps a partition is not interrupted: only what moves is revoked. */
    private void cooperative() throws Exception {
        String topic = clients.topic(6);
        String group = Clients.fresh("group");
        String[] settings = {"group.protocol", "classic", "partition.assignment.strategy", STICKY};
        try (Member first = new Member(member(group, settings), topic)) {
            Clients.until("it owns all", () -> first.owned().size() == 6);
            try (Member second = new Member(member(group, settings), topic)) {
                Clients.until("three each", () -> isShared(List.of(first, second), 3));
                Checks.same(3, first.revoked.get(), "partitions revoked");
                Checks.same(0, second.revoked.get(), "partitions revoked of the one that came");
            }
            Clients.until("it owns all again", () -> first.owned().size() == 6);
        }
    }

    /** A static member that comes back has what it had, and nobody else notices. */
    private void staticMember() throws Exception {
        String topic = clients.topic(4);
        String group = Clients.fresh("group");
        String[] one = {"group.protocol", "classic", "group.instance.id", "one"};
        String[] two = {"group.protocol", "classic", "group.instance.id", "two"};
        try (Member stays = new Member(member(group, one), topic)) {
            Member goes = new Member(member(group, two), topic);
            Clients.until("two each", () -> isShared(List.of(stays, goes), 2));
            Set<Integer> had = goes.owned();
            int assigned = stays.assigned.get();
            goes.close();
            try (Member back = new Member(member(group, two), topic)) {
                Clients.until("it is back", () -> back.owned().size() == 2);
                Checks.same(had, back.owned(), "what it owns");
                Checks.same(assigned, stays.assigned.get(), "assignments of the other");
            }
        }
    }

    private void typed() throws Exception {
        String topic = clients.topic(2);
        String group = Clients.fresh("group");
        try (Admin admin = clients.admin(); Member member = new Member(member(group, "group.protocol", "consumer"), topic)) {
            Clients.until("it owns both", () -> member.owned().size() == 2);
            var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            Checks.same(GroupType.CONSUMER, described.type(), "type of the group");
            Checks.same(1, described.members().size(), "members");
        }
    }
}
