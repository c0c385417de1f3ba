import type { HeadraceError, Place } from '../errors/index.ts'
import type { AdapterDefinition, ConfigIssue, EventTimePlan, Field } from '../model/index.ts'
import { type ConfigPath, formatPath, type Mistake, startsWith } from './check-value.ts'
import { parseColumnType } from './column-type.ts'
import { DECODE_FORMATS, type DecodeConfig } from './decode-schema.ts'
import type { SinkInput, SourceInput } from './define-pipeline.ts'
import { DuplicateError, InvalidNameError, InvalidValueError, UnknownReferenceError } from './errors.ts'
import type { PipelineConfig, SinkConfig, SourceConfig, StepConfig, TriggerConfig } from './pipeline-config.ts'
import { STEP_KINDS, type StepInput, type StepKind, type TriggerInput, type WatermarkInput } from './pipeline-schema.ts'
import { isMapping } from './schema-node.ts'
import { parseDuration, parseSize } from './units.ts'

/** Names that mean the decoded records. */
export const INPUT_NAME = 'input'
/** The engine's own columns beside the declared ones. */
const RESERVED_COLUMNS = new Set([
  '_partition',
  '_offset',
  '_timestamp',
  '_key',
  '_headers',
  '_timestamp_type',
  '_leader_epoch',
  '_row',
  '_records',
])
const RAW_TYPES = new Set(['VARCHAR', 'BLOB'])
const EVENT_TIME_TYPES = new Set(['TIMESTAMP', 'TIMESTAMP WITH TIME ZONE'])

export interface BuildOptions {
  readonly adapters: readonly AdapterDefinition[]
  readonly placeOf: (path: ConfigPath) => Place | undefined
  /** Whether the value at a path fits the schema, with all below it: only such values are looked at here. */
  readonly isSound: (path: ConfigPath) => boolean
}

/**
 * The checks that reach across a pipeline file, and its form for the program. Pure. The value has its defaults filled in.
 * Where neither the schema nor this finds a mistake, `config` is the pipeline. Where there are mistakes, it is a draft good
 * enough to check the SQL with, or undefined where steps or columns themselves are in doubt.
 */
export function buildPipeline(
  value: unknown,
  options: BuildOptions,
): { config: PipelineConfig | undefined; mistakes: readonly Mistake[] } {
  const builder = new PipelineBuilder(options)
  if (!isMapping(value)) return { config: undefined, mistakes: [] }
  const config = builder.build(value)
  return { config, mistakes: builder.mistakes }
}

class PipelineBuilder {
  readonly mistakes: Mistake[] = []
  readonly #options: BuildOptions

  constructor(options: BuildOptions) {
    this.#options = options
  }

  build(value: Record<string, unknown>): PipelineConfig | undefined {
    const source = this.#source(value.source)
    const steps = this.#steps(listOf(value.steps))
    const sinks = this.#sinks(listOf(value.sinks), steps)
    const isPlannable = this.#isFaultless(['steps']) && this.#isFaultless(['source', 'decode'])
    if (source === undefined || !isPlannable || !this.#isFaultless(['source', 'watermark', 'column'])) return undefined
    return {
      name: String(value.name),
      source,
      steps: steps.flatMap(({ config }) => config ?? []),
      trigger: this.#trigger(isMapping(value.trigger) ? value.trigger : {}),
      // All or none: places are found by a sink's number.
      sinks: this.#isFaultless(['sinks']) ? sinks : [],
      maxRejects: value.maxRejects as number,
      placeOf: this.#options.placeOf,
    }
  }

  #isFaultless(path: ConfigPath): boolean {
    return this.#options.isSound(path) && !this.mistakes.some((mistake) => startsWith(mistake.path, path))
  }

