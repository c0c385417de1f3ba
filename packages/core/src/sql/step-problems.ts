import type { PipelineConfig } from '../config/pipeline-config.ts'
import { type HeadraceError, type Place, type Problem, placeWithin, problemOf } from '../errors/index.ts'
import type { CompiledStep } from '../steps/compiled-step.ts'

type Fault<D> = new (details: D & { step: string }, options?: { place?: Place }) => HeadraceError

/** Collects what is wrong with one step, each with its place in the file. */
export class StepProblems {
  readonly step: string
  readonly #config: Pick<PipelineConfig, 'placeOf'>
  readonly #index: number
  readonly #found: Problem[]
  #compiled: CompiledStep | undefined
  #count = 0

  constructor(config: Pick<PipelineConfig, 'placeOf'>, step: { index: number; name: string }, found: Problem[]) {
    this.step = step.name
    this.#config = config
    this.#index = step.index
    this.#found = found
  }

  /** From here on, byte offsets are those of this text. */
  within(compiled: CompiledStep): this {
    this.#compiled = compiled
    return this
  }

  get count(): number {
    return this.#count
  }

  /** `at` is a byte offset into the step's SQL; without it the problem is the step's as a whole. */
  add<D>(Kind: Fault<D>, details: D, at?: number): void {
    const place = at === undefined ? this.#placeOf([]) : this.#placeAt(at)
    this.#push(new Kind({ ...details, step: this.step }, place === undefined ? {} : { place }))
  }

  /** The same for a value of the step that is not SQL text; the path is relative to the step. */
  addAtPath<D>(Kind: Fault<D>, details: D, path: readonly (string | number)[]): void {
    const place = this.#placeOf(path)
    this.#push(new Kind({ ...details, step: this.step }, place === undefined ? {} : { place }))
  }

  #push(error: HeadraceError): void {
    this.#count += 1
    this.#found.push(problemOf(error))
  }

  #placeOf(path: readonly (string | number)[]): Place | undefined {
    return this.#config.placeOf(['steps', this.#index, ...path])
  }

  #placeAt(at: number): Place | undefined {
    const compiled = this.#compiled
    if (compiled === undefined) return this.#placeOf([])
    const before = Buffer.from(compiled.sql).subarray(0, at).toString().split('\n')
    const line = before.length
    const column = (before.at(-1)?.length ?? 0) + 1
    const origin = compiled.origins.findLast((candidate) => candidate.firstLine <= line)
    if (origin === undefined) return this.#placeOf([])
    const start = this.#placeOf(origin.path)
    if (start === undefined || origin.generated === true) return start
    return placeWithin(start, line - origin.firstLine + 1, column)
  }
}
