import { type Batch, SinkAheadError, SinkBehindError, SinkForeignError } from '@headrace/core'

/** Which batch the target holds as its last. */
export interface Marker {
  readonly incarnation: string
  readonly sequence: number
}

/** What becomes of a batch: it is in the target already, it is the next one, or nobody knows, for the marker is lost. */
export type Standing = 'held' | 'next' | 'unknown'

/** `reset` is how the target is emptied. Throws SINK_AHEAD, SINK_BEHIND or SINK_FOREIGN where the target holds what does not fit. */
export function standingOf(marker: Marker | undefined, { id, untried }: Batch, reset: string): Standing {
  const { sink, incarnation, sequence } = id
  if (marker === undefined) return sequence === 1 ? 'next' : 'unknown'
  const { sequence: found } = marker
  if (marker.incarnation !== incarnation) {
    throw new SinkForeignError({ sink, incarnation, found: marker.incarnation, reset })
  }
  if (found === sequence - 1) return 'next'
  if (found === sequence && !untried) return 'held'
  const details = { sink, incarnation, expected: sequence, found, reset }
  throw found >= sequence ? new SinkAheadError(details) : new SinkBehindError(details)
}
