import { BrokerOptionsError } from '../errors.ts'
import { type GroupSettings, groupSettings } from '../groups/group-settings.ts'
import { CONFIG_SOURCE, KafkaError } from '../protocol/index.ts'
import { type Limits, limits } from '../server/limits.ts'
import type { FsyncPolicy } from '../storage/flusher.ts'
import { type DescribedConfig, logSettingsOf, type TopicConfig } from '../topics/topic-config.ts'
import { type TransactionSettings, transactionSettings } from '../transactions/transaction-settings.ts'
import { BROKER_CONFIGS, type BrokerConfigDefinition, COARSER_CONFIGS } from './broker-config-definitions.ts'
import { allowedValues, valueHere } from './config-definition.ts'
import { keptValue, valueFault } from './config-value.ts'
import { similarNames } from './similar-names.ts'

/** What a broker was started with, by the names of Kafka's broker configs. */
export class BrokerConfig {
  readonly #given: Readonly<Record<string, string>>

  /** Throws `BrokerOptionsError` for names that are not known, and for values that cannot be or do not go together. */
  constructor(given: Readonly<Record<string, string>>) {
    this.#given = checkedConfigs(given)
    this.#checkTogether()
  }

  /** Those of the configs that give topics their defaults. */
  get topicDefaults(): TopicConfig {
    return Object.fromEntries(
      Object.entries(this.#given).filter(([name]) => BROKER_CONFIGS[name]?.topicConfig !== undefined),
    )
  }

  get defaultPartitions(): number {
    return this.#number('num.partitions')
  }

  get autoCreateTopics(): boolean {
    return this.#value('auto.create.topics.enable') === 'true'
  }

  get groups(): GroupSettings {
    return groupSettings((name) => this.#number(name))
  }

  get transactions(): TransactionSettings {
    return transactionSettings((name) => this.#number(name))
  }

  get limits(): Limits {
    return limits((name) => this.#number(name))
  }

  get fsync(): FsyncPolicy {
    const ms = this.#number('log.flush.scheduler.interval.ms')
    return ms === 0 ? { mode: 'always' } : { mode: 'interval', ms }
  }

  get maintenanceIntervalMs(): number {
    return Math.min(this.#number('log.retention.check.interval.ms'), this.#number('log.cleaner.backoff.ms'))
  }

  /** Every config, as clients are shown it, and what cannot be chosen. */
  describe({ nodeId, dataDir }: { readonly nodeId: number; readonly dataDir: string }): DescribedConfig[] {
    const configs = Object.entries(BROKER_CONFIGS).map(([name, definition]) => {
      const fixed = [this.#given[name], definition.here].filter((value) => value !== undefined)
      const synonyms = [
        ...fixed.map((value) => ({ name, value, source: CONFIG_SOURCE.broker })),
        { name, value: definition.default, source: CONFIG_SOURCE.default },
      ]
      const { type, doc } = definition
      return { type, doc, synonyms, ...(synonyms[0] as (typeof synonyms)[number]) }
    })
    return [
      fact('broker.id', String(nodeId), 'int', 'The number of this broker.'),
      fact('node.id', String(nodeId), 'int', 'The number of this broker.'),
      fact('log.dirs', dataDir, 'list', 'Where everything is kept.'),
      ...configs,
    ]
  }

  #value(name: string): string {
    return this.#given[name] ?? valueHere(BROKER_CONFIGS[name] as BrokerConfigDefinition)
  }

  #number(name: string): number {
    return Number(this.#value(name))
  }

  #checkTogether(): void {
    this.#checkOrder('group.min.session.timeout.ms', 'group.max.session.timeout.ms')
    this.#checkOrder('group.consumer.heartbeat.interval.ms', 'group.consumer.session.timeout.ms')
    try {
      logSettingsOf({}, this.topicDefaults)
    } catch (error) {
      if (error instanceof KafkaError) throw new BrokerOptionsError(error.message)
      throw error
    }
  }

  #checkOrder(lower: string, upper: string): void {
    if (this.#number(lower) > this.#number(upper))
      throw new BrokerOptionsError(`${lower} is ${this.#value(lower)}, which is above ${upper}: ${this.#value(upper)}`)
  }
}

function fact(name: string, value: string, type: DescribedConfig['type'], doc: string): DescribedConfig {
  const own = { name, value, source: CONFIG_SOURCE.broker }
  return { ...own, type, doc, synonyms: [own] }
}

/** The configs by the names under which they are kept. Of a name in several units the finest counts, as in Kafka. */
function checkedConfigs(given: Readonly<Record<string, string>>): Record<string, string> {
  for (const name of Object.keys(given)) checkName(name)
  const coarser = Object.entries(COARSER_CONFIGS).flatMap(([name, { name: inMs, unitMs }]) => {
    const value = given[name]
    return value === undefined ? [] : [[inMs, inMilliseconds(name, value, unitMs)] as const]
  })
  const plain = Object.entries(given).filter(([name]) => COARSER_CONFIGS[name] === undefined)
  return Object.fromEntries([...coarser, ...plain].map(([name, value]) => [name, checkedConfig(name, value)]))
}

function checkName(name: string): void {
  const known = [...Object.keys(BROKER_CONFIGS), ...Object.keys(COARSER_CONFIGS)]
  if (known.includes(name)) return
  const ofTopics = Object.entries(BROKER_CONFIGS).flatMap(([broker, { topicConfig }]) =>
    topicConfig === name ? [broker] : [],
  )
  const similar = ofTopics.length > 0 ? ofTopics : similarNames(name, known)
  const hint = similar.length === 0 ? '' : `; did you mean ${similar.join(' or ')}?`
  throw new BrokerOptionsError(`there is no broker config ${name}${hint}`)
}

function checkedConfig(name: string, value: string): string {
  const definition = BROKER_CONFIGS[name] as BrokerConfigDefinition
  if (valueFault(value, definition) !== undefined)
    throw new BrokerOptionsError(`${name} must be ${allowedValues(definition)}, not "${value}"`)
  return keptValue(value, definition)
}

function inMilliseconds(name: string, value: string, unitMs: number): string {
  if (!/^-?\d{1,9}$/.test(value.trim())) throw new BrokerOptionsError(`${name} must be a whole number, not "${value}"`)
  const units = Number(value)
  return units < 0 ? '-1' : String(units * unitMs)
}
