import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { adapters } from '@headrace/adapters'
import {
  type AdapterDefinition,
  type PipelineConfig,
  type PipelineStatus,
  parsePipeline,
  runPipeline,
} from '@headrace/core'
import { MemorySystem } from '@headrace/core/testing'
import { RawProducer } from '../support/raw-producer.ts'
import { type GoldenCase, type GoldenRecord, recordsOf } from './golden-case.ts'
import { type Outcome, readOutcome } from './outcome.ts'
import type { PlannedRun } from './planned-run.ts'

/** How the stream is cut up while it is read. */
export interface Cut {
  /** Records of a block, at most. */
  readonly block: number
  /** An epoch is made of blocks until it has so many records. */
  readonly epoch: number
}

/** Runs the pipeline over records in memory that come in blocks of the given size. */
export async function runFromMemory(golden: GoldenCase, runs: readonly PlannedRun[], cut: Cut): Promise<Outcome> {
  const system = new MemorySystem({})
  system.blockSize = cut.block
  const trigger = { intervalMs: 1, maxRecords: cut.epoch, maxBytes: 1 << 30 }
  return inFolder(async (folder) => {
    const config = { ...configOf(golden, readingFrom(system)), trigger }
    let status: PipelineStatus | undefined
    for (const { ends, drain } of runs) {
      for (const [partition, end] of ends.entries()) {
        const name = `${golden.name}/${partition}`
        const there = system.partitions.get(name)?.length ?? 0
        system.append(name, ...recordsOf(golden, partition).slice(there, end).map(inMemory))
      }
      status = await runOnce(config, readingFrom(system), undefined, folder, drain)
    }
    return readOutcome(golden, folder, status as PipelineStatus)
  })
}

/** Runs the pipeline over its topic. */
export function runFromBroker(golden: GoldenCase, runs: readonly PlannedRun[], topic: GoldenTopic): Promise<Outcome> {
  return inFolder(async (folder) => {
    let status: PipelineStatus | undefined
    for (const { ends, drain } of runs) {
      await topic.fill(ends)
      status = await goOn(golden, topic, folder, drain)
    }
    return readOutcome(golden, folder, status as PipelineStatus)
  })
}

/** Goes on with a case whose topic is filled, from where the data folder stands. */
export function goOn(golden: GoldenCase, topic: GoldenTopic, folder: string, drain: boolean): Promise<PipelineStatus> {
  return runOnce(configOf(golden, adapters), adapters, topic.connection, folder, drain)
}

async function runOnce(
  config: PipelineConfig,
  known: readonly AdapterDefinition[],
  kafka: unknown,
  dataDirectory: string,
  drain: boolean,
): Promise<PipelineStatus> {
  const { status } = await runPipeline({
    config,
    adapters: known,
    connection: () => kafka,
    dataDirectory,
    mode: { kind: 'once' },
    drain,
    signal: new AbortController().signal,
    threads: 1,
  })
  return status
}

/** The adapters, of which `kafka` reads the memory system instead. */
function readingFrom(system: MemorySystem): AdapterDefinition[] {
  const { source } = system.adapter
  return adapters.map((adapter) =>
    adapter.name === 'kafka' && adapter.source && source
      ? { ...adapter, source: { ...adapter.source, load: source.load } }
      : adapter,
  )
}

function configOf(golden: GoldenCase, known: readonly AdapterDefinition[]): PipelineConfig {
  const { config, problems } = parsePipeline(golden.pipeline, join(golden.folder, 'pipeline.yaml'), known)
  if (config === undefined) throw new Error(JSON.stringify(problems, undefined, 2))
  return config
}

function inMemory({ key, value, timestamp }: GoldenRecord) {
  return { key, value, timestamp }
}

export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-golden-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A case's topic, filled as its runs go on. */
export class GoldenTopic {
  readonly connection: { readonly bootstrap: string; readonly clientId: string }
  readonly #golden: GoldenCase
  readonly #producer: RawProducer
  #ends: readonly number[]

  private constructor(golden: GoldenCase, address: string, producer: RawProducer, partitions: number) {
    this.connection = { bootstrap: address, clientId: 'golden' }
    this.#golden = golden
    this.#producer = producer
    this.#ends = Array.from({ length: partitions }, () => 0)
  }

  static async open(golden: GoldenCase, address: string): Promise<GoldenTopic> {
    const partitions = golden.stages[0]?.partitions ?? 1
    return new GoldenTopic(golden, address, await RawProducer.open(address, golden.name, partitions), partitions)
  }

  /** Sends what is not there yet. */
  async fill(ends: readonly number[]): Promise<void> {
    if (ends.length > this.#ends.length) await this.#producer.addPartitions(ends.length)
    for (const [partition, end] of ends.entries()) {
      for (const { key, value, timestamp } of recordsOf(this.#golden, partition).slice(this.#ends[partition], end)) {
        await this.#producer.append(partition, key, value, timestamp)
      }
    }
    await this.#producer.flush()
    this.#ends = ends
  }

  close(): void {
    this.#producer.close()
  }
}
