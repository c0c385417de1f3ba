import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readPostmaster, stopOrphan } from './postmaster.ts'

let data: string
let pidFile: string

beforeEach(async () => {
  data = await mkdtemp(path.join(tmpdir(), 'headrace-postmaster-'))
  pidFile = path.join(data, 'postmaster.pid')
})
afterEach(() => rm(data, { recursive: true, force: true }))

const content = (pid: number, directory: string, state = 'ready   ') =>
  [pid, directory, 1763700000, 5432, '', '127.0.0.1', '  1234 5', state, ''].join('\n')

test('the pid file is read, whole or in part', async () => {
  expect(await readPostmaster(data)).toBeUndefined()
  await writeFile(pidFile, '')
  expect(await readPostmaster(data)).toBeUndefined()
  await writeFile(pidFile, content(4711, data, 'starting'))
  expect(await readPostmaster(data)).toEqual({ pid: 4711, dataDirectory: data, ready: false })
  await writeFile(pidFile, content(4711, data))
  expect(await readPostmaster(data)).toMatchObject({ ready: true })
})

test('a number that another program has now is not signalled: the file goes', async () => {
  await writeFile(pidFile, content(process.pid, data))
  await stopOrphan(data)
  await expect(stat(pidFile)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a server of another directory, or one that is gone, is left alone', async () => {
  await writeFile(pidFile, content(process.pid, '/elsewhere'))
  await stopOrphan(data)
  await writeFile(pidFile, content(2 ** 22 + 1, data))
  await stopOrphan(data)
  expect((await stat(pidFile)).size).toBeGreaterThan(0)
})
