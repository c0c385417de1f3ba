import { defineError, type HeadraceError } from './define-error.ts'

/** A disk that the pipeline itself writes to: its state, what waits for a sink, a dataset in a folder. */
export class DiskFullError extends defineError<{ path: string }>({
  code: 'DISK_FULL',
  fault: 'external',
  retry: 'never',
  message: (d) => `no space is left on the disk that holds ${d.path}`,
  hint: () => 'Free some space and run the pipeline again: it goes on from its last commit, nothing is lost.',
  example: { path: '.headrace/pipelines/trades' },
}) {}

/** The data folder, or one in it, cannot be made or written. */
export class DataFolderError extends defineError<{ path: string; reason: string }>({
  code: 'DATA_FOLDER_UNUSABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the data folder ${d.path} cannot be used: ${d.reason}`,
  hint: () => 'Make it a folder that this user may write to, or choose another one with --data.',
  example: { path: '.headrace/pipelines/trades', reason: 'read-only file system' },
}) {}

/** A folder that a sink stages or publishes in cannot be made or written. */
export class SinkFolderNotWritableError extends defineError<{ path: string; reason: string }>({
  code: 'SINK_FOLDER_NOT_WRITABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the sink's folder ${d.path} cannot be written: ${d.reason}`,
  hint: () => 'Give this user the right to write there, or choose another folder for the sink.',
  example: { path: '/data/lake/trades', reason: 'read-only file system' },
}) {}

const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'read-only file system',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a part of the path is a file',
  ENOENT: 'a folder on the way does not exist and cannot be made',
}

/** Why a folder cannot be made or written, in words: from Node's code or DuckDB's text. Undefined for other errors. */
function folderRefusal(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code = '', message } = error as NodeJS.ErrnoException
  return REFUSALS[code] ?? /Read-only file system|Permission denied/.exec(message)?.[0].toLowerCase()
}

/** Whether the error, or what caused it, says that the disk or the quota is used up. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const code = (error as NodeJS.ErrnoException).code ?? ''
  return (
    code === 'ENOSPC' ||
    code === 'EDQUOT' ||
    /No space left on device|quota exceeded/i.test(error.message) ||
    isDiskFull(error.cause)
  )
}

/** What an error of Node's or DuckDB's says about a folder of a sink; undefined where it is about something else. */
export function sinkFolderFailure(error: unknown, path: string): HeadraceError | undefined {
  if (isDiskFull(error)) return new DiskFullError({ path }, { cause: error })
  const reason = folderRefusal(error)
  return reason === undefined ? undefined : new SinkFolderNotWritableError({ path, reason }, { cause: error })
}

/** The same about the data folder or one in it. */
export function dataFolderFailure(error: unknown, path: string): HeadraceError | undefined {
  if (isDiskFull(error)) return new DiskFullError({ path }, { cause: error })
  const reason = folderRefusal(error)
  return reason === undefined ? undefined : new DataFolderError({ path, reason }, { cause: error })
}
