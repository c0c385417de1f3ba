/** A short queue between those who fetch and the one who decodes, with room for a few items. */
export class ReadAhead<T> {
  readonly #limit: number
  readonly #items: T[] = []
  readonly #waitingForRoom: (() => void)[] = []
  #waitingForItem: (() => void) | undefined
  #ended = false
  #failure: unknown

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Resolves when fewer items wait than the limit, or when there will be no more. */
  async room(): Promise<void> {
    while (this.#items.length >= this.#limit && !this.#ended) {
      await new Promise<void>((resolve) => this.#waitingForRoom.push(resolve))
    }
  }

  push(item: T): void {
    this.#items.push(item)
    this.#wakeReader()
  }

  /** The next item; undefined after `end`. Throws what `fail` was given, once the items before it are taken. */
  async next(): Promise<T | undefined> {
    for (;;) {
      const item = this.#items.shift()
      if (item !== undefined) {
        for (const wake of this.#waitingForRoom.splice(0)) wake()
        return item
      }
      if (this.#failure !== undefined) throw this.#failure
      if (this.#ended) return undefined
      await new Promise<void>((resolve) => {
        this.#waitingForItem = resolve
      })
    }
  }

  fail(error: unknown): void {
    if (this.#ended) return
    this.#failure = error
    this.#close()
  }

  /** Forgets what still waits. */
  end(): void {
    this.#items.length = 0
    this.#close()
  }

  #close(): void {
    this.#ended = true
    for (const wake of this.#waitingForRoom.splice(0)) wake()
    this.#wakeReader()
  }

  #wakeReader(): void {
    this.#waitingForItem?.()
    this.#waitingForItem = undefined
  }
}
