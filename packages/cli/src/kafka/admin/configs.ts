import { assertNoError, similarNames } from '@headrace/adapters/kafka'
import { CONFIG_SOURCE, describeConfigs, incrementalAlterConfigs, RESOURCE_TYPE } from '@headrace/broker/protocol'
import type { KafkaCluster } from '../cluster.ts'
import { TopicConfigUnknownError } from '../errors.ts'
import { refusal } from './refusal.ts'

/** Operations of IncrementalAlterConfigs. */
const SET = 0
const DELETE = 1

export interface TopicConfig {
  readonly name: string
  /** Null where the cluster does not show it. */
  readonly value: string | null
  /** Whether it was set for this topic: it differs from what topics have by themselves. */
  readonly isOwn: boolean
}

/** A topic's configs by name, those it does not set included. */
export async function topicConfigs(cluster: KafkaCluster, topic: string): Promise<TopicConfig[]> {
  const operation = `describe the configs of topic "${topic}"`
  const resource = { resourceType: RESOURCE_TYPE.topic, resourceName: topic, configurationKeys: null }
  const answer = await cluster.request(describeConfigs, { resources: [resource] }, 'any', operation, ({ results }) =>
    assertNoError(results[0]?.errorCode ?? 0),
  )
  const configs = answer.results[0]?.configs ?? []
  return configs
    .map(({ name, value, configSource }) => ({ name, value, isOwn: configSource === CONFIG_SOURCE.topic }))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export interface ConfigChange {
  readonly set: Readonly<Record<string, string>>
  /** Names to give back to the cluster's defaults. */
  readonly unset: readonly string[]
  readonly dryRun: boolean
}

/** Changes single configs of a topic and leaves the others alone. Throws TOPIC_CONFIG_UNKNOWN, or KAFKA_REQUEST_FAILED in the broker's words. */
export async function alterConfigs(cluster: KafkaCluster, topic: string, change: ConfigChange): Promise<void> {
  await assertKnown(cluster, topic, [...Object.keys(change.set), ...change.unset])
  const operation = `alter the configs of topic "${topic}"`
  const configs = [
    ...Object.entries(change.set).map(([name, value]) => ({ name, configOperation: SET, value })),
    ...change.unset.map((name) => ({ name, configOperation: DELETE, value: null })),
  ]
  const resource = { resourceType: RESOURCE_TYPE.topic, resourceName: topic, configs }
  const body = { resources: [resource], validateOnly: change.dryRun }
  const answer = await cluster.request(incrementalAlterConfigs, body, 'controller', operation)
  const [altered] = answer.responses
  if (altered !== undefined && altered.errorCode !== 0) throw refusal(altered, operation)
}

/** A broker takes back what was never there, and says nothing of it. */
async function assertKnown(cluster: KafkaCluster, topic: string, names: readonly string[]): Promise<void> {
  const known = (await topicConfigs(cluster, topic)).map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined)
    throw new TopicConfigUnknownError({ topic, name: unknown, similar: similarNames(unknown, known) })
}
