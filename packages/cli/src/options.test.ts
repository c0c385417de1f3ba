import { describe, expect, test } from 'vitest'
import {
  countArgument,
  dateArgument,
  durationArgument,
  memoryArgument,
  momentArgument,
  parameterOption,
  portArgument,
  rateArgument,
  shareArgument,
} from './options.ts'

const parameters = (text: string, before = {}) => parameterOption().parseArg?.(text, before)

describe('option values', () => {
  test('are read', () => {
    expect(countArgument('200_000')).toBe(200_000)
    expect(rateArgument('0.5')).toBe(0.5)
    expect(shareArgument('0')).toBe(0)
    expect(portArgument('0')).toBe(0)
    expect(durationArgument('5s')).toBe(5000)
    expect(memoryArgument(' 1.5 GiB ')).toBe('1.5 GiB')
    expect(dateArgument('2021-03-19')).toBe('2021-03-19')
    expect(parameters('a=b=c', { x: 'y' })).toEqual({ x: 'y', a: 'b=c' })
  })

  test.each(['2026-11-20T10:00:00Z', '2026-11-20T10:00:00', '2026-11-20 10:00:00', '2026-11-20T11:00:00+01:00'])(
    'the moment %s is in UTC unless it says otherwise',
    (text) => {
      expect(momentArgument(text)).toBe(Date.UTC(2026, 10, 20, 10))
    },
  )

  test.each([
    [countArgument, '0'],
    [countArgument, '1.5'],
    [rateArgument, '-1'],
    [rateArgument, 'Infinity'],
    [shareArgument, '1.01'],
    [shareArgument, ''],
    [portArgument, '65536'],
    [portArgument, ''],
    [durationArgument, 'soon'],
    [durationArgument, '0s'],
    [memoryArgument, 'plenty'],
    [memoryArgument, '12'],
    [momentArgument, 'yesterday'],
    [dateArgument, '19.03.2021'],
    [(text: string) => parameters(text), '=x'],
    [(text: string) => parameters(text), 'novalue'],
  ])('%o refuses %s', (parse, text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'commander.invalidArgument' }))
  })
})
