import { HeadraceError, type Problem, problemOf } from '@headrace/core/errors'
import type { CliContext } from '../context.ts'
import { AlreadyReported, tellProblems } from '../output/report-error.ts'

/**
 * Does something for each name: one that fails does not keep the others from being tried. A single name's error is thrown as
 * it is; of several, all are told.
 */
export async function forEach<T>(
  names: readonly string[],
  context: CliContext,
  json: boolean,
  act: (name: string) => Promise<T>,
): Promise<T[]> {
  const done: T[] = []
  const problems: Problem[] = []
  for (const name of names) {
    try {
      done.push(await act(name))
    } catch (error) {
      if (!(error instanceof HeadraceError) || names.length === 1) throw error
      problems.push(problemOf(error))
    }
  }
  if (problems.length === 0) return done
  tellProblems(problems, context, json)
  throw new AlreadyReported()
}
