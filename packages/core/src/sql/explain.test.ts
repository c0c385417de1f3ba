import { expect, test } from 'vitest'
import { explainPlan, explanationOf } from './explain.ts'
import { pipelineOf, planOrThrow, sqlStep } from './testing.ts'

const SQL = `SELECT window_start, uno, sum(tnum) AS items FROM TUMBLE(TABLE input, DESCRIPTOR(t), INTERVAL '1' MINUTE)
  GROUP BY window_start, window_end, uno`

test('the text names source, steps, state, strategy and sinks', async () => {
  const filter = { kind: 'filter', name: 'clean', from: 'input', condition: 'tnum > 0' } as const
  const config = pipelineOf(
    { uno: 'varchar', tnum: 'integer', t: 'timestamp' },
    [filter, sqlStep(SQL, 'result', 'clean')],
    { watermark: 't' },
  )
  const plan = await planOrThrow(config)
  const text = explainPlan(plan, config)
  expect(text.split('\n\n').map((block) => block.split('\n')[0])).toEqual([
    'pipeline test',
    'source source (kafka, json)',
    'step clean (one row per record)',
    'step result (tumbling windows of 1 minute over clean)',
    'sink out (console) from result',
  ])
  expect(text).toContain('WHERE (tnum > 0)')
  expect(text).toContain(
    'state: _window_result (window_start TIMESTAMP, window_end TIMESTAMP, uno VARCHAR, sum HUGEINT, _records BIGINT)',
  )
  expect(text).toContain('partial aggregates')
  expect(JSON.parse(JSON.stringify(explanationOf(plan, config)))).toMatchObject({
    pipeline: 'test',
    source: { adapter: 'kafka', eventTime: { column: 't' } },
    relations: [{ name: 'clean' }, { name: 'result', strategy: 'partials' }],
    sinks: [{ name: 'out', adapter: 'console', relation: 'result' }],
  })
})

test('why rows are kept, and where order matters, is said', async () => {
  const config = pipelineOf(
    { d: 'double', t: 'timestamp' },
    [sqlStep(SQL.replace('uno, sum(tnum)', 'sum(d)').replace(', uno', ''))],
    { watermark: 't' },
  )
  const text = explainPlan(await planOrThrow(config), config)
  expect(text).toContain('metadata: _partition, _offset')
  expect(text).toContain('kept as rows')
  expect(text.match(/ {2}note: /g)).toHaveLength(3)
})
