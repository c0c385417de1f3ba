/**
 * Reproducible pseudo-random numbers: the same seed gives the same sequence on every machine. The generator is Marsaglia's
 * xorshift128 ("Xorshift RNGs", 2003); its state is filled from the seed by a multiplicative hash. Not for secrets.
 */
export class Random {
  #x: number
  #y: number
  #z: number
  #w: number

  /** @param seed a whole number; its low 32 bits count. */
  constructor(seed: number) {
    const word = (n: number): number => {
      let h = (seed ^ Math.imul(n, 0x9e3779b9)) | 0
      h = Math.imul(h ^ (h >>> 16), 0x21f0aaad)
      h = Math.imul(h ^ (h >>> 15), 0x735a2d97)
      return h ^ (h >>> 15)
    }
    this.#x = word(1)
    this.#y = word(2)
    this.#z = word(3)
    // All four words zero would stay zero for ever.
    this.#w = word(4) | 1
  }

  /** A whole number from 0 to 2^32 − 1. */
  next(): number {
    const t = this.#x ^ (this.#x << 11)
    this.#x = this.#y
    this.#y = this.#z
    this.#z = this.#w
    this.#w = this.#w ^ (this.#w >>> 19) ^ t ^ (t >>> 8)
    return this.#w >>> 0
  }

  /** A number from 0 up to, not including, 1. */
  fraction(): number {
    return this.next() / 0x1_0000_0000
  }

  /** A whole number from 0 to `limit` − 1. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1)
  }
}
