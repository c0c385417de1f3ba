import type { PipelineStatus, WindowCounts } from '@headrace/core'
import { expect, test } from 'vitest'
import { colorsFor } from './colors.ts'
import { renderRunSummary } from './run-summary.ts'

const plain = colorsFor({}, {}, true)

const status: PipelineStatus = {
  pipeline: 'trades',
  incarnation: 'a1',
  state: 'stopped',
  pid: 1,
  startedAt: 0,
  updatedAt: 0,
  epoch: 3,
  records: { read: 10, readBytes: 1200, skipped: 0, dead: 2, decoded: 8 },
  recordsPerSecond: 0,
  watermark: null,
  partitions: {},
  windows: {},
  sinks: {},
  firstResultMs: 5,
}

const window: WindowCounts = {
  accepted: 5,
  late: 1,
  lateBehindHorizon: 0,
  filtered: 2,
  fired: 5,
  open: 0,
  windowsClosed: 3,
  rowsOut: 4,
}

test('what a filter takes away is told where it is counted, which windows do', () => {
  expect(renderRunSummary({ ...status, windows: { per_minute: window } }, 1000, '.headrace', plain)).toContain(
    'left out      2 filtered, 1 late, 2 rejected',
  )
  expect(renderRunSummary(status, 1000, '.headrace', plain)).toContain('left out      2 rejected')
})
