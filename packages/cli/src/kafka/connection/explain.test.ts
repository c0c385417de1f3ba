import { KafkaAuthError, KafkaRequestError } from '@headrace/adapters/kafka'
import { expect, test } from 'vitest'
import { explainContact, explainLater } from './explain.ts'

const connection = { bootstrap: 'kafka:9093', clientId: 'c', ssl: true } as const
const altNames = new KafkaAuthError({
  bootstrap: 'kafka:9093',
  reason: "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list: ",
})

test('a certificate for other names is told as that, whenever the broker is met', () => {
  const expected = { code: 'KAFKA_SECURITY_MISMATCH', message: expect.stringContaining('is for other names') }
  expect(explainContact(altNames, 'kafka:9093', connection)).toMatchObject(expected)
  expect(explainLater(altNames, 'kafka:9093', connection)).toMatchObject(expected)
})

test('what is no matter of TLS or the login stays as it is', () => {
  const closed = new KafkaAuthError({ bootstrap: 'kafka:9093', reason: 'the connection was closed' })
  const refused = new KafkaRequestError({ operation: 'list topics', reason: 'INVALID_REQUEST' })
  expect(explainLater(closed, 'kafka:9093', connection)).toBe(closed)
  expect(explainContact(refused, 'kafka:9093', connection)).toBe(refused)
  const other = new RangeError('not ours')
  expect(explainContact(other, 'kafka:9093', connection)).toBe(other)
})
