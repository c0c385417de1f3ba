import { InvalidTimestampError } from './errors.ts'

const ISO_8601 = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)\s*(Z|[+-]\d\d:?\d\d)?)?$/i

/** A point in time in ms since the Unix epoch, from ISO 8601; without an offset it is UTC. Throws `InvalidTimestampError`. */
export function parseTimestamp(text: string): number {
  const match = ISO_8601.exec(text.trim())
  const [, date = '', time = '00:00', zone = 'Z'] = match ?? []
  const offset = /^[+-]\d{4}$/.test(zone) ? `${zone.slice(0, 3)}:${zone.slice(3)}` : zone.toUpperCase()
  const ms = Date.parse(`${date}T${time}${offset}`)
  // Date.parse turns 31 February into 3 March.
  const isReal = Number.isFinite(ms) && new Date(`${date}T00:00Z`).toISOString().startsWith(date)
  if (match === null || !isReal) throw new InvalidTimestampError({ text })
  return ms
}
