import { afterEach, describe, expect, it } from 'vitest'
import type { Positions, Source } from '../model/index.ts'
import { type ReadRecord, recordsOf, SourceReader, type SourceRecord, textOf } from './source-reader.ts'

/** Where a source without positions begins. */
export type SourceStart = 'earliest' | 'latest' | { readonly timestamp: number }

/** A place that one test has for itself: a topic, a stream, a folder. */
export interface SourcePlace {
  /** The partitions' names as the source gives them. */
  readonly partitions: readonly string[]
  /** Appends records; resolves when they can be read. */
  write(partition: string, records: readonly SourceRecord[]): Promise<void>
  /** A source over the place as a new process would make it; not connected. */
  open(options?: { readonly start?: SourceStart; readonly wantsKeys?: boolean }): Source
  close(): Promise<void>
}

export interface SourceHarness {
  /** Makes a fresh, empty place. */
  place(partitions: number): Promise<SourcePlace>
  /** What the system cannot hold: null values, keys, a start at a time or at the end. */
  readonly without?: readonly ('nulls' | 'keys' | 'timestamp' | 'latest')[]
  /** The largest value that the system takes, if that is less than 1 MiB. */
  readonly largestValueBytes?: number
}

const AT = Date.UTC(2026, 10, 20, 10)
const MIB = 1024 * 1024

