import { once } from 'node:events'
import { connect } from 'node:net'
import { expect, it } from 'vitest'
import { apiVersions, decodeResponse, encodeRequest } from '../protocol/index.ts'
import { Dispatcher } from './dispatcher.ts'
import { Listener } from './listener.ts'

const LENGTH_BYTES = 4

it('a client that connects while the broker still starts is answered once it has started', async () => {
  const listener = await Listener.listen('127.0.0.1', 0, () => {})
  const early = connect(listener.port, '127.0.0.1')
  await once(early, 'connect')
  early.write(Buffer.concat(encodeRequest(apiVersions, 0, { correlationId: 7, clientId: 'early' }, {})))
  // Connections are accepted in order: with this one the other has been, too.
  const later = connect(listener.port, '127.0.0.1')
  await once(later, 'connect')
  await new Promise((resolve) => setImmediate(resolve))
  listener.serve(new Dispatcher([]), { host: '127.0.0.1', port: listener.port })
  const [answer] = (await once(early, 'data')) as [Buffer]
  const { correlationId, body } = decodeResponse(apiVersions, 0, answer.subarray(LENGTH_BYTES))
  expect(correlationId).toBe(7)
  expect(body.apiKeys.map(({ apiKey }) => apiKey)).toEqual([apiVersions.key])
  early.destroy()
  later.destroy()
  await listener.close()
})

it('closing hangs up on clients that never were served', async () => {
  const listener = await Listener.listen('127.0.0.1', 0, () => {})
  const client = connect(listener.port, '127.0.0.1')
  const hungUp = once(client, 'close')
  await once(client, 'connect')
  await new Promise((resolve) => setImmediate(resolve))
  await listener.close()
  client.resume()
  await hungUp
})
