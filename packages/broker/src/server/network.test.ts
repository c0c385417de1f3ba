import { once } from 'node:events'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { expect, it } from 'vitest'
import { apiVersions, decodeResponse, encodeRequest } from '../protocol/index.ts'
import { CredentialStore } from '../security/credential-store.ts'
import { Dispatcher } from './dispatcher.ts'
import { Network } from './network.ts'

const LENGTH_BYTES = 4

it('a client that connects while the broker still starts is answered once it has started', async () => {
  const network = await Network.listen({}, () => {})
  const [{ port }] = network.addresses
  const early = connect(port, '127.0.0.1')
  await once(early, 'connect')
  early.write(Buffer.concat(encodeRequest(apiVersions, 0, { correlationId: 7, clientId: 'early' }, {})))
  // Connections are accepted in order: with this one the other has been, too.
  const later = connect(port, '127.0.0.1')
  await once(later, 'connect')
  await new Promise((resolve) => setImmediate(resolve))
  network.serve(new Dispatcher([]), await CredentialStore.open(tmpdir()))
  const [answer] = (await once(early, 'data')) as [Buffer]
  const { correlationId, body } = decodeResponse(apiVersions, 0, answer.subarray(LENGTH_BYTES))
  expect(correlationId).toBe(7)
  expect(body.apiKeys.map(({ apiKey }) => apiKey)).toEqual([apiVersions.key])
  early.destroy()
  later.destroy()
  await network.close()
})

it('closing hangs up on clients that never were served', async () => {
  const network = await Network.listen({}, () => {})
  const [{ port }] = network.addresses
  const client = connect(port, '127.0.0.1')
  const hungUp = once(client, 'close')
  await once(client, 'connect')
  await new Promise((resolve) => setImmediate(resolve))
  await network.close()
  client.resume()
  await hungUp
})
