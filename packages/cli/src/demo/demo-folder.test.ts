import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { prepareDemoFolder } from './demo-folder.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'headrace-demo-folder-'))
})
afterEach(() => rm(folder, { recursive: true }))

describe('prepareDemoFolder', () => {
  test('makes a folder, and empties it the next time', async () => {
    const data = path.join(folder, 'a', 'demo')
    await prepareDemoFolder(data, false)
    await mkdir(path.join(data, 'lake', 'trades'), { recursive: true })
    await writeFile(path.join(data, 'lake', 'trades', 'x.parquet'), 'x')
    await prepareDemoFolder(data, true)
    expect((await readdir(data)).sort()).toEqual(['HEADRACE-DEMO', 'lake'])
    await prepareDemoFolder(data, false)
    expect(await readdir(data)).toEqual(['HEADRACE-DEMO'])
  })

  test.each([false, true])('leaves a folder alone that is not its own (keep: %s)', async (keep) => {
    await writeFile(path.join(folder, 'thesis.txt'), 'x')
    await expect(prepareDemoFolder(folder, keep)).rejects.toMatchObject({ code: 'DEMO_FOLDER_FOREIGN' })
    expect(await readdir(folder)).toEqual(['thesis.txt'])
  })
})
