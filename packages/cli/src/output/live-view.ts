import type { TextStream } from '../context.ts'

/** Shows text that changes: redrawn in place on a terminal, as a line now and then elsewhere. */
export interface LiveView {
  /** `frame` may have several lines on a terminal; `line` is what a log gets instead. */
  show(frame: () => string, line: () => string): void
  /** Writes lasting text above the live part. */
  note(text: string): void
  /** Draws `frame` for the last time and leaves it standing. */
  end(): void
  /** Takes the live part away. */
  clear(): void
}

export interface LiveViewOptions {
  readonly stream: TextStream
  /** Shortest time between two redraws, and between two lines away from a terminal. */
  readonly redrawMs?: number
  readonly lineMs?: number
  readonly now?: () => number
}

export function liveView(options: LiveViewOptions): LiveView {
  return options.stream.isTTY === true ? new TerminalView(options) : new LogView(options)
}

class TerminalView implements LiveView {
  readonly #stream: TextStream
  readonly #redrawMs: number
  readonly #now: () => number
  #drawnAt = Number.NEGATIVE_INFINITY
  #height = 0
  #frame: (() => string) | undefined

  constructor({ stream, redrawMs = 100, now = Date.now }: LiveViewOptions) {
    this.#stream = stream
    this.#redrawMs = redrawMs
    this.#now = now
  }

  show(frame: () => string): void {
    this.#frame = frame
    if (this.#now() - this.#drawnAt < this.#redrawMs) return
    this.#draw()
  }

  note(text: string): void {
    this.#erase()
    this.#stream.write(`${text}\n`)
    if (this.#frame !== undefined) this.#draw()
  }

  end(): void {
    if (this.#frame === undefined) return
    this.#draw()
    this.#stream.write('\n')
    this.#height = 0
    this.#frame = undefined
  }

  clear(): void {
    this.#erase()
    this.#frame = undefined
  }

  #draw(): void {
    if (this.#frame === undefined) return
    this.#drawnAt = this.#now()
    const text = this.#frame()
    this.#erase()
    this.#stream.write(text)
    this.#height = rowsTaken(text, this.#stream.columns ?? 80)
  }

  #erase(): void {
    if (this.#height === 0) return
    const up = this.#height > 1 ? `\u001b[${this.#height - 1}A` : ''
    this.#stream.write(`\r${up}\u001b[J`)
    this.#height = 0
  }
}

class LogView implements LiveView {
  readonly #stream: TextStream
  readonly #lineMs: number
  readonly #now: () => number
  #writtenAt: number

  constructor({ stream, lineMs = 5000, now = Date.now }: LiveViewOptions) {
    this.#stream = stream
    this.#lineMs = lineMs
    this.#now = now
    this.#writtenAt = now()
  }

  show(_frame: () => string, line: () => string): void {
    if (this.#now() - this.#writtenAt < this.#lineMs) return
    this.#writtenAt = this.#now()
    this.#stream.write(`${line()}\n`)
  }

  note(text: string): void {
    this.#stream.write(`${text}\n`)
  }

  end(): void {}

  clear(): void {}
}

/** Rows of the terminal that a text takes once long lines have been folded; colour codes take none. */
function rowsTaken(text: string, columns: number): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape sequences of colours
  const visible = text.replace(/\u001b\[[0-9;]*m/g, '')
  return visible.split('\n').reduce((rows, line) => rows + Math.max(1, Math.ceil([...line].length / columns)), 0)
}
