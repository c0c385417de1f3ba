import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { Kafka, logLevel } from 'kafkajs'
import { makeTopic } from '../../../support/make-topic.ts'
import { runProgram } from '../../../support/run-program.ts'
import { RunningProgram } from '../../../support/running-program.ts'

const installed = spawnSync('kcat', ['-V'], { encoding: 'utf8' })

/** Debian's, as `apt-get install kcat` brings it. */
export const kcatClient = {
  version: /Version (\S+)/.exec(installed.stdout ?? '')?.[1] ?? '',
  ...(installed.status !== 0 && { missing: 'kcat' }),
}

/** As kcat tells a record with `-J`. */
export interface KcatRecord {
  readonly partition: number
  readonly offset: number
  readonly tstype: string
  readonly ts: number
  readonly headers?: readonly (string | null)[]
  readonly key: string | null
  readonly payload: string | null
}

/** kcat against one cluster. Topics that need more than kcat can ask for are made with kafkajs. */
export class Kcat {
  readonly address: string
  readonly #settings: readonly string[]
  readonly #running: RunningProgram[] = []

  /** `settings` are librdkafka's, `name=value`, for every call. */
  constructor(address: string, settings: readonly string[] = []) {
    this.address = address
    this.#settings = settings
  }

  /** Runs to its end; gives what it printed. */
  run(args: readonly string[], input?: string): Promise<string> {
    return runProgram('kcat', this.#arguments(args), { timeout: 60_000, ...(input !== undefined && { input }) })
  }

  start(args: readonly string[]): RunningProgram {
    const program = new RunningProgram('kcat', this.#arguments(args))
    this.#running.push(program)
    return program
  }

  /** Ends what is left of a check. */
  async close(): Promise<void> {
    await Promise.all(this.#running.splice(0).map((program) => program.end('SIGKILL')))
  }

  produce(topic: string, lines: readonly string[], ...args: string[]): Promise<string> {
    return this.run(['-P', '-t', topic, ...args], lines.map((line) => `${line}\n`).join(''))
  }

  /** All that a topic's consumer finds until it is at the end, in the order of the offsets of each partition. */
  async read(topic: string, ...args: string[]): Promise<KcatRecord[]> {
    const output = await this.run(['-C', '-t', topic, '-e', '-q', '-J', '-X', 'fetch.wait.max.ms=20', ...args])
    return output
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as KcatRecord)
  }

  async values(topic: string, ...args: string[]): Promise<(string | null)[]> {
    return (await this.read(topic, ...args)).map(({ payload }) => payload)
  }

  async topic(numPartitions = 1, configs: Readonly<Record<string, string>> = {}, name = 'kcat'): Promise<string> {
    const topic = `${name}-${randomUUID()}`
    const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }))
    await this.#withAdmin((admin) => makeTopic(admin, { topic, numPartitions, configEntries }))
    return topic
  }

  async deleteRecordsBefore(topic: string, offset: number): Promise<void> {
    await this.#withAdmin(async (admin) => {
      // It deletes only where it has seen the leader before.
      await admin.fetchTopicOffsets(topic)
      await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
    })
  }

  async #withAdmin(use: (admin: ReturnType<Kafka['admin']>) => Promise<unknown>): Promise<void> {
    const admin = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    try {
      await use(admin)
    } finally {
      await admin.disconnect()
    }
  }

  #arguments(args: readonly string[]): string[] {
    return ['-b', this.address, '-m', '30', ...this.#settings.flatMap((setting) => ['-X', setting]), ...args]
  }
}
