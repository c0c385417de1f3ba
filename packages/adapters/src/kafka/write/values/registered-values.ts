import {
  type Field,
  type RegistryConnection,
  registryConnection,
  SchemaRegistry,
  type SinkContext,
} from '@headrace/core'
import type { KafkaSinkConfig } from '../../sink-config.ts'
import { ByteWriter } from './byte-writer.ts'
import { ValueRefusedError } from './staged-scalars.ts'
import { recordNameOf, subjectOf } from './subjects.ts'
import type { ValueFormat } from './value-encoder.ts'
import { isRegistered, type RegisteredFormat, valueProblems } from './value-rules.ts'

/** Makes the values of rows of one schema. */
export interface RowEncoder {
  /** Registers or finds the schema as the topic's; before the first value for it. */
  prepare(topic: string): Promise<void>
  isReady(topic: string): boolean
  /** The value of a staged row, whose columns stand at `spans` in the buffer: a view, good until the next call. */
  encode(row: Buffer, spans: Uint32Array, topic: string): Buffer
  /** Whether rows may be refused, so that each must be looked at with `check` before anything is written. */
  readonly mayRefuse: boolean
  /** Throws ValueRefusedError for a row that has no form in the format. */
  check(row: Buffer, spans: Uint32Array): void
}

const MAGIC = 0

/** Values behind the id of a schema in a registry, framed as Confluent's clients do. */
export class RegisteredValues {
  readonly #config: KafkaSinkConfig
  readonly #context: SinkContext
  #known: SchemaRegistry | undefined

  constructor(config: KafkaSinkConfig, context: SinkContext) {
    this.#config = config
    this.#context = context
  }

  /** Throws what is wrong with the registry's settings, before there are rows for it. */
  open(): void {
    if (isRegistered(this.#config.value)) this.#registry()
  }

  async encoder(schema: readonly Field[]): Promise<RowEncoder | undefined> {
    const { value, exclude = [] } = this.#config
    if (!isRegistered(value)) return undefined
    const columns = schema.filter(({ name }) => !exclude.includes(name))
    const [problem] = valueProblems(value, columns)
    // A batch that was staged before the pipeline was changed: what is checked beforehand is the new one's.
    if (problem !== undefined) return new RefusingEncoder(problem.message)
    const format = await formatOf(value, recordNameOf(this.#config), columns)
    const places = columns.map((column) => schema.indexOf(column))
    return new RegisteredEncoder(format, places, (topic) => this.#idOf(topic, format))
  }

  #idOf(topic: string, { type, schema }: ValueFormat): Promise<number> {
    const subject = subjectOf(this.#config, topic)
    const registry = this.#registry()
    return this.#config.autoRegister ? registry.register(subject, type, schema) : registry.find(subject, type, schema)
  }

  #registry(): SchemaRegistry {
    if (this.#known !== undefined) return this.#known
    const connection = this.#context.otherConnection?.(registryConnection.type, this.#config.registry)
    this.#known = new SchemaRegistry(connection as RegistryConnection)
    return this.#known
  }
}

async function formatOf(value: RegisteredFormat, recordName: string, columns: readonly Field[]): Promise<ValueFormat> {
  switch (value) {
    case 'avro':
      return (await import('./avro.ts')).avroFormat(recordName, columns)
    case 'protobuf':
      return (await import('./protobuf.ts')).protobufFormat(recordName, columns)
    case 'jsonSchema':
      return (await import('./json-schema.ts')).jsonSchemaFormat(recordName, columns)
  }
}

class RegisteredEncoder implements RowEncoder {
  readonly mayRefuse: boolean
  readonly #format: ValueFormat
  /** Where each column stands among the row's. */
  readonly #places: readonly number[]
  readonly #idOf: (topic: string) => Promise<number>
  readonly #ids = new Map<string, number>()
  readonly #out = new ByteWriter()

  constructor(format: ValueFormat, places: readonly number[], idOf: (topic: string) => Promise<number>) {
    this.#format = format
    this.#places = places
    this.#idOf = idOf
    this.mayRefuse = format.columns.some((column) => column.mayRefuse)
  }

  isReady(topic: string): boolean {
    return this.#ids.has(topic)
  }

  async prepare(topic: string): Promise<void> {
    if (!this.isReady(topic)) this.#ids.set(topic, await this.#idOf(topic))
  }

  encode(row: Buffer, spans: Uint32Array, topic: string): Buffer {
    const out = this.#out
    const { columns, head, tail } = this.#format
    out.reset()
    out.byte(MAGIC)
    out.uint32(this.#ids.get(topic) as number)
    out.bytes(head)
    for (let i = 0; i < columns.length; i++) this.#write(i, row, spans)
    out.bytes(tail)
    return out.written
  }

  check(row: Buffer, spans: Uint32Array): void {
    const { columns } = this.#format
    for (let i = 0; i < columns.length; i++) {
      if (columns[i]?.mayRefuse !== true) continue
      this.#out.reset()
      this.#write(i, row, spans)
    }
  }

  #write(column: number, row: Buffer, spans: Uint32Array): void {
    const at = 3 * (this.#places[column] as number)
    this.#format.columns[column]?.write(row, spans[at + 1] as number, spans[at + 2] as number, this.#out)
  }
}

/** For rows none of which has a form in the format. */
class RefusingEncoder implements RowEncoder {
  readonly mayRefuse = true
  readonly #reason: string

  constructor(reason: string) {
    this.#reason = reason
  }

  isReady(): boolean {
    return true
  }

  async prepare(): Promise<void> {}

  encode(): never {
    throw new ValueRefusedError(this.#reason)
  }

  check(): never {
    throw new ValueRefusedError(this.#reason)
  }
}
