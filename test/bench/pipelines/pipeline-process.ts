/** One pipeline drained from a broker, in a process of its own. Prints one JSON line. */
// As the command line does.
process.env.UV_THREADPOOL_SIZE = '8'
const { readFileSync } = await import('node:fs')
const { adapters } = await import('@headrace/adapters')
const { parsePipeline, runPipeline } = await import('@headrace/core')
const { usageSince } = await import('./usage.ts')

const [file = ''] = process.argv.slice(2)
const job = JSON.parse(readFileSync(file, 'utf8')) as { pipeline: string; bootstrap: string; dataDirectory: string }
const { config, problems } = parsePipeline(job.pipeline, 'bench.yaml', adapters, {})
if (config === undefined) throw new Error(JSON.stringify(problems))
const usage = usageSince()
const { status } = await runPipeline({
  config,
  adapters,
  connection: () => ({ bootstrap: job.bootstrap, clientId: 'headrace-bench' }),
  dataDirectory: job.dataDirectory,
  mode: { kind: 'once' },
  drain: true,
  signal: new AbortController().signal,
})
console.log(
  JSON.stringify({ ...usage(), records: status.records, epochs: status.epoch, firstResultMs: status.firstResultMs }),
)
