import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { PipelineStatus } from '@headrace/core'
import type { Job } from './job.ts'

const LIFE = fileURLToPath(new URL('life.ts', import.meta.url))
// A life costs half as much when Node need not compile it all again.
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/compiled', import.meta.url))

export interface LifeEnd {
  readonly killed: boolean
  readonly status?: PipelineStatus
}

/**
 * One life of a pipeline: a process, killed from within at the job's step, or from outside after a time, or not at all.
 * `directory` takes the job's file.
 */
export async function liveOnce(job: Job, directory: string, killAfterMs?: number): Promise<LifeEnd> {
  const file = join(directory, 'life.json')
  await writeFile(file, JSON.stringify(job))
  const child = spawn(process.execPath, ['--disable-warning=TimeoutNegativeWarning', LIFE, file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  if (killAfterMs !== undefined) {
    const first = await Promise.race([closed, delay(killAfterMs)])
    if (first === undefined) child.kill('SIGKILL')
  }
  const [code, signal] = await closed
  if (signal === 'SIGKILL') return { killed: true }
  if (code !== 0) throw new Error(`a life ended with exit code ${code}: ${errors}`)
  return { killed: false, status: JSON.parse(output) as PipelineStatus }
}
