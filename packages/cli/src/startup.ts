import { enableCompileCache } from 'node:module'

// Before anything starts a thread: DuckDB's queries and file reads share libuv's pool, and four threads starve.
process.env.UV_THREADPOOL_SIZE ??= '16'

const WANTED = [22, 22] as const
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < WANTED[0] || (major === WANTED[0] && minor < WANTED[1])) {
  process.stderr.write(
    `NODE_TOO_OLD  headrace needs Node ${WANTED.join('.')} or newer; this is ${process.versions.node} (${process.execPath})\n` +
      '  hint: install a newer Node from https://nodejs.org, or start it with `npx -y node@24 $(which headrace)`\n',
  )
  process.exit(1)
}

enableCompileCache?.()

// kafkajs computes negative timeouts, which newer Nodes warn about; a user can do nothing about it.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
})
