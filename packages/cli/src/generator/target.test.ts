import { describe, expect, test } from 'vitest'
import { parseTarget } from './target.ts'

describe('parseTarget', () => {
  test.each([
    ['stdout', { kind: 'stdout' }],
    ['-', { kind: 'stdout' }],
    ['kafka', { kind: 'kafka', topic: 'trades' }],
    ['kafka:orders', { kind: 'kafka', topic: 'orders' }],
    ['kafka:///orders', { kind: 'kafka', topic: 'orders' }],
    ['kafka://127.0.0.1:9092', { kind: 'kafka', bootstrap: ['127.0.0.1:9092'], topic: 'trades' }],
    ['kafka://a:1,b:2/orders.v1', { kind: 'kafka', bootstrap: ['a:1', 'b:2'], topic: 'orders.v1' }],
    ['kafka://[::1]:9092/t', { kind: 'kafka', bootstrap: ['[::1]:9092'], topic: 't' }],
    ['out/trades.ndjson', { kind: 'file', path: 'out/trades.ndjson' }],
  ])('%s', (text, target) => {
    expect(parseTarget(text)).toEqual(target)
  })

  test.each([
    ['kafka://localhost/trades', '"localhost" is not host:port'],
    ['kafka://a:0/trades', '"a:0" is not host:port'],
    ['kafka://a:99999/trades', '"a:99999" is not host:port'],
    ['kafka://a:1/two/parts', '"two/parts" cannot be the name of a topic'],
    ['kafka:..', '".." cannot be the name of a topic'],
    ['s3://bucket/key', 'only kafka:// addresses are known'],
    [' ', 'it is empty'],
  ])('refuses %s', (text, reason) => {
    expect(() => parseTarget(text)).toThrow(
      expect.objectContaining({ code: 'GENERATE_TARGET_INVALID', message: expect.stringContaining(reason) }),
    )
  })
})
