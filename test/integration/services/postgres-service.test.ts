import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { startPostgres } from 'headrace'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

let root: string
let directory: string

beforeAll(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'headrace-postgres-'))
  // What a home directory often looks like: nobody but its owner may even pass through.
  await chmod(root, 0o700)
  directory = path.join(root, 'data', 'postgres')
})

afterAll(() => rm(root, { recursive: true, force: true }))

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Only the kernel tells when someone else's child has gone: look until it has. */
async function gone(pid: number, timeoutMs = 10_000): Promise<boolean> {
  const until = performance.now() + timeoutMs
  while (isAlive(pid)) {
    if (performance.now() > until) return false
    await delay(10)
  }
  return true
}

/** Starts a server, says so, and holds it until it is killed. */
const HOLD = `
  import { startPostgres } from 'headrace'
  const { pid, url, exited } = await startPostgres({ directory: process.argv[1], durable: false })
  console.log(JSON.stringify({ pid, url }))
  await exited`

async function holdInAnotherProcess(): Promise<{ parent: ChildProcess; pid: number; url: string }> {
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', HOLD, directory], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: parent.stdout }), 'line')) as [string]
  return { parent, ...(JSON.parse(line) as { pid: number; url: string }) }
}

describe('the embedded PostgreSQL', () => {
  test('starts below a folder of mode 0700, keeps its data, and listens on loopback with a password', async () => {
    const first = await startPostgres({ directory, durable: false })
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer')
    expect(await query(first.url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }])
    expect(await query(first.url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }])
    const wrong = first.url.replace(first.password, 'wrong')
    await expect(query(wrong, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' })
    await first.stop()
    await first.stop()
    expect(isAlive(first.pid)).toBe(false)

    const second = await startPostgres({ directory })
    try {
      expect(second.password).toBe(first.password)
      expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }])
      expect(await query(second.url, 'SHOW fsync')).toEqual([{ fsync: 'on' }])
    } finally {
      await second.stop()
    }
    expect((await stat(path.join(directory, 'password'))).mode & 0o777).toBe(0o600)
    expect((await readdir(directory)).sort()).toEqual(['data', 'password', 'server.log'])
  })

  test('refuses a second server on the same folder, and a port that is taken', async () => {
    const service = await startPostgres({ directory, durable: false })
    try {
      await expect(startPostgres({ directory })).rejects.toMatchObject({ code: 'SERVICE_DATA_IN_USE' })
    } finally {
      await service.stop()
    }
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    try {
      await expect(startPostgres({ directory, port })).rejects.toMatchObject({ code: 'SERVICE_PORT_IN_USE' })
    } finally {
      other.close()
    }
  })

  test('goes away when its parent is killed, and starts again afterwards', async () => {
    const held = await holdInAnotherProcess()
    await query(held.url, 'CREATE TABLE before_the_kill AS SELECT 1 AS n')
    held.parent.kill('SIGKILL')
    expect(await gone(held.pid)).toBe(true)

    const again = await startPostgres({ directory, durable: false })
    expect(await query(again.url, 'SELECT n FROM before_the_kill')).toEqual([{ n: 1 }])
    await again.stop()
  })

  test('a server that outlived its parent all the same is stopped at the next start', async () => {
    const held = await holdInAnotherProcess()
    // Stopped, it cannot act on the watcher's signal: it is an orphan when the next one starts.
    process.kill(held.pid, 'SIGSTOP')
    held.parent.kill('SIGKILL')
    await once(held.parent, 'exit')
    expect(isAlive(held.pid)).toBe(true)
    const starting = startPostgres({ directory, durable: false })
    process.kill(held.pid, 'SIGCONT')
    const again = await starting
    expect(again.pid).not.toBe(held.pid)
    expect(await gone(held.pid)).toBe(true)
    expect(await query(again.url, 'SELECT 1 AS up')).toEqual([{ up: 1 }])
    await again.stop()
  })
})
