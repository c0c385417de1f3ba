import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
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
        checks.add("partitions", this::partitions);
        checks.add("deleteRecords", this::deleteRecords);
        checks.add("cluster", this::cluster);
        checks.add("logDirs", this::logDirs);
        checks.add("scramUsers", this::scramUsers);
        checks.add("startAt", this::startAt);
        checks.add("verifiable", this::verifiable);
        checks.add("transactionAdmin", this::transactions);
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
        List<String> all = new ArrayList<>(List.of(args));
        boolean isSubcommand = args.length > 0 && !args[0].startsWith("-");
        // Before the name of what it is to do, or behind it, as each tool has it.
        int at = isSubcommand && tool.endsWith("ClusterTool") ? 1 : 0;
        all.addAll(at, List.of("--bootstrap-server", clients.bootstrap));
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

    /** In a process of its own: what a tool prints that says the last things as its process ends. */
    private String runApart(String tool, String... args) throws Exception {
        List<String> command = new ArrayList<>(List.of(System.getProperty("java.home") + "/bin/java", "-Xmx256m",
            "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", System.getProperty("java.class.path"), tool));
        command.addAll(List.of("--bootstrap-server", clients.bootstrap));
        command.addAll(List.of(args));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        Checks.same(0, process.waitFor(), tool + " ends: " + said);
        return said;
    }

    private String topicTool(String... args) throws Exception {
        return run(TOOLS + "TopicCommand", "", args);
    }

    private void topics() throws Exception {
        String topic = Clients.fresh("tools");
        topicTool("--create", "--topic", topic, "--partitions", "3", "--replication-factor", "1");
        Clients.until("it is listed", () -> topicTool("--list").contains(topic));
        Checks.expect(topicTool("--describe", "--topic", topic).contains("PartitionCount: 3"), "its partitions");
        topicTool("--alter", "--topic", topic, "--partitions", "5");
        untilPartitions(topic, 5);
        topicTool("--delete", "--topic", topic);
        Clients.until("it is gone", () -> !topicTool("--list").contains(topic));
    }

    private void configs() throws Exception {
        String[] which = {"--entity-type", "topics", "--entity-name", clients.topic(1)};
        configTool(which, "--alter", "--add-config", "retention.ms=3600000");
        Clients.until("the config is described", () -> configTool(which, "--describe").contains("retention.ms=3600000"));
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

    private void partitions() throws Exception {
        String topic = clients.topic(2);
        topicTool("--alter", "--topic", topic, "--partitions", "5");
        untilPartitions(topic, 5);
    }

    private void untilPartitions(String topic, int count) throws Exception {
        Clients.until(count + " partitions",
            () -> topicTool("--describe", "--topic", topic).contains("PartitionCount: " + count));
    }

    private void deleteRecords() throws Exception {
        String topic = clients.topic(1);
        clients.send(topic, "v", 10);
        Path file = Files.createTempFile("delete", ".json");
        Files.writeString(file, "{\"version\":1,\"partitions\":[{\"topic\":\"" + topic + "\",\"partition\":0,\"offset\":7}]}");
        String said = run(TOOLS + "DeleteRecordsCommand", "", "--offset-json-file", file.toString());
        Files.delete(file);
        Checks.expect(said.contains("low_watermark: 7"), "what it says: " + said);
        Checks.same(topic + ":0:7\n", run(TOOLS + "GetOffsetShell", "", "--topic", topic, "--time", "earliest"), "first offset");
    }

    private void cluster() throws Exception {
        Checks.expect(run(TOOLS + "ClusterTool", "", "cluster-id").startsWith("Cluster ID: "), "its id");
        Checks.expect(run(TOOLS + "BrokerApiVersionsCommand", "").contains("Fetch(1): "), "what its broker speaks");
    }

    private void logDirs() throws Exception {
        String topic = clients.topic(1);
        clients.send(topic, "x".repeat(1000), 10);
        String said = run(TOOLS + "LogDirsCommand", "", "--describe", "--topic-list", topic);
        Checks.expect(said.contains("\"partition\":\"" + topic + "-0\",\"size\":1"), "what it says: " + said);
    }

    private void scramUsers() throws Exception {
        String[] which = {"--entity-type", "users", "--entity-name", Clients.fresh("user")};
        configTool(which, "--alter", "--add-config", "SCRAM-SHA-256=[iterations=4096,password=secret]");
        Clients.until("the user is described",
            () -> configTool(which, "--describe").contains("SCRAM-SHA-256=iterations=4096"));
        configTool(which, "--alter", "--delete-config", "SCRAM-SHA-256");
        Clients.until("the user is gone", () -> !configTool(which, "--describe").contains("SCRAM-SHA-256"));
    }

    private String configTool(String[] which, String... args) throws Exception {
        List<String> all = new ArrayList<>(List.of(which));
        all.addAll(List.of(args));
        return run("kafka.admin.ConfigCommand", "", all.toArray(String[]::new));
    }

    private void startAt() throws Exception {
        String topic = clients.topic(1);
        clients.send(topic, "v", 10);
        String back = run(TOOLS + "consumer.ConsoleConsumer", "", "--topic", topic, "--partition", "0", "--offset", "7",
            "--max-messages", "3", "--timeout-ms", "20000");
        Checks.same("v7\nv8\nv9\n", back, "from an offset");
    }

    private void verifiable() throws Exception {
        String topic = clients.topic(2);
        String produced = runApart(TOOLS + "VerifiableProducer", "--topic", topic, "--max-messages", "1000", "--acks", "-1");
        Checks.expect(produced.contains("\"acked\":1000"), "what it says: " + produced);
        String consumed = runApart(TOOLS + "VerifiableConsumer", "--topic", topic, "--group-id", Clients.fresh("group"),
            "--max-messages", "1000", "--reset-policy", "earliest");
        long records = consumed.lines().filter(line -> line.contains("\"records_consumed\"")).mapToLong(
            line -> Long.parseLong(line.replaceAll(".*\"count\":(\\d+).*", "$1"))).sum();
        Checks.same(1000L, records, "records consumed");
        Checks.expect(consumed.contains("\"offsets_committed\"") && !consumed.contains("\"success\":false"), consumed);
    }

    private void transactions() throws Exception {
        String topic = clients.topic(1);
        String id = Clients.fresh("txn");
        try (var producer = clients.producer("transactional.id", id)) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new org.apache.kafka.clients.producer.ProducerRecord<>(topic, "k", "v")).get();
            Checks.expect(transactionTool("list").replaceAll("\\s+", " ").contains(id), "it is listed");
            String described = transactionTool("describe", "--transactional-id", id);
            Checks.expect(described.contains("Ongoing") && described.contains(topic + "-0"), "described: " + described);
            String producers = transactionTool("describe-producers", "--topic", topic, "--partition", "0");
            Checks.expect(producers.lines().count() > 1, "producers: " + producers);
            transactionTool("abort", "--topic", topic, "--partition", "0", "--start-offset", "0");
            Checks.same(topic + ":0:2\n", run(TOOLS + "GetOffsetShell", "", "--topic", topic), "a marker ends it");
        }
    }

    private String transactionTool(String... args) throws Exception {
        return run(TOOLS + "TransactionsCommand", "", args);
    }
}
