import { MalformedMessageError, ProtocolReader } from '../../protocol/index.ts'

/** The protocol type of consumers, whose metadata the broker may look into. */
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

/**
 * The topics in what a consumer sends its group's leader (ConsumerProtocolSubscription: a version, then topic names); undefined where these
 * are other bytes, as a consumer with its own assignor may send.
 */
export function subscribedTopics(metadata: Buffer): string[] | undefined {
  try {
    const reader = new ProtocolReader(metadata)
    if (reader.int16() < 0) return undefined
    const topics = Array.from({ length: reader.arrayLength(false) ?? 0 }, () => reader.string(false))
    return topics.filter((topic) => topic !== null)
  } catch (error) {
    if (error instanceof MalformedMessageError) return undefined
    throw error
  }
}
