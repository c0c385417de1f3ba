import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { RegistryConnection } from './connection.ts'

/** How long an answer may take, in ms. */
const TIMEOUT_MS = 10_000
/** Far above any schema. */
const MAX_ANSWER_BYTES = 32 * 1024 * 1024

export interface HttpAnswer {
  readonly status: number
  readonly reason: string
  readonly text: string
}

/** One request. Rejects with the socket's own error. Certificates are why this is not `fetch`. */
export function exchange(url: URL, connection: RegistryConnection, body: unknown = undefined): Promise<HttpAnswer> {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp
  const payload = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: payload === undefined ? 'GET' : 'POST',
        headers: {
          accept: 'application/vnd.schemaregistry.v1+json, application/json',
          ...authorization(connection),
          ...(payload !== undefined && {
            'content-type': 'application/vnd.schemaregistry.v1+json',
            'content-length': Buffer.byteLength(payload),
          }),
        },
        timeout: TIMEOUT_MS,
        ...connection.ssl,
      },
      (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > MAX_ANSWER_BYTES) sent.destroy(new Error('the answer is too long'))
        })
        answer.on('error', reject)
        answer.on('end', () => {
          const { statusCode: status = 0, statusMessage: reason = '' } = answer
          resolve({ status, reason, text: Buffer.concat(chunks).toString() })
        })
      },
    )
    sent.on('timeout', () => sent.destroy(new Error(`no answer for ${TIMEOUT_MS / 1000} s`)))
    sent.on('error', reject)
    sent.end(payload)
  })
}

function authorization({ username, password = '', token }: RegistryConnection): Record<string, string> {
  if (token !== undefined) return { authorization: `Bearer ${token}` }
  if (username === undefined) return {}
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}` }
}
