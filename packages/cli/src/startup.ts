// The module as a whole: an older Node, which is to be told so below, has no export `enableCompileCache` to link.
import module from 'node:module'

// Before anything starts a thread: DuckDB's queries and file reads share libuv's pool, and four threads starve.
process.env.UV_THREADPOOL_SIZE ??= '8'

const WANTED = [22, 22] as const
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < WANTED[0] || (major === WANTED[0] && minor < WANTED[1])) {
  process.stderr.write(
    `NODE_TOO_OLD  headrace needs Node ${WANTED.join('.')} or newer, and this is ${process.versions.node} (${process.execPath}); get a newer one from https://nodejs.org\n`,
  )
  process.exit(1)
}

module.enableCompileCache()

// kafkajs computes negative timeouts, which newer Nodes warn about; a user can do nothing about it.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.name}: ${warning.message}\n`)
})
