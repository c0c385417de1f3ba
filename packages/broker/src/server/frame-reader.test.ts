import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader } from './frame-reader.ts'

function framed(content: Uint8Array): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(content.length)
  return Buffer.concat([size, content])
}

test('frames come out as they went in, however the bytes are cut', () => {
  const contents = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 8 })
  const cuts = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1 })
  fc.assert(
    fc.property(contents, cuts, (frames, sizes) => {
      const stream = Buffer.concat(frames.map(framed))
      const reader = new FrameReader(1000)
      const seen: Buffer[] = []
      let position = 0
      for (let turn = 0; position < stream.length; turn++) {
        const end = position + (sizes[turn % sizes.length] ?? 1)
        reader.push(stream.subarray(position, end), (frame) => seen.push(Buffer.from(frame)))
        position = end
      }
      expect(seen).toEqual(frames.map((content) => Buffer.from(content)))
    }),
  )
})

test.each([[-1], [1001], [0x7fff_ffff]])('a size of %i is refused before its bytes come', (size) => {
  const header = Buffer.alloc(4)
  header.writeInt32BE(size)
  expect(() => new FrameReader(1000).push(header, () => {})).toThrow(`a request of ${size} bytes`)
})
