import { expect, it } from 'vitest'
import { dataFolderFailure, isDiskFull, sinkFolderFailure } from './storage.ts'

it('knows a full disk by its code, by its text, and by the cause', () => {
  const cause = new Error('IO Error: Could not write file "x": No space left on device')
  expect(isDiskFull(Object.assign(new Error('write failed'), { code: 'EDQUOT' }))).toBe(true)
  expect(isDiskFull(new Error('the rows cannot be written', { cause }))).toBe(true)
  expect(isDiskFull(new Error('the rows cannot be written'))).toBe(false)
})

it('tells folders that cannot be written from other errors', () => {
  const readOnly = new Error('IO Error: Cannot open file "/lake/x": Read-only file system')
  expect(dataFolderFailure(readOnly, '/data')).toMatchObject({
    code: 'DATA_FOLDER_UNUSABLE',
    message: 'the data folder /data cannot be used: read-only file system',
  })
  expect(sinkFolderFailure(Object.assign(new Error('x'), { code: 'EACCES' }), '/lake')).toMatchObject({
    code: 'SINK_FOLDER_NOT_WRITABLE',
    message: "the sink's folder /lake cannot be written: permission denied",
  })
  expect(sinkFolderFailure(new TypeError('x is not a function'), '/lake')).toBeUndefined()
})
