import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { readFileIfAny, replaceFile } from '../storage/durable-file.ts'

/** The broker as clients see it: the one node of its cluster. */
export interface Cluster {
  readonly clusterId: string
  readonly nodeId: number
}

export const NODE_ID = 1

/** The epoch of every partition's leader: there is nobody else to lead. */
export const LEADER_EPOCH = 0

/** The id of the cluster that lives in a data folder, made when it is first asked for. */
export async function loadClusterId(dataDir: string): Promise<string> {
  const file = path.join(dataDir, 'cluster-id')
  const kept = (await readFileIfAny(file))?.toString().trim()
  if (kept) return kept
  const clusterId = randomBytes(16).toString('base64url')
  await replaceFile(file, `${clusterId}\n`)
  return clusterId
}
