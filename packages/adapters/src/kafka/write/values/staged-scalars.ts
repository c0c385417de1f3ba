import { textBytes } from '../row-spans.ts'
import { blobOf } from './blob-text.ts'

const MINUS = 0x2d
const ZERO = 0x30
const SPACE = 0x20
const POINT = 0x2e
const QUOTE = 0x22
/** As many digits are a number without loss. */
const SAFE_DIGITS = 15
const DAY_SECONDS = 86_400

/** A value that its format has no form of. Its message is the reason, as a dead letter has it. */
export class ValueRefusedError extends Error {
  override readonly name = 'ValueRefusedError'
}

/** The text of a string; of anything else, as JSON has it. */
export function textAt(row: Buffer, start: number, end: number): Buffer {
  return textBytes(row, start, end) ?? row.subarray(start, end)
}

export function wholeAt(row: Buffer, start: number, end: number): number | bigint {
  if (end - start > SAFE_DIGITS) return BigInt(row.toString('latin1', start, end))
  const isNegative = row[start] === MINUS
  let value = 0
  for (let at = isNegative ? start + 1 : start; at < end; at++) value = 10 * value + (row[at] as number) - ZERO
  return isNegative ? -value : value
}

/** A decimal times a power of ten, `-12.3` with a scale of 2 as −1230. */
export function unscaledAt(row: Buffer, start: number, end: number, scale: number): number | bigint {
  let point = start
  while (point < end && row[point] !== POINT) point++
  const places = Math.max(0, end - point - 1)
  if (end - start + scale - places > SAFE_DIGITS) {
    const [whole = '0', fraction = ''] = row.toString('latin1', start, end).split('.')
    return BigInt(whole + fraction.padEnd(scale, '0'))
  }
  const isNegative = row[start] === MINUS
  let value = 0
  for (let at = isNegative ? start + 1 : start; at < end; at++) {
    if (at !== point) value = 10 * value + (row[at] as number) - ZERO
  }
  value *= 10 ** (scale - places)
  return isNegative ? -value : value
}

/** With `NaN`, `Infinity` and `-Infinity`, which DuckDB writes bare. */
export function floatAt(row: Buffer, start: number, end: number): number {
  return Number(row.toString('latin1', start, end))
}

export function blobAt(row: Buffer, start: number, end: number): Buffer {
  return blobOf(textAt(row, start, end).toString())
}

/** Days since 1970-01-01 of `"2026-11-20"`, of which a timestamp may follow. Throws ValueRefusedError beyond the years 1 to 9999. */
export function daysAt(row: Buffer, start: number, end: number): number {
  if (row[start + 5] !== MINUS || row[start + 8] !== MINUS || !isDateEnd(row, start + 11))
    throw outside(row, start, end)
  const year = two(row, start + 1) * 100 + two(row, start + 3)
  return daysOf(year, two(row, start + 6), two(row, start + 9))
}

/** Seconds since 1970-01-01 of `"2026-11-20 01:02:03.123456"`, in UTC; what follows the seconds is left to `nanosAt`. */
export function secondsAt(row: Buffer, start: number, end: number): number {
  const days = daysAt(row, start, end)
  return days * DAY_SECONDS + two(row, start + 12) * 3600 + two(row, start + 15) * 60 + two(row, start + 18)
}

/** The nanoseconds within the second of a timestamp. */
export function nanosAt(row: Buffer, start: number): number {
  let at = start + 20
  if (row[at] !== POINT) return 0
  let nanos = 0
  let unit = 100_000_000
  for (at++; isDigit(row[at]); at++, unit /= 10) nanos += unit * ((row[at] as number) - ZERO)
  return nanos
}

/** Where a timestamp's text ends, before its zone, which is UTC. */
export function endOfTime(row: Buffer, start: number): number {
  let at = start + 20
  if (row[at] === POINT) for (at++; isDigit(row[at]); ) at++
  return at
}

/** A date's last digit is followed by its closing quote, a timestamp's by a space and the hour. */
function isDateEnd(row: Buffer, at: number): boolean {
  return row[at] === QUOTE || (row[at] === SPACE && isDigit(row[at + 1]))
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= ZERO + 9
}

function two(row: Buffer, at: number): number {
  return 10 * (row[at] as number) + (row[at + 1] as number) - 11 * ZERO
}

/** By years that begin in March, whose leap day is the last: four hundred of them are 146,097 days. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear
  return era * 146_097 + dayOfEra - 719_468
}

function outside(row: Buffer, start: number, end: number): ValueRefusedError {
  return new ValueRefusedError(`${textAt(row, start, end).toString()} is outside the years 1 to 9999`)
}
