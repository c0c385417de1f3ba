import type { Field, Json, Row } from '@headrace/core'

const MAX_CELL = 60
const RIGHT_ALIGNED = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|U(INTEGER)|FLOAT|DOUBLE|DECIMAL\(.*\))$/

/** Rows as a table with borders; numbers stand at the right. Ends with a newline. */
export function renderTable(columns: readonly Field[], rows: readonly Row[]): string {
  const header = columns.map((column) => cell(column.name))
  const body = rows.map((row) => columns.map((column) => cell(row[column.name] ?? null)))
  const widths = columns.map((_, i) => Math.max(...[header, ...body].map((line) => displayWidth(line[i] ?? ''))))
  const right = columns.map((column) => RIGHT_ALIGNED.test(column.type))
  const rule = `+${widths.map((width) => '-'.repeat(width + 2)).join('+')}+`
  const line = (cells: readonly string[]): string =>
    `|${cells.map((text, i) => ` ${pad(text, widths[i] ?? 0, right[i] === true)} `).join('|')}|`
  return `${[rule, line(header), rule, ...body.map(line), rule].join('\n')}\n`
}

function cell(value: Json): string {
  const text = value === null ? 'NULL' : typeof value === 'string' ? value : JSON.stringify(value)
  const shown = [...escapeControls(text)]
  return shown.length > MAX_CELL ? `${shown.slice(0, MAX_CELL - 1).join('')}…` : shown.join('')
}

/** A row must not move the cursor, ring the bell or break the table. */
function escapeControls(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const short = JSON.stringify(character).slice(1, -1)
    return short.startsWith('\\') ? short : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function pad(text: string, width: number, right: boolean): string {
  const blank = ' '.repeat(width - displayWidth(text))
  return right ? blank + text : text + blank
}

const WIDE =
  /\p{Extended_Pictographic}|\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Hangul}|[\uff01-\uff60]/u
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Columns of a terminal that a text takes: two for an emoji or a Han character. */
function displayWidth(text: string): number {
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += WIDE.test(segment) ? 2 : 1
  return width
}
