const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/** Called with each line, without its end: a view that is good until the call returns. */
type LineTarget = (line: Buffer) => void

/** Cuts bytes that come in pieces into lines. A last line without a newline counts; a carriage return before it does not. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0)
  /** Lines seen so far: the number of the last one, from 1. */
  count = 0

  push(chunk: Buffer, target: LineTarget): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    let start = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      this.count++
      target(bytes.subarray(start, end > start && bytes[end - 1] === CARRIAGE_RETURN ? end - 1 : end))
      start = end + 1
    }
    this.#rest = bytes.subarray(start)
  }

  end(target: LineTarget): void {
    const last = this.#rest
    this.#rest = Buffer.alloc(0)
    if (last.length === 0) return
    this.count++
    target(last)
  }
}
