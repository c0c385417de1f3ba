import { stat, writeFile } from 'node:fs/promises'
import { platform } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { makeDataFolder, makeFolder } from './make-folder.ts'
import { testFolder } from './testing.ts'

const root = testFolder()

it('makes what is missing, and takes what is there', async () => {
  const folder = join(root(), 'a/b/c')
  await Promise.all([makeFolder(folder, 0o700), makeFolder(folder, 0o700)])
  expect((await stat(folder)).mode & 0o777).toBe(0o700)
  await expect(makeDataFolder(folder)).resolves.toBeUndefined()
})

it.each(['file', 'file/below'])('a file in the way: %s', async (path) => {
  await writeFile(join(root(), 'file'), '')
  await expect(makeDataFolder(join(root(), path))).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: expect.stringMatching(/a part of the path is a file$/),
  })
})

it.runIf(platform() === 'linux')('a file system that takes no folders', async () => {
  await expect(makeDataFolder('/proc/headrace/data')).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: expect.stringMatching(/cannot be made$/),
  })
})
