import { cp, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EpochRecords } from '../model/index.ts'
import { blockOf } from '../testing/blocks.ts'
import { buffersWithout } from './buffers.ts'
import { removeSpoolFolder, SPOOL_FILE, spoolFolder, writeSpool } from './spool.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'headrace-spool-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('writeSpool', () => {
  it('writes all buffers in order, however many', async () => {
    const path = join(folder, 'many')
    const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.from(i % 7 === 0 ? '' : `${i},`))
    const expected = Buffer.concat(buffers)
    expect(await writeSpool(path, buffers)).toBe(expected.length)
    expect((await readFile(path)).equals(expected)).toBe(true)
  })

  it('leaves nothing of a longer file that was there before', async () => {
    const path = join(folder, 'shorter')
    await writeSpool(path, [Buffer.alloc(100_000, 'x')])
    await writeSpool(path, [Buffer.from('ab')])
    expect(await readFile(path, 'utf8')).toBe('ab')
    await writeSpool(path, [])
    expect(await readFile(path, 'utf8')).toBe('')
  })

  it('says which file cannot be written', async () => {
    const path = join(folder, 'none', 'deeper', 'file')
    await expect(writeSpool(path, [])).rejects.toMatchObject({ code: 'SPOOL_FAILED', details: { path } })
  })
})

describe('spoolFolder', () => {
  it('is below the memory file system where that has room, with a name of its own', async () => {
    const data = join(folder, 'a')
    const first = await spoolFolder(data, 1000, folder)
    expect(first.startsWith(join(folder, 'headrace-'))).toBe(true)
    expect(await readdir(first)).toEqual([])
    expect((await stat(first)).mode & 0o777).toBe(0o700)
    expect(await spoolFolder(join(folder, 'b'), 1000, folder)).not.toBe(first)
    await removeSpoolFolder(data)
    await expect(stat(first)).rejects.toThrow()
    expect(await readdir(data)).toEqual([])
  })

  it('removes what a killed process left, but not the folder that a copied data directory leads to', async () => {
    const data = join(folder, 'killed')
    const first = await spoolFolder(data, 1000, folder)
    await writeFile(join(first, 'left-over'), 'x')
    await cp(data, join(folder, 'copied'), { recursive: true, verbatimSymlinks: true })
    await spoolFolder(join(folder, 'copied'), 1000, folder)
    expect(await readdir(first)).toEqual(['left-over'])
    const second = await spoolFolder(data, 1000, folder)
    expect(second).not.toBe(first)
    await expect(stat(first)).rejects.toThrow()
  })

  it('removes folders that nobody has written to for days', async () => {
    const gone = join(folder, 'gone')
    const forsaken = await spoolFolder(gone, 1000, folder)
    const busy = await spoolFolder(join(folder, 'busy'), 1000, folder)
    const longAgo = new Date(Date.now() - 48 * 3600 * 1000)
    for (const each of [forsaken, busy]) await utimes(each, longAgo, longAgo)
    await writeSpool(join(busy, SPOOL_FILE), [])
    await spoolFolder(join(folder, 'next'), 1000, folder)
    await expect(stat(forsaken)).rejects.toThrow()
    expect(await readdir(busy)).toEqual([SPOOL_FILE])
  })

  it('is made anew when someone has removed it', async () => {
    const spool = await spoolFolder(join(folder, 'd'), 1000, folder)
    await rm(spool, { recursive: true })
    await writeSpool(join(spool, SPOOL_FILE), [Buffer.from('ab')])
    expect(await readFile(join(spool, SPOOL_FILE), 'utf8')).toBe('ab')
  })

  it('is below the data directory where there is no such file system, or no room', async () => {
    const data = join(folder, 'c')
    expect(await spoolFolder(data, 1000, join(folder, 'no-such'))).toBe(join(data, 'spool'))
    expect(await spoolFolder(data, Number.MAX_SAFE_INTEGER, folder)).toBe(join(data, 'spool'))
    expect(await readdir(join(data, 'spool'))).toEqual([])
  })

  it('says so when it can be nowhere', async () => {
    await writeFile(join(folder, 'file'), '')
    await expect(spoolFolder(join(folder, 'file'), 1000, join(folder, 'no-such'))).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
    })
  })
})

describe('buffersWithout', () => {
  const records = new EpochRecords([blockOf(['a0', 'a1', 'a2']), blockOf([]), blockOf(['b0', null, 'b2'])])
  const text = (without: number[]) =>
    Buffer.concat(
      buffersWithout(
        records,
        without.map((record) => ({ record })),
      ),
    ).toString()

  it('gives the bytes of the others', () => {
    expect(text([])).toBe('a0\na1\na2\nb0\n\nb2\n')
    expect(text([4])).toBe('a0\na1\na2\nb0\nb2\n')
    expect(text([0, 2, 3])).toBe('a1\n\nb2\n')
    expect(text([1, 4, 5])).toBe('a0\na2\nb0\n')
    expect(text([0, 1, 2, 3, 4, 5])).toBe('')
  })

  it('does not copy, and takes as few buffers as it can', () => {
    const buffers = buffersWithout(records, [{ record: 1 }])
    expect(buffers).toHaveLength(3)
    expect(buffers[0]?.buffer).toBe(records.blocks[0]?.values.data.buffer)
  })
})
