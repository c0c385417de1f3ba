import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import {
  type Api,
  type Decoded,
  decodeResponse,
  encodeResponse,
  fetch,
  findCoordinator,
  metadata,
  ProtocolReader,
  readRequestHeader,
} from '@headrace/broker/protocol'

const NOT_LEADER_OR_FOLLOWER = 6

interface Asked {
  readonly apiKey: number
  readonly version: number
}

/** Rewrites the answers of one API that says where brokers are, or who leads. */
interface Rewrite {
  readonly key: number
  rewrite(version: number, message: Buffer, node: number): Buffer
}

/**
 * Several broker addresses in front of one real broker: every request reaches it, and its records and groups are one, but
 * partitions are led by one address or another, and an address can go away. What a cluster does to its clients, without one.
 */
export class KafkaRelay {
  /** Which address leads a partition, by its number. */
  leaderOf: (partition: number) => number = () => 0
  /** Which address coordinates groups. */
  coordinator = 0
  /** Called with each request, which waits for it. */
  onRequest: (apiKey: number) => Promise<void> | void = () => undefined
  /** Called with each answer, which waits for it. */
  onAnswer: (apiKey: number) => Promise<void> | void = () => undefined
  /** How often each address was connected to. */
  readonly connections: number[] = []
  readonly #target: { readonly host: string; readonly port: number }
  readonly #nodes: { server: Server; port: number; sockets: Set<Socket> }[] = []
  readonly #rewrites: readonly Rewrite[]

  private constructor(target: string) {
    const [host = '', port = ''] = target.split(':')
    this.#target = { host, port: Number(port) }
    this.#rewrites = [
      rewriteOf(metadata, (body) => ({
        ...body,
        brokers: this.#nodes.map(({ port }, nodeId) => ({ nodeId, host: '127.0.0.1', port, rack: null })),
        topics: body.topics.map((topic) => ({
          ...topic,
          partitions: topic.partitions.map((one) => ({ ...one, leaderId: this.leaderOf(one.partitionIndex) })),
        })),
      })),
      rewriteOf(findCoordinator, (body) => {
        const nodeId = this.coordinator
        const address = { nodeId, host: '127.0.0.1', port: this.#nodes[nodeId]?.port ?? 0 }
        const coordinators = body.coordinators.map((one) => ({ ...one, ...(one.errorCode === 0 && address) }))
        return { ...body, ...(body.errorCode === 0 && address), coordinators }
      }),
      rewriteOf(fetch, (body, node) => ({
        ...body,
        responses: body.responses.map((topic) => ({
          ...topic,
          partitions: topic.partitions.map((one) =>
            this.leaderOf(one.partitionIndex) === node
              ? one
              : { ...one, errorCode: NOT_LEADER_OR_FOLLOWER, records: null },
          ),
        })),
      })),
    ]
  }

  static async start(target: string, nodes: number): Promise<KafkaRelay> {
    const relay = new KafkaRelay(target)
    for (let node = 0; node < nodes; node++) await relay.#open(node, 0)
    return relay
  }

  get bootstrap(): string[] {
    return this.#nodes.map(({ port }) => `127.0.0.1:${port}`)
  }

  /** The address is not there any more. */
  async cut(node: number): Promise<void> {
    const found = this.#nodes[node]
    if (found === undefined) return
    const closed = once(found.server, 'close')
    found.server.close()
    for (const socket of found.sockets) socket.destroy()
    await closed
  }

  async restore(node: number): Promise<void> {
    await this.#open(node, this.#nodes[node]?.port ?? 0)
  }

  async close(): Promise<void> {
    for (const { server, sockets } of this.#nodes) {
      server.close()
      for (const socket of sockets) socket.destroy()
    }
  }

  async #open(node: number, port: number): Promise<void> {
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      this.connections[node] = (this.connections[node] ?? 0) + 1
      const broker = connect(this.#target)
      for (const socket of [client, broker]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          client.destroy()
          broker.destroy()
        })
      }
      this.#relay(node, client, broker)
    })
    await once(server.listen(port, '127.0.0.1'), 'listening')
    this.#nodes[node] = { server, port: (server.address() as AddressInfo).port, sockets }
  }

  #relay(node: number, client: Socket, broker: Socket): void {
    const asked = new Map<number, Asked>()
    eachFrame(client, async (message) => {
      const { apiKey, apiVersion: version, correlationId } = readRequestHeader(new ProtocolReader(message))
      asked.set(correlationId, { apiKey, version })
      await this.onRequest(apiKey)
      broker.write(withSize(message))
    })
    eachFrame(broker, async (message) => {
      const { apiKey = -1, version = 0 } = asked.get(message.readInt32BE(0)) ?? {}
      asked.delete(message.readInt32BE(0))
      await this.onAnswer(apiKey)
      const rewrite = this.#rewrites.find(({ key }) => key === apiKey)
      client.write(rewrite === undefined ? withSize(message) : rewrite.rewrite(version, message, node))
    })
  }
}

/** One after the other, in their order. */
function eachFrame(socket: Socket, handle: (message: Buffer) => Promise<void>): void {
  let pending = Buffer.alloc(0)
  let last = Promise.resolve()
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 4 && pending.length >= 4 + pending.readInt32BE(0)) {
      const end = 4 + pending.readInt32BE(0)
      const message = pending.subarray(4, end)
      pending = pending.subarray(end)
      last = last.then(() => handle(message)).catch((error: Error) => void socket.destroy(error))
    }
  })
}

function withSize(message: Buffer): Buffer {
  const size = Buffer.alloc(4)
  size.writeInt32BE(message.length)
  return Buffer.concat([size, message])
}

function rewriteOf<Res extends Api['response']>(
  api: Api<Api['request'], Res>,
  change: (body: Decoded<Res>, node: number) => Decoded<Res>,
): Rewrite {
  return {
    key: api.key,
    rewrite(version, message, node) {
      const { correlationId, body } = decodeResponse(api, version, message)
      // What was read can be written.
      return Buffer.concat(encodeResponse(api, version, correlationId, change(body, node) as never))
    },
  }
}
