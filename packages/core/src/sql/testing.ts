import type { PipelineConfig, StepConfig } from '../config/pipeline-config.ts'
import { type Connection, Database, quoteIdentifier } from '../duckdb/index.ts'
import { type Field, LATE_TABLE, type PipelinePlan, ROW_COLUMN, type WindowPlan } from '../model/index.ts'
import { planPipeline } from './plan-pipeline.ts'
import { METADATA_TYPES } from './relation.ts'

/** For tests: a pipeline's configuration around some steps, and a hand-turned engine that runs its plan. */
export function pipelineOf(
  columns: Readonly<Record<string, string>>,
  steps: readonly StepConfig[],
  options: { watermark?: string; placeOf?: PipelineConfig['placeOf'] } = {},
): PipelineConfig {
  const watermark = options.watermark && {
    column: options.watermark,
    delayMs: 0,
    maxAheadMs: 86_400_000,
    late: 'drop' as const,
  }
  return {
    name: 'test',
    source: {
      name: 'source',
      adapter: 'kafka',
      config: {},
      decode: {
        format: 'json',
        columns: Object.entries(columns).map(([name, type]) => ({ name, type })),
        required: [],
      },
      ...(watermark ? { watermark } : {}),
    },
    steps,
    trigger: { intervalMs: 1000, maxRecords: 1000, maxBytes: 1 << 20 },
    sinks: [{ name: 'out', from: steps.at(-1)?.name ?? 'input', adapter: 'console', config: {}, maxPendingBytes: 1 }],
    maxRejects: 0,
    placeOf: options.placeOf ?? (() => undefined),
  }
}

export function sqlStep(sql: string, name = 'result', from = 'input'): StepConfig {
  return { kind: 'sql', name, from, sql }
}

export async function planOrThrow(config: PipelineConfig): Promise<PipelinePlan> {
  const { plan, problems } = await inScratch((connection) => planPipeline(config, connection))
  if (plan === undefined) throw new Error(problems.map(({ code, message }) => `${code} ${message}`).join('\n'))
  return plan
}

export async function inScratch<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
  const database = await Database.open(undefined, { threads: 2 })
  try {
    return await work(await database.connect())
  } finally {
    database.close()
  }
}

/** Runs a plan epoch by epoch, as the engine does, with watermarks and late rows given from outside. */
export class HandTurnedEngine {
  readonly #connection: Connection
  readonly #plan: PipelinePlan

  private constructor(connection: Connection, plan: PipelinePlan) {
    this.#connection = connection
    this.#plan = plan
  }

  static async start(connection: Connection, plan: PipelinePlan): Promise<HandTurnedEngine> {
    const engine = new HandTurnedEngine(connection, plan)
    await engine.#input(`SELECT ${nulls(await engine.#inputFields())} WHERE false`)
    for (const relation of plan.relations) {
      const name = quoteIdentifier(relation.name)
      if (relation.kind === 'select') await connection.run(`CREATE OR REPLACE TEMP VIEW ${name} AS ${relation.sql}`)
      else {
        await connection.run(`CREATE OR REPLACE TEMP TABLE ${name} (${definitions(relation.columns)})`)
        await connection.run(
          `CREATE OR REPLACE TABLE ${quoteIdentifier(relation.stateTable)} (${definitions(relation.stateColumns)})`,
        )
      }
    }
    return engine
  }

  /** One epoch: `select` gives the decoded records; rows numbered in `late` come too late. */
  async epoch(select: string, late: readonly number[] = []): Promise<void> {
    await this.#input(select)
    await this.#connection.run(
      `CREATE OR REPLACE TEMP TABLE ${LATE_TABLE} AS SELECT unnest([${late.join(', ')}]::BIGINT[]) AS row`,
    )
    for (const window of this.#windows()) {
      const accumulate = late.length > 0 ? window.accumulateOnTime : window.accumulate
      await this.#connection.run(`INSERT INTO ${quoteIdentifier(window.stateTable)} ${accumulate}`)
    }
  }

  /** Moves what ends at or before `until` into the windows' output tables, which keep what they have. */
  async fire(until: string): Promise<void> {
    for (const window of this.#windows()) {
      await this.#connection.run(`INSERT INTO ${quoteIdentifier(window.name)} ${window.fire}`, [until])
      await this.#connection.run(
        `DELETE FROM ${quoteIdentifier(window.stateTable)} WHERE window_end <= $1::TIMESTAMP`,
        [until],
      )
    }
  }

  #windows(): WindowPlan[] {
    return this.#plan.relations.filter((relation) => relation.kind === 'window')
  }

  async #input(select: string): Promise<void> {
    const names = (await this.#inputFields()).map(({ name }) => quoteIdentifier(name)).join(', ')
    await this.#connection.run(`CREATE OR REPLACE TEMP TABLE _input AS SELECT ${names} FROM (${select})`)
    await this.#connection.run(`CREATE OR REPLACE TEMP VIEW input AS SELECT *, rowid AS ${ROW_COLUMN} FROM _input`)
  }

  async #inputFields(): Promise<Field[]> {
    return [
      ...this.#plan.input.columns,
      ...this.#plan.input.metadata.map((name) => ({ name, type: METADATA_TYPES[name] })),
    ]
  }
}

function definitions(fields: readonly Field[]): string {
  return fields.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ')
}

function nulls(fields: readonly Field[]): string {
  return fields.map(({ name, type }) => `CAST(NULL AS ${type}) AS ${quoteIdentifier(name)}`).join(', ')
}