/** What every source must do, run with vitest against the real system. */
export function describeSource(name: string, harness: SourceHarness): void {
  describe(`source ${name}`, () => {
    const closing: { close(): Promise<void> }[] = []
    const has = (feature: NonNullable<SourceHarness['without']>[number]) => harness.without?.includes(feature) !== true

    afterEach(async () => {
      for (const one of closing.splice(0).reverse()) await one.close()
    })

    async function placeOf(partitions: number): Promise<SourcePlace> {
      const place = await harness.place(partitions)
      closing.push(place)
      expect(place.partitions).toHaveLength(partitions)
      return place
    }
    async function reading(source: Source, from: Positions = new Map(), options: { release?: boolean } = {}) {
      const reader = new SourceReader(source, options)
      closing.push(reader)
      return reader.begin(from)
    }

    describe('reads', () => {
      it('every record of every partition once, in order', async () => {
        const place = await placeOf(3)
        const written = place.partitions.map((_, p) => numbered(`p${p}`, p === 1 ? 1 : 4000))
        for (const [p, partition] of place.partitions.entries()) await place.write(partition, written[p] ?? [])
        const reader = await reading(place.open())
        await reader.untilRecords(8001)
        await reader.untilAtEnd(place.partitions)
        for (const [p, partition] of place.partitions.entries()) {
          expect(contents(reader.of(partition))).toEqual(expectedOf(written[p] ?? []))
          expect(isAscending(reader.of(partition).map(({ ordinal }) => ordinal))).toBe(true)
        }
        expect(reader.events[0]).toEqual({ assigned: place.partitions })
        expect(reader.taken.map(({ hasKeys }) => hasKeys)).not.toContain(true)
      })

      it('values of every kind, byte by byte', async () => {
        const place = await placeOf(1)
        const [partition = ''] = place.partitions
        const records = oddValues(Math.min(MIB, harness.largestValueBytes ?? MIB), has('nulls'))
        await place.write(partition, records)
        const reader = await reading(place.open())
        await reader.untilRecords(records.length)
        expect(contents(reader.of(partition))).toEqual(expectedOf(records))
      })

      it.runIf(has('keys'))('keys, when they are wanted', async () => {
        const place = await placeOf(1)
        const [partition = ''] = place.partitions
        const keys = ['k1', '', null, 'k\n2', 'x'.repeat(700)]
        const records = keys.map((key, i) => ({ ...record(`v${i}`, i), key: key === null ? null : Buffer.from(key) }))
        await place.write(partition, records)
        const reader = await reading(place.open({ wantsKeys: true }))
        await reader.untilRecords(records.length)
        expect(reader.of(partition).map(({ key }) => key)).toEqual(keys)
        expect(contents(reader.of(partition))).toEqual(expectedOf(records))
      })

      it('what is written while it waits', async () => {
        const place = await placeOf(2)
        const [first = '', second = ''] = place.partitions
        const reader = await reading(place.open())
        await reader.until((event) => 'atEnd' in event)
        await place.write(first, numbered('one', 3))
        await reader.untilRecords(3)
        await place.write(second, numbered('two', 2))
        await reader.untilRecords(2, second)
        expect(contents(reader.of(first))).toEqual(expectedOf(numbered('one', 3)))
        expect(contents(reader.of(second))).toEqual(expectedOf(numbered('two', 2)))
      })
    })

    describe('positions', () => {
      it('after any block a new process goes on exactly there', async () => {
        const place = await placeOf(2)
        for (const partition of place.partitions) {
          for (let write = 0; write < 5; write++) await place.write(partition, numbered('x'.repeat(900), 500))
        }
        const straight = await reading(place.open())
        const after: Positions[] = []
        while (straight.count < 5000) {
          await straight.until((event) => 'block' in event)
          after.push(new Map(straight.positions))
        }
        expect(after.length).toBeGreaterThan(3)
        for (const from of after) {
          const resumed = await reading(place.open(), from)
          await resumed.untilAtEnd(place.partitions)
          for (const partition of place.partitions) {
            expect(resumed.of(partition)).toEqual(restAfter(straight, partition, from))
          }
          await resumed.close()
        }
      })

      it('ends() is where the next record will be', async () => {
        const place = await placeOf(2)
        const [first = '', second = ''] = place.partitions
        await place.write(first, numbered('before', 5))
        const reader = await reading(place.open())
        await reader.untilRecords(5)
        const ends = await reader.source.ends()
        expect([...ends.keys()].sort()).toEqual([...place.partitions].sort())
        expect(ends.get(first)).toEqual(reader.positions.get(first))
        const position = reader.positions.get(first)
        if (position !== undefined) expect(reader.source.distance?.(position, ends.get(first) ?? null) ?? 0).toBe(0)
        for (const partition of [first, second]) await place.write(partition, numbered('after', 2))
        const later = await reading(place.open(), ends)
        await later.untilRecords(4)
        expect(contents(later.of(first))).toEqual(expectedOf(numbered('after', 2)))
        expect(contents(later.of(second))).toEqual(expectedOf(numbered('after', 2)))
      })

      it('do not depend on what was acknowledged', async () => {
        const place = await placeOf(1)
        const [partition = ''] = place.partitions
        await place.write(partition, numbered('a', 10))
        const reader = await reading(place.open())
        await reader.untilRecords(10)
        await reader.source.acknowledge(reader.positions)
        await reader.source.acknowledge(reader.positions)
        const again = await reading(place.open())
        await again.untilRecords(10)
        expect(again.of(partition)).toEqual(reader.of(partition))
      })

      it.runIf(has('latest'))(
        'start: latest reads what comes, and a restart does not skip what came meanwhile',
        async () => {
          const place = await placeOf(2)
          const [first = '', second = ''] = place.partitions
          await place.write(first, numbered('old', 3))
          const reader = await reading(place.open({ start: 'latest' }))
          await reader.until((event) => 'atEnd' in event)
          await place.write(first, numbered('new', 2))
          await reader.untilRecords(2)
          expect(contents(reader.of(first))).toEqual(expectedOf(numbered('new', 2)))
          await reader.close()
          await place.write(second, numbered('meanwhile', 1))
          const resumed = await reading(place.open({ start: 'latest' }), reader.positions)
          await resumed.untilRecords(1)
          expect(contents(resumed.of(second))).toEqual(expectedOf(numbered('meanwhile', 1)))
          expect(resumed.count).toBe(1)
        },
      )

      it.runIf(has('timestamp'))('start at a time: from the first record that is not older', async () => {
        const place = await placeOf(2)
        const [first = '', second = ''] = place.partitions
        await place.write(first, numbered('t', 10))
        await place.write(second, numbered('too old', 2))
        const reader = await reading(place.open({ start: { timestamp: AT + 6 } }))
        await reader.untilRecords(4)
        await place.write(second, [record('new', 100)])
        await reader.untilRecords(1, second)
        expect(contents(reader.of(first))).toEqual(expectedOf(numbered('t', 10).slice(6)))
        expect(contents(reader.of(second))).toEqual(expectedOf([record('new', 100)]))
      })
    })

    describe('the end of a partition', () => {
      it('is told after its records, and again at least once a second', async () => {
        const place = await placeOf(2)
        const [full = '', empty = ''] = place.partitions
        await place.write(full, numbered('x', 100))
        const reader = await reading(place.open())
        const told = (partition: string) =>
          reader.events.flatMap((event) => ('atEnd' in event && event.atEnd === partition ? [event.observedAt] : []))
        const began = Date.now()
        while (told(full).length < 4 || told(empty).length < 4) await reader.next()
        const firstEnd = reader.events.findIndex((event) => 'atEnd' in event && event.atEnd === full)
        const lastBlock = reader.events.findLastIndex((event) => 'block' in event)
        expect(reader.count).toBe(100)
        expect(firstEnd).toBeGreaterThan(lastBlock)
        for (const times of [told(full), told(empty)]) {
          expect(isAscending(times)).toBe(true)
          expect(times[0]).toBeGreaterThanOrEqual(began - 1)
          expect((times[3] as number) - (times[0] as number)).toBeLessThan(3 * 1000 + 500)
        }
      })
    })

    describe('stops', () => {
      it.each(['abort', 'close'] as const)('at once while it waits: %s', async (how) => {
        const place = await placeOf(1)
        await place.write(place.partitions[0] ?? '', numbered('x', 3))
        const reader = await reading(place.open())
        await reader.until((event) => 'atEnd' in event)
        const waiting = endOf(reader)
        const began = performance.now()
        if (how === 'abort') reader.abort()
        else await reader.source.close()
        await waiting
        expect(performance.now() - began).toBeLessThan(300)
      })

      it('in the middle; blocks that are held stay as they are', async () => {
        const place = await placeOf(2)
        for (const partition of place.partitions) await place.write(partition, numbered('y'.repeat(900), 2500))
        const reader = await reading(place.open(), new Map(), { release: false })
        await reader.until((event) => 'block' in event)
        const [block] = reader.blocks
        const before = block === undefined ? [] : recordsOf(block)
        reader.abort()
        await endOf(reader)
        await reader.source.close()
        expect(before.length).toBeGreaterThan(0)
        expect(block === undefined ? [] : recordsOf(block)).toEqual(before)
        block?.release()
      })

      it('before it has begun', async () => {
        const place = await placeOf(1)
        const source = place.open()
        await expect(source.connect(AbortSignal.abort(new Error('not now')))).rejects.toThrow('not now')
        await source.close()
        await source.close()
      })
    })

    describe('buffers', () => {
      it('of blocks that are still held are not used for others', async () => {
        const place = await placeOf(2)
        const rounds = 6
        const reader = await reading(place.open(), new Map(), { release: false })
        const held: { readonly block: (typeof reader.blocks)[number]; readonly records: ReadRecord[] }[] = []
        let seen = 0
        for (let round = 0; round < rounds; round++) {
          for (const partition of place.partitions) await place.write(partition, numbered(`${round}`.repeat(300), 800))
          await reader.untilRecords((round + 1) * 1600)
          for (const block of reader.blocks.slice(seen)) held.push({ block, records: recordsOf(block) })
          seen = reader.blocks.length
          for (const { block, records } of held) expect(recordsOf(block)).toEqual(records)
          held.shift()?.block.release()
        }
        for (const { block } of held) block.release()
        const values = numberedRounds(rounds, 800)
        for (const partition of place.partitions) expect(contents(reader.of(partition))).toEqual(expectedOf(values))
      })
    })
  })
}

