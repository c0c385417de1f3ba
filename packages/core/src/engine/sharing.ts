import type { PipelineConfig } from '../config/pipeline-config.ts'
import { defineError, type Problem, problemOf } from '../errors/index.ts'
import type { AdapterDefinition, PipelinePlan } from '../model/index.ts'

class WindowsSharedError extends defineError<{ setting: string; window: string }>({
  code: 'SHARED_WINDOWS',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `one process runs a pipeline with windows, and \`${d.setting}\` shares its source among several: each would see a part of window "${d.window}"`,
  hint: (d) =>
    `Take \`${d.setting}\` out: one process then reads all partitions. Or write the rows to a topic here, and let a second pipeline, with one process, read that for its windows.`,
  example: { setting: 'group', window: 'per_minute' },
}) {}

class SinkSharedError extends defineError<{ setting: string; sink: string; adapter: string }>({
  code: 'SHARED_SINK',
  fault: 'user',
  retry: 'never',
  message: (d) =>
    `sink "${d.sink}" (${d.adapter}) takes the batches of one process, exactly once, and \`${d.setting}\` shares the source among several`,
  hint: (d) =>
    `A partition that moves may bring rows again that the process before it had still to deliver: only at-least-once sinks (console, kafka) allow that. Take \`${d.setting}\` out, or write to a topic here and let a second pipeline, with one process, deliver it exactly once.`,
  example: { setting: 'group', sink: 'totals', adapter: 'postgres' },
}) {}

/** What speaks against several processes sharing the source, if the configuration says that they do. */
export function sharingProblems(
  config: PipelineConfig,
  adapters: readonly AdapterDefinition[],
  plan: PipelinePlan,
): Problem[] {
  const { source } = config
  const path = adapters.find(({ name }) => name === source.adapter)?.source?.sharedBy?.(source.config)
  if (path === undefined) return []
  const setting = path.join('.')
  const errors = [
    ...plan.relations
      .filter(({ kind }) => kind === 'window')
      .slice(0, 1)
      .map(({ name }) => new WindowsSharedError({ setting, window: name })),
    ...config.sinks
      .filter(({ adapter, config: settings }) => {
        const sink = adapters.find(({ name }) => name === adapter)?.sink
        return (sink?.deliveryOf?.(settings) ?? sink?.delivery) === 'exactly-once'
      })
      .map((sink) => new SinkSharedError({ setting, sink: sink.name, adapter: sink.adapter })),
  ]
  const place = config.placeOf(['source', source.adapter, ...path])
  return errors.map((error) => ({ ...problemOf(error), ...(place === undefined ? {} : { place }) }))
}
