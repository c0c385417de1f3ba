import type { Field } from '../model/index.ts'

/** The folder inside a dataset that holds what is not data: manifests, pending lists, staged files. */
export const DATASET_FOLDER = '_headrace'

const MANIFEST_SUFFIX = '.manifest.ndjson'
const PENDING_SUFFIX = '.pending.json'

/** One writer of a dataset: a sink of a pipeline. Each has a manifest and a pending list of its own. */
export function writerName(pipeline: string, sink: string): string {
  return `${encodeURIComponent(pipeline)}.${encodeURIComponent(sink)}`
}

export function manifestFileName(writer: string): string {
  return `${writer}${MANIFEST_SUFFIX}`
}

export function pendingFileName(writer: string): string {
  return `${writer}${PENDING_SUFFIX}`
}

/** The writer whose manifest or pending list has this file name; undefined for other files. */
export function writerOf(fileName: string): string | undefined {
  const suffix = [MANIFEST_SUFFIX, PENDING_SUFFIX].find((end) => fileName.endsWith(end))
  return suffix === undefined ? undefined : fileName.slice(0, -suffix.length)
}

export interface DatasetFile {
  /** Relative to the dataset's folder, with `/`. */
  readonly path: string
  readonly rows: number
  readonly bytes: number
  /** Partition values by name, decoded. */
  readonly partition: Readonly<Record<string, string>>
}

/** One line of a manifest: a batch that is part of the dataset. */
export interface ManifestEntry {
  readonly version: 1
  readonly incarnation: string
  readonly sequence: number
  readonly rows: number
  readonly schema: readonly Field[]
  /** Partition columns, outermost first, with their types; not stored in the files. */
  readonly partitionBy: readonly Field[]
  readonly files: readonly DatasetFile[]
}

/** A file to be: until it stands at `path`, its rows lie in `sources` (relative as well). */
export interface PendingFile extends DatasetFile {
  readonly sources: readonly string[]
}

/** A committed batch that is not in the manifest yet. */
export interface PendingBatch extends Omit<ManifestEntry, 'files'> {
  readonly files: readonly PendingFile[]
}

export interface PendingList {
  readonly version: 1
  readonly batches: readonly PendingBatch[]
}

/** The entries of a manifest. A last line that is still being written (or was torn by a crash) does not count. */
export function parseManifest(text: string): ManifestEntry[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .map(parseManifestLine)
    .filter((entry) => entry !== undefined)
}

/** One line of a manifest; undefined if it is not one. */
export function parseManifestLine(line: string): ManifestEntry | undefined {
  const value = parseJson(line)
  if (!isObject(value) || value.version !== 1 || !Array.isArray(value.files)) return undefined
  if (typeof value.incarnation !== 'string' || typeof value.sequence !== 'number') return undefined
  return value as unknown as ManifestEntry
}

/** A pending list; an unreadable one counts as empty: it only makes rows visible earlier. */
export function parsePending(text: string): PendingList {
  const value = parseJson(text)
  if (!isObject(value) || value.version !== 1 || !Array.isArray(value.batches)) return { version: 1, batches: [] }
  return value as unknown as PendingList
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
