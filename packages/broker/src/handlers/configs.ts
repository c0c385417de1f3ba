import {
  alterConfigs,
  CONFIG_TYPE,
  describeConfigs,
  incrementalAlterConfigs,
  KafkaError,
  RESOURCE_TYPE,
  type RequestOf,
  type ResponseOf,
} from '../protocol/index.ts'
import { type Handler, handlerOf } from '../server/dispatcher.ts'
import { alterTopicConfig, type DescribedConfig, parseTopicConfig, type TopicConfig } from '../topics/topic-config.ts'
import { answerOf, attempt, NO_ERROR, type Services } from './services.ts'

type AskedResource = RequestOf<typeof describeConfigs>['resources'][number]
type ConfigAnswer = ResponseOf<typeof describeConfigs>['results'][number]['configs'][number]

interface Resource {
  readonly resourceType: number
  readonly resourceName: string
}

export function describeConfigsHandler(services: Services): Handler {
  return handlerOf(describeConfigs, ({ resources, includeSynonyms, includeDocumentation }) => ({
    results: resources.map((asked) => {
      const { resourceType, resourceName, configurationKeys } = asked
      try {
        const { configs, readOnly } = configsOf(asked, services)
        const wanted = configs.filter(({ name }) => configurationKeys?.includes(name) ?? true)
        const options = { readOnly, includeSynonyms, includeDocumentation }
        return { ...NO_ERROR, resourceType, resourceName, configs: wanted.map((config) => answerFor(config, options)) }
      } catch (error) {
        return { ...answerOf(error), resourceType, resourceName, configs: [] }
      }
    }),
  }))
}

export function alterConfigsHandler({ topics }: Services): Handler {
  return handlerOf(alterConfigs, async (request) => ({
    responses: await Promise.all(
      request.resources.map(async (resource) => ({
        ...(await attempt(async () => {
          const name = alterableTopic(resource, request.resources)
          await topics.alterConfig(name, () => parseTopicConfig(resource.configs), request.validateOnly)
        })),
        ...resourceOf(resource),
      })),
    ),
  }))
}

export function incrementalAlterConfigsHandler({ topics }: Services): Handler {
  return handlerOf(incrementalAlterConfigs, async (request) => ({
    responses: await Promise.all(
      request.resources.map(async (resource) => ({
        ...(await attempt(async () => {
          const name = alterableTopic(resource, request.resources)
          const changes = resource.configs.map((config) => ({ ...config, operation: config.configOperation }))
          const change = (present: TopicConfig) => alterTopicConfig(present, changes, topics.defaults)
          await topics.alterConfig(name, change, request.validateOnly)
        })),
        ...resourceOf(resource),
      })),
    ),
  }))
}

function answerFor(
  { name, value, source, type, synonyms, doc }: DescribedConfig,
  options: { readonly readOnly: boolean; readonly includeSynonyms: boolean; readonly includeDocumentation: boolean },
): ConfigAnswer {
  const isSensitive = type === 'password'
  const shown = (text: string) => (isSensitive ? null : text)
  return {
    name,
    value: shown(value),
    readOnly: options.readOnly,
    isDefault: false,
    configSource: source,
    isSensitive,
    synonyms: options.includeSynonyms ? synonyms.map((each) => ({ ...each, value: shown(each.value) })) : [],
    configType: CONFIG_TYPE[type],
    documentation: options.includeDocumentation ? doc : null,
  }
}

function configsOf(resource: AskedResource, services: Services): { configs: DescribedConfig[]; readOnly: boolean } {
  const { resourceType, resourceName } = resource
  if (resourceType === RESOURCE_TYPE.topic)
    return { configs: services.topics.describeConfig(resourceName), readOnly: false }
  if (resourceType !== RESOURCE_TYPE.broker)
    throw new KafkaError('INVALID_REQUEST', `resources of type ${resourceType} have no configs`)
  // Without a name: what was changed for all brokers while they ran, which is nothing here.
  if (resourceName === '') return { configs: [], readOnly: true }
  if (resourceName !== String(services.cluster.nodeId))
    throw new KafkaError('INVALID_REQUEST', `broker ${resourceName} is not ${services.cluster.nodeId}, the only one`)
  const { config, cluster, topics } = services
  return { configs: config.describe({ nodeId: cluster.nodeId, dataDir: topics.dataDir }), readOnly: true }
}

/** The name of the topic to be altered. Throws INVALID_REQUEST for what is named twice, or cannot be changed while the broker runs. */
function alterableTopic(resource: Resource, all: readonly Resource[]): string {
  const { resourceType, resourceName } = resource
  const isSame = (other: Resource) => other.resourceType === resourceType && other.resourceName === resourceName
  if (all.filter(isSame).length > 1) throw new KafkaError('INVALID_REQUEST', `"${resourceName}" is there twice`)
  if (resourceType === RESOURCE_TYPE.topic) return resourceName
  if (resourceType === RESOURCE_TYPE.broker)
    throw new KafkaError('INVALID_REQUEST', "the broker's configs are given where it is started")
  throw new KafkaError('INVALID_REQUEST', `resources of type ${resourceType} have no configs`)
}

function resourceOf({ resourceType, resourceName }: Resource): Resource {
  return { resourceType, resourceName }
}
