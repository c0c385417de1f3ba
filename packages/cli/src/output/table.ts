import Table from 'cli-table3'
import type { Colors } from './colors.ts'

export interface TableColumn {
  readonly name: string
  /** Numbers stand to the right. */
  readonly align?: 'left' | 'right'
}

export interface TableOptions {
  readonly colors: Colors
  /** Longer cells are cut and end in `…`. */
  readonly maxCellWidth?: number
}

const PLAIN = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '─',
  'mid-mid': '─┼─',
  right: '',
  'right-mid': '',
  middle: ' │ ',
}

/**
 * Rows as a table with a line below the head, without a frame. Cells are values as they come from JSON; null shows as
 * `NULL`, control characters as escapes (a cell must not be able to move the cursor).
 */
export function renderTable(
  columns: readonly TableColumn[],
  rows: readonly (readonly unknown[])[],
  options: TableOptions,
): string {
  const { colors, maxCellWidth = 60 } = options
  const table = new Table({
    head: columns.map((column) => colors.bold(shorten(cellText(column.name), maxCellWidth))),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: PLAIN,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) {
    table.push(row.map((value) => (value === null ? colors.dim('NULL') : shorten(cellText(value), maxCellWidth))))
  }
  const lines = table.toString().split('\n')
  // Without rows the table library leaves the line below the head away.
  if (rows.length === 0) lines.push('─'.repeat(columns.reduce((width, column) => width + column.name.length + 3, -3)))
  return lines.map((line) => line.trimEnd()).join('\n')
}

/** Text of one cell: objects as JSON, control characters visible. */
export function cellText(value: unknown): string {
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (character) => JSON.stringify(character).slice(1, -1))
}

function shorten(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}
