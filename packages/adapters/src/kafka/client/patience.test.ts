import { expect, test } from 'vitest'
import { Patience } from './patience.ts'

test('pauses double up to two seconds, and end at the limit; what works begins anew', () => {
  const patience = new Patience()
  let now = 1_000
  const pauses: (number | undefined)[] = []
  for (;;) {
    const pause = patience.failed(10_000, now)
    pauses.push(pause?.ms)
    if (pause === undefined) break
    now += pause.ms
  }
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000, undefined])
  patience.worked()
  expect(patience.failed(30_000, now)).toEqual({ ms: 50, isWorthTelling: true })
  expect(patience.failed(30_000, now)).toEqual({ ms: 100, isWorthTelling: false })
})
