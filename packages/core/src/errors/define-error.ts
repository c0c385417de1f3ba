/** Whose fault it is decides the exit code and the HTTP status: `user` 400, `external` 502, `bug` 500. */
export type Fault = 'user' | 'external' | 'bug'

/** `never`: the same call fails again. `backoff`: the engine tries again, waiting longer each time. */
export type Retry = 'never' | 'backoff'

// biome-ignore lint/suspicious/noExplicitAny: the details differ from error to error
type Details = any

export interface ErrorSpec<D extends Details> {
  /** SCREAMING_SNAKE, unique in the program, never reused for something else. */
  readonly code: string
  readonly fault: Fault
  readonly retry: Retry
  readonly message: (details: D) => string
  readonly hint: (details: D) => string
  /** The key of an adapter's configuration that it is about: the engine tells its place in the pipeline file. */
  readonly setting?: string
  /** Details for the example in the generated catalogue. */
  readonly example: D
}

/** Where in a file a mistake stands; line and column count from 1. */
export interface Place {
  readonly file: string
  readonly line?: number
  readonly column?: number
}

/** Every error a user can meet: a code, what is wrong, and how to mend it. */
export class HeadraceError extends Error {
  readonly code: string
  readonly fault: Fault
  readonly retry: Retry
  readonly hint: string
  readonly setting: string | undefined
  readonly details: Readonly<Record<string, unknown>>
  place?: Place

  constructor(spec: ErrorSpec<Details>, details: Details, options?: { cause?: unknown; place?: Place }) {
    super(spec.message(details), options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = spec.code
    this.code = spec.code
    this.fault = spec.fault
    this.retry = spec.retry
    this.hint = spec.hint(details)
    this.setting = spec.setting
    this.details = details
    if (options?.place !== undefined) this.place = options.place
  }
}

type ErrorClass<D> = {
  new (details: D, options?: { cause?: unknown; place?: Place }): HeadraceError
  readonly spec: ErrorSpec<D>
}

const catalogue = new Map<string, ErrorSpec<Details>>()

/**
 * One error of the catalogue, as a base class: `class TopicMissingError extends defineError({...}) {}`.
 * The code is written once; docs, HTTP status, exit code and retries derive from it.
 */
export function defineError<D>(spec: ErrorSpec<D>): ErrorClass<D> {
  if (catalogue.has(spec.code)) throw new Error(`error code ${spec.code} is defined twice`)
  catalogue.set(spec.code, spec)
  return class extends HeadraceError {
    static readonly spec = spec
    constructor(details: D, options?: { cause?: unknown; place?: Place }) {
      super(spec, details, options)
    }
  }
}

/** Every error defined so far, by code: what the generated catalogue shows. */
export function errorCatalogue(): readonly ErrorSpec<Details>[] {
  return [...catalogue.values()].sort((a, b) => (a.code < b.code ? -1 : 1))
}

/** Whether an error can only be a mistake in the program: no outside system throws these, and trying again changes nothing. */
export function isProgrammingError(error: unknown): boolean {
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof SyntaxError
}
