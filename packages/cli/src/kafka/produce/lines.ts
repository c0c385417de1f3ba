const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Called with where each line lies, without its end, in bytes that are good until the call returns. */
type LineTarget = (bytes: Buffer, start: number, end: number) => void

/** Cuts bytes that come in pieces into lines. A last line without a newline counts; a carriage return before it does not. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)
  /** Lines seen so far: the number of the last one, from 1. */
  count = 0

  push(chunk: Buffer, target: LineTarget): void {
    const first = this.#rest.length === 0 ? 0 : this.#joined(chunk, target)
    if (first < 0) return
    let start = first
    for (let end = chunk.indexOf(NEWLINE, start); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      this.#line(chunk, start, end, target)
      start = end + 1
    }
    this.#rest = chunk.subarray(start)
  }

  end(target: LineTarget): void {
    const last = this.#rest
    this.#rest = Buffer.alloc(0)
    if (last.length > 0) this.#line(last, 0, last.length, target)
  }

  /** The line that began in the pieces before; gives where the next one begins, −1 where it goes on still. */
  #joined(chunk: Buffer, target: LineTarget): number {
    const end = chunk.indexOf(NEWLINE)
    const line = Buffer.concat([this.#rest, end < 0 ? chunk : chunk.subarray(0, end)])
    this.#rest = end < 0 ? line : Buffer.alloc(0)
    if (end < 0) return -1
    this.#line(line, 0, line.length, target)
    return end + 1
  }

  #line(bytes: Buffer, start: number, end: number, target: LineTarget): void {
    this.count++
    target(bytes, start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end)
  }
}
