import { appendFile, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { IntervalFlusher } from './flusher.ts'
import { Journal } from './journal.ts'

type Change = readonly [key: string, value: string]

let folder: string
let file: string
const journals: Journal<Change>[] = []

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'journal-'))
  file = path.join(folder, 'journal')
})
afterEach(async () => {
  for (const journal of journals.splice(0)) await journal.close()
  await rm(folder, { recursive: true })
})

async function open(told?: unknown[]) {
  const state = new Map<string, string>()
  const journal = await Journal.open<Change>({
    file,
    fsync: { mode: 'always' },
    flusher: new IntervalFlusher(60_000, (error) => {
      if (told === undefined) throw error
      told.push(error)
    }),
    apply: ([key, value]) => state.set(key, value),
    snapshot: () => state,
  })
  journals.push(journal)
  return { journal, state }
}

test('entries are applied once written, and again when the file is opened', async () => {
  const { journal, state } = await open()
  const appended = journal.append(['a', '1'])
  expect(state.size).toBe(0)
  await Promise.all([appended, journal.append(['b', '2']), journal.append(['a', '3'])])
  const expected = new Map([
    ['a', '3'],
    ['b', '2'],
  ])
  expect(state).toEqual(expected)
  expect((await open()).state).toEqual(expected)
})

test('an entry that was cut off is gone, those before it are not, and the next follow them', async () => {
  const { journal } = await open()
  await journal.append(['a', '1'])
  const whole = await readFile(file)
  await journal.append(['b', '2'])
  const all = await readFile(file)
  for (let length = whole.length; length < all.length; length++) {
    await writeFile(file, all.subarray(0, length))
    const again = await open()
    expect([...again.state.keys()]).toEqual(['a'])
    await again.journal.append(['c', '3'])
    expect([...(await open()).state.keys()]).toEqual(['a', 'c'])
  }
})

test('garbage at the end is cut off', async () => {
  const { journal } = await open()
  await journal.append(['a', '1'])
  await appendFile(file, Buffer.alloc(100, 0x5a))
  expect([...(await open()).state.keys()]).toEqual(['a'])
})

test('a file that cannot be forced to the disk is written anew from what was applied, and told of once', async () => {
  // Takes whatever is written, and refuses to be forced.
  await symlink('/dev/null', file)
  const told: unknown[] = []
  const { journal, state } = await open(told)
  await expect(journal.append(['a', 'lost'])).rejects.toThrow('the disk failed to keep')
  expect(state.size).toBe(0)
  expect(await stat(`${file}.unkept`)).toBeDefined()
  await journal.append(['b', '2'])
  await journal.append(['c', '3'])
  expect(told.map(String)).toEqual([expect.stringContaining('the disk failed to keep')])
  await expect(stat(`${file}.unkept`)).rejects.toMatchObject({ code: 'ENOENT' })
  expect([...(await open()).state.keys()]).toEqual(['b', 'c'])
})

test('a file of which an earlier process was told so is written anew before it is believed', async () => {
  const { journal } = await open()
  await journal.append(['a', '1'])
  const { ino } = await stat(file)
  await writeFile(`${file}.unkept`, '')
  expect([...(await open()).state.keys()]).toEqual(['a'])
  expect((await stat(file)).ino).not.toBe(ino)
  await expect(stat(`${file}.unkept`)).rejects.toMatchObject({ code: 'ENOENT' })
})

test('the file stays small however often the same keys change', async () => {
  const { journal, state } = await open()
  const value = 'x'.repeat(10_000)
  for (let round = 0; round < 300; round++)
    await Promise.all([journal.append([`key ${round % 7}`, `${value}${round}`]), journal.append(['last', `${round}`])])
  expect((await stat(file)).size).toBeLessThan(1_300_000)
  expect(state.get('last')).toBe('299')
  expect((await open()).state).toEqual(state)
})

test('zeros at the end, as a crash of the machine leaves them, are cut off', async () => {
  const { journal } = await open()
  await journal.append(['a', '1'])
  await appendFile(file, Buffer.alloc(100))
  const again = await open()
  expect([...again.state.keys()]).toEqual(['a'])
  await again.journal.append(['b', '2'])
  expect([...(await open()).state.keys()]).toEqual(['a', 'b'])
})
