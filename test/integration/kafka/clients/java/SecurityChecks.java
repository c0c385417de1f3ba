import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.SslAuthenticationException;

/** `SecurityChecks SSL SASL_SSL SASL_PLAINTEXT CA STRANGER_CA USER PASSWORD FEATURE…`: TLS and SASL, by three addresses of one broker. */
final class SecurityChecks {
    private static final List<String> MECHANISMS = List.of("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512");
    private final String ssl;
    private final String saslSsl;
    private final String saslPlaintext;
    private final String ca;
    private final String strangerCa;
    private final String user;
    private final String password;

    private SecurityChecks(List<String> args, Checks checks) {
        ssl = args.get(0);
        saslSsl = args.get(1);
        saslPlaintext = args.get(2);
        ca = args.get(3);
        strangerCa = args.get(4);
        user = args.get(5);
        password = args.get(6);
        checks.add("tls", this::tls);
        checks.add("saslPlain", () -> everywhere("PLAIN"));
        checks.add("saslScram", () -> {
            everywhere("SCRAM-SHA-256");
            everywhere("SCRAM-SHA-512");
        });
        checks.add("wrongPassword", this::wrongPassword);
    }

    public static void main(String[] args) throws Exception {
        List<String> all = List.of(args);
        Checks checks = new Checks();
        new SecurityChecks(all, checks);
        checks.run(new LinkedHashSet<>(all.subList(7, all.size())), 4);
        System.exit(0);
    }

    private void tls() throws Exception {
        roundTrip(ssl, tls("SSL", ca));
        refused(ssl, tls("SSL", strangerCa), SslAuthenticationException.class);
    }

    private void everywhere(String mechanism) throws Exception {
        roundTrip(saslSsl, both(tls("SASL_SSL", ca), sasl(mechanism, password)));
        roundTrip(saslPlaintext, both(new String[] {"security.protocol", "SASL_PLAINTEXT"}, sasl(mechanism, password)));
    }

    private void wrongPassword() throws Exception {
        for (String mechanism : MECHANISMS) {
            refused(saslSsl, both(tls("SASL_SSL", ca), sasl(mechanism, "guessed")), SaslAuthenticationException.class);
        }
    }

    private void roundTrip(String address, String[] settings) throws Exception {
        Clients clients = new Clients(address);
        String topic = Clients.fresh("java");
        try (KafkaProducer<String, String> producer = clients.producer(settings);
             KafkaConsumer<String, String> consumer = clients.consumer(settings)) {
            producer.send(new ProducerRecord<>(topic, 0, "k", "secret")).get();
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            Checks.same(List.of("secret"), Clients.values(Clients.take(consumer, 1)), "what comes back");
        }
    }

    private static void refused(String address, String[] settings, Class<? extends Exception> why) throws Exception {
        Properties properties = new Properties();
        properties.put("bootstrap.servers", address);
        for (int i = 0; i < settings.length; i += 2) properties.put(settings[i], settings[i + 1]);
        try (Admin admin = Admin.create(properties)) {
            Throwable refusal = Clients.failure(() -> admin.listTopics().names().get());
            Checks.expect(why.isInstance(refusal), "refused with " + refusal);
        }
    }

    private static String[] tls(String protocol, String authority) {
        return new String[] {
            "security.protocol", protocol, "ssl.truststore.type", "PEM", "ssl.truststore.location", authority};
    }

    private String[] sasl(String mechanism, String word) {
        String module = mechanism.equals("PLAIN") ? "plain.PlainLoginModule" : "scram.ScramLoginModule";
        String login = "org.apache.kafka.common.security." + module + " required username=\"" + user + "\" password=\""
            + word.replace("\"", "\\\"") + "\";";
        return new String[] {"sasl.mechanism", mechanism, "sasl.jaas.config", login};
    }

    private static String[] both(String[] some, String[] others) {
        List<String> all = new ArrayList<>(List.of(some));
        all.addAll(List.of(others));
        return all.toArray(String[]::new);
    }
}
