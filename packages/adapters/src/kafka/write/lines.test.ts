import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { wholeLines } from './lines.ts'

test('whole lines, whatever chunks they come in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ minLength: 1 }).map((text) => text.replaceAll('\n', ' '))),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      async (rows, size, closed) => {
        const bytes = Buffer.from(rows.join('\n') + (closed && rows.length > 0 ? '\n' : ''))
        const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        )
        const read: string[] = []
        for await (const piece of wholeLines(Readable.from(chunks))) {
          expect(piece.at(-1)).toBe(0x0a)
          read.push(...piece.toString().split('\n').slice(0, -1))
        }
        expect(read).toEqual(rows)
      },
    ),
  )
})
