import { kafkaClassPath } from '../../support/apache-kafka/jars.ts'
import { runProgram } from '../../support/run-program.ts'

/** Kafka's own measuring programs: the same ones for both servers, written by neither's makers here. */
async function runTool(tool: string, args: readonly string[]): Promise<string> {
  const java = ['-Xmx512m', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-cp', await kafkaClassPath()]
  return runProgram('java', [...java, `org.apache.kafka.tools.${tool}`, ...args])
}

export interface Load {
  readonly address: string
  readonly topic: string
  readonly records: number
  readonly recordBytes: number
}

/** Records per second that one producer gets acknowledged. */
export async function producePerSecond(load: Load, acks: '1' | 'all'): Promise<number> {
  const output = await runTool('ProducerPerformance', [
    ...['--bootstrap-server', load.address, '--topic', load.topic],
    ...['--num-records', String(load.records), '--record-size', String(load.recordBytes), '--throughput', '-1'],
    // Without idempotence acks=1 would be refused; with acks=all it is Kafka's default.
    ...['--command-property', `acks=${acks}`, `enable.idempotence=${acks === 'all'}`],
  ])
  return numberIn(output.trim().split('\n').at(-1) ?? '', /([\d.]+) records\/sec/)
}

/** Records per second that one consumer fetches, the joining of its group not counted. */
export async function consumePerSecond(load: Load): Promise<number> {
  const output = await runTool('ConsumerPerformance', [
    ...['--bootstrap-server', load.address, '--topic', load.topic, '--num-records', String(load.records)],
    ...['--hide-header', '--timeout', '60000'],
  ])
  const fields = (output.trim().split('\n').at(-1) ?? '').split(',').map((field) => field.trim())
  return numberIn(fields.at(-1) ?? '', /^([\d.]+)$/)
}

export interface Latency {
  readonly p50Ms: number
  readonly p99Ms: number
}

/** One record at a time, from the producer's call to the consumer's hands. */
export async function endToEndLatency(load: Load, acks: '1' | 'all'): Promise<Latency> {
  const output = await runTool('EndToEndLatency', [
    load.address,
    load.topic,
    String(load.records),
    acks,
    String(load.recordBytes),
  ])
  return {
    p50Ms: numberIn(output, /50th = ([\d.]+)/),
    p99Ms: numberIn(output, /99th = ([\d.]+)/),
  }
}

function numberIn(text: string, pattern: RegExp): number {
  const found = pattern.exec(text)?.[1]
  if (found === undefined) throw new Error(`there is no figure like ${pattern} in: ${text}`)
  return Number(found)
}
