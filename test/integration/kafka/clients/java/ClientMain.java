import java.util.LinkedHashSet;
import java.util.List;

/** `ClientMain BOOTSTRAP FEATURE…`: checks of the Java client. */
final class ClientMain {
    public static void main(String[] args) throws Exception {
        Clients clients = new Clients(args[0]);
        Checks checks = new Checks();
        new AdminChecks(clients, checks);
        new RecordChecks(clients, checks);
        new PositionChecks(clients, checks);
        new GroupChecks(clients, checks);
        new TransactionChecks(clients, checks);
        checks.run(new LinkedHashSet<>(List.of(args).subList(1, args.length)), 4);
        System.exit(0);
    }
}
