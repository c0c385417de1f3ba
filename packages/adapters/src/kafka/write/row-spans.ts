const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const N = 0x6e

/**
 * Where each column's value stands in a staged row: a JSON object on one line, without white space between its parts, as
 * DuckDB writes it. `spans` gets, for column i in the row's order, the start of its key at 3i, the start of its value at
 * 3i + 1 and the value's end at 3i + 2. Gives how many columns there are. No object per row: this is the hot path.
 */
export function findSpans(row: Uint8Array, spans: Uint32Array): number {
  let columns = 0
  let at = 1
  while (at < row.length && row[at] === QUOTE) {
    const base = 3 * columns++
    spans[base] = at
    at = afterString(row, at)
    while (row[at] !== COLON) at++
    spans[base + 1] = ++at
    at = afterValue(row, at)
    spans[base + 2] = at
    if (row[at] === COMMA) at++
  }
  return columns
}

/** Shows where each element of a staged array stands; gives their number. */
export function eachElement(row: Uint8Array, start: number, visit: (start: number, end: number) => void): number {
  let count = 0
  for (let at = start + 1; row[at] !== CLOSE_BRACKET; count++) {
    const end = afterValue(row, at)
    visit(at, end)
    at = row[end] === COMMA ? end + 1 : end
  }
  return count
}

/** Shows where each key and its value stand in a staged object; gives their number. */
export function eachEntry(
  row: Uint8Array,
  start: number,
  visit: (key: number, start: number, end: number, index: number) => void,
): number {
  let count = 0
  for (let at = start + 1; row[at] !== CLOSE_BRACE; count++) {
    const key = at
    const value = afterString(row, key) + 1
    const end = afterValue(row, value)
    visit(key, value, end, count)
    at = row[end] === COMMA ? end + 1 : end
  }
  return count
}

function afterString(row: Uint8Array, quote: number): number {
  let at = quote + 1
  for (; row[at] !== QUOTE && at < row.length; at++) if (row[at] === BACKSLASH) at++
  return at + 1
}

function afterValue(row: Uint8Array, start: number): number {
  if (row[start] === QUOTE) return afterString(row, start)
  let at = start
  for (let depth = 0; at < row.length; at++) {
    const byte = row[at]
    if (byte === QUOTE) at = afterString(row, at) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth-- === 0) return at
      if (depth === 0) return at + 1
    } else if (byte === COMMA && depth === 0) return at
  }
  return at
}

/** A value's bytes as text: a string's own characters, anything else as JSON has it; null for null. */
export function textBytes(row: Buffer, start: number, end: number): Buffer | null {
  if (row[start] === N) return null
  if (row[start] !== QUOTE) return row.subarray(start, end)
  const inner = row.subarray(start + 1, end - 1)
  if (!inner.includes(BACKSLASH)) return inner
  return Buffer.from(JSON.parse(row.toString('utf8', start, end)) as string)
}
