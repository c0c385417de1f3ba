import { hash } from 'node:crypto'

const WORDS = 4
const SLOT_BYTES = WORDS * 4
const LONGEST_PLAIN_KEY = SLOT_BYTES - 1
/** In the last byte of a slot: it holds a hash, not a key and its length. */
const HASHED = 0x80
const MAX_LOAD = 0.7
const FIRST_CAPACITY = 1024
const NO_OFFSET = -1

/**
 * The latest offset of each key, in flat memory: 24 bytes a slot. Keys of up to 15 bytes are kept as they are, longer ones by 127 bits of
 * their SHA-1. It takes no more keys than it was told, so that compacting has a bound on its memory.
 */
export class OffsetMap {
  readonly #maxKeys: number
  readonly #slot = Buffer.alloc(SLOT_BYTES)
  readonly #words = new Int32Array(this.#slot.buffer, this.#slot.byteOffset, WORDS)
  #capacity = FIRST_CAPACITY
  #keys = new Int32Array(FIRST_CAPACITY * WORDS)
  #offsets = new Float64Array(FIRST_CAPACITY).fill(NO_OFFSET)
  #size = 0

  constructor(maxKeys: number) {
    this.#maxKeys = maxKeys
  }

  get size(): number {
    return this.#size
  }

  /** Whether `count` keys more might be too many. */
  isTooSmallFor(count: number): boolean {
    return this.#size + count > this.#maxKeys
  }

  /** The offset that was set last for a key, -1 where none was. */
  get(key: Buffer): number {
    this.#load(key)
    return this.#offsets[this.#find()] ?? NO_OFFSET
  }

  set(key: Buffer, offset: number): void {
    this.#load(key)
    let index = this.#find()
    if (this.#offsets[index] === NO_OFFSET) {
      if (this.#size + 1 > this.#capacity * MAX_LOAD) {
        this.#grow()
        this.#load(key)
        index = this.#find()
      }
      this.#keys.set(this.#words, index * WORDS)
      this.#size++
    }
    this.#offsets[index] = offset
  }

  #load(key: Buffer): void {
    if (key.length <= LONGEST_PLAIN_KEY) {
      this.#slot.fill(0)
      key.copy(this.#slot)
      this.#slot[LONGEST_PLAIN_KEY] = key.length
      return
    }
    hash('sha1', key, 'buffer').copy(this.#slot, 0, 0, SLOT_BYTES)
    this.#slot[LONGEST_PLAIN_KEY] = (this.#slot[LONGEST_PLAIN_KEY] ?? 0) | HASHED
  }

  /** The index of the slot that holds the loaded key, or of the free one where it belongs. */
  #find(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#words
    const mask = this.#capacity - 1
    let index = mix(a, b, c, d) & mask
    while (this.#offsets[index] !== NO_OFFSET) {
      const at = index * WORDS
      const keys = this.#keys
      if (keys[at] === a && keys[at + 1] === b && keys[at + 2] === c && keys[at + 3] === d) break
      index = (index + 1) & mask
    }
    return index
  }

  #grow(): void {
    const keys = this.#keys
    const offsets = this.#offsets
    this.#capacity *= 2
    this.#keys = new Int32Array(this.#capacity * WORDS)
    this.#offsets = new Float64Array(this.#capacity).fill(NO_OFFSET)
    for (const [slot, offset] of offsets.entries()) {
      if (offset === NO_OFFSET) continue
      this.#words.set(keys.subarray(slot * WORDS, (slot + 1) * WORDS))
      const index = this.#find()
      this.#keys.set(this.#words, index * WORDS)
      this.#offsets[index] = offset
    }
  }
}

/** Spreads keys that differ in a few bits over all slots; the constants are those of MurmurHash3. */
function mix(a: number, b: number, c: number, d: number): number {
  let mixed = 0
  for (const word of [a, b, c, d]) {
    mixed = Math.imul(mixed ^ Math.imul(word, 0xcc9e2d51), 0x1b873593)
    mixed ^= mixed >>> 15
  }
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
