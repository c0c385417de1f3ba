import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { claimData } from './data-claim.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-claim-'))
  file = path.join(folder, 'owner.json')
})
afterEach(() => rm(folder, { recursive: true, force: true }))

test('is held until it is released', async () => {
  const claim = await claimData(file, 'broker', folder)
  await expect(claimData(file, 'broker', folder)).rejects.toMatchObject({
    code: 'SERVICE_DATA_IN_USE',
    details: { pid: process.pid },
  })
  await claim.release()
  await (await claimData(file, 'broker', folder)).release()
})

test.each([
  ['a process that lives no more', { pid: 2 ** 22 + 1, started: '1' }],
  ['another process with the same number', { pid: process.pid, started: 'long ago' }],
])('is taken over from %s', async (_, owner) => {
  await writeFile(file, JSON.stringify(owner))
  await claimData(file, 'broker', folder)
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid })
  expect(JSON.parse(await readFile(file, 'utf8'))).not.toEqual(owner)
})

test('a claim cut off by a crash is none', async () => {
  await writeFile(file, '{"pid": 1')
  await claimData(file, 'broker', folder)
  expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({ pid: process.pid })
})
