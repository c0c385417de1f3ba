import { inspect } from 'node:util'
import { formatPlace, HeadraceError, type Problem, problemOf } from '@headrace/core/errors'
import type { CliContext } from '../context.ts'
import type { Colors } from './colors.ts'

/** Thrown by a command that has told the user already: only the exit code is left to give. */
export class AlreadyReported extends Error {
  readonly exitCode: number
  constructor(exitCode = 1) {
    super('already reported')
    this.exitCode = exitCode
  }
}

/** `file:line:column  CODE  message` and the hint below it. */
export function renderProblem(problem: Problem, colors: Colors): string {
  const head = [
    ...(problem.place === undefined ? [] : [colors.bold(formatPlace(problem.place))]),
    colors.red(problem.code),
    problem.message,
  ].join('  ')
  return problem.hint === '' ? head : `${head}\n  ${colors.cyan('hint:')} ${problem.hint}`
}

/** Tells the user what went wrong, as text or (with `--json`) as one JSON document on stderr; gives the exit code. */
export function reportError(error: unknown, context: CliContext, json: boolean): number {
  if (error instanceof AlreadyReported) return error.exitCode
  const problem = error instanceof HeadraceError ? problemOf(error) : unexpected(error)
  const parts = partsOf(error)
  const text = json
    ? JSON.stringify({ error: { ...problem, ...(parts.length === 0 ? {} : { problems: parts }) } })
    : (parts.length === 0 ? [problem] : parts).map((part) => renderProblem(part, context.errorColors)).join('\n')
  context.stderr.write(`${text}\n`)
  if ((context.env.HEADRACE_DEBUG ?? '') !== '') {
    context.stderr.write(`${inspect(error)}\n`)
  }
  return 1
}

/** Writes problems to stderr: as text, or as one JSON document. */
export function tellProblems(problems: readonly Problem[], context: CliContext, json: boolean): void {
  const text = json
    ? JSON.stringify({ problems })
    : problems.map((problem) => renderProblem(problem, context.errorColors)).join('\n')
  context.stderr.write(`${text}\n`)
}

/** The mistakes that one error stands for (PIPELINE_INVALID, CONFIG_INVALID); none where it stands for itself. */
function partsOf(error: unknown): readonly Problem[] {
  const problems = error instanceof HeadraceError ? error.details.problems : undefined
  return Array.isArray(problems) ? (problems as readonly Problem[]) : []
}

function unexpected(error: unknown): Problem {
  const message = error instanceof Error ? error.message : String(error)
  const { code, syscall } = error as Partial<NodeJS.ErrnoException>
  if (typeof code === 'string' && syscall !== undefined) {
    return {
      code,
      message,
      hint: 'The operating system refused this: check the path, its permissions, and the room on the disk.',
    }
  }
  return {
    code: typeof code === 'string' ? code : 'UNEXPECTED',
    message,
    hint: 'This deserves a clearer error. Run it again with HEADRACE_DEBUG=1 for the stack trace, and please report it.',
  }
}
