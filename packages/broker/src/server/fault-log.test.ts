import { expect, test } from 'vitest'
import { ClientFault } from './client-fault.ts'
import { FaultLog } from './fault-log.ts'

test('a fault that repeats is told once a minute, with the number of those that were not; others are told at once', () => {
  const told: string[] = []
  let now = 0
  const log = new FaultLog(
    (error) => told.push((error as Error).message),
    () => now,
  )
  for (let index = 0; index < 5; index++) log.report(new ClientFault('malformed', `bad ${index}`))
  log.report(new ClientFault('tls', 'no handshake'))
  for (const what of ['a bug', 'a bug']) log.report(new Error(what))
  now = 59_999
  log.report(new ClientFault('malformed', 'bad 5'))
  now = 60_000
  log.report(new ClientFault('malformed', 'bad 6'))
  now = 120_000
  log.report(new ClientFault('malformed', 'bad 7'))
  expect(told).toEqual(['bad 0', 'no handshake', 'a bug', 'a bug', 'bad 6 (and 5 more like it)', 'bad 7'])
})
