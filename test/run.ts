/**
 * `npm test [-- FILTER…]`: the checks and every test, then one line with the counts. A skipped test is named; under CI it is
 * a failure, and so is a run that found no test at all.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { countTests, type Report, type TestCounts } from './report.ts'

const CHECKS: readonly (readonly [name: string, command: string, ...args: string[]])[] = [
  ['types', 'tsc', '-p', 'tsconfig.json', '--noEmit'],
  ['lint and imports', 'biome', 'check', '.'],
  ['unused files, exports and dependencies', 'knip'],
  ['generated docs', 'node', 'test/docs/generate.ts', '--check'],
]

const filters = process.argv.slice(2)
const failedChecks: string[] = []
if (filters.length === 0) {
  for (const [name, command, ...args] of CHECKS) {
    console.log(`▸ ${name}`)
    if ((await run(command, args)) !== 0) failedChecks.push(name)
  }
}
const counts = await runTests(filters)

for (const name of counts.skippedNames) console.log(`skipped: ${name}`)
for (const name of failedChecks) console.log(`failed check: ${name}`)
const skipsCount = process.env.CI !== undefined && process.env.CI !== '' && process.env.CI !== 'false'
if (skipsCount && counts.skipped > 0) console.log('under CI a skipped test is a failure')
const failed = counts.failed + failedChecks.length + (skipsCount ? counts.skipped : 0)
if (counts.passed === 0) console.log('no test was run')
console.log(`${counts.passed} passed, ${failed} failed, ${counts.skipped} skipped`)
process.exitCode = failed > 0 || counts.passed === 0 || counts.code !== 0 ? 1 : 0

async function runTests(args: readonly string[]): Promise<TestCounts & { code: number }> {
  const folder = await mkdtemp(join(tmpdir(), 'headrace-test-'))
  const file = join(folder, 'report.json')
  try {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`]
    const code = await run('vitest', ['run', ...reporters, ...args])
    const report = JSON.parse(await readFile(file, 'utf8')) as Report
    return { ...countTests(report), code }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function run(command: string, args: readonly string[]): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, NODE_NO_WARNINGS: '1' } })
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}
