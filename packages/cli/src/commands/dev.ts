import { createServer } from 'node:net'
import path from 'node:path'
import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { ServiceEndedError } from '../errors.ts'
import { countArgument, dataOption, jsonOption, namedValuesOption, portArgument } from '../options.ts'
import type { BrokerSecurity } from '../services/broker-security.ts'
import type { DevServices } from '../services/dev-services.ts'

/** Where Kafka clients look when they are not told. */
const KAFKA_PORT = 9092

export function devCommand(context: CliContext) {
  return new Command('dev')
    .description('run the embedded services in the foreground: a Kafka broker, and PostgreSQL if asked')
    .addOption(dataOption())
    .option('--kafka-port <port>', `port of the broker (default: ${KAFKA_PORT} if it is free, else any)`, portArgument)
    .option('--partitions <n>', 'partitions of topics that are made by being used', countArgument)
    .addOption(
      namedValuesOption(
        '--kafka-config <name=value>',
        "one of Kafka's broker configs such as log.retention.ms; as often as needed",
      ),
    )
    .option('--kafka-listen <host:port>', 'a second listener, for clients from elsewhere or with a login')
    .option('--kafka-advertise <host>', 'what clients of the second listener are told to connect to')
    .option('--kafka-users <file>', 'the second listener asks for a login: user:password a line (SASL)')
    .option('--kafka-tls-cert <file>', 'the second listener speaks TLS: its certificate, PEM')
    .option('--kafka-tls-key <file>', 'the key of that certificate, PEM')
    .option('--kafka-client-ca <file>', 'clients must show a certificate of this authority, PEM')
    .option('--postgres', 'run PostgreSQL too')
    .option('--postgres-port <port>', 'port of PostgreSQL (default: any free one)', portArgument)
    .addOption(jsonOption('print one JSON line once everything is ready'))
    .addHelpText(
      'after',
      `
Examples:
  headrace dev                       a broker on 127.0.0.1:9092, data in .headrace
  headrace dev --postgres --data /tmp/try
  headrace dev --kafka-port 0 --json | jq .kafka.bootstrap
  headrace dev --kafka-config message.max.bytes=5000000 --kafka-config log.retention.hours=24
  headrace dev --kafka-listen 0.0.0.0:9094 --kafka-advertise my-laptop --kafka-users users.txt \\
    --kafka-tls-cert broker.pem --kafka-tls-key broker.key

Pipelines with the same --data find these services by themselves. Ctrl-C stops them; their data stays.`,
    )
    .action(async (options) => {
      const signal = context.interruption()
      const { startDevServices } = await import('../services/dev-services.ts')
      const security = securityOf(options)
      const services = await startDevServices({
        dataDirectory: options.data,
        kafka: {
          port: options.kafkaPort ?? ((await isFree(KAFKA_PORT)) ? KAFKA_PORT : 0),
          ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
          config: options.kafkaConfig,
          ...(security === undefined ? {} : { security }),
        },
        ...(options.postgres === true || options.postgresPort !== undefined
          ? { postgres: options.postgresPort === undefined ? {} : { port: options.postgresPort } }
          : {}),
      })
      try {
        const data = path.resolve(options.data)
        context.stdout.write(options.json === true ? readyLine(services, data) : readyText(services, data, context))
        const ended = await Promise.race([services.ended, aborted(signal)])
        if (ended !== undefined) throw new ServiceEndedError({ service: ended, data })
      } finally {
        await services.stop()
      }
    })
}

interface SecurityOptions {
  readonly kafkaListen?: string | undefined
  readonly kafkaAdvertise?: string | undefined
  readonly kafkaUsers?: string | undefined
  readonly kafkaTlsCert?: string | undefined
  readonly kafkaTlsKey?: string | undefined
  readonly kafkaClientCa?: string | undefined
}

/** Undefined where no second listener is asked for. */
function securityOf(options: SecurityOptions): BrokerSecurity | undefined {
  const [, host, port] = /^(?:(.*):)?(\d+)$/.exec(options.kafkaListen ?? '') ?? []
  const given = {
    host: (port === undefined ? options.kafkaListen : host)?.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? undefined : Number(port),
    advertisedHost: options.kafkaAdvertise,
    usersFile: options.kafkaUsers,
    certFile: options.kafkaTlsCert,
    keyFile: options.kafkaTlsKey,
    clientCaFile: options.kafkaClientCa,
  }
  const security = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
  return Object.keys(security).length === 0 ? undefined : security
}

function readyLine({ broker, postgres }: DevServices, data: string): string {
  return `${JSON.stringify({
    event: 'ready',
    pid: process.pid,
    data,
    kafka: { bootstrap: broker.bootstrap, pid: broker.pid, listeners: broker.listeners },
    ...(postgres === undefined ? {} : { postgres: { url: postgres.url, pid: postgres.pid } }),
  })}\n`
}

function readyText({ broker, postgres }: DevServices, data: string, { colors }: CliContext): string {
  const lines = [`Kafka       ${colors.bold(broker.bootstrap)}`]
  const others = Object.entries(broker.listeners).filter(([, address]) => address !== broker.bootstrap)
  for (const [protocol, address] of others) lines.push(`            ${colors.bold(address)} (${protocol})`)
  if (postgres !== undefined) lines.push(`PostgreSQL  ${colors.bold(postgres.url)}`)
  lines.push(
    `Data        ${data}`,
    '',
    colors.dim('Pipelines with the same --data find these by themselves. Ctrl-C stops them.'),
  )
  return `${lines.join('\n')}\n`
}

/** Whether nobody listens on a port of this machine. */
function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

function aborted(signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined)
    else signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
}
