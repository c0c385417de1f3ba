import { describe, expect, test } from 'vitest'
import { planConnection } from './connection.ts'

describe('planConnection', () => {
  test('takes a url apart', () => {
    const { client, server } = planConnection({
      url: 'postgres://etl:p%40ss%2F@db.example.com:6432/sales?sslmode=require',
    })
    expect(server).toBe('db.example.com:6432/sales')
    expect(client).toMatchObject({
      host: 'db.example.com',
      port: 6432,
      user: 'etl',
      password: 'p@ss/',
      database: 'sales',
      ssl: { rejectUnauthorized: false },
    })
  })

  test('settings beside the url win; port and database have defaults', () => {
    const { client, server } = planConnection({
      url: 'postgresql://etl@[::1]',
      ssl: 'verify-full',
      ca: 'PEM',
      password: 'x',
    })
    expect(server).toBe('[::1]:5432/etl')
    expect(client).toMatchObject({
      host: '::1',
      port: 5432,
      password: 'x',
      ssl: { rejectUnauthorized: true, ca: 'PEM' },
    })
  })

  test('single settings do without a url, and without TLS unless told', () => {
    const { client } = planConnection({ host: 'localhost', user: 'me', database: 'd' })
    expect(client).toMatchObject({ host: 'localhost', user: 'me', database: 'd', ssl: false })
    expect(client).not.toHaveProperty('password')
  })

  test.each([
    [{}, 'neither url nor host'],
    [{ host: 'h' }, 'names no user'],
    [{ url: 'secret' }, 'not of the form'],
    [{ url: 'mysql://u:secret@h/d' }, 'not of the form'],
    [{ url: 'postgres://u:secret@h/d?sslmode=sometimes' }, 'unknown sslmode "sometimes"'],
    [{ url: 'postgres://u:secret@h/d?sslcert=x' }, '"sslcert" that is not supported'],
    [{ url: 'postgres://u:secret%zz@h/d' }, 'two hex digits'],
  ])('%j is refused without showing the password', (settings, problem) => {
    let message = ''
    try {
      planConnection(settings)
    } catch (error) {
      expect(error).toMatchObject({ code: 'POSTGRES_CONNECTION_INVALID', retry: 'never' })
      message = (error as Error).message
    }
    expect(message).toContain(problem)
    expect(message).not.toContain('secret')
  })
})
