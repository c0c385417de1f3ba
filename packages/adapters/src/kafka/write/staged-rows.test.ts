import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Batch } from '@headrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { eachRow, hasLongerRow, linesOf } from './staged-rows.ts'

/** A file whose reads give as much as they like. */
function fileOf(bytes: Buffer, most: number) {
  let position = 0
  const read = async (buffer: Buffer, offset: number, length: number) => {
    const bytesRead = bytes.copy(buffer, offset, position, position + Math.min(length, most))
    position += bytesRead
    return { bytesRead, buffer }
  }
  return { read } as Parameters<typeof linesOf>[0]
}

test('whole lines, however long they are and however a file is read', async () => {
  const row = fc.string({ minLength: 1 }).map((text) => text.replaceAll('\n', ' '))
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.oneof(
          row,
          row.map((text) => text.repeat(20)),
        ),
      ),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 60 }),
      fc.boolean(),
      async (rows, most, blockBytes, closed) => {
        const bytes = Buffer.from(rows.join('\n') + (closed && rows.length > 0 ? '\n' : ''))
        const read: string[] = []
        for await (const piece of linesOf(fileOf(bytes, most), blockBytes)) {
          expect(piece.at(-1)).toBe(0x0a)
          read.push(...piece.toString().split('\n').slice(0, -1))
        }
        expect(read).toEqual(rows)
      },
    ),
  )
})

test('rows are shown where they stand, and the longest is known without that', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-rows-'))
  const path = join(folder, 'rows.ndjson')
  const lengths = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 30 })
  await fc.assert(
    fc.asyncProperty(lengths, fc.integer({ min: 1, max: 70 }), async (rows, bytes) => {
      const text = rows.map((length, i) => String(i % 10).repeat(length)).join('\n')
      await writeFile(path, `${text}\n`)
      const batch = { files: [{ path, rows: rows.length, bytes: text.length + 1 }] } as unknown as Batch
      const shown: string[] = []
      await eachRow(batch, (block, start, end) => void shown.push(block.toString('utf8', start, end)))
      expect(shown.join('\n')).toBe(text)
      expect(await hasLongerRow(batch, bytes)).toBe(Math.max(...rows) > bytes)
    }),
    { numRuns: 60 },
  )
  await rm(folder, { recursive: true })
})
