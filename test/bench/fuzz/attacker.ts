import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { apiVersions, encodeRequest } from '@headrace/broker/protocol'
import { mutate } from './mutate.ts'
import type { Random } from './random.ts'

/** The probe's: its answer tells that the frame before it has been dealt with. */
const PROBE_ID = 0x5afe_5afe
const PROBE = Buffer.concat(encodeRequest(apiVersions, 0, { correlationId: PROBE_ID, clientId: 'probe' }, {}))

/** How long an answer may take, in ms: a frame that promises more than comes, or waits for records, has none in time. */
const PATIENCE_MS = 150

export interface AttackTally {
  framesSent: number
  /** What became of them: the connection goes on, was closed by the broker, or was given up. */
  survived: number
  closed: number
  abandoned: number
}

/** Sends mutated frames, one after the other, over as many connections as that takes, until `isOver`. */
export async function attack(
  address: { readonly host: string; readonly port: number },
  corpus: readonly Buffer[],
  random: Random,
  tally: AttackTally,
  isOver: () => boolean,
): Promise<void> {
  while (!isOver()) {
    const connection = await AttackConnection.open(address)
    while (connection.isOpen && !isOver()) {
      tally.framesSent++
      tally[await connection.send(mutate(random.of(corpus), random, corpus))]++
    }
    connection.close()
  }
}

class AttackConnection {
  readonly #socket: Socket
  #tail = Buffer.alloc(0)
  #settle: (outcome: 'survived' | 'closed') => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.#settle('closed'))
    socket.on('data', (chunk: Buffer) => this.#receive(chunk))
  }

  static async open(address: { readonly host: string; readonly port: number }): Promise<AttackConnection> {
    const socket = connect({ ...address, noDelay: true })
    const connection = new AttackConnection(socket)
    await Promise.race([once(socket, 'connect'), once(socket, 'close')])
    return connection
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  async send(frame: Buffer): Promise<'survived' | 'closed' | 'abandoned'> {
    const { promise, resolve } = Promise.withResolvers<'survived' | 'closed' | 'abandoned'>()
    this.#settle = resolve
    const timer = setTimeout(() => resolve('abandoned'), PATIENCE_MS)
    this.#socket.write(Buffer.concat([frame, PROBE]))
    const outcome = await promise
    clearTimeout(timer)
    if (outcome === 'abandoned') this.close()
    return outcome
  }

  close(): void {
    this.#socket.destroy()
  }

  /** What comes is not trusted to be answers: the probe's id is looked for wherever it may stand. */
  #receive(chunk: Buffer): void {
    const id = Buffer.alloc(4)
    id.writeInt32BE(PROBE_ID)
    const seen = Buffer.concat([this.#tail, chunk])
    this.#tail = seen.subarray(-(id.length - 1))
    if (seen.includes(id)) this.#settle('survived')
  }
}
