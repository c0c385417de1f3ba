import { createServer } from 'node:net'
import path from 'node:path'
import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { ServiceEndedError } from '../errors.ts'
import { countArgument, dataOption, jsonOption, portArgument } from '../options.ts'
import type { DevServices } from '../services/index.ts'

/** Where Kafka clients look when they are not told. */
const KAFKA_PORT = 9092

export function devCommand(context: CliContext) {
  return new Command('dev')
    .description('run the embedded services in the foreground: a Kafka broker, and PostgreSQL if asked')
    .addOption(dataOption())
    .option('--kafka-port <port>', `port of the broker (default: ${KAFKA_PORT} if it is free, else any)`, portArgument)
    .option('--partitions <n>', 'partitions of topics that are made by being used', countArgument)
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

Pipelines with the same --data find these services by themselves. Ctrl-C stops them; their data stays.`,
    )
    .action(async (options) => {
      const signal = context.interruption()
      const { startDevServices } = await import('../services/index.ts')
      const services = await startDevServices({
        dataDirectory: options.data,
        kafka: {
          port: options.kafkaPort ?? ((await isFree(KAFKA_PORT)) ? KAFKA_PORT : 0),
          ...(options.partitions === undefined ? {} : { partitions: options.partitions }),
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

function readyLine({ broker, postgres }: DevServices, data: string): string {
  return `${JSON.stringify({
    event: 'ready',
    pid: process.pid,
    data,
    kafka: { bootstrap: broker.bootstrap, pid: broker.pid },
    ...(postgres === undefined ? {} : { postgres: { url: postgres.url, pid: postgres.pid } }),
  })}\n`
}

function readyText({ broker, postgres }: DevServices, data: string, { colors }: CliContext): string {
  const lines = [`Kafka       ${colors.bold(broker.bootstrap)}`]
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
