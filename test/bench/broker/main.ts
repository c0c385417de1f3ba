/**
 * `npm run bench -- broker [--records N] [--rounds N]`: the embedded broker beside Apache Kafka, in turn, on this machine and
 * in this run, by Kafka's own measuring programs. A JSON line for each measurement with the ratio and the goal; exits with 1
 * when a goal is missed. Needs Java and Maven.
 */
import { parseArgs } from 'node:util'
import { Kafka, logLevel } from 'kafkajs'
import { commitName, machineName } from '../machine.ts'
import { consumePerSecond, endToEndLatency, type Load, producePerSecond } from './java-tools.ts'
import { recoveryMs } from './recovery.ts'
import { buildPublished, residentMb, type Server, type StartServer, startApache, startEmbedded } from './servers.ts'

const PARTITIONS = 4
const IDLE_MS = 3000

const { values } = parseArgs({
  allowPositionals: true,
  options: {
    records: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '3' },
  },
})
const records = Number(values.records)
const rounds = Number(values.rounds)
const shared = { machine: machineName(), commit: commitName(), bench: 'broker' }
let missed = 0

/** `goal`: what `value` must be, at least or at most. */
function report(measure: string, value: number, goal: { atLeast?: number; atMost?: number }, figures: object): void {
  const reached =
    value >= (goal.atLeast ?? Number.NEGATIVE_INFINITY) && value <= (goal.atMost ?? Number.POSITIVE_INFINITY)
  if (!reached) missed++
  console.log(JSON.stringify({ ...shared, measure, value, ...goal, reached, ...figures }))
}

const starts: StartServer[] = [startEmbedded, startApache]
/** By measurement, each server's figures, a round each. */
const figures = new Map<string, { embedded: number[]; apache: number[] }>()

function note(measure: string, server: Server, value: number): void {
  const own = figures.get(measure) ?? { embedded: [], apache: [] }
  figures.set(measure, own)
  own[server.name].push(value)
}

await buildPublished()
/** One after the other, never both at once: each has the machine to itself. */
for (let round = 1; round <= rounds; round++) {
  for (const start of round % 2 === 1 ? starts : starts.toReversed()) {
    const server = await start()
    try {
      await measure(server)
    } finally {
      await server.stop()
    }
    console.error(`round ${round} of ${rounds}: ${server.name} done`)
  }
}

async function measure(server: Server): Promise<void> {
  note('start to listening, ms', server, server.startMs)
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS))
  note('idle memory, MB', server, residentMb(server.pid))
  for (const recordBytes of [140, 1024]) {
    for (const acks of ['1', 'all'] as const) {
      const load = await makeTopic(server, `bytes-${recordBytes}-acks-${acks}`, recordBytes)
      note(`produce ${recordBytes} B, acks=${acks}, records/s`, server, await producePerSecond(load, acks))
      note(`consume ${recordBytes} B, records/s`, server, await consumePerSecond(load))
    }
  }
  const one = { ...(await makeTopic(server, 'latency', 140, 1)), records: 3000 }
  const { p50Ms, p99Ms } = await endToEndLatency(one, 'all')
  note('produce to consume, p50, ms', server, p50Ms)
  note('produce to consume, p99, ms', server, p99Ms)
  note('memory after load, MB', server, residentMb(server.pid))
}

async function makeTopic(server: Server, topic: string, recordBytes: number, partitions = PARTITIONS): Promise<Load> {
  const admin = new Kafka({ brokers: [server.address], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
  await admin.disconnect()
  return { address: server.address, topic, recordBytes, records: recordBytes > 500 ? Math.ceil(records / 4) : records }
}

for (const [measured, own] of figures) {
  const embedded = median(own.embedded)
  const apache = median(own.apache)
  const both = { embedded, apache, rounds }
  if (measured.startsWith('start')) report(measured, embedded, { atMost: 100 }, both)
  else if (measured.startsWith('idle')) report(measured, embedded, { atMost: 80 }, both)
  else if (measured.startsWith('memory')) report(measured, embedded, { atMost: apache }, both)
  else if (measured.startsWith('produce to consume'))
    report(`${measured}, ratio`, ratio(embedded, apache), { atMost: 1 }, both)
  else report(`${measured}, ratio`, ratio(embedded, apache), { atLeast: 0.8 }, both)
}
report('recovery of 430 MB after a kill, ms', await recoveryMs(430), { atMost: 200 }, {})
process.exitCode = missed === 0 ? 0 : 1

function ratio(own: number, other: number): number {
  return Math.round((own / other) * 1000) / 1000
}

function median(of: readonly number[]): number {
  const sorted = of.toSorted((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? Number.NaN
}