function record(value: string | Uint8Array | null, i: number): SourceRecord {
  return { value: typeof value === 'string' ? Buffer.from(value) : value, timestamp: AT + i }
}

/** `prefix 0`, `prefix 1` …, one millisecond apart. */
function numbered(prefix: string, count: number): SourceRecord[] {
  return Array.from({ length: count }, (_, i) => record(`${prefix} ${i}`, i))
}

function numberedRounds(rounds: number, count: number): SourceRecord[] {
  return Array.from({ length: rounds }, (_, round) => numbered(`${round}`.repeat(300), count)).flat()
}

function oddValues(largestBytes: number, nulls: boolean): SourceRecord[] {
  const large = Buffer.from(Array.from({ length: 256 }, (_, i) => i))
  const values: (string | Uint8Array | null)[] = [
    '',
    'x',
    '\n',
    '{\n  "pretty": true\n}\n',
    '\r\n\0',
    Uint8Array.of(0xff, 0xfe, 0x80),
    ...Array.from({ length: 20 }, (_, i) => 'abcdefghijklmnopqrstuvwxyz'.slice(0, i)),
    Buffer.alloc(largestBytes, large),
    '{"last":1}',
  ]
  if (nulls) values.splice(1, 0, null, null)
  return values.map(record)
}

const contents = (records: readonly ReadRecord[]) => records.map(({ value, timestamp }) => ({ value, timestamp }))
const expectedOf = (records: readonly SourceRecord[]) =>
  records.map(({ value, timestamp }) => ({ value: textOf(value), timestamp }))

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((one, i) => i === 0 || one > (numbers[i - 1] as number))
}

/** What `reader` read of a partition after the position in `from`. */
function restAfter(reader: SourceReader, partition: string, from: Positions): readonly ReadRecord[] {
  const last = reader.taken.find((block) => block.partition === partition && block.next === from.get(partition))
  return reader.of(partition).slice(last?.upTo ?? 0)
}

async function endOf(reader: SourceReader): Promise<void> {
  while ((await reader.next()) !== undefined);
}
