import { ProtocolReader } from '@headrace/broker/protocol'

/** Shorter is no assignment: a member that has joined and was given nothing yet. */
const VERSION_BYTES = 2

/**
 * The partitions that a classic group's member was given, from the bytes that its leader made.
 *
 * ConsumerProtocolAssignment => version:int16 [topic:string [partition:int32]] userData:bytes
 */
export function readAssignment(bytes: Buffer): { topic: string; partition: number }[] {
  if (bytes.length <= VERSION_BYTES) return []
  const reader = new ProtocolReader(bytes)
  reader.int16()
  const assigned: { topic: string; partition: number }[] = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topic = reader.string(false) ?? ''
    for (let partitions = reader.int32(); partitions > 0; partitions--) {
      assigned.push({ topic, partition: reader.int32() })
    }
  }
  return assigned
}
