import { type Command, InvalidArgumentError, Option, type OptionValues } from '@commander-js/extra-typings'
import { dataOption } from '../../options.ts'

const GROUP = 'Connection:'

/** SASL mechanisms by what `--sasl` calls them. */
export const MECHANISMS = {
  plain: 'PLAIN',
  'scram-sha-256': 'SCRAM-SHA-256',
  'scram-sha-512': 'SCRAM-SHA-512',
} as const
type MechanismName = keyof typeof MECHANISMS

/**
 * What the connection options of a command say; `data` is where the development services' address is looked for. A type, since
 * commander's options need its index signature.
 */
export type ConnectionFlags = {
  readonly data: string
  readonly bootstrap?: string | undefined
  readonly profile?: string | undefined
  readonly tls?: true | undefined
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly certKey?: string | undefined
  readonly insecure?: true | undefined
  readonly sasl?: MechanismName | undefined
  readonly username?: string | undefined
  readonly passwordFile?: string | undefined
  readonly passwordEnv?: string | undefined
}

/**
 * Adds the options that say which cluster is meant, and as whom. (`--key` is a record’s key: the certificate’s is
 * `--cert-key`.)
 */
export function withConnection<Args extends unknown[], Opts extends OptionValues>(
  command: Command<Args, Opts>,
): Command<Args, Opts & ConnectionFlags> {
  command
    .addOption(
      new Option('--bootstrap <host:port>', 'brokers, with commas (also: the variable HEADRACE_BOOTSTRAP)')
        .argParser(bootstrapArgument)
        .helpGroup(GROUP),
    )
    .addOption(new Option('--profile <name>', 'a `kafka` connection of headrace.yaml').helpGroup(GROUP))
    .addOption(
      new Option('--tls', 'encrypt; certificates are checked against the system’s authorities').helpGroup(GROUP),
    )
    .addOption(new Option('--ca <file>', 'certificate authority to trust instead, PEM').helpGroup(GROUP))
    .addOption(new Option('--cert <file>', 'client certificate, PEM').helpGroup(GROUP))
    .addOption(new Option('--cert-key <file>', 'its private key, PEM').helpGroup(GROUP))
    .addOption(new Option('--insecure', 'take any certificate: for tests only').helpGroup(GROUP))
    .addOption(
      new Option('--sasl <mechanism>', 'log in with user and password')
        .choices(['plain', 'scram-sha-256', 'scram-sha-512'] as const)
        .helpGroup(GROUP),
    )
    .addOption(new Option('--username <name>', 'whom to log in as').helpGroup(GROUP))
    .addOption(
      new Option(
        '--password-file <file>',
        'read the password there (else from the variable HEADRACE_KAFKA_PASSWORD, else it is asked for)',
      ).helpGroup(GROUP),
    )
    .addOption(new Option('--password-env <name>', 'read the password from another variable').helpGroup(GROUP))
    .addOption(dataOption().helpGroup(GROUP))
  // What the compiler finds out about twelve options is more than it can write down.
  return command as unknown as Command<Args, Opts & ConnectionFlags>
}

function bootstrapArgument(text: string): string {
  const wrong = wrongAddress(text)
  if (wrong !== undefined) throw new InvalidArgumentError(`"${wrong}" is not host:port.`)
  return text
}

/** Of several addresses with commas the first that is none; undefined where all are. */
export function wrongAddress(addresses: string): string | undefined {
  return addresses
    .split(',')
    .map((address) => address.trim())
    .find((address) => {
      const parts = /^(?:[^:@\s/]+|\[[0-9a-fA-F:]+\])(?::(\d+))?$/.exec(address)
      const port = Number(parts?.[1] ?? 1)
      return parts === null || port < 1 || port > 65_535
    })
}

export const CONNECTION_HELP = `
Which cluster: --bootstrap, else --profile, else HEADRACE_BOOTSTRAP, else the connection "kafka" of headrace.yaml, else the
broker of a running \`headrace dev\` with the same --data. Profiles are the connections that pipelines use: those of
headrace.yaml in this folder, else in ~/.config/headrace. Flags win over what a profile says.`
