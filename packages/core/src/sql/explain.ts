import type { PipelineConfig } from '../config/pipeline-config.ts'
import { formatDuration } from '../config/units.ts'
import type { EventTimePlan, Field, MetadataColumn, PipelinePlan, RelationPlan, WindowPlan } from '../model/index.ts'
import { layoutSql } from './layout-sql.ts'

/** What a pipeline will do, for `explain --json`: the plan, with the names of its parts from the configuration. */
export interface PlanExplanation {
  readonly pipeline: string
  readonly source: {
    readonly name: string
    readonly adapter: string
    readonly format: string
    readonly columns: readonly Field[]
    readonly required: readonly string[]
    readonly metadata: readonly MetadataColumn[]
    readonly eventTime?: EventTimePlan
  }
  readonly relations: readonly RelationPlan[]
  readonly sinks: readonly {
    readonly name: string
    readonly adapter: string
    readonly relation: string
    readonly columns: readonly Field[]
  }[]
}

export function explanationOf(plan: PipelinePlan, config: PipelineConfig): PlanExplanation {
  const { name, adapter, decode } = config.source
  return {
    pipeline: config.name,
    source: { name, adapter, format: decode.format, ...plan.input },
    relations: plan.relations,
    sinks: plan.sinks.map((sink) => ({
      ...sink,
      adapter: config.sinks.find((candidate) => candidate.name === sink.name)?.adapter ?? '',
    })),
  }
}

/** The same as text for a terminal. */
export function explainPlan(plan: PipelinePlan, config: PipelineConfig): string {
  const explanation = explanationOf(plan, config)
  return [
    `pipeline ${explanation.pipeline}`,
    explainSource(explanation.source),
    ...explanation.relations.map(explainRelation),
    ...explanation.sinks.map(
      (sink) => `sink ${sink.name} (${sink.adapter}) from ${sink.relation}\n  columns: ${fieldList(sink.columns)}`,
    ),
  ].join('\n\n')
}

function explainSource(source: PlanExplanation['source']): string {
  const lines = [
    `source ${source.name} (${source.adapter}, ${source.format})`,
    `  columns: ${fieldList(source.columns)}`,
  ]
  if (source.required.length > 0) lines.push(`  required: ${source.required.join(', ')}`)
  if (source.metadata.length > 0) lines.push(`  metadata: ${source.metadata.join(', ')}`)
  const { eventTime } = source
  if (eventTime !== undefined) {
    const late = eventTime.late === 'drop' ? 'counted and dropped' : 'counted and sent to the dead letters'
    const delay = formatDuration(eventTime.delayMs)
    lines.push(`  event time: ${eventTime.column}; the watermark follows ${delay} behind; late records are ${late}`)
  }
  return lines.join('\n')
}

function explainRelation(relation: RelationPlan): string {
  if (relation.kind === 'window') return explainWindow(relation)
  const rows = relation.perRow ? 'one row per record' : 'one row per window row'
  return [
    `step ${relation.name} (${rows})`,
    `  columns: ${fieldList(relation.columns)}`,
    layoutSql(relation.sql, '  '),
  ].join('\n')
}

function explainWindow(window: WindowPlan): string {
  const strategy =
    window.strategy === 'partials'
      ? 'kept as partial aggregates, merged when the window closes'
      : 'kept as rows, aggregated when the window closes'
  return [
    `step ${window.name} (${windowText(window)} over ${window.upstream})`,
    `  columns: ${fieldList(window.columns)}`,
    `  strategy: ${strategy}`,
    ...window.notes.map((note) => `  note: ${note}`),
    `  state: ${window.stateTable} (${fieldList(window.stateColumns)})`,
    '  each epoch adds',
    layoutSql(window.accumulate, '    '),
    '  a closed window gives',
    layoutSql(window.fire, '    '),
  ].join('\n')
}

function windowText({ window }: WindowPlan): string {
  const offset = window.offsetMs === 0 ? '' : `, offset ${formatDuration(window.offsetMs)}`
  return `tumbling windows of ${formatDuration(window.sizeMs)}${offset}`
}

function fieldList(fields: readonly Field[]): string {
  return fields.map(({ name, type }) => `${name} ${type}`).join(', ')
}
