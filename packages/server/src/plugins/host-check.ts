import { isIP } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { HostRefusedError } from '../errors.ts'

/**
 * Refuses requests whose Host header is a name, other than `localhost` and the names given. A page that rebinds its own
 * DNS name to 127.0.0.1 would otherwise read this API from the user's browser; an IP address cannot be rebound.
 */
export function checkHost(server: FastifyInstance, allowedHosts: readonly string[]): void {
  const allowed = new Set(['localhost', ...allowedHosts.map((host) => host.toLowerCase())])
  server.addHook('onRequest', async (request) => {
    const host = hostName(request.headers.host ?? '')
    if (host === undefined || (isIP(host) === 0 && !allowed.has(host))) {
      throw new HostRefusedError({ host: request.headers.host ?? '' })
    }
  })
}

/** The name in a Host header, without port and brackets; undefined where it is none. */
function hostName(header: string): string | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:/@\s[\]]+))(?::\d{1,5})?$/i.exec(header)
  return (match?.[1] ?? match?.[2])?.toLowerCase()
}
