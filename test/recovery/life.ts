/**
 * One life of the pipeline: a process that runs it and, if told so, kills itself at a named step. The parent may kill it at
 * any other moment. Exits with 0 when the run came to its end.
 */
process.env.UV_THREADPOOL_SIZE = '8'
const { readFileSync } = await import('node:fs')
const { flushCompileCache } = await import('node:module')
const { adapters } = await import('@headrace/adapters')
const { HeadraceError, parsePipeline, runPipeline } = await import('@headrace/core')
// Otherwise a killed process would keep nothing of what it has compiled.
flushCompileCache()

const [file = ''] = process.argv.slice(2)
const job = JSON.parse(readFileSync(file, 'utf8')) as import('./job.ts').Job
const { config, problems } = parsePipeline(job.pipeline, 'recovery.yaml', adapters, {})
if (config === undefined) throw new Error(JSON.stringify(problems))

let met = 0
try {
  const { status } = await runPipeline({
    config,
    adapters,
    connection: (type) => job.connections[type as 'kafka' | 'postgres'],
    dataDirectory: job.dataDirectory,
    mode: { kind: 'once' },
    drain: job.drain,
    signal: new AbortController().signal,
    observer: {
      step(step, when) {
        const { kill } = job
        if (kill?.step !== step || kill.when !== when || ++met < kill.occurrence) return
        process.kill(process.pid, 'SIGKILL')
      },
    },
  })
  console.log(JSON.stringify(status))
} catch (error) {
  console.error(error instanceof HeadraceError ? `${error.code} ${error.message}` : error)
  process.exitCode = 1
}
