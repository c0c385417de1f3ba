import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { compressFrameSync } from 'lz4-napi'
import { compressSync } from 'snappy'
import { describe, expect, test } from 'vitest'
import { compress, decompress, decompressAside, UnpackedTooLargeError } from './codecs.ts'
import type { Codec } from './record-batch.ts'
import { lz4FitsInto, snappyUnpackedBytes } from './unpacked-size.ts'

const CODECS = ['gzip', 'snappy', 'lz4', 'zstd'] as const

const MIB = 1024 * 1024

/** Both ways to unpack, each as a promise. */
const WAYS = {
  here: async (codec: Codec, records: Buffer, maxBytes?: number) => decompress(codec, records, maxBytes),
  aside: decompressAside,
}

/** Bytes that pack in all manners: runs, repetitions, and none. */
const anyBytes = fc
  .array(fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 300 }), fc.integer({ min: 1, max: 400 })), { maxLength: 8 })
  .map((parts) => Buffer.concat(parts.flatMap(([bytes, times]) => Array.from({ length: times }, () => bytes))))

function xerial(blocks: readonly Buffer[]): Buffer {
  const framed = blocks.flatMap((block) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    return [length, block]
  })
  return Buffer.concat([Buffer.from('82534e41505059000000000100000001', 'hex'), ...framed])
}

describe.each(['here', 'aside'] as const)('unpacking %s', (way) => {
  const unpack = WAYS[way]

  test.each(CODECS)('%s: all that was packed comes back, up to the limit and no byte more', async (codec) => {
    await fc.assert(
      fc.asyncProperty(anyBytes, async (plain) => {
        const packed = compress(codec, plain)
        expect((await unpack(codec, packed)).equals(plain)).toBe(true)
        expect((await unpack(codec, packed, Math.max(plain.length, 1))).equals(plain)).toBe(true)
        if (plain.length > 1)
          await expect(unpack(codec, packed, plain.length - 1)).rejects.toThrow(UnpackedTooLargeError)
      }),
      { numRuns: 40 },
    )
  })

  test.each([
    ['gzip', Buffer.concat(Array.from({ length: 8 }, () => gzipSync(Buffer.alloc(64 * MIB), { level: 1 })))],
    ['zstd', zstdCompressSync(Buffer.alloc(512 * MIB))],
    ['lz4', compressFrameSync(Buffer.alloc(512 * MIB))],
    ['snappy', xerial(Array.from({ length: 8 }, () => compressSync(Buffer.alloc(64 * MIB))))],
    ['snappy', compressSync(Buffer.alloc(512 * MIB))],
    // A length of 2 GiB, and hardly anything behind it.
    ['snappy', Buffer.from([0x80, 0x80, 0x80, 0x80, 0x08, 0, 0])],
  ] as const)('a bomb of %s takes no more memory than the limit', async (codec, bomb) => {
    const before = process.resourceUsage().maxRSS
    await expect(unpack(codec, bomb, 16 * MIB)).rejects.toThrow(UnpackedTooLargeError)
    await expect(unpack(codec, bomb)).rejects.toThrow(UnpackedTooLargeError)
    const grownBytes = (process.resourceUsage().maxRSS - before) * 1024
    expect(grownBytes).toBeLessThan(400 * MIB)
  })

  test.each(CODECS)('%s: what is damaged is an error of its own', async (codec) => {
    const packed = compress(codec, Buffer.from('some records, some records, some records'))
    for (const damaged of [packed.subarray(0, packed.length >> 1), Buffer.alloc(40, 0xff), Buffer.alloc(3)]) {
      const error = await unpack(codec, damaged).catch((caught: unknown) => caught)
      expect(error).toBeInstanceOf(Error)
      expect(error).not.toBeInstanceOf(UnpackedTooLargeError)
    }
  })

  test('many small LZ4 blocks are measured by what they hold, not by what each could', async () => {
    const frame = compressFrameSync(Buffer.alloc(1000))
    const end = frame.length - 4
    const blocks = Array.from({ length: 10_000 }, () => frame.subarray(7, end))
    const frameOfMany = Buffer.concat([frame.subarray(0, 7), ...blocks, frame.subarray(end)])
    expect((await unpack('lz4', frameOfMany)).length).toBe(10_000_000)
    await expect(unpack('lz4', frameOfMany, 9_999_999)).rejects.toThrow(UnpackedTooLargeError)
  })
})

test('sizes are told without unpacking', () => {
  fc.assert(
    fc.property(anyBytes, (plain) => {
      expect(snappyUnpackedBytes(compressSync(plain) as Buffer)).toBe(plain.length)
      for (const options of [{}, { contentChecksum: true, blockChecksums: true }]) {
        const frame = compressFrameSync(plain, options)
        expect(lz4FitsInto(frame, plain.length)).toBe(true)
        if (plain.length > 0) expect(lz4FitsInto(frame, plain.length - 1)).toBe(false)
      }
    }),
  )
})

test('what an LZ4 frame says of itself counts, too', () => {
  // Magic, flags with a content size, blocks of 64 KiB, 2^40 bytes, header checksum, end.
  const frame = Buffer.from('04224d186840000000000001000000000000000000', 'hex')
  expect(lz4FitsInto(frame, 2 ** 32)).toBe(false)
})
