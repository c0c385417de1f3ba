import { InvalidDurationError, InvalidSizeError } from './errors.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** Unit words (lower case) and their milliseconds. */
const DURATION_UNITS: ReadonlyMap<string, number> = new Map([
  ...words(1, 'ms', 'millis', 'millisecond', 'milliseconds'),
  ...words(SECOND, 's', 'sec', 'secs', 'second', 'seconds'),
  ...words(MINUTE, 'm', 'min', 'mins', 'minute', 'minutes'),
  ...words(HOUR, 'h', 'hr', 'hrs', 'hour', 'hours'),
  ...words(DAY, 'd', 'day', 'days'),
])

/** Unit words (lower case) and their bytes: KB, MB, GB and TB count in thousands, KiB, MiB, GiB and TiB in 1024s. */
const SIZE_UNITS: ReadonlyMap<string, number> = new Map([
  ...words(1, 'b', 'byte', 'bytes'),
  ...words(1e3, 'kb'),
  ...words(1e6, 'mb'),
  ...words(1e9, 'gb'),
  ...words(1e12, 'tb'),
  ...words(2 ** 10, 'kib'),
  ...words(2 ** 20, 'mib'),
  ...words(2 ** 30, 'gib'),
  ...words(2 ** 40, 'tib'),
])

const QUANTITY = /^(\d{1,16}(?:\.\d{1,9})?)\s*([a-z]+)$/i

/**
 * A duration in ms: `5 seconds`, `500 ms`, `1 minute`, `1.5h`, or a number of ms. Never negative, always whole.
 * Throws `InvalidDurationError` (CONFIG_DURATION).
 */
export function parseDuration(value: string | number): number {
  const ms = parseQuantity(value, DURATION_UNITS)
  if (ms === undefined) throw new InvalidDurationError({ text: String(value) })
  return ms
}

/**
 * A size in bytes: `64 MiB`, `1 MB`, `512 bytes`, or a number of bytes. Never negative, always whole.
 * Throws `InvalidSizeError` (CONFIG_SIZE).
 */
export function parseSize(value: string | number): number {
  const bytes = parseQuantity(value, SIZE_UNITS)
  if (bytes === undefined) throw new InvalidSizeError({ text: String(value) })
  return bytes
}

/** The shortest exact text that `parseDuration` reads back as `ms`: `90 seconds`, `1 minute`, `1500 ms`. */
export function formatDuration(ms: number): string {
  const units: [string, number][] = [
    ['day', DAY],
    ['hour', HOUR],
    ['minute', MINUTE],
    ['second', SECOND],
  ]
  const [name, size] = units.find(([, unit]) => ms !== 0 && ms % unit === 0) ?? ['ms', 1]
  const count = ms / size
  return name === 'ms' || count === 1 ? `${count} ${name}` : `${count} ${name}s`
}

/** The shortest exact text that `parseSize` reads back as `bytes`: `64 MiB`, `1 MB`, `1234567 bytes`. */
export function formatSize(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB', 'TB', 'GB', 'MB', 'KB']
  const unit = units.find((name) => bytes !== 0 && bytes % unitSize(name) === 0)
  if (unit !== undefined) return `${bytes / unitSize(unit)} ${unit}`
  return bytes === 1 ? '1 byte' : `${bytes} bytes`
}

function parseQuantity(value: string | number, units: ReadonlyMap<string, number>): number | undefined {
  if (typeof value === 'number') return wholeNumber(value)
  const match = QUANTITY.exec(value.trim())
  const unit = match && units.get((match[2] as string).toLowerCase())
  return match && unit !== undefined && unit !== null ? wholeNumber(Number(match[1]) * unit) : undefined
}

/** Undefined where the value is no whole number; products such as 1.1 × 1000 may miss it by a rounding error. */
function wholeNumber(value: number): number | undefined {
  const whole = Math.round(value)
  const near = Math.abs(value - whole) <= Math.abs(value) * 4 * Number.EPSILON
  return near && whole >= 0 && Number.isSafeInteger(whole) ? whole : undefined
}

function unitSize(name: string): number {
  return SIZE_UNITS.get(name.toLowerCase()) as number
}

function words(size: number, ...names: string[]): [string, number][] {
  return names.map((name) => [name, size])
}
