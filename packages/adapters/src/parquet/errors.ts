import { defineError, type HeadraceError } from '@headrace/core'

class DirectoryNotWritableError extends defineError<{ path: string; reason: string }>({
  code: 'PARQUET_DIRECTORY_NOT_WRITABLE',
  fault: 'user',
  retry: 'never',
  message: (d) => `the dataset's folder ${d.path} cannot be written: ${d.reason}`,
  hint: () => 'Give this user the right to write there, or choose another folder in parquet.path.',
  example: { path: '/data/lake/trades', reason: 'read-only file system' },
}) {}

export class ParquetDiskFullError extends defineError<{ path: string }>({
  code: 'PARQUET_DISK_FULL',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `no space is left on the disk of the dataset ${d.path}`,
  hint: () => 'Make room: the sink goes on by itself, and nothing is lost meanwhile.',
  example: { path: '/data/lake/trades' },
}) {}

class ParquetWriteError extends defineError<{ path: string; reason: string }>({
  code: 'PARQUET_WRITE_FAILED',
  fault: 'external',
  retry: 'backoff',
  message: (d) => `writing the dataset ${d.path} failed: ${d.reason}`,
  hint: () => 'Check the disk; the sink tries again, and nothing is lost meanwhile.',
  example: { path: '/data/lake/trades', reason: 'input/output error' },
}) {}

export class ManifestDamagedError extends defineError<{ path: string }>({
  code: 'PARQUET_MANIFEST_DAMAGED',
  fault: 'external',
  retry: 'never',
  message: (d) => `the manifest ${d.path} is damaged: its last lines are not manifest entries`,
  hint: () => 'Restore it from a copy, or write to another folder with a new data folder.',
  example: { path: '/data/lake/trades/_headrace/trades.parquet.manifest.ndjson' },
}) {}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  EROFS: 'read-only file system',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a part of the path is a file',
}

/** What the file system says, as an error of the catalogue; `root` is the dataset's folder. */
export function fileSystemError(error: unknown, root: string): HeadraceError {
  const code = (error as NodeJS.ErrnoException).code ?? ''
  const reason = error instanceof Error ? error.message : String(error)
  const known = REASONS[code]
  if (known !== undefined) return new DirectoryNotWritableError({ path: root, reason: known }, { cause: error })
  if (isDiskFull(error)) return new ParquetDiskFullError({ path: root }, { cause: error })
  return new ParquetWriteError({ path: root, reason }, { cause: error })
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
