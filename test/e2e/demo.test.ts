import { mkdir, readdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { HeadraceProcess, headrace as run } from '../support/headrace-process.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const folder = temporaryFolder('headrace-demo-')
const headrace = (...args: string[]) => run(args, { cwd: folder() })

describe('headrace demo', () => {
  test('Parquet, PostgreSQL and the recount agree; the kept data can be taken up again', async () => {
    const first = await headrace('demo', '--count', '20000', '--seed', '11', '--json')
    expect(first.stderr).toBe('')
    const outcome = JSON.parse(first.stdout)
    expect(outcome).toMatchObject({ agrees: true, accountsAddUp: true, accountsAgree: true })
    expect(outcome.sent).toMatchObject({ records: 20_000, seed: 11 })
    const { comparisons, accounts, deadLetters, sent, status } = outcome
    expect(Object.keys(comparisons)).toEqual(['Parquet', 'PostgreSQL'])
    // More rows than that would be windows of a single order each, fewer would be no windows by customer.
    for (const { rows } of Object.values<{ rows: number }>(comparisons)) {
      expect(rows).toBeGreaterThan(5000)
      expect(rows).toBeLessThan(20_000)
    }
    const { truncated, wrongType, notUtf8, empty, text, late } = sent.kinds
    expect(accounts.dead).toBe(truncated + wrongType + notUtf8 + empty + text)
    expect(accounts.late).toBeGreaterThan(late / 2)
    const named = deadLetters.reasons.map(({ code }: { code: string }) => code).sort()
    expect(named).toEqual(['RECORD_EMPTY', 'RECORD_LATE', 'RECORD_MALFORMED', 'RECORD_NOT_UTF8', 'RECORD_WRONG_TYPE'])
    expect(status).toMatchObject({ state: 'finished' })
    expect(first.code).toBe(0)

    const again = await headrace('demo', '--keep-data', '--json')
    expect(again.code).toBe(0)
    const kept = JSON.parse(again.stdout)
    expect(kept).not.toHaveProperty('sent')
    expect(kept).toMatchObject({ agrees: true, accounts, status: { incarnation: status.incarnation } })
  })

  test('for a person it shows the results twice, the verdict, the dead letters, and what to try', async () => {
    const { code, stdout } = await headrace('demo', '--count', '5000')
    expect(code).toBe(0)
    expect(stdout).toMatch(/5,000 trade orders sent with kafkajs .* seed \d+/)
    expect(stdout).toMatch(/first result after /)
    const tables = stdout.match(/^ {2}uno +│ minutes │ orders │ items\n(?: {2}.*\n){6}/gm)
    expect(tables).toHaveLength(2)
    expect(tables?.[0]).toBe(tables?.[1])
    expect(stdout).toMatch(/✓ Parquet agrees with the recount: all [\d,]+ rows are the same/)
    expect(stdout).toMatch(/✓ PostgreSQL agrees with the recount: all [\d,]+ rows are the same/)
    expect(stdout).toMatch(/✓ 5,000 records in = .* aggregated \+ .* filtered \+ .* late \+ .* dead \+ 0 still open/)
    expect(stdout).toMatch(/RECORD_MALFORMED/)
    const suggestions = stdout.slice(stdout.indexOf('Try next')).trimEnd().split('\n').slice(1)
    expect(suggestions).toHaveLength(3)
    // They are commands that work.
    for (const suggestion of suggestions) {
      const [program, ...args] = [...suggestion.matchAll(/"([^"]*)"|(\S+)/g)].map(
        ([, quoted, plain]) => quoted ?? plain ?? '',
      )
      expect(program).toBe('headrace')
      expect(await headrace(...args)).toMatchObject({ code: 0, stdout: expect.stringContaining('\n') })
    }
  })

  test('--keep goes on until Ctrl-C, and ends cleanly', async () => {
    const demo = new HeadraceProcess(['demo', '--count', '5000', '--keep', '--data', 'kept'], { cwd: folder() })
    await demo.line(/Going on with 500 orders a second/)
    // The stream goes on: more than the backlog is read.
    await demo.line(/Going on[\s\S]*\n(?!5,000 )[\d,]+ records in /)
    demo.signal('SIGINT')
    const { code, stdout, stderr } = await demo.ended()
    expect(stderr).toBe('')
    expect(stdout).toContain('✓ ended cleanly')
    expect(code).toBe(0)
    expect(await readdir(path.join(folder(), 'kept'))).not.toContain('dev.json')
  })

  test('a folder that is not its own is left alone', async () => {
    const foreign = path.join(folder(), 'thesis')
    await mkdir(foreign)
    await writeFile(path.join(foreign, 'chapter-1.txt'), 'x')
    const { code, stderr } = await headrace('demo', '--data', 'thesis')
    expect(code).toBe(1)
    expect(stderr).toMatch(/^DEMO_FOLDER_FOREIGN {2}.*\n {2}hint: /)
    expect(await readdir(foreign)).toEqual(['chapter-1.txt'])
  })
})
