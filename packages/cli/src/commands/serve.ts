import { Command } from '@commander-js/extra-typings'
import type { CliContext } from '../context.ts'
import { countArgument, dataOption, durationArgument, jsonOption, portArgument } from '../options.ts'

const DEFAULT_PORT = 8080
const HOST = '127.0.0.1'

export function serveCommand(context: CliContext) {
  return new Command('serve')
    .description('answer HTTP on this machine: pipelines and their status, SQL over the lake')
    .addOption(dataOption())
    .option('--port <port>', 'port on 127.0.0.1; 0 takes any free one', portArgument, DEFAULT_PORT)
    .option('--max-rows <n>', 'rows that a query gives at most', countArgument)
    .option('--query-timeout <duration>', 'how long a query may take, such as 30s', durationArgument)
    .addOption(jsonOption('print one JSON line once it listens'))
    .addHelpText(
      'after',
      `
Examples:
  headrace serve
  headrace serve --port 0 --data .headrace/demo
  curl -s localhost:8080/pipelines
  curl -s localhost:8080/query -H 'content-type: application/json' -d '{"sql": "SELECT count(*) FROM trades_per_minute"}'

GET /openapi.json describes the API. It listens on this machine only and asks for no password.`,
    )
    .action(async (options) => {
      const signal = context.interruption()
      const { buildServer, listen } = await import('@headrace/server')
      const server = await buildServer({
        dataDirectory: options.data,
        log: true,
        ...(options.maxRows === undefined ? {} : { maxRows: options.maxRows }),
        ...(options.queryTimeout === undefined ? {} : { queryTimeoutMs: options.queryTimeout }),
      })
      try {
        const url = await listen(server, HOST, options.port)
        context.stdout.write(
          options.json === true
            ? `${JSON.stringify({ event: 'ready', url, pid: process.pid })}\n`
            : `${context.colors.bold(url)}  (${url}/openapi.json describes it; Ctrl-C ends it)\n`,
        )
        if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      } finally {
        await server.close()
      }
    })
}
