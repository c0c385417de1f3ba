import Schema from 'typebox/schema'
import { type Bytes, byteLength, EpochRecords, type RecordBlock, startOf } from '../model/index.ts'
import type { RegisteredSchema, SchemaRegistry } from '../registry/index.ts'
import { recordsWithout } from './buffers.ts'
import type { Decoder, RejectedRecord } from './decoder.ts'
import { RecordMalformedError, RecordSchemaUnusableError, RecordWrongTypeError } from './errors.ts'
import { FRAME_BYTES, readFrames } from './framing.ts'
import { describeMalformed, quote, reject } from './reasons.ts'
import { usable } from './registered.ts'

/** What `registry` says of a JSON value: undefined that it fits its schema, else why it does not. */
type Check = (value: unknown) => string | undefined

/**
 * JSON behind a zero byte and a schema id: the frame is taken off, and what remains is read as any JSON. With `registry`
 * each value is held against its schema as well.
 */
export function framedJson(inner: Decoder, registry: SchemaRegistry | undefined): Decoder {
  const checks = registry === undefined ? undefined : checksOf(registry)
  return {
    async decode(request) {
      const { records } = request
      const { ids, rejected } = readFrames(records)
      const found = checks === undefined ? [] : await validate(records, ids, await checks(ids))
      const refused = new Map([...rejected, ...found].map((one) => [one.record, one]))
      const decoded = await inner.decode({ ...request, records: withoutFrames(records, refused) })
      // Records that are refused here went in as tombstones, so that all keep their numbers.
      return { ...decoded, rejected: decoded.rejected.map((one) => refused.get(one.record) ?? one) }
    },
  }
}

/** The same records without their first five bytes, and without a value where they are refused. */
function withoutFrames(records: EpochRecords, refused: ReadonlyMap<number, RejectedRecord>): EpochRecords {
  const blocks = records.blocks.map((block, b) => {
    const first = records.starts[b] as number
    return { ...block, values: unframed(block, (i) => refused.has(first + i)), release() {} }
  })
  return new EpochRecords(blocks)
}

function unframed({ values, count }: RecordBlock, isRefused: (i: number) => boolean): Bytes {
  const data = new Uint8Array(byteLength(values, count))
  const ends = new Uint32Array(count)
  const nulls = new Uint8Array(count)
  let at = 0
  for (let i = 0; i < count; i++) {
    if (isRefused(i)) nulls[i] = 1
    else {
      const from = startOf(values, i) + FRAME_BYTES
      const end = values.ends[i] as number
      data.set(values.data.subarray(from, end), at)
      at += end - from
    }
    data[at] = 0x0a
    ends[i] = at++
  }
  return { data, ends, nulls }
}

function checksOf(registry: SchemaRegistry): (ids: Int32Array) => Promise<Map<number, Check | string>> {
  const checks = new Map<number, Check>()
  const reader = usable(registry, async (found, id) => {
    if (found.type !== 'JSON') return `schema ${id} is ${found.type}, not JSON Schema`
    checks.set(id, checkOf(found))
    return { kinds: [], read() {} }
  })
  return async (ids) => {
    const distinct = [...new Set(ids)].filter((id) => id !== -1)
    const found = await Promise.all(
      distinct.map(async (id) => {
        const schema = await reader(id)
        return [id, typeof schema === 'string' ? schema : (checks.get(id) as Check)] as const
      }),
    )
    return new Map(found)
  }
}

function checkOf({ text, references }: RegisteredSchema): Check {
  const context = Object.fromEntries(references.map((one) => [one.name, JSON.parse(one.text)]))
  const validator = Schema.Compile(context, JSON.parse(text))
  return (value) => {
    if (validator.Check(value)) return undefined
    const [, [error]] = validator.Errors(value)
    return error === undefined ? 'it does not fit its schema' : `${error.instancePath || 'the value'} ${error.message}`
  }
}

async function validate(
  records: EpochRecords,
  ids: Int32Array,
  checks: ReadonlyMap<number, Check | string>,
): Promise<RejectedRecord[]> {
  const rejected: RejectedRecord[] = []
  for (const record of recordsWithout(records.count, [])) {
    const check = checks.get(ids[record] as number)
    if (check === undefined) continue
    const problem =
      typeof check === 'string' ? reject(RecordSchemaUnusableError, record, check) : judged(records, record, check)
    if (problem !== undefined) rejected.push(problem)
  }
  return rejected
}

function judged(records: EpochRecords, record: number, check: Check): RejectedRecord | undefined {
  const body = (records.value(record) as Uint8Array).subarray(FRAME_BYTES)
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString())
  } catch {
    return reject(RecordMalformedError, record, describeMalformed(body))
  }
  const problem = check(value)
  return problem === undefined ? undefined : reject(RecordWrongTypeError, record, `schema: ${quote(problem)}`)
}
