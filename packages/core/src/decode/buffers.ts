import { byteLength, type EpochRecords, startOf } from '../model/index.ts'

/** The bytes of all records but those in `without` (ascending), each with its newline: as few views as that takes. */
export function buffersWithout(records: EpochRecords, without: readonly { readonly record: number }[]): Uint8Array[] {
  const buffers: Uint8Array[] = []
  let next = 0
  records.blocks.forEach((block, b) => {
    const first = records.starts[b] as number
    const { values, count } = block
    let start = 0
    for (; (without[next]?.record ?? records.count) < first + count; next++) {
      const i = (without[next] as { record: number }).record - first
      const end = startOf(values, i)
      if (end > start) buffers.push(values.data.subarray(start, end))
      start = (values.ends[i] as number) + 1
    }
    const end = byteLength(values, count)
    if (end > start) buffers.push(values.data.subarray(start, end))
  })
  return buffers
}

/** The records that are not in `without` (ascending), ascending. */
export function recordsWithout(count: number, without: readonly { readonly record: number }[]): Uint32Array {
  const kept = new Uint32Array(count - without.length)
  let next = 0
  let row = 0
  for (let record = 0; record < count; record++) {
    if (without[next]?.record === record) next++
    else kept[row++] = record
  }
  return kept
}
