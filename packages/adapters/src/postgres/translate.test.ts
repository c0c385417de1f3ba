import { DatabaseError } from 'pg'
import { describe, expect, test } from 'vitest'
import { isRowRefusal, refusalReason, translate } from './translate.ts'

function databaseError(code: string, message = 'm', more: Partial<DatabaseError> = {}): DatabaseError {
  return Object.assign(new DatabaseError(message, message.length, 'error'), { code, ...more })
}

describe('translate', () => {
  test.each([
    ['28P01', 'POSTGRES_AUTH_FAILED', 'never'],
    ['3D000', 'POSTGRES_DATABASE_MISSING', 'never'],
    ['42501', 'POSTGRES_PERMISSION_DENIED', 'never'],
    ['40P01', 'POSTGRES_UNAVAILABLE', 'backoff'],
    ['53100', 'POSTGRES_UNAVAILABLE', 'backoff'],
    ['57P01', 'POSTGRES_UNAVAILABLE', 'backoff'],
    ['25006', 'POSTGRES_UNAVAILABLE', 'backoff'],
    ['08006', 'POSTGRES_CONNECTION_LOST', 'backoff'],
    ['42P01', 'POSTGRES_FAILED', 'never'],
  ])('SQLSTATE %s is %s', (state, code, retry) => {
    const cause = databaseError(state)
    expect(translate(cause, 'h:1/d')).toMatchObject({ code, retry, cause })
  })

  test('a login without a password, a mistake of our own, and the own disk are not the network', () => {
    const login = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string')
    expect(translate(login, 'h:1/d', true)).toMatchObject({
      code: 'POSTGRES_AUTH_FAILED',
      retry: 'never',
      message: expect.stringContaining('asks for a password, and there is none'),
    })
    expect(translate(new TypeError('x is not a function'), 'h:1/d')).toMatchObject({ code: 'INTERNAL', retry: 'never' })
    const full = Object.assign(new Error('ENOSPC: no space left on device, write'), {
      code: 'ENOSPC',
      path: '/o/x.csv',
    })
    expect(translate(full, 'h:1/d')).toMatchObject({ code: 'DISK_FULL', retry: 'never' })
  })

  test('what is no answer of the server is the network, or TLS', () => {
    const refused = Object.assign(new AggregateError([new Error('connect ECONNREFUSED ::1:5')]), {
      code: 'ECONNREFUSED',
    })
    const unreachable = translate(refused, 'h:1/d', true)
    expect(unreachable).toMatchObject({ code: 'POSTGRES_UNREACHABLE', retry: 'backoff' })
    expect(unreachable.message).toContain('ECONNREFUSED ::1:5')
    expect(translate(new Error('Connection terminated unexpectedly'), 'h:1/d')).toMatchObject({
      code: 'POSTGRES_CONNECTION_LOST',
    })
    const certificate = Object.assign(new Error('self-signed certificate'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
    expect(translate(certificate, 'h:1/d', true)).toMatchObject({ code: 'POSTGRES_TLS_FAILED', retry: 'never' })
  })
})

test('which answers are a row’s fault', () => {
  const states = ['22003', '22021', '23505', '54000', 'P0001', '44000', '22P04', '42703', '40001', '53100']
  expect(states.filter((state) => isRowRefusal(databaseError(state)))).toEqual(states.slice(0, 6))
  expect(isRowRefusal(new Error('22003'))).toBe(false)
})

test('the reason names the column once', () => {
  const where = 'COPY headrace_batch, line 2, column tnum: "99"'
  expect(refusalReason(databaseError('22003', 'out of range', { where }))).toBe('out of range (column tnum)')
  expect(refusalReason(databaseError('23502', 'null value in column "uno"', { column: 'uno' }))).toBe(
    'null value in column "uno"',
  )
})
