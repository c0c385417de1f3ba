import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { LoadedBroker, Scene } from './scene.ts'
import type { Usage } from './usage.ts'

type Place = Pick<Scene, 'directory'>

interface PipelineLine extends Usage {
  readonly firstResultMs: number | null
  /** Process start to exit, with loading and planning. */
  readonly coldSeconds: number
}

/** Drains a pipeline in a process of its own, with a data folder that is made for it. */
export async function runPipelineProcess(
  pipeline: string,
  place: Place,
  { bootstrap }: LoadedBroker,
  dataDirectory: string,
  profile?: string,
): Promise<PipelineLine> {
  await mkdir(dataDirectory, { recursive: true })
  const startedAt = performance.now()
  const job = { pipeline, bootstrap, dataDirectory }
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`]
  const line = JSON.parse(await runProcess('pipeline-process.ts', job, place, flags)) as PipelineLine
  return { ...line, coldSeconds: (performance.now() - startedAt) / 1000 }
}

/** Runs one of the bench's processes on a job and gives what it prints. */
export async function runProcess(
  script: string,
  job: unknown,
  place: Place,
  flags: readonly string[],
): Promise<string> {
  const file = join(place.directory, 'job.json')
  await writeFile(file, JSON.stringify(job))
  const path = fileURLToPath(new URL(script, import.meta.url))
  const warnings = ['--disable-warning=TimeoutNegativeWarning', '--disable-warning=ExperimentalWarning']
  // As the published JavaScript runs: without what strips the types in memory.
  const env = { ...process.env, NODE_COMPILE_CACHE: join(place.directory, 'compiled') }
  const child = spawn(process.execPath, [...flags, ...warnings, path, file], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${output}`)
  return output
}
