import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { StateStore } from './state.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'headrace-state-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

const open = () => StateStore.open('trades', directory, { threads: 1 })
const file = () => join(directory, 'state.duckdb')

it.each([0, 4096, 8192])(
  'a state file that was cut short at %i bytes while it was made is made anew',
  async (bytes) => {
    await writeFile(file(), new Uint8Array(bytes))
    const state = await open()
    expect(await state.load()).toBeUndefined()
    state.close()
  },
)

it('what is no state file is left alone', async () => {
  await writeFile(file(), 'x'.repeat(20_000))
  await expect(open()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
  await writeFile(file(), '')
  await writeFile(`${file()}.wal`, 'something committed')
  await expect(open()).rejects.toMatchObject({ code: 'STATE_DAMAGED' })
})

it('a folder that cannot be made is told with the reason', async () => {
  await writeFile(join(directory, 'file'), '')
  await expect(StateStore.open('trades', join(directory, 'file', 'pipelines'), {})).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: expect.stringContaining('a part of the path is a file'),
  })
})
