import type { HeadraceError, Place } from './define-error.ts'

/** One mistake of the user's, as data: several are reported at once. Every `HeadraceError` has this shape too. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly hint: string
  readonly place?: Place
}

/** What there is to say about an error, without its stack. */
export function problemOf(error: HeadraceError): Problem {
  const { code, message, hint, place } = error
  return place === undefined ? { code, message, hint } : { code, message, hint, place }
}

/** `file`, `file:line` or `file:line:column`: the form that editors and terminals turn into a link. */
export function formatPlace(place: Place): string {
  return [place.file, place.line, place.line === undefined ? undefined : place.column]
    .filter((part) => part !== undefined)
    .join(':')
}

/** Two lines of plain text: `file:line:column  CODE  message`, then the hint, indented. */
export function formatProblem(problem: Problem): string {
  const head = [problem.place && formatPlace(problem.place), problem.code, problem.message]
  const lines = [head.filter((part) => part !== undefined).join('  ')]
  if (problem.hint !== '') lines.push(`  ${problem.hint}`)
  return lines.join('\n')
}

/**
 * The place of line `line`, column `column` (from 1) of a text that begins at `start`. Exact for block scalars, whose
 * lines all begin in the same column, and for text on one line.
 */
export function placeWithin(start: Place, line: number, column: number): Place {
  if (start.line === undefined || start.column === undefined) return start
  return { file: start.file, line: start.line + line - 1, column: start.column + column - 1 }
}
