import { HeadraceError } from '@headrace/core'
import { describe, expect, test } from 'vitest'
import { type CliContext, quietContext } from '../context.ts'
import { GenerateTargetError } from '../errors.ts'
import { colorsFor } from './colors.ts'
import { renderBytes } from './dead-letter.ts'
import { formatBytes, formatCount, formatCounted, formatElapsed, formatRate, formatTime } from './format.ts'
import { liveView } from './live-view.ts'
import { reportError } from './report-error.ts'
import { renderTable } from './table.ts'

const plain = colorsFor({}, {}, true)

class Screen {
  text = ''
  readonly isTTY: boolean
  readonly columns = 20
  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }
  write(text: string | Uint8Array): boolean {
    this.text += text
    return true
  }
}

describe('colorsFor', () => {
  const terminal = { isTTY: true }
  test.each([
    ['a terminal', terminal, {}, false, true],
    ['a pipe', {}, {}, false, false],
    ['--no-color', terminal, {}, true, false],
    ['NO_COLOR', terminal, { NO_COLOR: '1' }, false, false],
    ['an empty NO_COLOR', terminal, { NO_COLOR: '' }, false, true],
    ['a dumb terminal', terminal, { TERM: 'dumb' }, false, false],
    ['FORCE_COLOR', {}, { FORCE_COLOR: '1' }, false, true],
    ['NO_COLOR over FORCE_COLOR', {}, { FORCE_COLOR: '1', NO_COLOR: '1' }, false, false],
  ] as const)('%s', (_name, stream, env, refused, colored) => {
    expect(colorsFor(stream, env, refused).isColorSupported).toBe(colored)
  })
})

describe('format', () => {
  test('numbers, sizes, rates, times', () => {
    expect(formatCount(1234567)).toBe('1,234,567')
    expect([formatBytes(512), formatBytes(1536), formatBytes(5 * 2 ** 30)]).toEqual(['512 B', '1.5 KiB', '5.0 GiB'])
    expect([formatRate(850), formatRate(12_345), formatRate(1_920_000)]).toEqual(['850/s', '12.3 k/s', '1.92 M/s'])
    expect([formatElapsed(820), formatElapsed(4210), formatElapsed(185_000)]).toEqual(['820 ms', '4.2 s', '3 min 05 s'])
    expect(formatTime(Date.UTC(2026, 10, 20, 10))).toBe('2026-11-20 10:00:00')
    expect(formatTime(Date.UTC(2026, 10, 20, 10, 0, 0, 120))).toBe('2026-11-20 10:00:00.120')
    expect([formatCounted(1, 'batch'), formatCounted(2, 'batch'), formatCounted(0, 'row')]).toEqual([
      '1 batch',
      '2 batches',
      '0 rows',
    ])
  })
})

describe('renderTable', () => {
  test('aligns, and shows null, objects and control characters', () => {
    const rows = [
      ['a', 1, null],
      ['b\u001b[2J', 20, { x: 1 }],
    ]
    const text = renderTable([{ name: 'key' }, { name: 'n', align: 'right' }, { name: 'value' }], rows, {
      colors: plain,
    })
    expect(text.split('\n')).toEqual([
      'key        │  n │ value',
      '───────────┼────┼────────',
      'a          │  1 │ NULL',
      'b\\u001b[2J │ 20 │ {"x":1}',
    ])
  })

  test('cuts long cells', () => {
    expect(renderTable([{ name: 'a' }], [['x'.repeat(50)]], { colors: plain, maxCellWidth: 10 })).toContain(
      'xxxxxxxxx…',
    )
  })

  test('without rows there is still a head', () => {
    expect(renderTable([{ name: 'orders' }, { name: 'b' }], [], { colors: plain }).split('\n')[0]).toBe('orders │ b')
  })
})

describe('liveView', () => {
  test('a terminal is redrawn in place, folded lines included', () => {
    const screen = new Screen(true)
    let now = 0
    const view = liveView({ stream: screen, now: () => now })
    view.show(
      () => 'one\ntwo',
      () => 'line',
    )
    expect(screen.text).toBe('one\ntwo')
    view.show(
      () => 'too soon',
      () => 'line',
    )
    expect(screen.text).toBe('one\ntwo')
    now = 200
    screen.text = ''
    view.show(
      () => 'x'.repeat(25),
      () => 'line',
    )
    expect(screen.text).toBe(`\r\u001b[1A\u001b[J${'x'.repeat(25)}`)
    screen.text = ''
    view.note('note')
    expect(screen.text).toBe(`\r\u001b[1A\u001b[Jnote\n${'x'.repeat(25)}`)
    screen.text = ''
    view.end()
    expect(screen.text).toBe(`\r\u001b[1A\u001b[J${'x'.repeat(25)}\n`)
  })

  test('elsewhere a line comes now and then', () => {
    const screen = new Screen(false)
    let now = 0
    const view = liveView({ stream: screen, now: () => now, lineMs: 5000 })
    const show = () =>
      view.show(
        () => 'frame',
        () => `at ${now}`,
      )
    for (now of [0, 4999, 5000, 6000, 10_000]) show()
    view.end()
    expect(screen.text).toBe('at 5000\nat 10000\n')
  })
})

describe('reportError', () => {
  function reported(error: unknown, json = false, env: Record<string, string> = {}): { text: string; code: number } {
    const screen = new Screen(false)
    const context: CliContext = { ...quietContext(), stderr: screen, env }
    return { code: reportError(error, context, json), text: screen.text }
  }
  const mistake = new GenerateTargetError(
    { target: 's3://x', reason: 'only kafka:// addresses are known' },
    { place: { file: 'a.yaml', line: 3, column: 7 } },
  )

  test('a mistake has place, code, message and hint, and no stack', () => {
    const { text, code } = reported(mistake)
    expect(code).toBe(1)
    expect(text).toBe(
      `a.yaml:3:7  GENERATE_TARGET_INVALID  cannot send to "s3://x": only kafka:// addresses are known\n  hint: ${mistake.hint}\n`,
    )
  })

  test('--json gives the same as one document', () => {
    expect(JSON.parse(reported(mistake, true).text)).toEqual({
      error: { code: mistake.code, message: mistake.message, hint: mistake.hint, place: mistake.place },
    })
  })

  test('what nobody foresaw shows its stack only on request', () => {
    expect(mistake).toBeInstanceOf(HeadraceError)
    expect(reported(new Error('boom')).text).toMatch(/^UNEXPECTED {2}boom\n {2}hint: .*HEADRACE_DEBUG=1.*\n$/)
    expect(reported(new Error('boom'), false, { HEADRACE_DEBUG: '1' }).text).toContain('output.test.ts')
  })
})

describe('renderBytes', () => {
  test.each([
    [undefined, 'null'],
    [Buffer.alloc(0), 'empty'],
    [Buffer.from('grüße\n'), 'grüße\\n'],
    [Buffer.from([0x61, 0xff, 0x00]), 'a\\xff\\x00  (3 bytes, not UTF-8)'],
  ])('%o', (bytes, text) => {
    expect(renderBytes(bytes)).toBe(text)
  })
})
