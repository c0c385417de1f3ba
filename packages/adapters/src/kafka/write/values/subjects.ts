import type { KafkaSinkConfig } from '../../sink-config.ts'

/** What the schema calls a row: as it is told, or after the topic. */
export function recordNameOf({ recordName, topic }: KafkaSinkConfig): string {
  return recordName ?? topic.replaceAll(/^(?=\d)|[^A-Za-z0-9_]/g, '_')
}

/** What the schema is registered under for values in a topic, by the rules that Confluent's clients know. */
export function subjectOf(config: KafkaSinkConfig, topic: string): string {
  const { subject, subjectNaming } = config
  if (subject !== undefined) return subject
  switch (subjectNaming) {
    case 'topicName':
      return `${topic}-value`
    case 'recordName':
      return recordNameOf(config)
    case 'topicRecordName':
      return `${topic}-${recordNameOf(config)}`
  }
}
