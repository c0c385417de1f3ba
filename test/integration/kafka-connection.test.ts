import { createServer, type Socket } from 'node:net'
import { BrokerConnection, ResponseBufferPool } from '@headrace/adapters/kafka'
import { apiVersions } from '@headrace/broker/protocol'
import { expect, it } from 'vitest'

/** Calls `answer` with each request's correlation id, on a port of its own. */
async function serving(answer: (socket: Socket, correlationId: number) => void) {
  const server = createServer((socket) =>
    socket.on('data', (request: Buffer) => answer(socket, request.readInt32BE(8))),
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return { address: { host: '127.0.0.1', port: address.port }, close: () => server.close() }
}

it('an answer to something else fails the request that waits, and those that follow', async () => {
  const server = await serving((socket, correlationId) => {
    const answer = Buffer.alloc(8)
    answer.writeInt32BE(4)
    answer.writeInt32BE(correlationId + 1, 4)
    socket.write(answer)
  })
  const broker = new BrokerConnection({ bootstrap: '', clientId: 'test' }, new ResponseBufferPool(0))
  await broker.open(server.address)
  for (let turn = 0; turn < 2; turn++) {
    await expect(broker.request(apiVersions, 2, {})).rejects.toThrow('answers what was not asked')
  }
  expect(broker.isOpen).toBe(false)
  server.close()
})
