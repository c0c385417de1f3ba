import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { PipelineStatus } from '@headrace/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildServer, type HeadraceServer, listen } from './index.ts'

let data: string
let server: HeadraceServer

const status: PipelineStatus = {
  pipeline: 'trades',
  incarnation: '7f3a',
  state: 'finished',
  pid: process.pid,
  startedAt: Date.UTC(2026, 10, 20, 10),
  updatedAt: Date.UTC(2026, 10, 20, 11),
  epoch: 7,
  records: { read: 100, readBytes: 12_000, skipped: 2, dead: 3, decoded: 97 },
  recordsPerSecond: 0,
  watermark: Date.UTC(2026, 10, 20, 10, 59),
  partitions: {},
  windows: {},
  sinks: {},
  firstResultMs: 80,
}

async function writeStatus(name: string, value: PipelineStatus | undefined): Promise<void> {
  const folder = path.join(data, 'pipelines', name)
  await mkdir(folder, { recursive: true })
  if (value !== undefined) await writeFile(path.join(folder, 'status.json'), JSON.stringify(value))
}

beforeAll(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'headrace-server-'))
  await writeStatus('trades', status)
  await writeStatus('fresh', undefined)
  // A pid that no process has: Linux gives none above 2^22.
  await writeStatus('killed', { ...status, pipeline: 'killed', state: 'running', pid: 2 ** 30, watermark: null })
  server = await buildServer({ dataDirectory: data })
})
afterAll(async () => {
  await server.close()
  await rm(data, { recursive: true })
})

describe('the API', () => {
  test('GET /health', async () => {
    const response = await server.inject('/health')
    expect(response.statusCode).toBe(200)
    expect(response.json()).toEqual({
      status: 'ok',
      version: expect.stringMatching(/^\d/),
      uptimeMs: expect.any(Number),
    })
  })

  test('GET /pipelines lists them, the killed one as stopped', async () => {
    expect((await server.inject('/pipelines')).json()).toEqual({
      pipelines: [
        { name: 'fresh', state: 'new' },
        {
          name: 'killed',
          state: 'stopped',
          updatedAt: '2026-11-20T11:00:00.000Z',
          read: 100,
          dead: 3,
          watermark: null,
        },
        {
          name: 'trades',
          state: 'finished',
          updatedAt: '2026-11-20T11:00:00.000Z',
          read: 100,
          dead: 3,
          watermark: '2026-11-20T10:59:00.000Z',
        },
      ],
    })
  })

  test('GET /pipelines/:name gives the whole status', async () => {
    expect((await server.inject('/pipelines/trades')).json()).toEqual(status)
  })

  test.each(['/pipelines/nope', '/pipelines/..%2F..%2Fetc', '/pipelines/%2e%2e'])('%s is unknown', async (url) => {
    const response = await server.inject(url)
    expect(response.statusCode).toBe(404)
    expect(response.json()).toMatchObject({ code: expect.stringMatching(/^(PIPELINE|API_ROUTE)_UNKNOWN$/) })
  })

  test('an unknown route is a problem of the catalogue', async () => {
    const response = await server.inject('/nope?x=1')
    expect(response.statusCode).toBe(404)
    expect(response.json()).toEqual({
      code: 'API_ROUTE_UNKNOWN',
      message: 'there is no GET /nope',
      hint: expect.any(String),
    })
  })

  test.each([
    ['no body', undefined, 400],
    ['no JSON', '{', 400],
    ['no sql', {}, 400],
    ['an unknown field', { sql: 'SELECT 1', rows: 3 }, 400],
    ['sql of a wrong type', { sql: 1 }, 400],
    ['a body too large', { sql: 'x'.repeat(300_000) }, 413],
  ])('POST /query with %s is refused', async (_name, payload, code) => {
    const response = await server.inject({
      method: 'POST',
      url: '/query',
      headers: { 'content-type': 'application/json' },
      ...(payload === undefined ? {} : { payload }),
    })
    expect(response.statusCode).toBe(code)
    expect(response.json()).toMatchObject({ code: 'API_REQUEST_INVALID', hint: expect.any(String) })
  })

  test('GET /openapi.json describes every route', async () => {
    const document = (await server.inject('/openapi.json')).json()
    expect(Object.keys(document.paths).sort()).toEqual(['/health', '/pipelines', '/pipelines/{name}', '/query'])
    expect(document.openapi).toBe('3.1.0')
  })

  test.each([
    ['localhost:8080', 200],
    ['LOCALHOST', 200],
    ['127.0.0.1:8080', 200],
    ['[::1]:8080', 200],
    ['evil.example', 403],
    ['evil.example:8080', 403],
    ['localhost.evil.example', 403],
    ['user@localhost', 403],
  ])('the host %s gets %i', async (host, code) => {
    const response = await server.inject({ url: '/health', headers: { host } })
    expect(response.statusCode).toBe(code)
    if (code === 403) expect(response.json()).toMatchObject({ code: 'API_HOST_REFUSED' })
  })

  test('a name can be allowed', async () => {
    const other = await buildServer({ dataDirectory: data, allowedHosts: ['Build.Example'] })
    expect((await other.inject({ url: '/health', headers: { host: 'build.example:80' } })).statusCode).toBe(200)
    await other.close()
  })

  test('a port that is taken has its own error', async () => {
    const first = await buildServer({ dataDirectory: data })
    const second = await buildServer({ dataDirectory: data })
    const url = await listen(first, '127.0.0.1', 0)
    await expect(listen(second, '127.0.0.1', Number(new URL(url).port))).rejects.toMatchObject({
      code: 'API_PORT_IN_USE',
    })
    await Promise.all([first.close(), second.close()])
  })
})
