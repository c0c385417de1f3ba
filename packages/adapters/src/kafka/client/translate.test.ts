import { describe, expect, test } from 'vitest'
import { TopicMissingError } from '../errors.ts'
import { LoginRefusedError } from './login.ts'
import { ProtocolError } from './protocol-errors.ts'
import { NotKafkaError } from './response-receiver.ts'
import { translateKafkaError } from './translate.ts'

const translated = (error: unknown) => translateKafkaError(error, { bootstrap: 'h:9092', operation: 'read topic "t"' })

function systemError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}

describe('translateKafkaError', () => {
  test.each([
    [
      'a refused connection',
      systemError('ECONNREFUSED', 'connect ECONNREFUSED 1.2.3.4:9092'),
      'KAFKA_UNREACHABLE',
      'backoff',
    ],
    ['a closed connection', new Error('the broker closed the connection'), 'KAFKA_UNREACHABLE', 'backoff'],
    ['a leader that moved', new ProtocolError(6), 'KAFKA_UNREACHABLE', 'backoff'],
    ['no right to read', new ProtocolError(29), 'KAFKA_AUTH_FAILED', 'never'],
    ['an answer that stays', new ProtocolError(42), 'KAFKA_REQUEST_FAILED', 'never'],
    ['an unknown code', new ProtocolError(999), 'KAFKA_REQUEST_FAILED', 'never'],
    ['a mistake in this program', new TypeError('x is not a function'), 'INTERNAL', 'never'],
    ['a wrong password', new LoginRefusedError('Authentication failed'), 'KAFKA_AUTH_FAILED', 'never'],
    ['no Kafka at all', new NotKafkaError('what answers does not speak Kafka'), 'KAFKA_AUTH_FAILED', 'never'],
    [
      'a certificate',
      systemError('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate'),
      'KAFKA_AUTH_FAILED',
      'never',
    ],
  ])('%s', (_, error, code, retry) => {
    const result = translated(error)
    expect(result).toMatchObject({ code, retry, cause: error })
    expect(result.hint).not.toBe('')
  })

  test('the innermost words, from whatever wraps them', () => {
    const refused = systemError('ECONNREFUSED', 'connect ECONNREFUSED 1.2.3.4:9092')
    const wrapped = new AggregateError([new Error('Connection failed.', { cause: refused })], 'no broker')
    expect(translated(wrapped).message).toBe('cannot reach Kafka at h:9092: connect ECONNREFUSED 1.2.3.4:9092')
    expect(translated(new ProtocolError(29)).message).toBe(
      'Kafka at h:9092 refuses the connection: TOPIC_AUTHORIZATION_FAILED (to read topic "t")',
    )
  })

  test('what the broker says beside its code', () => {
    const said = 'Compacted topic cannot accept message without key in topic partition t-0.'
    expect(translated(new ProtocolError(87, said)).message).toBe(
      `Kafka refuses to read topic "t": INVALID_RECORD: ${said}`,
    )
    expect(translated(new ProtocolError(87, null)).message).toBe('Kafka refuses to read topic "t": INVALID_RECORD')
  })

  test('what is of the catalogue already stays as it is', () => {
    const missing = new TopicMissingError({ topic: 't', similar: [] })
    expect(translated(missing)).toBe(missing)
  })
})
