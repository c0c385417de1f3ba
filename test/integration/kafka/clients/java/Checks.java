import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** What the Java client must be able to do; one line of JSON on standard output for each check that ended. */
final class Checks {
    interface Body {
        void run() throws Throwable;
    }

    private final Map<String, Body> bodies = new LinkedHashMap<>();

    void add(String feature, Body body) {
        bodies.put(feature, body);
    }

    /** Runs the wanted checks, several at a time. */
    void run(Set<String> wanted, int threads) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(threads);
        List<Future<?>> running = new ArrayList<>();
        for (String feature : wanted) running.add(pool.submit(() -> report(feature, bodies.get(feature))));
        for (Future<?> each : running) each.get();
        pool.shutdown();
    }

    private void report(String feature, Body body) {
        String error = null;
        try {
            if (body == null) throw new IllegalArgumentException("no such check");
            body.run();
        } catch (Throwable failure) {
            StringWriter text = new StringWriter();
            failure.printStackTrace(new PrintWriter(text));
            error = text.toString();
        }
        String outcome = error == null ? "null" : quoted(error);
        synchronized (Checks.class) {
            System.err.flush();
            OUT.println("{\"feature\":" + quoted(feature) + ",\"error\":" + outcome + "}");
            OUT.flush();
        }
    }

    // A check may put something else in place of System.out.
    private static final java.io.PrintStream OUT = System.out;

    private static String quoted(String text) {
        StringBuilder json = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') json.append('\\').append(c);
            else if (c < ' ') json.append(String.format("\\u%04x", (int) c));
            else json.append(c);
        }
        return json.append('"').toString();
    }

    static void expect(boolean holds, String what) {
        if (!holds) throw new AssertionError(what);
    }

    static void same(Object expected, Object actual, String what) {
        if (!java.util.Objects.equals(expected, actual)) {
            throw new AssertionError(what + ": expected " + expected + ", not " + actual);
        }
    }
}
