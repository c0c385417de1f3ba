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
  /** Characters that a line may have: the widest columns give way. Without end where nobody looks at a terminal. */
  readonly width?: number | undefined
}

/** No column is cut shorter than this to make a table fit. */
const NARROWEST = 8

/** Between two columns. */
const GAP = 3

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
  const { colors, maxCellWidth = 60, width = Number.POSITIVE_INFINITY } = options
  const texts = rows.map((row) => row.map((value) => (value === null ? 'NULL' : cellText(value))))
  const names = columns.map(({ name }) => cellText(name))
  const widths = fittingWidths([names, ...texts], maxCellWidth, width)
  const table = new Table({
    head: names.map((name, index) => colors.bold(shorten(name, widths[index] ?? maxCellWidth))),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: PLAIN,
    style: { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 },
  })
  for (const [index, row] of rows.entries()) {
    const cells = (texts[index] ?? []).map((text, column) => shorten(text, widths[column] ?? maxCellWidth))
    table.push(cells.map((cell, column) => (row[column] === null ? colors.dim(cell) : cell)))
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

/** The width of each column: what its cells take, less where the whole would be wider than `width`. */
function fittingWidths(lines: readonly (readonly string[])[], maxCellWidth: number, width: number): number[] {
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.min(maxCellWidth, Math.max(...lines.map((line) => [...(line[column] ?? '')].length))),
  )
  let excess = widths.reduce((sum, each) => sum + each + GAP, -GAP) - width
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths))
    const found = widths[widest] ?? 0
    if (found <= NARROWEST) break
    const next = Math.max(NARROWEST, ...widths.filter((each) => each < found))
    const cut = Math.min(excess, Math.max(1, found - next))
    widths[widest] = found - cut
    excess -= cut
  }
  return widths
}

function shorten(text: string, width: number): string {
  const characters = [...text]
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join('')}…`
}
