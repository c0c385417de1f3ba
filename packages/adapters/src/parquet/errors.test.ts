import { expect, it } from 'vitest'
import { fileSystemError, isDiskFull } from './errors.ts'

const failed = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code })

it.each([
  ['ENOSPC', 'PARQUET_DISK_FULL', 'backoff'],
  ['EDQUOT', 'PARQUET_DISK_FULL', 'backoff'],
  ['EROFS', 'PARQUET_DIRECTORY_NOT_WRITABLE', 'never'],
  ['EACCES', 'PARQUET_DIRECTORY_NOT_WRITABLE', 'never'],
  ['EIO', 'PARQUET_WRITE_FAILED', 'backoff'],
])('%s becomes %s', (code, expected, retry) => {
  const cause = failed(code)
  expect(fileSystemError(cause, '/lake/t')).toMatchObject({ code: expected, retry, cause })
})

it('knows a full disk by the cause, too', () => {
  const cause = new Error('IO Error: Could not write file "x": No space left on device')
  expect(isDiskFull(new Error('the rows cannot be written', { cause }))).toBe(true)
  expect(isDiskFull(new Error('the rows cannot be written'))).toBe(false)
})
