import { randomUUID } from 'node:crypto'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { adapters } from '@headrace/adapters'
import { addressesOf, assertNoError, BrokerConnection, ResponseBufferPool } from '@headrace/adapters/kafka'
import {
  consumerGroupDescribe,
  consumerGroupHeartbeat,
  describeGroups,
  leaveGroup,
  offsetCommit,
} from '@headrace/broker/protocol'
import type { AdapterContext, LogLine, MetadataColumn, Sink, Source } from '@headrace/core'
import type { SourcePlace, SourceRecord, SourceStart } from '@headrace/core/testing'
import { type Admin, CompressionCodecs, CompressionTypes, Kafka, logLevel, type Producer } from 'kafkajs'
import { compressFrameSync, decompressFrameSync } from 'lz4-napi'
import { compressSync, uncompressSync } from 'snappy'
import { makeTopic, untilDone } from '../../support/make-topic.ts'
import { untilSettled } from '../../support/until-settled.ts'
import { type PlainRecord, readTopic } from './read-topic.ts'

/** Room for a value of 1 MiB. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024

type Adapter = (typeof adapters)[number]
type LoadedSource = Awaited<ReturnType<NonNullable<Adapter['source']>['load']>>
type LoadedSink = Awaited<ReturnType<NonNullable<Adapter['sink']>['load']>>

// kafkajs has gzip alone; what it wants is a function that gives both directions.
CompressionCodecs[CompressionTypes.ZSTD] = codec(zstdCompressSync, zstdDecompressSync)
CompressionCodecs[CompressionTypes.LZ4] = codec(compressFrameSync, decompressFrameSync)
CompressionCodecs[CompressionTypes.Snappy] = codec(compressSync, (bytes) => Buffer.from(uncompressSync(blockOf(bytes))))

/** The only block of what has Java's framing around it: magic, two versions, a length. */
function blockOf(bytes: Buffer): Buffer {
  return bytes.toString('latin1', 1, 7) === 'SNAPPY' ? bytes.subarray(20) : bytes
}

function codec(compress: (bytes: Buffer) => Buffer, decompress: (bytes: Buffer) => Buffer) {
  return () => ({
    compress: async (encoder: { buffer: Buffer }) => compress(encoder.buffer),
    decompress: async (bytes: Buffer) => decompress(bytes),
  })
}

export interface SourceSettings {
  readonly topic?: string | readonly string[]
  readonly topics?: { readonly pattern: string }
  readonly start?: unknown
  readonly offsetReset?: 'error' | 'earliest' | 'latest'
  readonly metadataMaxAge?: string
  readonly group?: string
  readonly groupProtocol?: 'classic' | 'consumer'
  readonly isolation?: 'readCommitted' | 'readUncommitted'
}

export interface SinkSettings {
  readonly topic: string
  readonly [setting: string]: unknown
}

interface SinkOptions {
  readonly connection?: object
  readonly onStep?: (step: string) => void
  /** URL of the schema registry. */
  readonly registry?: string
}

const SINK_DEFAULTS = {
  connection: 'kafka',
  value: 'json',
  subjectNaming: 'topicName',
  autoRegister: true,
  compression: 'none',
  delivery: 'atLeastOnce',
  transactionTimeout: '1 minute',
  lostMarker: 'error',
}

/** Topics for tests: written by kafkajs, read by the adapter as the engine would make it. */
export class KafkaPlaces {
  readonly bootstrap: string
  readonly logged: LogLine[] = []
  readonly kafka: Kafka
  readonly admin: Admin
  readonly producer: Producer
  /** Of its sinks; other files' sinks beside it on the same cluster would fence each other by one transactional id. */
  readonly #sinkName = `kafka-${randomUUID()}`
  readonly #createSource: LoadedSource['createSource']
  readonly #createSink: LoadedSink['createSink']

  private constructor(bootstrap: string, source: LoadedSource, sink: LoadedSink) {
    this.bootstrap = bootstrap
    this.#createSource = source.createSource
    this.#createSink = sink.createSink
    this.kafka = new Kafka({ clientId: 'headrace-test', brokers: [bootstrap], logLevel: logLevel.NOTHING })
    this.admin = this.kafka.admin()
    this.producer = this.kafka.producer()
  }

  static async open(bootstrap: string): Promise<KafkaPlaces> {
    const kafka = adapters.find(({ name }) => name === 'kafka')
    if (kafka?.source === undefined || kafka.sink === undefined) throw new Error('the kafka adapter is not listed')
    const places = new KafkaPlaces(bootstrap, await kafka.source.load(), await kafka.sink.load())
    await places.admin.connect()
    await places.producer.connect()
    // A cluster that never had a group makes its coordinator when first asked for one.
    await untilDone(() => places.admin.fetchOffsets({ groupId: 'headrace.conformance' }))
    return places
  }

  async close(): Promise<void> {
    await this.producer.disconnect()
    await this.admin.disconnect()
  }

  /** A fresh topic's name. */
  async topic(partitions: number, topic = `t-${randomUUID()}`): Promise<string> {
    await this.createTopic(topic, partitions)
    return topic
  }

