import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flinkToDuckdb, replaceCall } from './dialect-flink.ts'
import { layoutSql } from './layout-sql.ts'
import { tokenize } from './tokens.ts'

test.each([
  ['SELECT * FROM TUMBLE(TABLE t, DESCRIPTOR(c), x)', 'SELECT * FROM TUMBLE(      t, DESCRIPTOR(c), x)', 'tumble'],
  [
    'FROM TABLE(\n TUMBLE(table t, f(1)))',
    'FROM      (\n TUMBLE(      t, f(1)))'.replace('(\n', ' \n').replace(')))', ')) '),
    'tumble',
  ],
  ['FROM hop (DATA => TABLE `my t`, SIZE => x) AS h', 'FROM hop (DATA =>       "my t", SIZE => x) AS h', 'hop'],
  ["SELECT 'TUMBLE(TABLE t)' -- TUMBLE(TABLE t)", "SELECT 'TUMBLE(TABLE t)' -- TUMBLE(TABLE t)", undefined],
  ['SELECT tumble, session(a) FROM "TUMBLE(TABLE"', 'SELECT tumble, session(a) FROM "TUMBLE(TABLE"', undefined],
  [
    'SELECT $$TUMBLE(TABLE t)$$, /* TUMBLE(TABLE t) */ `a`',
    'SELECT $$TUMBLE(TABLE t)$$, /* TUMBLE(TABLE t) */ "a"',
    undefined,
  ],
])('%s', (text, sql, window) => {
  const plain = flinkToDuckdb(text)
  expect(plain.sql).toBe(sql)
  expect(plain.windows.map(({ name }) => name)).toEqual(window === undefined ? [] : [window])
})

test('a window call makes room for a name without moving anything', () => {
  const { sql, windows } = flinkToDuckdb('SELECT a\nFROM TUMBLE(TABLE t,\n  DESCRIPTOR(c)) AS w\nWHERE x')
  const replaced = replaceCall(sql, windows[0] as (typeof windows)[number], '_w')
  expect(replaced).toMatch(/^SELECT a\nFROM _w +\n +AS w\nWHERE x$/)
  expect(replaced).toHaveLength(sql.length)
})

const SCRAPS = [
  'TUMBLE',
  '(',
  ')',
  'TABLE',
  't',
  ',',
  "'",
  '"',
  '`',
  '$$',
  '--',
  '/*',
  '*/',
  '\n',
  ' ',
  'é',
  '😀',
  "E'\\'",
  '1.5e3',
  '=>',
]
const text = fc
  .array(fc.oneof(fc.constantFrom(...SCRAPS), fc.string({ maxLength: 3 })), { maxLength: 30 })
  .map((parts) => parts.join(''))

test('whatever the text, every position and line break stays where it was', () => {
  fc.assert(
    fc.property(text, (sql) => {
      const plain = flinkToDuckdb(sql)
      expect(plain.sql).toHaveLength(sql.length)
      expect(plain.sql.replaceAll(/[^\n]/g, ' ')).toBe(sql.replaceAll(/[^\n]/g, ' '))
      for (const { start, end } of plain.windows) expect(start).toBeLessThan(end)
    }),
  )
})

test('laying SQL out changes white space only', () => {
  fc.assert(
    fc.property(text, (sql) => {
      const texts = (of: string) => tokenize(of).map((token) => token.text)
      const closed = texts(sql).every((token) => !['"', "'", '`', '$', '-', '/', '*'].includes(token))
      fc.pre(closed && !sql.includes('--') && !sql.includes('/*'))
      expect(texts(layoutSql(sql))).toEqual(texts(sql))
    }),
  )
  expect(
    layoutSql('SELECT a, extract(day FROM b) FROM (SELECT c FROM d WHERE e ORDER BY f) AS g GROUP BY 1', '  '),
  ).toBe(
    '  SELECT a, extract(day FROM b)\n  FROM (\n    SELECT c\n    FROM d\n    WHERE e\n    ORDER BY f) AS g\n  GROUP BY 1',
  )
})
