import type { TSchema } from 'typebox'
import type { Field } from './batch.ts'
import type { MetadataColumn } from './plan.ts'
import type { Sink, Staging } from './sink.ts'
import type { Source } from './source.ts'

/** One mistake in a configuration, by the path of the value that is wrong (`['topic']`, relative to what was checked). */
export interface ConfigIssue {
  readonly path: readonly (string | number)[]
  readonly message: string
  readonly hint?: string
}

/** How to reach a system, apart from what to do there: bootstrap address, URL, credentials. */
export interface ConnectionDefinition {
  /** The word below a connection's name in `headrace.yaml`: `kafka`, `postgres`. */
  readonly type: string
  readonly schema: TSchema
  /** The name used when a pipeline names none: `kafka`, `warehouse`. */
  readonly defaultName: string
}

export interface AdapterContext {
  readonly pipeline: string
  /** The source's or sink's name in the pipeline file. */
  readonly name: string
  /** Absolute: where relative dataset paths lie (`.headrace/lake`). */
  readonly lakeDirectory: string
  /** The settings of the connection this adapter asked for, checked against its schema; undefined if it asked for none. */
  readonly connection: unknown
  readonly log: (line: LogLine) => void
  /** The settings of another connection that the configuration names, such as a schema registry; its type's default one without a name. */
  readonly otherConnection?: (type: string, name: string | undefined) => unknown
}

export interface SourceContext extends AdapterContext {
  /** What SQL asks for beside the value: keys, headers and the like are left out of the blocks otherwise. */
  readonly metadata: readonly MetadataColumn[]
  /** Names the pipeline's state, as long as that lives: what this process left elsewhere is known by it. */
  readonly incarnation: string
}

export interface SinkContext extends AdapterContext {
  /** The rows' columns, where they are known before the first batch: a sink can check or make its table when it connects. */
  readonly columns?: readonly Field[]
  /** For tests: told what a publication has done so far. What it throws ends the publication there, as if killed. */
  readonly onStep?: (step: string) => void
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly code?: string
  readonly message: string
  readonly hint?: string
}

export interface SourceDefinition<C = never> {
  readonly schema: TSchema
  /** Full `source:` examples, as YAML values; validated and shown in the docs. */
  readonly examples: readonly unknown[]
  /** The connection's name that this configuration uses; undefined = the default one of the adapter. */
  connectionName?(config: C): string | undefined
  /** Cross-field checks; pure. */
  check?(config: C): readonly ConfigIssue[]
  /** The setting by which several processes share the source, if this configuration does: each then sees only a part of it. */
  sharedBy?(config: C): readonly (string | number)[] | undefined
  load(): Promise<{ createSource(config: C, context: SourceContext): Source }>
}

export interface SinkDefinition<C = never> {
  /** What a reader may rely on, whatever is killed and when. */
  readonly delivery: 'exactly-once' | 'at-least-once'
  /** The same where the user chooses; `delivery` is then what holds without a choice. */
  deliveryOf?(config: C): 'exactly-once' | 'at-least-once'
  readonly schema: TSchema
  readonly examples: readonly unknown[]
  connectionName?(config: C): string | undefined
  /** Cross-field checks; pure. `columns` are the rows' columns, once the SQL has been bound (undefined before). */
  check?(config: C, columns?: readonly Field[]): readonly ConfigIssue[]
  /** Pure: where and how rows wait for this sink. */
  staging(config: C, context: Pick<AdapterContext, 'pipeline' | 'name' | 'lakeDirectory'>): Staging
  load(): Promise<{ createSink(config: C, context: SinkContext): Sink }>
}

/** One external system. `load` imports the vendor's SDK: validation, help and docs never do. */
export interface AdapterDefinition {
  readonly name: string
  readonly summary: string
  readonly connection?: ConnectionDefinition
  // `any` keeps the list of adapters heterogeneous; `defineAdapter` checks each one.
  // biome-ignore lint/suspicious/noExplicitAny: a list of definitions with different configuration types
  readonly source?: SourceDefinition<any>
  // biome-ignore lint/suspicious/noExplicitAny: see above
  readonly sink?: SinkDefinition<any>
}
