import { describeConfigs, RESOURCE_TYPE } from '@headrace/broker/protocol'
import type { KafkaClient } from './client.ts'

const SETTING = 'max.message.bytes'

/**
 * How many bytes a record batch may have in a topic; undefined where the broker does not say, as to users without the right to
 * describe its configs. Errors are translated.
 */
export async function maxMessageBytes(client: KafkaClient, topic: string): Promise<number | undefined> {
  if (!client.speaks(describeConfigs)) return undefined
  const resource = { resourceType: RESOURCE_TYPE.topic, resourceName: topic, configurationKeys: [SETTING] }
  const { results } = await client.translated(`describe the configs of topic "${topic}"`, () =>
    client.requestAny(describeConfigs, { resources: [resource] }),
  )
  const value = results[0]?.configs.find(({ name }) => name === SETTING)?.value ?? undefined
  return value === undefined ? undefined : Number(value)
}
