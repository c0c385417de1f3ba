import { describe, expect, it } from 'vitest'
import { Watermarks } from './watermark.ts'

describe('Watermarks', () => {
  it('is the lowest over partitions of highest time less delay', () => {
    const watermarks = new Watermarks({ delayMs: 10 })
    watermarks.assign('a')
    watermarks.assign('b')
    watermarks.advance('a', 1000)
    expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY)
    watermarks.advance('b', 500)
    expect(watermarks.current()).toBe(490)
    watermarks.advance('b', 400)
    expect(watermarks.current()).toBe(490)
  })

  it('never falls below what was acted on, and lets a new partition start there', () => {
    const watermarks = new Watermarks({ delayMs: 0 })
    watermarks.assign('a')
    watermarks.advance('a', 1000)
    watermarks.actedOn(watermarks.current())
    watermarks.assign('b')
    expect(watermarks.current()).toBe(1000)
    watermarks.advance('b', 10)
    expect(watermarks.current()).toBe(1000)
  })

  it('does not wait for a partition that was seen at its end for the idle time, until it has records again', () => {
    const watermarks = new Watermarks({ delayMs: 0, idleTimeoutMs: 100 })
    watermarks.assign('a')
    watermarks.assign('b')
    watermarks.advance('a', 1000)
    watermarks.seenEnd('b', 0)
    watermarks.seenEnd('b', 99)
    expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY)
    watermarks.seenEnd('b', 100)
    expect(watermarks.current()).toBe(1000)
    watermarks.seenRecords('b')
    expect(watermarks.current()).toBe(Number.NEGATIVE_INFINITY)
  })

  it('never calls a partition idle without an idle time', () => {
    const watermarks = new Watermarks({ delayMs: 0 })
    watermarks.assign('a')
    watermarks.seenEnd('a', 0)
    watermarks.seenEnd('a', 1e12)
    expect(watermarks.idlePartitions()).toEqual([])
  })

  it('stands where it was when all partitions are idle or ended', () => {
    const watermarks = new Watermarks({ delayMs: 0, idleTimeoutMs: 1 })
    watermarks.assign('a')
    watermarks.assign('b')
    watermarks.advance('a', 50)
    watermarks.advance('b', 70)
    watermarks.actedOn(watermarks.current())
    watermarks.end('a')
    expect(watermarks.current()).toBe(70)
    watermarks.seenEnd('b', 0)
    watermarks.seenEnd('b', 5)
    expect(watermarks.current()).toBe(50)
  })

  it('comes back from its snapshot', () => {
    const watermarks = new Watermarks({ delayMs: 5 })
    watermarks.assign('a')
    watermarks.assign('b')
    watermarks.advance('a', 100)
    watermarks.end('a')
    const restored = new Watermarks({ delayMs: 5, horizon: 20 })
    for (const [partition, clock] of Object.entries(watermarks.snapshot())) restored.assign(partition, clock)
    expect(restored.snapshot()).toEqual({ a: { maxTime: 100, ended: true }, b: { maxTime: null, ended: false } })
    expect(restored.current()).toBe(20)
  })
})
