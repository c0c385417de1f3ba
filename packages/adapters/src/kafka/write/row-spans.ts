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
 * Where the first columns' values stand in a staged row: a JSON object on one line, without white space between its parts, as
 * DuckDB writes it, from `start` to `end` in `block`. `spans` gets, for column i in the row's order, the start of its key at 3i,
 * the start of its value at 3i + 1 and the value's end at 3i + 2, counted from the block's first byte. Gives how many columns
 * were found, `columns` at most. No object per row: this is the hot path.
 */
export function findSpans(
  block: Uint8Array,
  start: number,
  end: number,
  spans: Uint32Array,
  columns = Number.POSITIVE_INFINITY,
): number {
  let found = 0
  let at = start + 1
  while (found < columns && at < end && block[at] === QUOTE) {
    const base = 3 * found++
    spans[base] = at
    at = afterString(block, at, end)
    while (block[at] !== COLON) at++
    spans[base + 1] = ++at
    at = afterValue(block, at, end)
    spans[base + 2] = at
    if (block[at] === COMMA) at++
  }
  return found
}

/** Shows where each element of a staged array stands; gives their number. */
export function eachElement(block: Uint8Array, start: number, visit: (start: number, end: number) => void): number {
  let count = 0
  for (let at = start + 1; block[at] !== CLOSE_BRACKET; count++) {
    const end = afterValue(block, at)
    visit(at, end)
    at = block[end] === COMMA ? end + 1 : end
  }
  return count
}

/** Shows where each key and its value stand in a staged object; gives their number. */
export function eachEntry(
  block: Uint8Array,
  start: number,
  visit: (key: number, start: number, end: number, index: number) => void,
): number {
  let count = 0
  for (let at = start + 1; block[at] !== CLOSE_BRACE; count++) {
    const key = at
    const value = afterString(block, key) + 1
    const end = afterValue(block, value)
    visit(key, value, end, count)
    at = block[end] === COMMA ? end + 1 : end
  }
  return count
}

function afterString(block: Uint8Array, quote: number, end = block.length): number {
  let at = quote + 1
  for (; block[at] !== QUOTE && at < end; at++) if (block[at] === BACKSLASH) at++
  return at + 1
}

function afterValue(block: Uint8Array, start: number, end = block.length): number {
  if (block[start] === QUOTE) return afterString(block, start, end)
  let at = start
  for (let depth = 0; at < end; at++) {
    const byte = block[at]
    if (byte === QUOTE) at = afterString(block, at, end) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (depth-- === 0) return at
      if (depth === 0) return at + 1
    } else if (byte === COMMA && depth === 0) return at
  }
  return at
}

/** Whether a value is a string whose characters stand between its quotes as they are. */
export function isPlainString(block: Uint8Array, start: number, end: number): boolean {
  if (block[start] !== QUOTE) return false
  for (let at = start + 1; at < end; at++) if (block[at] === BACKSLASH) return false
  return true
}

/** A value's bytes as text: a string's own characters, anything else as JSON has it; null for null. */
export function textBytes(row: Buffer, start: number, end: number): Buffer | null {
  if (row[start] === N) return null
  if (row[start] !== QUOTE) return row.subarray(start, end)
  const inner = row.subarray(start + 1, end - 1)
  if (!inner.includes(BACKSLASH)) return inner
  return Buffer.from(JSON.parse(row.toString('utf8', start, end)) as string)
}
