import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linesOf } from './staged-rows.ts'

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
