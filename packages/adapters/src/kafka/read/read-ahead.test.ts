import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ReadAhead } from './read-ahead.ts'

describe('ReadAhead', () => {
  test('gives items in order and has room again only when one was taken', async () => {
    const ahead = new ReadAhead<number>(2)
    let hasRoom = false
    ahead.push(1)
    await ahead.room()
    ahead.push(2)
    const room = ahead.room().then(() => {
      hasRoom = true
    })
    await setImmediate()
    expect(hasRoom).toBe(false)
    expect(await ahead.next()).toBe(1)
    await room
    expect(hasRoom).toBe(true)
    expect(await ahead.next()).toBe(2)
  })

  test('a reader that waits is woken by an item, by the end and by a failure', async () => {
    const item = new ReadAhead<string>(1)
    const waiting = item.next()
    item.push('x')
    expect(await waiting).toBe('x')
    const ended = new ReadAhead<string>(1)
    const last = ended.next()
    ended.end()
    expect(await last).toBeUndefined()
    const failed = new ReadAhead<string>(1)
    const failing = failed.next()
    failed.fail(new Error('lost'))
    await expect(failing).rejects.toThrow('lost')
  })

  test('what came before a failure is given out first; after the end a failure means nothing', async () => {
    const ahead = new ReadAhead<string>(3)
    ahead.push('a')
    ahead.fail(new Error('lost'))
    expect(await ahead.next()).toBe('a')
    await expect(ahead.next()).rejects.toThrow('lost')
    const ended = new ReadAhead<string>(3)
    ended.push('forgotten')
    ended.end()
    ended.fail(new Error('too late'))
    expect(await ended.next()).toBeUndefined()
  })

  test('a writer that waits for room is let go at the end', async () => {
    const ahead = new ReadAhead<string>(1)
    ahead.push('a')
    const room = ahead.room()
    ahead.end()
    await expect(room).resolves.toBeUndefined()
  })
})
