import { ClientFault } from './client-fault.ts'
import type { Limits } from './limits.ts'

/** Counts connections, of all listeners together and by address. */
export class Admission {
  readonly #limits: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>
  readonly #byAddress = new Map<string, number>()
  #total = 0

  constructor(limits: Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>) {
    this.#limits = limits
  }

  get connections(): number {
    return this.#total
  }

  /** Counts one more connection from `address`; throws `ClientFault` where it is one too many. */
  enter(address: string): void {
    const here = this.#byAddress.get(address) ?? 0
    const { maxConnections, maxConnectionsPerAddress } = this.#limits
    if (this.#total >= maxConnections)
      throw new ClientFault('connections', `a connection from ${address} was refused: there are ${maxConnections}`)
    if (here >= maxConnectionsPerAddress)
      throw new ClientFault('connections', `a connection from ${address} was refused: it has ${here} already`)
    this.#total++
    this.#byAddress.set(address, here + 1)
  }

  leave(address: string): void {
    const left = (this.#byAddress.get(address) ?? 0) - 1
    this.#total--
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }
}
