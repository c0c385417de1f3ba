import { defineError, type HeadraceError, sinkFolderFailure } from '@headrace/core'

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

/** What the file system says, as an error of the catalogue; `root` is the dataset's folder. */
export function fileSystemError(error: unknown, root: string): HeadraceError {
  const known = sinkFolderFailure(error, root)
  if (known !== undefined) return known
  const reason = error instanceof Error ? error.message : String(error)
  return new ParquetWriteError({ path: root, reason }, { cause: error })
}