  #trigger({ interval, maxRecords, maxBytes }: TriggerInput): TriggerConfig {
    return {
      intervalMs: this.#milliseconds(interval, ['trigger', 'interval']),
      maxRecords: maxRecords as number,
      maxBytes: this.#bytes(maxBytes, ['trigger', 'maxBytes']),
    }
  }

  /** Only a draft has a duration or size that cannot be read. */
  #milliseconds(value: string | number | undefined, path: ConfigPath): number {
    return value === undefined || !this.#options.isSound(path) ? 0 : parseDuration(value)
  }

  #bytes(value: string | number | undefined, path: ConfigPath): number {
    return value === undefined || !this.#options.isSound(path) ? 0 : parseSize(value)
  }

  #source(value: unknown): SourceConfig | undefined {
    if (!isMapping(value)) return undefined
    const source = value as unknown as SourceInput
    const definition = this.#options.adapters.find((a) => a.source !== undefined && Object.hasOwn(source, a.name))
    if (definition !== undefined) this.#checkAdapter(definition, 'source', source, ['source'])
    const decode = this.#decode(source)
    const watermark = this.#watermark(source.watermark, decode)
    if (definition === undefined || decode === undefined) return undefined
    const { name } = definition
    const base = {
      name: source.name ?? name,
      adapter: name,
      config: source[name],
      decode,
      ...(source.tombstones && { tombstones: source.tombstones }),
    }
    return watermark === undefined ? base : { ...base, watermark }
  }

  #decode(source: SourceInput): DecodeConfig | undefined {
    const format = DECODE_FORMATS.find((name) => Object.hasOwn(source.decode ?? {}, name))
    if (format === undefined) return undefined
    const path = ['source', 'decode', format, 'columns']
    const { columns: declared, ...settings } = source.decode[format] ?? {}
    if (!this.#options.isSound(path) || !isMapping(declared)) return undefined
    const columns: Field[] = []
    const required: string[] = []
    for (const [name, column] of Object.entries(declared)) {
      this.#checkColumnName(name, columns, [...path, name])
      columns.push({ name, type: parseColumnType(typeof column === 'string' ? column : column.type) })
      if (typeof column !== 'string' && column.required === true) required.push(name)
    }
    if (format === 'raw') this.#checkRawColumn(columns[0], path)
    return { format, columns, required, ...settings } as DecodeConfig
  }

  #checkRawColumn(column: Field | undefined, path: ConfigPath): void {
    if (column === undefined || RAW_TYPES.has(column.type)) return
    const message = `the column "${column.name}" has the type ${column.type}; raw values are varchar or blob`
    const hint = 'Declare it as varchar or blob, and cast it in an SQL step.'
    this.#add(new InvalidValueError({ message, hint }), [...path, column.name])
  }

  #checkColumnName(name: string, before: readonly Field[], path: ConfigPath): void {
    if (name === '') {
      this.#add(new InvalidNameError({ name, what: 'column', rule: 'Write a name.' }), path, 'key')
    } else if (RESERVED_COLUMNS.has(name.toLowerCase())) {
      const rule = 'Headrace keeps this name for what it knows about each record itself.'
      this.#add(new InvalidNameError({ name, what: 'column', rule }), path, 'key')
    } else if (before.some((column) => sameName(column.name, name))) {
      const hint = 'SQL does not tell letter case apart: keep one of them.'
      this.#add(new DuplicateError({ name, what: 'column', hint }), path, 'key')
    }
  }

  #watermark(input: WatermarkInput | undefined, decode: DecodeConfig | undefined): EventTimePlan | undefined {
    const path = ['source', 'watermark']
    if (decode === undefined || typeof input?.column !== 'string') return undefined
    const column = decode.columns.find((field) => sameName(field.name, input.column))
    const columnPath = [...path, 'column']
    if (column === undefined) {
      const known = decode.columns.map((field) => field.name)
      const key = formatPath(columnPath)
      this.#add(new UnknownReferenceError({ key, name: input.column, what: 'declared column', known }), columnPath)
    } else if (!EVENT_TIME_TYPES.has(column.type)) {
      const message = `the watermark's column "${column.name}" has the type ${column.type}, not a timestamp`
      const hint = `Declare it as \`timestamp\` or \`timestamptz\` in source.decode.${decode.format}.columns.`
      this.#add(new InvalidValueError({ message, hint }), columnPath)
    }
    const plan: EventTimePlan = {
      column: column?.name ?? input.column,
      delayMs: this.#milliseconds(input.delay, [...path, 'delay']),
      maxAheadMs: this.#milliseconds(input.maxAhead, [...path, 'maxAhead']),
      late: input.late as 'deadLetters' | 'drop',
    }
    if (input.idleTimeout === undefined) return plan
    return { ...plan, idleTimeoutMs: this.#milliseconds(input.idleTimeout, [...path, 'idleTimeout']) }
  }

  /** Every step's name, also of those that are wrong otherwise: others may refer to them. */
  #steps(inputs: readonly unknown[]): { name: string; config?: StepConfig }[] {
    const steps: { name: string; config?: StepConfig }[] = []
    inputs.forEach((input, i) => {
      const path = ['steps', i]
      const step = (isMapping(input) ? input : {}) as StepInput
      const kind = STEP_KINDS.find((key) => Object.hasOwn(step, key))
      const name = typeof step.name === 'string' ? step.name : `${snakeCase(kind ?? 'step')}_${i + 1}`
      this.#checkStepName(name, steps, [...path, 'name'])
      const from = this.#reference(step.from, steps, [...path, 'from'])
      const isSound = kind !== undefined && this.#options.isSound(path)
      steps.push(isSound ? { name, config: stepConfig(kind, step, { name, from }) } : { name })
    })
    return steps
  }

  #checkStepName(name: string, before: readonly { name: string }[], path: ConfigPath): void {
    if (sameName(name, INPUT_NAME)) {
      const rule = '`input` is what steps call the decoded records. Choose another name.'
      this.#add(new InvalidNameError({ name, what: 'step', rule }), path)
    } else if (before.some((step) => sameName(step.name, name))) {
      this.#add(new DuplicateError({ name, what: 'step', hint: 'Give each a `name:` of its own.' }), path)
    }
  }

  /** The name that `from` means, or by default the step before. */
  #reference(from: unknown, steps: readonly { name: string }[], path: ConfigPath): string {
    if (typeof from !== 'string' || !this.#options.isSound(path)) return steps.at(-1)?.name ?? INPUT_NAME
    const names = [INPUT_NAME, ...steps.map((step) => step.name)]
    const known = names.find((name) => sameName(name, from))
    if (known !== undefined) return known
    this.#add(
      new UnknownReferenceError({ key: formatPath(path), name: from, what: 'step before it', known: names }),
      path,
    )
    return from
  }

  #sinks(inputs: readonly unknown[], steps: readonly { name: string }[]): SinkConfig[] {
    const sinks: SinkConfig[] = []
    inputs.forEach((input, i) => {
      if (!isMapping(input)) return
      const path = ['sinks', i]
      const sink = input as unknown as SinkInput
      const from = this.#reference(sink.from, steps, [...path, 'from'])
      const definition = this.#options.adapters.find((a) => a.sink !== undefined && Object.hasOwn(sink, a.name))
      if (definition === undefined) return
      this.#checkAdapter(definition, 'sink', sink, path)
      const name = sink.name ?? definition.name
      if (sinks.some((other) => sameName(other.name, name))) {
        const hint = 'Give each sink a `name:` of its own: its progress is kept under it.'
        this.#add(new DuplicateError({ name, what: 'sink', hint }), sink.name === undefined ? path : [...path, 'name'])
      }
      const maxPendingBytes = this.#bytes(sink.maxPendingBytes, [...path, 'maxPendingBytes'])
      sinks.push({ name, from, adapter: definition.name, config: sink[definition.name], maxPendingBytes })
    })
    return sinks
  }

  #checkAdapter(
    definition: AdapterDefinition,
    role: 'source' | 'sink',
    holder: SourceInput | SinkInput,
    path: ConfigPath,
  ): void {
    const configPath = [...path, definition.name]
    if (!this.#options.isSound(configPath)) return
    const config = holder[definition.name] as never
    const issues: readonly ConfigIssue[] = definition[role]?.check?.(config) ?? []
    for (const issue of issues) {
      const hint = issue.hint ?? `See the reference of the ${definition.name} ${role}.`
      this.#add(new InvalidValueError({ message: issue.message, hint }), [...configPath, ...issue.path])
    }
  }

  #add(error: HeadraceError, path: ConfigPath, at: 'key' | 'value' = 'value'): void {
    this.mistakes.push({ error, path, at })
  }
}

function stepConfig(kind: StepKind, step: StepInput, base: { name: string; from: string }): StepConfig {
  if (kind === 'filter') return { ...base, kind, condition: step.filter as string }
  if (kind === 'sql') return { ...base, kind, sql: step.sql as string }
  if (kind === 'select') return { ...base, kind, columns: step.select as string[] }
  return { ...base, kind, mappings: (step.applyMapping as string[][]).map(mapping) }
}

/** AWS Glue's tuples: (source, target), (source, targetType, target), (source, sourceType, target, targetType). */
function mapping(tuple: readonly string[]): { source: string; target: string; type?: string } {
  const [source = '', second = '', third = '', fourth = ''] = tuple
  if (tuple.length === 2) return { source, target: second }
  return tuple.length === 3 ? { source, target: third, type: second } : { source, target: third, type: fourth }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** As SQL compares names. */
function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase()
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
