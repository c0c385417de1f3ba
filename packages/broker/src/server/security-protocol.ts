/** Kafka's names for what a listener speaks: TLS or not, SASL or not. */
export const SECURITY_PROTOCOLS = {
  PLAINTEXT: { tls: false, sasl: false },
  SSL: { tls: true, sasl: false },
  SASL_PLAINTEXT: { tls: false, sasl: true },
  SASL_SSL: { tls: true, sasl: true },
} as const

export type SecurityProtocol = keyof typeof SECURITY_PROTOCOLS

export function isSecurityProtocol(name: string): name is SecurityProtocol {
  return Object.hasOwn(SECURITY_PROTOCOLS, name)
}
