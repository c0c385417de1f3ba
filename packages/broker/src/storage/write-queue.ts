interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** Writes what it is given in order. While one write is under way the next items gather, so that many small ones share a write. */
export class WriteQueue<Item, Result> {
  readonly #write: (items: readonly Item[]) => Promise<readonly Result[]>
  readonly #mostAtATime: number
  #waiting: Waiting<Item, Result>[] = []
  #running: Promise<void> | undefined

  /** `write` gives a result for each item; where it rejects, all of them are rejected. */
  constructor(write: (items: readonly Item[]) => Promise<readonly Result[]>, mostAtATime = Number.POSITIVE_INFINITY) {
    this.#write = write
    this.#mostAtATime = mostAtATime
  }

  get isBusy(): boolean {
    return this.#running !== undefined
  }

  push(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject })
      this.#running ??= this.#run()
    })
  }

  /** Resolves when all that was given so far has been written, or refused. */
  async settled(): Promise<void> {
    await this.#running
  }

  /** Does something between two writes: it begins when none is under way, and none begins until it has ended. */
  async between<T>(act: () => Promise<T>): Promise<T> {
    while (this.#running) await this.#running
    const done = act()
    const goOn = () => this.#run()
    this.#running = done.then(goOn, goOn)
    return done
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const taken = this.#waiting.splice(0, this.#mostAtATime)
      try {
        const results = await this.#write(taken.map(({ item }) => item))
        for (const [index, { resolve }] of taken.entries()) resolve(results[index] as Result)
      } catch (error) {
        for (const { reject } of taken) reject(error)
      }
    }
    this.#running = undefined
  }
}
