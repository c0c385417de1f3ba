import type { KafkaConnection } from './config.ts'

/** What Kafka listens on unless told. */
const DEFAULT_PORT = 9092

/** The addresses of `bootstrap`, one by one. */
export function addressesOf({ bootstrap }: Pick<KafkaConnection, 'bootstrap'>) {
  return (typeof bootstrap === 'string' ? bootstrap.split(',') : bootstrap)
    .map((address) => address.trim())
    .filter((address) => address !== '')
    .map(parseAddress)
}

/** `host:port`, `[::1]:port`, or a host alone for Kafka's own port. */
function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(address) ?? []
  return { host: bracketed ?? plain ?? address, port: port === undefined ? DEFAULT_PORT : Number(port) }
}
