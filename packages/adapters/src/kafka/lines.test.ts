import { Readable } from 'node:stream'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { lines } from './lines.ts'

test('lines, whatever chunks they come in', async () => {
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
        for await (const line of lines(Readable.from(chunks))) read.push(line.toString())
        expect(read).toEqual(rows)
      },
    ),
  )
})
