import { dirname, join, posix, sep } from 'node:path'
import type { BatchId, StagedFile } from '@headrace/core'

/** One file of the dataset and the fragments that it is made of. */
export interface PlannedFile {
  /** Relative to the dataset's folder, with `/`. */
  readonly path: string
  readonly sources: readonly StagedFile[]
  readonly rows: number
  readonly partition: Readonly<Record<string, string>>
}

/** A fragment of this size is worth a file of its own: moving it costs nothing, merging it means writing it twice. */
export const LARGE_FRAGMENT_BYTES = 2 ** 20

/**
 * Which files a batch becomes. Small fragments of a partition become one file, large ones a file each. Depends on the
 * committed fragments alone: a repetition after a crash plans the same names, and finds the files that are in place.
 */
export function planPublication(id: BatchId, fragments: readonly StagedFile[]): PlannedFile[] {
  const stem = `${encodeURIComponent(id.pipeline)}-${encodeURIComponent(id.sink)}-${id.incarnation.slice(0, 8)}-${id.sequence}`
  const byFolder = Map.groupBy(fragments, partitionFolder)
  return [...byFolder].flatMap(([folder, own]) =>
    groupFragments(own).map((sources, index) => ({
      path: posix.join(folder, `${stem}${index === 0 ? '' : `-${index + 1}`}.parquet`),
      sources,
      rows: sources.reduce((sum, source) => sum + source.rows, 0),
      partition: sources[0]?.partition ?? {},
    })),
  )
}

/** Groups in the order of their first fragment, so that numbers stay as they are when fragments are added. */
function groupFragments(fragments: readonly StagedFile[]): StagedFile[][] {
  const groups: StagedFile[][] = []
  let small: StagedFile[] | undefined
  for (const fragment of fragments) {
    if (fragment.bytes >= LARGE_FRAGMENT_BYTES) groups.push([fragment])
    else if (small === undefined) groups.push((small = [fragment]))
    else small.push(fragment)
  }
  return groups
}

/** `day=2026-11-20/uno=7`: the folders that DuckDB made for the fragment, in its own encoding. */
function partitionFolder(fragment: StagedFile): string {
  const depth = Object.keys(fragment.partition).length
  if (depth === 0) return ''
  return dirname(fragment.path).split(sep).slice(-depth).join('/')
}

/** Every folder from that of the file up to the dataset's own: what must be synced for the file's name to last. */
export function foldersOf(root: string, path: string): string[] {
  const steps = path.split('/').slice(0, -1)
  return steps.map((_, index) => join(root, ...steps.slice(0, steps.length - index))).concat(root)
}
