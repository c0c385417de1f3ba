// A process that starts an embedded PostgreSQL and holds it until it is killed: node hold-postgres.ts FOLDER
import { startPostgres } from 'headrace'

const service = await startPostgres({ directory: process.argv[2] ?? '', durable: false })
process.stdout.write(`${JSON.stringify({ pid: service.pid, url: service.url })}\n`)
await service.exited
