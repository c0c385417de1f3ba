import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'
import { parsePipeline } from '../config/index.ts'
import { defineError } from '../errors/index.ts'
import type { MemoryRecord, MemorySystem } from '../testing/memory-adapter.ts'
import type { RunOptions } from './options.ts'
import { runPipeline } from './run.ts'
import type { PipelineStatus } from './status.ts'

/** A folder of each test's own, which goes with it. */
export function testFolder(): () => string {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'headrace-engine-'))
  })
  afterEach(() => rm(folder, { recursive: true, force: true }))
  return () => folder
}

/** A pipeline `numbers` over a `MemorySystem`: the numbers from 0 on go to every sink. `more` is YAML that follows the last sink. */
export function numbersPipeline(sinks: readonly string[] = ['out'], more = ''): string {
  return `name: numbers
source:
  memory: {}
  decode: { json: { columns: { n: integer } } }
steps:
  - filter: n >= 0
sinks:
${sinks.map((name) => `  - memory: {}\n    name: ${name}\n`).join('')}${more}`
}

export function numbers(...all: readonly unknown[]): MemoryRecord[] {
  return all.map((n) => ({ value: JSON.stringify({ n }) }))
}

/** What a sink throws whose target is down, and not worth waiting for. */
export class TargetDownError extends defineError<Record<never, never>>({
  code: 'TEST_TARGET_DOWN',
  fault: 'external',
  retry: 'never',
  message: () => 'the target is down',
  hint: () => 'Wait.',
  example: {},
}) {}

/** Runs a pipeline over a `MemorySystem`, once through unless told otherwise. */
export async function runInMemory(
  system: MemorySystem,
  dataDirectory: string,
  text: string,
  options: Partial<RunOptions> = {},
): Promise<PipelineStatus> {
  const { config, problems } = parsePipeline(text, 'pipeline.yaml', [system.adapter])
  if (config === undefined) throw new Error(JSON.stringify(problems))
  const { status } = await runPipeline({
    config,
    adapters: [system.adapter],
    connection: () => undefined,
    dataDirectory,
    mode: { kind: 'once' },
    drain: false,
    signal: new AbortController().signal,
    threads: 1,
    ...options,
  })
  return status
}
