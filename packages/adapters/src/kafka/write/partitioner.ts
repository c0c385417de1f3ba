const SEED = 0x9747b28c
const MULTIPLIER = 0x5bd1e995
const SHIFT = 24

/**
 * The partition of a key, as Kafka's own clients choose it: records with the same key come to the same partition, whichever
 * client writes them. Source: org.apache.kafka.clients.producer.internals.BuiltInPartitioner (murmur2, sign bit cleared).
 */
export function partitionOfKey(key: Uint8Array, partitions: number, start = 0, end = key.length): number {
  return (murmur2(key, start, end) & 0x7fff_ffff) % partitions
}

/** Austin Appleby's MurmurHash2, 32 bits, little-endian, as a signed number. */
function murmur2(data: Uint8Array, start: number, end: number): number {
  const length = end - start
  const byte = (index: number) => data[start + index] as number
  let hash = SEED ^ length
  let position = 0
  for (; position + 4 <= length; position += 4) {
    const word = byte(position) | (byte(position + 1) << 8) | (byte(position + 2) << 16) | (byte(position + 3) << 24)
    let mixed = Math.imul(word, MULTIPLIER)
    mixed ^= mixed >>> SHIFT
    hash = Math.imul(hash, MULTIPLIER) ^ Math.imul(mixed, MULTIPLIER)
  }
  const rest = length - position
  if (rest >= 3) hash ^= byte(position + 2) << 16
  if (rest >= 2) hash ^= byte(position + 1) << 8
  if (rest >= 1) hash = Math.imul(hash ^ byte(position), MULTIPLIER)
  hash ^= hash >>> 13
  hash = Math.imul(hash, MULTIPLIER)
  return hash ^ (hash >>> 15)
}
