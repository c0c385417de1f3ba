import { enableCompileCache } from 'node:module'

// Before the rest is loaded, so that it can be taken from the cache.
enableCompileCache()
const { runBroker } = await import('./command.ts')
process.exitCode = await runBroker(process.argv.slice(2))
