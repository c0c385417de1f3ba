import { expect, it } from 'vitest'
import { fileSystemError } from './errors.ts'

const failed = (code: string): Error => Object.assign(new Error(`${code}: it failed`), { code })

it.each([
  ['ENOSPC', 'DISK_FULL', 'never'],
  ['EDQUOT', 'DISK_FULL', 'never'],
  ['EROFS', 'SINK_FOLDER_NOT_WRITABLE', 'never'],
  ['EACCES', 'SINK_FOLDER_NOT_WRITABLE', 'never'],
  ['EIO', 'PARQUET_WRITE_FAILED', 'backoff'],
])('%s becomes %s', (code, expected, retry) => {
  const cause = failed(code)
  expect(fileSystemError(cause, '/lake/t')).toMatchObject({ code: expected, retry, cause })
})
