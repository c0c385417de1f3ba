import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { namesIn } from './dataset.ts'
import { DATASET_FOLDER } from './manifest.ts'

export interface DatasetName {
  /** The table's name: the folder's path within the lake. */
  readonly name: string
  /** Absolute. */
  readonly folder: string
}

/** How deep folders may lie in folders before they are no datasets any more. */
const MAX_DEPTH = 4

/** The datasets of a lake, by name. A folder is one if Headrace writes it, or if Parquet files lie in it or in its `key=value` folders. */
export async function listDatasets(lakeDirectory: string): Promise<DatasetName[]> {
  if ((await namesIn(lakeDirectory)) === undefined) return []
  const found = await datasetsIn(lakeDirectory, '', MAX_DEPTH)
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}

async function datasetsIn(folder: string, prefix: string, depth: number): Promise<DatasetName[]> {
  const entries = await readdir(folder, { withFileTypes: true })
  const folders = entries.filter((entry) => entry.isDirectory() && !/^[_.]/.test(entry.name))
  const found = await Promise.all(
    folders.map(async ({ name }) => {
      const dataset = { name: prefix + name, folder: join(folder, name) }
      if (await isDataset(dataset.folder)) return [dataset]
      return depth > 1 ? datasetsIn(dataset.folder, `${dataset.name}/`, depth - 1) : []
    }),
  )
  return found.flat()
}

async function isDataset(folder: string): Promise<boolean> {
  const names = (await namesIn(folder)) ?? []
  return names.some((name) => name === DATASET_FOLDER || name.endsWith('.parquet') || /^[^_.][^=]*=/.test(name))
}
