/** Where a stretch of a step's SQL text stands in the pipeline file. */
export interface Origin {
  /** The text's line (from 1) on which the value's own first line stands, in the same columns. */
  readonly firstLine: number
  /** Path of the value, relative to the step. */
  readonly path: readonly (string | number)[]
  /** The SQL was made from the value and is not the value's text: only the value as a whole has a place. */
  readonly generated?: true
}

/** A step as SQL over `input`. */
export interface CompiledStep {
  readonly sql: string
  /** In the order of their lines. */
  readonly origins: readonly Origin[]
  /** The step passes metadata columns on although its SQL does not name them. */
  readonly keepsMetadata: boolean
}
