import path from 'node:path'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'

const BLOCK_SIZE = 1000

/** Gives out producer ids, none twice, in blocks that are written down before the first of them is given. */
export class ProducerIds {
  readonly #file: string
  #next = 0
  #blockEnd = 0
  #reserving: Promise<void> | undefined

  private constructor(file: string, firstFree: number) {
    this.#file = file
    this.#next = firstFree
    this.#blockEnd = firstFree
  }

  static async open(dataDir: string): Promise<ProducerIds> {
    const file = path.join(dataDir, 'next-producer-id')
    return new ProducerIds(file, Number((await readFileIfAny(file))?.toString() ?? 0))
  }

  async next(): Promise<number> {
    while (this.#next >= this.#blockEnd) {
      this.#reserving ??= this.#reserve().finally(() => {
        this.#reserving = undefined
      })
      await this.#reserving
    }
    return this.#next++
  }

  async #reserve(): Promise<void> {
    const end = this.#blockEnd + BLOCK_SIZE
    await replaceFile(this.#file, String(end))
    this.#blockEnd = end
  }
}