  /** Resolves when the topic can be written and read. */
  async createTopic(topic: string, partitions: number): Promise<void> {
    const configEntries = [{ name: 'max.message.bytes', value: String(MAX_MESSAGE_BYTES) }]
    await makeTopic(this.admin, { topic, numPartitions: partitions, configEntries })
  }

  /** Resolves when the partitions that are new can be written and read. */
  async growTopic(topic: string, count: number): Promise<void> {
    await this.admin.createPartitions({ topicPartitions: [{ topic, count }] })
    await untilDone(async () => {
      const { length } = await this.admin.fetchTopicOffsets(topic)
      if (length < count) throw new Error(`topic "${topic}" has ${length} partitions`)
    })
  }

  async place(partitions: number, compression = CompressionTypes.None): Promise<SourcePlace> {
    const topic = await this.topic(partitions)
    return {
      partitions: Array.from({ length: partitions }, (_, index) => `${topic}/${index}`),
      write: (partition, records) => this.write(topic, Number(partition.split('/')[1]), records, compression),
      open: ({ start = 'earliest', wantsKeys = false } = {}) =>
        this.source({ topic, start: startSetting(start) }, { metadata: wantsKeys ? ['_key'] : [] }),
      close: () => this.admin.deleteTopics({ topics: [topic] }),
    }
  }

  async write(topic: string, partition: number, records: readonly SourceRecord[], compression = CompressionTypes.None) {
    const messages = records.map(({ key = null, value, timestamp }) => ({
      partition,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      timestamp: String(timestamp),
    }))
    if (messages.length > 0) await this.producer.send({ topic, messages, compression, acks: -1 })
  }

  source(
    settings: SourceSettings,
    options: { metadata?: readonly MetadataColumn[]; connection?: object; incarnation?: string } = {},
  ): Source {
    const { metadata = [], connection = {}, incarnation = 'a state' } = options
    const defaults = {
      start: 'earliest',
      offsetReset: 'error',
      metadataMaxAge: '1 minute',
      groupProtocol: 'classic',
      sessionTimeout: '6 seconds',
      isolation: 'readCommitted',
      checkCrcs: true,
      connection: 'kafka',
    }
    return this.#createSource({ ...defaults, ...settings }, { ...this.#context(connection), metadata, incarnation })
  }

  /** Takes the members out of a group, as if their sessions had ended. */
  async expel(groupId: string, groupProtocol: 'classic' | 'consumer'): Promise<void> {
    await this.#asking(async (broker) => {
      if (groupProtocol === 'classic') {
        const { groups } = await broker.request(describeGroups, 1, { groups: [groupId] })
        const members = groups.flatMap((group) => group.members.map(({ memberId }) => ({ memberId })))
        await broker.request(leaveGroup, 3, { groupId, members })
        return
      }
      const asked = { groupIds: [groupId], includeAuthorizedOperations: false }
      const { groups } = await broker.request(consumerGroupDescribe, 0, asked)
      for (const { memberId } of groups.flatMap(({ members }) => members)) {
        await broker.request(consumerGroupHeartbeat, 0, { groupId, memberId, memberEpoch: -1 })
      }
    })
  }

  /** Moves an offset of a group without members. */
  async moveOffset(groupId: string, name: string, partitionIndex: number, committedOffset: number): Promise<void> {
    await this.#asking(async (broker) => {
      const partitions = [{ partitionIndex, committedOffset, committedMetadata: '' }]
      const answer = await broker.request(offsetCommit, 7, { groupId, topics: [{ name, partitions }] })
      for (const { errorCode } of answer.topics.flatMap((topic) => topic.partitions)) assertNoError(errorCode)
    })
  }

  async #asking(work: (broker: BrokerConnection) => Promise<void>): Promise<void> {
    const connection = { bootstrap: this.bootstrap, clientId: 'headrace-test' }
    const broker = new BrokerConnection(connection, new ResponseBufferPool(0))
    for (const address of addressesOf(connection)) await broker.open(address)
    await work(broker).finally(() => broker.close())
  }

  /** All records of a topic, once none of them is in an open transaction. */
  async settled(topic: string): Promise<PlainRecord[]> {
    const { length } = await this.admin.fetchTopicOffsets(topic)
    await untilSettled(this.bootstrap, topic, length)
    return readTopic(this.kafka, topic)
  }

  /** The group in which its exactly-once sinks keep the number of their last batch. */
  get sinkGroup(): string {
    return `headrace.conformance.${this.#sinkName}`
  }

  sink(settings: SinkSettings, options: SinkOptions = {}): Sink {
    const { connection = {}, onStep, registry } = options
    const context = {
      ...this.#context(connection),
      name: this.#sinkName,
      ...(onStep !== undefined && { onStep }),
      ...(registry !== undefined && { otherConnection: () => ({ url: registry }) }),
    }
    return this.#createSink({ ...SINK_DEFAULTS, ...settings }, context)
  }

  #context(connection: object = {}): AdapterContext {
    return {
      pipeline: 'conformance',
      name: 'kafka',
      lakeDirectory: '/nonexistent',
      connection: { bootstrap: this.bootstrap, clientId: 'headrace', ...connection },
      log: (line) => this.logged.push(line),
    }
  }
}

function startSetting(start: SourceStart): unknown {
  return typeof start === 'string' ? start : { timestamp: new Date(start.timestamp).toISOString() }
}
