import { adapters } from '@headrace/adapters'
import {
  explainPlan,
  explanationOf,
  type PipelineConfig,
  type PipelinePlan,
  type SinkConfig,
  type SinkDefinition,
} from '@headrace/core'
import type { Colors } from './colors.ts'

type Delivery = SinkDefinition['delivery']

/** What a reader of the target may rely on. */
const MEANING: Readonly<Record<Delivery, string>> = {
  'exactly-once': 'every row is there once, whatever is killed and when',
  'at-least-once': 'every row is there; after a crash the last batch may be there again',
}

/** What a pipeline file comes to, for scripts. */
export function explainDocument(config: PipelineConfig, plan: PipelinePlan) {
  const explanation = explanationOf(plan, config)
  return {
    ...explanation,
    source: { ...explanation.source, config: config.source.config },
    sinks: explanation.sinks.map((sink) => ({
      ...sink,
      delivery: deliveryOf(config.sinks.find(({ name }) => name === sink.name)),
      config: config.sinks.find(({ name }) => name === sink.name)?.config,
    })),
  }
}

/** The same for a person: a section for each part, then what each sink guarantees. */
export function renderExplanation(config: PipelineConfig, plan: PipelinePlan, colors: Colors): string {
  const guarantees = config.sinks.map((sink) => {
    const delivery = deliveryOf(sink)
    return delivery === undefined ? `  ${sink.name}` : `  ${sink.name}: ${delivery}, ${MEANING[delivery]}`
  })
  const text = [explainPlan(plan, config), ['guarantees', ...guarantees].join('\n')].join('\n\n')
  return text.replace(/^\S.*$/gm, (title) => colors.bold(title))
}

function deliveryOf(sink: SinkConfig | undefined): Delivery | undefined {
  const definition = adapters.find(({ name }) => name === sink?.adapter)?.sink
  return definition?.deliveryOf?.(sink?.config) ?? definition?.delivery
}
