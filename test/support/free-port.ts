import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below those that systems give to whoever asks for any: nobody else gets it until the server that it is for has bound it. */
const PORTS = { first: 20_000, count: 10_000 }

/** A port for a server that cannot choose one itself. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return false
  }
  await once(server.close(), 'close')
  return true
}
