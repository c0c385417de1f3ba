import { CONFIG_SOURCE, KafkaError } from '../protocol/index.ts'
import { checkedValue } from './config-value.ts'
import type { DescribedConfig, TopicConfig } from './topic-config.ts'
import { TOPIC_CONFIGS } from './topic-config-definitions.ts'

/** A broker's own setting, as clients are shown it. */
export interface BrokerFact {
  readonly value: string
  readonly type: DescribedConfig['type']
  /** Kafka's own default, where it has one. */
  readonly default?: string
  readonly doc: string
}

/** Broker configs that give topics their defaults: the topic config that each is for. */
const TOPIC_CONFIG_OF: ReadonlyMap<string, string> = new Map(
  Object.entries(TOPIC_CONFIGS).flatMap(([name, { broker }]) =>
    broker === undefined ? [] : [[broker, name] as const],
  ),
)

/** Checks the defaults for topics that a broker is started with, by their broker names. Throws INVALID_CONFIG. */
export function parseTopicDefaults(given: Readonly<Record<string, string>>): TopicConfig {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const definition = TOPIC_CONFIGS[TOPIC_CONFIG_OF.get(name) ?? '']
      if (definition === undefined) throw new KafkaError('INVALID_CONFIG', `Unknown broker config name: ${name}`)
      return [name, checkedValue(name, value, definition)]
    }),
  )
}

/** Every config of the broker: what it is, and what topics get unless they say otherwise. */
export function describeBrokerConfig(
  facts: Readonly<Record<string, BrokerFact>>,
  topicDefaults: TopicConfig,
): DescribedConfig[] {
  const own = Object.entries(facts).map(([name, fact]) => describe(name, fact.value, fact.default, fact))
  const defaults = [...TOPIC_CONFIG_OF].map(([name, topicName]) => {
    const definition = TOPIC_CONFIGS[topicName] as (typeof TOPIC_CONFIGS)[string]
    const fixed = topicDefaults[name] ?? definition.here
    return describe(name, fixed, definition.default, definition)
  })
  return [...own, ...defaults]
}

function describe(
  name: string,
  fixed: string | undefined,
  byDefault: string | undefined,
  { type, doc }: Pick<DescribedConfig, 'type' | 'doc'>,
): DescribedConfig {
  const synonyms = [
    ...(fixed === undefined || fixed === byDefault ? [] : [{ name, value: fixed, source: CONFIG_SOURCE.broker }]),
    ...(byDefault === undefined ? [] : [{ name, value: byDefault, source: CONFIG_SOURCE.default }]),
  ]
  const { value, source } = synonyms[0] ?? { value: '', source: CONFIG_SOURCE.default }
  return { name, value, source, type, synonyms, doc }
}
