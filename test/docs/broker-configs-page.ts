import { allowedValues, BROKER_CONFIGS, COARSER_CONFIGS, valueHere } from '@headrace/broker'
import { code, fenced, page, table } from './markdown.ts'

/** What the embedded broker can be started with. */
export function brokerConfigsPage(): string {
  const configs = Object.entries(BROKER_CONFIGS).sort(([a], [b]) => (a < b ? -1 : 1))
  const rows = configs.map(([name, definition]) => [
    code(name),
    code(valueHere(definition)),
    definition.here === undefined ? '' : code(definition.default),
    allowedValues(definition),
    definition.doc,
    code(definition.topicConfig ?? ''),
  ])
  const coarser = Object.entries(COARSER_CONFIGS).map(([name, { name: inMs }]) => `${code(name)} for ${code(inMs)}`)
  return page(
    'Configs of the embedded broker',
    'They have Kafka’s names, ranges and, unless the table says otherwise, defaults. A broker takes them when it starts:',
    fenced('sh', 'npx headrace dev --kafka-config num.partitions=4 --kafka-config log.retention.ms=86400000'),
    'A name that is not known and a value that cannot be are refused. Clients are shown all of them (`kafka-configs.sh --describe --entity-type brokers --all`); what was given, or differs from Kafka’s default, has the source STATIC_BROKER_CONFIG. While the broker runs, only topics can be given others: `headrace topics alter --config`.',
    table(['Config', 'Default', 'In Kafka', 'Must be', '', 'Of a topic'], rows),
    `As in Kafka there are also ${coarser.join(', ')}; where several are given, the finest unit counts.`,
  )
}
