import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestPostgres } from '../../integration/support/postgres-databases.ts'
import { BrokerProcess } from '../../support/broker-process.ts'
import { type Ended, HeadraceProcess, headrace } from '../../support/headrace-process.ts'
import { RawProducer } from '../../support/raw-producer.ts'

/** A topic's records, for ever the same: a second apart, the last one after a gap that closes all windows but its own. */
const START_MS = Date.UTC(2026, 10, 20, 10)

export interface Order {
  readonly uno: string
  readonly tnum: number | string
}

export interface PipelineText {
  readonly topic: string
  /** Each as it stands in the file: `parquet: { dataset: x }`. */
  readonly sinks: readonly string[]
  readonly steps?: readonly string[]
  readonly more?: string
}

/** A broker and (if asked) a PostgreSQL for one test file, and a folder for each test. */
export class Scene {
  readonly broker: BrokerProcess
  readonly postgres: TestPostgres | undefined
  readonly #root: string
  readonly #producers = new Map<string, RawProducer>()
  readonly #sent = new Map<string, number>()

  private constructor(root: string, broker: BrokerProcess, postgres: TestPostgres | undefined) {
    this.#root = root
    this.broker = broker
    this.postgres = postgres
  }

  static async open(options: { postgres?: boolean } = {}): Promise<Scene> {
    const root = await mkdtemp(join(tmpdir(), 'headrace-mistakes-'))
    const [broker, postgres] = await Promise.all([
      BrokerProcess.start(join(root, 'broker')),
      options.postgres === true ? TestPostgres.start() : undefined,
    ])
    return new Scene(root, broker, postgres)
  }

  async close(): Promise<void> {
    for (const producer of this.#producers.values()) producer.close()
    await Promise.all([this.broker.stop(), this.postgres?.stop()])
    await rm(this.#root, { recursive: true, force: true })
  }

  /** An empty folder with a `headrace.yaml` of these connections beside the broker's; `name` is the topic as well. */
  async desk(name: string, connections: Readonly<Record<string, string>> = {}): Promise<Desk> {
    const folder = join(this.#root, name)
    await mkdir(folder)
    const desk = new Desk(folder)
    await desk.connect({ kafka: `kafka: { bootstrap: "${this.broker.address}" }`, ...connections })
    return desk
  }

  /** Sends values to partition 0 of a topic, which is made where there is none: offsets go on from the last call. */
  async send(topic: string, values: readonly (string | Uint8Array | null)[]): Promise<void> {
    const producer = this.#producers.get(topic) ?? (await RawProducer.open(this.broker.address, topic, 1))
    this.#producers.set(topic, producer)
    for (const value of values) {
      const number = this.#sent.get(topic) ?? 0
      this.#sent.set(topic, number + 1)
      await producer.append(0, null, typeof value === 'string' ? Buffer.from(value) : value, START_MS + number * 1000)
    }
    await producer.flush()
  }

  /** `count` more orders of a topic, whose `tnum` is their offset + 1. */
  async sendOrders(topic: string, count: number): Promise<void> {
    const first = this.#sent.get(topic) ?? 0
    await this.send(
      topic,
      Array.from({ length: count }, (_, i) => order({ uno: `u${(first + i) % 3}`, tnum: first + i + 1 }, first + i)),
    )
  }
}

/** A record's value: its event time is so many seconds after the start. */
export function order(fields: Order, second: number): string {
  return JSON.stringify({ ...fields, tuptime: new Date(START_MS + second * 1000).toISOString() })
}

/** Where one test writes its files and runs the program. */
export class Desk {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** Writes `headrace.yaml`. */
  async connect(connections: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(connections).map(([name, value]) => `  ${name}: { ${value} }\n`)
    await writeFile(join(this.folder, 'headrace.yaml'), `connections:\n${lines.join('')}`)
  }

  /** Writes `<name>.yaml`; gives its text. */
  async pipeline(name: string, text: PipelineText): Promise<string> {
    const all = pipelineText(name, text)
    await writeFile(join(this.folder, `${name}.yaml`), all)
    return all
  }

  run(args: readonly string[], within: readonly string[] = []): Promise<Ended> {
    return headrace(args, { cwd: this.folder, within })
  }

  start(args: readonly string[]): HeadraceProcess {
    return new HeadraceProcess(args, { cwd: this.folder })
  }

  /** A query's rows. */
  async query(sql: string, within: readonly string[] = [], data = '.headrace'): Promise<Record<string, unknown>[]> {
    const { code, stdout, stderr } = await this.run(['query', sql, '--json', '--data', data], within)
    if (code !== 0) throw new Error(`the query failed: ${stderr}`)
    return JSON.parse(stdout) as Record<string, unknown>[]
  }

  async status(pipeline: string, data = '.headrace'): Promise<Record<string, unknown>> {
    const text = await readFile(join(this.folder, data, 'pipelines', pipeline, 'status.json'), 'utf8')
    return JSON.parse(text) as Record<string, unknown>
  }
}

function pipelineText(name: string, { topic, sinks, steps = [], more = '' }: PipelineText): string {
  return `name: ${name}
source:
  kafka: { topic: ${topic}, start: earliest }
  decode:
    json: { columns: { uno: varchar, tnum: integer, tuptime: timestamp } }
  watermark: { column: tuptime, delay: 5 seconds }
trigger: { interval: 10 ms }
${more}${steps.length === 0 ? '' : `steps:\n${steps.map((step) => `  - ${step}\n`).join('')}`}sinks:
${sinks.map((sink) => `  - ${sink}\n`).join('')}`
}

/** A port of this machine on which nobody listens. */
export async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
