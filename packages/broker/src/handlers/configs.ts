import {
  CONFIG_SOURCE,
  CONFIG_TYPE,
  describeConfigs,
  KafkaError,
  RESOURCE_TYPE,
  type RequestOf,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { describeTopicConfig } from '../topics/topic-config.ts'
import { answerOf, NO_ERROR, type Services } from './services.ts'

type AskedResource = RequestOf<typeof describeConfigs>['resources'][number]

interface ConfigAnswer {
  readonly name: string
  readonly value: string
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly configType: number
}

export function describeConfigsHandler(services: Services): Handler {
  return handlerOf(describeConfigs, ({ resources }) => ({
    results: resources.map((asked) => {
      const { resourceType, resourceName, configurationKeys } = asked
      try {
        const configs = configsOf(asked, services).filter(({ name }) => configurationKeys?.includes(name) ?? true)
        return { ...NO_ERROR, resourceType, resourceName, configs }
      } catch (error) {
        return { ...answerOf(error), resourceType, resourceName, configs: [] }
      }
    }),
  }))
}

function configsOf({ resourceType, resourceName }: AskedResource, services: Services): ConfigAnswer[] {
  if (resourceType === RESOURCE_TYPE.topic) return topicConfigs(resourceName, services)
  if (resourceType === RESOURCE_TYPE.broker) return brokerConfigs(resourceName, services)
  throw new KafkaError('INVALID_REQUEST', `resources of type ${resourceType} have no configs`)
}

function topicConfigs(name: string, { topics }: Services): ConfigAnswer[] {
  const topic = topics.get(name)
  if (topic === undefined) throw new KafkaError('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic "${name}"`)
  return describeTopicConfig(topic.config).map(({ name, value, type, isSet }) => ({
    name,
    value,
    readOnly: false,
    configSource: isSet ? CONFIG_SOURCE.topic : CONFIG_SOURCE.default,
    isSensitive: false,
    configType: CONFIG_TYPE[type],
  }))
}

function brokerConfigs(name: string, { cluster, defaultPartitions, autoCreateTopics }: Services): ConfigAnswer[] {
  if (name !== '' && name !== String(cluster.nodeId))
    throw new KafkaError('INVALID_REQUEST', `broker ${name} is not ${cluster.nodeId}, the only one`)
  const values = {
    'broker.id': String(cluster.nodeId),
    'num.partitions': String(defaultPartitions),
    'auto.create.topics.enable': String(autoCreateTopics),
    'default.replication.factor': '1',
    'offsets.topic.replication.factor': '1',
  }
  return Object.entries(values).map(([key, value]) => ({
    name: key,
    value,
    readOnly: true,
    configSource: CONFIG_SOURCE.broker,
    isSensitive: false,
    configType: CONFIG_TYPE.string,
  }))
}
