import { Broker } from '@headrace/broker'
import { Authority } from '../../support/certificates.ts'

/** What a client needs to know of the secured broker. */
export interface SecuredKafka {
  /** Addresses, by how they are secured. */
  readonly ssl: string
  readonly saslSsl: string
  readonly saslPlaintext: string
  readonly caFile: string
  /** Of an authority that has signed nothing here. */
  readonly strangerCaFile: string
  readonly user: string
  readonly password: string
  stop(): Promise<void>
}

const USER = 'alice'
// Each of these signs means something to somebody on its way.
const PASSWORD = 'a pass:word, with = and "quotes"'

/** The embedded broker with TLS and users. */
export async function startSecuredKafka(folder: string): Promise<SecuredKafka> {
  const authority = await Authority.create(folder)
  const stranger = await Authority.create(folder, 'stranger')
  const { certFile, keyFile } = await authority.sign('broker')
  const broker = await Broker.start({
    dataDir: `${folder}/data`,
    listeners: [{ protocol: 'SSL' }, { protocol: 'SASL_SSL' }, { protocol: 'SASL_PLAINTEXT' }],
    tls: { certFile, keyFile },
    sasl: { users: { [USER]: PASSWORD } },
    // Clients that are refused are a part of this.
    onError: () => undefined,
  })
  const addressOf = (protocol: string) => {
    const found = broker.listeners.find((each) => each.protocol === protocol)
    return `${found?.host}:${found?.port}`
  }
  return {
    ssl: addressOf('SSL'),
    saslSsl: addressOf('SASL_SSL'),
    saslPlaintext: addressOf('SASL_PLAINTEXT'),
    caFile: authority.certFile,
    strangerCaFile: stranger.certFile,
    user: USER,
    password: PASSWORD,
    stop: () => broker.close(),
  }
}

/** In the order in which programs of other languages take them. */
export function securedArguments(secured: SecuredKafka): string[] {
  const { ssl, saslSsl, saslPlaintext, caFile, strangerCaFile, user, password } = secured
  return [ssl, saslSsl, saslPlaintext, caFile, strangerCaFile, user, password]
}
