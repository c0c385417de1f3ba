import { mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { StateStore } from './state.ts'
import { testFolder } from './testing.ts'

const directory = testFolder()

const open = () => StateStore.open('trades', directory(), { threads: 1 })
const file = () => join(directory(), 'state.duckdb')

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
  await writeFile(join(directory(), 'file'), '')
  await expect(StateStore.open('trades', join(directory(), 'file', 'pipelines'), {})).rejects.toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: expect.stringContaining('a part of the path is a file'),
  })
})

it('what a killed process had spilled is removed', async () => {
  const spill = join(directory(), 'spill')
  await mkdir(spill)
  await writeFile(join(spill, 'duckdb_temp_storage_DEFAULT-0.tmp'), new Uint8Array(1000))
  const state = await open()
  await expect(stat(join(spill, 'duckdb_temp_storage_DEFAULT-0.tmp'))).rejects.toThrow()
  await state.connection.run("SET memory_limit = '20MB'")
  await state.connection.run(
    'CREATE TEMP TABLE much AS SELECT range AS a, hash(range)::VARCHAR AS b FROM range(1500000)',
  )
  expect(await state.connection.row('SELECT count(DISTINCT b)::INTEGER AS n FROM much')).toEqual({ n: 1_500_000 })
  state.close()
})

it('is not written outside of a transaction, which would be half an epoch', async () => {
  const state = await open()
  await expect(state.forgetFragments('sink', 1)).rejects.toThrow('outside of a transaction')
  await expect(state.transaction(() => state.forgetFragments('sink', 1))).resolves.toBeUndefined()
  const lane = await state.lane()
  await expect(state.transaction(() => lane.forgetFragments('sink', 1))).rejects.toThrow('outside of a transaction')
  state.close()
})
