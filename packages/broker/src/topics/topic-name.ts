import { KafkaError } from '../protocol/index.ts'

const MAX_LENGTH = 249

/** Throws INVALID_TOPIC_EXCEPTION for a name that Kafka does not allow. */
export function checkTopicName(name: string): void {
  if (!isTopicName(name))
    throw new KafkaError(
      'INVALID_TOPIC_EXCEPTION',
      `"${name}" is not a topic name: 1 to ${MAX_LENGTH} of the characters a-z, A-Z, 0-9, ".", "_" and "-", and not "." or ".."`,
    )
}

export function isTopicName(name: string): boolean {
  return name.length <= MAX_LENGTH && /^[a-zA-Z0-9._-]+$/.test(name) && name !== '.' && name !== '..'
}

/** Kafka's metrics have "_" for ".", so that it takes no two topics that differ in these alone. Throws INVALID_TOPIC_EXCEPTION. */
export function checkCollision(name: string, others: Iterable<string>): void {
  if (!/[._]/.test(name)) return
  const inMetrics = (each: string) => each.replaceAll('.', '_')
  for (const other of others)
    if (inMetrics(other) === inMetrics(name))
      throw new KafkaError(
        'INVALID_TOPIC_EXCEPTION',
        `"${name}" differs from the topic "${other}" in "." and "_" alone`,
      )
}
