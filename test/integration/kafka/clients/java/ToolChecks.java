import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/** `ToolChecks BOOTSTRAP FEATURE…`: Kafka's own command-line tools, one after the other in this process. */
final class ToolChecks {
    private static final String TOOLS = "org.apache.kafka.tools.";
    private final Clients clients;

    /** A tool that wants to end its process. */
    private static final class Ended extends RuntimeException {
        Ended() {
            super("the tool ends", null, false, false);
        }
    }

    private static Integer firstCode;

    private ToolChecks(Clients clients, Checks checks) {
        this.clients = clients;
        checks.add("topics", this::topics);
        checks.add("configs", this::configs);
        checks.add("records", this::records);
        checks.add("offsets", this::offsets);
        checks.add("groupAdmin", this::groups);
        checks.add("performance", this::performance);
    }

    public static void main(String[] args) throws Exception {
        Exit.Procedure end = (code, message) -> {
            // A tool may take this for a failure of its own, and end once more.
            if (firstCode == null) firstCode = code;
            throw new Ended();
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        Checks checks = new Checks();
        new ToolChecks(new Clients(args[0]), checks);
        checks.run(new LinkedHashSet<>(List.of(args).subList(1, args.length)), 1);
        Runtime.getRuntime().halt(0);
    }

    /** What a tool prints. Fails unless it ends well. */
    private String run(String tool, String input, String... args) throws Exception {
        List<String> all = new ArrayList<>(List.of("--bootstrap-server", clients.bootstrap));
        all.addAll(List.of(args));
        PrintStream out = System.out;
        InputStream in = System.in;
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        System.setOut(new PrintStream(said, true, StandardCharsets.UTF_8));
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        firstCode = null;
        try {
            Class<?> type = Class.forName(tool);
            var main = type.getDeclaredMethod("main", String[].class);
            main.setAccessible(true);
            main.invoke(null, (Object) all.toArray(String[]::new));
        } catch (java.lang.reflect.InvocationTargetException error) {
            if (!(error.getCause() instanceof Ended)) throw error;
        } finally {
            System.setOut(out);
            System.setIn(in);
        }
        String text = said.toString(StandardCharsets.UTF_8);
        Checks.expect(firstCode == null || firstCode == 0, tool + " ended with " + firstCode + ": " + text);
        return text;
    }

    private String topicTool(String... args) throws Exception {
        return run(TOOLS + "TopicCommand", "", args);
    }

    private void topics() throws Exception {
        String topic = Clients.fresh("tools");
        topicTool("--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1");
        Checks.expect(topicTool("--list").contains(topic), "it is listed");
        Checks.expect(topicTool("--describe", "--topic", topic).contains("PartitionCount: 3"), "its partitions");
        topicTool("--alter", "--topic", topic, "--partitions", "5");
        Checks.expect(topicTool("--describe", "--topic", topic).contains("PartitionCount: 5"), "its new partitions");
        topicTool("--delete", "--topic", topic);
        Checks.expect(!topicTool("--list").contains(topic), "it is gone");
    }

    private void configs() throws Exception {
        String[] which = {"--entity-type", "topics", "--entity-name", clients.topic(1)};
        List<String> alter = new ArrayList<>(List.of(which));
        alter.addAll(List.of("--alter", "--add-config", "retention.ms=3600000"));
        run("kafka.admin.ConfigCommand", "", alter.toArray(String[]::new));
        List<String> describe = new ArrayList<>(List.of(which));
        describe.add("--describe");
        String text = run("kafka.admin.ConfigCommand", "", describe.toArray(String[]::new));
        Checks.expect(text.contains("retention.ms=3600000"), "the config is described: " + text);
    }

    private void records() throws Exception {
        String topic = clients.topic(1);
        String input = "trace:abc|k1|first\ntrace:def|k2|second\n";
        run(TOOLS + "ConsoleProducer", input, "--topic", topic,
            "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true",
            "--reader-property", "key.separator=|", "--reader-property", "headers.delimiter=|");
        String back = run(TOOLS + "consumer.ConsoleConsumer", "", "--topic", topic, "--from-beginning",
            "--max-messages", "2", "--timeout-ms", "20000",
            "--formatter-property", "print.key=true", "--formatter-property", "print.headers=true",
            "--formatter-property", "key.separator=|", "--formatter-property", "headers.separator=,");
        Checks.expect(back.contains("trace:abc") && back.contains("k1|first") && back.contains("k2|second"), back);
    }

    private void offsets() throws Exception {
        String topic = clients.topic(2);
        try (var producer = clients.producer()) {
            for (int i = 0; i < 6; i++) {
                producer.send(new org.apache.kafka.clients.producer.ProducerRecord<>(topic, i % 2, "k", "v"));
            }
        }
        String text = run(TOOLS + "GetOffsetShell", "", "--topic", topic);
        Checks.same(topic + ":0:3\n" + topic + ":1:3\n", text, "offsets");
    }

    private String groupTool(String... args) throws Exception {
        return run(TOOLS + "consumer.group.ConsumerGroupCommand", "", args);
    }

    private void groups() throws Exception {
        String topic = clients.topic(1);
        String group = Clients.fresh("group");
        clients.send(topic, "v", 10);
        try (var consumer = clients.consumer("group.id", group)) {
            consumer.subscribe(List.of(topic));
            Clients.take(consumer, 10);
            consumer.commitSync();
            Checks.expect(groupTool("--list").contains(group), "it is listed");
            String members = groupTool("--describe", "--group", group, "--members");
            Checks.expect(members.contains("consumer-" + group), "its member: " + members);
        }
        String described = groupTool("--describe", "--group", group);
        Checks.expect(described.replaceAll(" +", " ").contains(topic + " 0 10 10 0"), "its lag: " + described);
        groupTool("--reset-offsets", "--group", group, "--topic", topic, "--to-offset", "4", "--execute");
        described = groupTool("--describe", "--group", group);
        Checks.expect(described.replaceAll(" +", " ").contains(topic + " 0 4 10 6"), "its new lag: " + described);
        groupTool("--delete", "--group", group);
        Checks.expect(!groupTool("--list").contains(group), "it is gone");
    }

    private void performance() throws Exception {
        String topic = clients.topic(1);
        String produced = run(TOOLS + "ProducerPerformance", "", "--topic", topic, "--num-records", "20000",
            "--record-size", "140", "--throughput", "-1");
        Checks.expect(produced.contains("20000 records sent"), "what it says: " + produced);
        String consumed = run(TOOLS + "ConsumerPerformance", "", "--topic", topic, "--num-records", "20000",
            "--hide-header", "--timeout", "20000");
        Checks.expect(consumed.contains(", 20000, "), "what it says: " + consumed);
    }
}
