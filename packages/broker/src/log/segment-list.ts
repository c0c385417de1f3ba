import type { Segment } from './segment.ts'

/** The segments of a log in the order of their offsets: at least one, of which the last is written to. */
export class SegmentList {
  readonly #segments: Segment[]

  constructor(segments: readonly Segment[]) {
    this.#segments = [...segments]
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  get active(): Segment {
    const segment = this.#segments.at(-1)
    if (segment === undefined) throw new Error('a partition log has no segment')
    return segment
  }

  get sizeBytes(): number {
    return this.#segments.reduce((total, segment) => total + segment.sizeBytes, 0)
  }

  /** The segment where a search for `offset` begins. */
  at(offset: number): Segment | undefined {
    return this.#segments.findLast((segment) => segment.baseOffset <= offset) ?? this.#segments[0]
  }

  /** What follows a segment, even one that is not in the list any more. */
  after({ baseOffset }: Segment): Segment | undefined {
    return this.#segments.find((segment) => segment.baseOffset > baseOffset)
  }

  push(segment: Segment): void {
    this.#segments.push(segment)
  }

  /** Takes out the segments that lie before `offset` as a whole. */
  takeBefore(offset: number): Segment[] {
    const kept = this.#segments.findLastIndex((segment) => segment.baseOffset <= offset)
    return this.#segments.splice(0, Math.max(kept, 0))
  }

  has(segments: readonly Segment[]): boolean {
    return segments.every((segment) => this.#segments.includes(segment))
  }

  /** Puts one segment in the place of others that follow each other. */
  replace(others: readonly Segment[], by: Segment): void {
    this.#segments.splice(this.#segments.indexOf(others[0] as Segment), others.length, by)
  }
}
