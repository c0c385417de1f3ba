import type { Random } from './random.ts'

const SIZE_BYTES = 4

/** Numbers at which things go wrong: sizes, counts and offsets at the edges of what they may be. */
const EDGES = [0, 1, -1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]

type Mutation = (frame: Buffer, random: Random, corpus: readonly Buffer[]) => Buffer

// Those that keep the layout are more often: they get further.
const MUTATIONS: readonly Mutation[] = [
  ...Array.from({ length: 4 }, () => [flipBit, setByte, setEdge]).flat(),
  truncate,
  insertBytes,
  removeBytes,
  repeatBytes,
  splice,
  setVersion,
  lieAboutSize,
]

/**
 * A request, with its size in front, changed in one place or, now and then, three. The size tells the truth unless that is what was changed, so that
 * most frames get past it.
 */
export function mutate(frame: Buffer, random: Random, corpus: readonly Buffer[]): Buffer {
  let changed = Buffer.from(frame)
  for (let left = random.of([1, 1, 1, 3]); left > 0; left--) {
    const mutation = random.of(MUTATIONS)
    changed = mutation(changed, random, corpus) as Buffer<ArrayBuffer>
    if (mutation === lieAboutSize) return changed
  }
  changed.writeInt32BE(changed.length - SIZE_BYTES, 0)
  return changed
}

function flipBit(frame: Buffer, random: Random): Buffer {
  const at = placeIn(frame, random)
  frame[at] = (frame[at] ?? 0) ^ (1 << random.below(8))
  return frame
}

function setByte(frame: Buffer, random: Random): Buffer {
  frame[placeIn(frame, random)] = random.below(256)
  return frame
}

function setEdge(frame: Buffer, random: Random): Buffer {
  const bytes = random.of([1, 2, 4, 8])
  const at = placeIn(frame, random)
  if (at + bytes > frame.length) return frame
  const edge = random.of(EDGES)
  if (bytes === 8) frame.writeBigInt64BE(BigInt.asIntN(64, BigInt(edge) * BigInt(random.of([1, 2 ** 31]))), at)
  else frame.writeIntBE(edge >> (8 * (4 - bytes)), at, bytes)
  return frame
}

function truncate(frame: Buffer, random: Random): Buffer {
  return frame.subarray(0, placeIn(frame, random))
}

function insertBytes(frame: Buffer, random: Random): Buffer {
  const at = placeIn(frame, random)
  const bytes = Buffer.from(Array.from({ length: 1 + random.below(16) }, () => random.below(256)))
  return Buffer.concat([frame.subarray(0, at), bytes, frame.subarray(at)])
}

function removeBytes(frame: Buffer, random: Random): Buffer {
  const at = placeIn(frame, random)
  return Buffer.concat([frame.subarray(0, at), frame.subarray(at + 1 + random.below(16))])
}

function repeatBytes(frame: Buffer, random: Random): Buffer {
  const at = placeIn(frame, random)
  const part = frame.subarray(at, at + 1 + random.below(64))
  const copies = Array.from({ length: 1 + random.below(20) }, () => part)
  return Buffer.concat([frame.subarray(0, at), ...copies, frame.subarray(at)])
}

function splice(frame: Buffer, random: Random, corpus: readonly Buffer[]): Buffer {
  const other = random.of(corpus)
  return Buffer.concat([frame.subarray(0, placeIn(frame, random)), other.subarray(placeIn(other, random))])
}

function setVersion(frame: Buffer, random: Random): Buffer {
  if (frame.length >= SIZE_BYTES + 4) frame.writeInt16BE(random.below(20) - 1, SIZE_BYTES + 2)
  return frame
}

function lieAboutSize(frame: Buffer, random: Random): Buffer {
  const size = random.of([...EDGES, frame.length, frame.length - 5, frame.length + 100, 100 * 1024 * 1024])
  frame.writeInt32BE(size | 0, 0)
  return frame
}

/** Behind the size, which is set anew in the end. */
function placeIn(frame: Buffer, random: Random): number {
  return SIZE_BYTES + random.below(Math.max(1, frame.length - SIZE_BYTES))
}
