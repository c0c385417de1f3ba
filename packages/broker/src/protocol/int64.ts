const TWO_32 = 0x1_0000_0000

/** Reads a big-endian INT64 as a number: exact within ±2^53, which covers every offset, timestamp and producer id in use. */
export function readInt64(buffer: Buffer, position: number): number {
  return buffer.readInt32BE(position) * TWO_32 + buffer.readUInt32BE(position + 4)
}

/** Writes a number as a big-endian INT64. `value` must be an integer. */
export function writeInt64(buffer: Buffer, value: number, position: number): void {
  const high = Math.floor(value / TWO_32)
  buffer.writeInt32BE(high, position)
  buffer.writeUInt32BE(value - high * TWO_32, position + 4)
}
