import { type Place, type Problem, problemOf } from '../errors/index.ts'
import type { AdapterDefinition } from '../model/index.ts'
import { buildPipeline } from './build-pipeline.ts'
import { type ConfigPath, checkValue, type Mistake, startsWith } from './check-value.ts'
import type { PipelineInput } from './define-pipeline.ts'
import { interpolate } from './interpolate.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import { pipelineSchema } from './pipeline-schema.ts'
import { readYaml } from './yaml-file.ts'

export interface ParseOptions {
  /** For `${param:…}`. */
  readonly parameters?: Readonly<Record<string, string>>
}

export interface ParsedPipeline {
  /** The pipeline, when `problems` is empty. */
  readonly config?: PipelineConfig
  /** A file with mistakes whose steps and columns are clear enough to look for more in its SQL. Never to be run. */
  readonly draft?: PipelineConfig
  readonly problems: readonly Problem[]
}

/** Where values and keys of a configuration stand. */
export interface Places {
  valuePlace(path: ConfigPath): Place
  keyPlace(path: ConfigPath): Place
}

/**
 * Reads a pipeline file (YAML, or JSON, which is YAML too). Never throws: every mistake is a problem with its place in
 * `file`, in the order of the file. Opens nothing.
 */
export function parsePipeline(
  text: string,
  file: string,
  adapters: readonly AdapterDefinition[],
  options: ParseOptions = {},
): ParsedPipeline {
  const yaml = readYaml(text, file)
  if (yaml.problems.length > 0) return { problems: inOrder(yaml.problems) }
  return checkPipeline(yaml.value, yaml, adapters, options)
}

/** The same for an object, as `definePipeline` gives it. Problems name the file where one is given. */
export function parsePipelineObject(
  pipeline: PipelineInput,
  adapters: readonly AdapterDefinition[],
  options: ParseOptions & { file?: string } = {},
): ParsedPipeline {
  const { file } = options
  const places = file === undefined ? undefined : { valuePlace: () => ({ file }), keyPlace: () => ({ file }) }
  return checkPipeline(pipeline, places, adapters, options)
}

function checkPipeline(
  written: unknown,
  places: Places | undefined,
  adapters: readonly AdapterDefinition[],
  { parameters = {} }: ParseOptions,
): ParsedPipeline {
  const filled = interpolate(written, { parameters })
  const root = 'the pipeline'
  const checked = checkValue(pipelineSchema(adapters), filled.value, { root, written: filled.written })
  const shape = [...filled.mistakes, ...checked.mistakes.filter((mistake) => !isExplained(mistake, filled.mistakes))]
  const { config, mistakes } = buildPipeline(checked.value, {
    adapters,
    placeOf: (path) => places?.valuePlace(path),
    isSound: (path) => !shape.some((mistake) => startsWith(mistake.path, path)),
  })
  const problems = inOrder([...shape, ...mistakes].map((mistake) => problemAt(mistake, places)))
  if (config === undefined) return { problems }
  return problems.length > 0 ? { draft: config, problems } : { config, problems }
}

/** Whether the value could not be filled in: what else is wrong with it then says nothing. */
export function isExplained(mistake: Mistake, others: readonly Mistake[]): boolean {
  return others.some((other) => startsWith(mistake.path, other.path))
}

export function problemAt({ error, path, at }: Mistake, places: Places | undefined): Problem {
  const problem = problemOf(error)
  if (places === undefined) return problem
  return { ...problem, place: at === 'key' ? places.keyPlace(path) : places.valuePlace(path) }
}

/** Sorted by where they stand. */
export function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const line = ({ place }: Problem) => place?.line ?? 0
  const column = ({ place }: Problem) => place?.column ?? 0
  return problems.toSorted((a, b) => line(a) - line(b) || column(a) - column(b))
}
