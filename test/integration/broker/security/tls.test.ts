import { describe, expect, test } from 'vitest'
import { Authority, canMakeCertificates, certificateNeeds } from '../../../support/certificates.ts'
import { MECHANISMS, refusal, SecurityScene, sasl, writeAndRead } from './scene.ts'

const scene = SecurityScene.open()

describe.skipIf(!canMakeCertificates)(`TLS${certificateNeeds}`, () => {
  test('kafkajs writes and reads, with SASL and without, while others are in plain text', async () => {
    const { addressOf, faults } = await scene.start(scene.everyListener())
    const ssl = { ca: [scene.authority.cert] }
    await writeAndRead({ brokers: [addressOf('PLAINTEXT')] })
    await writeAndRead({ brokers: [addressOf('SSL')], ssl })
    for (const mechanism of MECHANISMS)
      await writeAndRead({ brokers: [addressOf('SASL_SSL')], ssl, sasl: sasl(mechanism) })
    expect(faults).toEqual([])
  })

  test('a client without a certificate is refused where one is required, and only there', async () => {
    const required = await scene.start(scene.everyListener('required'))
    const requested = await scene.start(scene.everyListener('requested'))
    const address = required.addressOf('SSL')
    await writeAndRead({ brokers: [address], ssl: scene.withCertificate() })
    await writeAndRead({ brokers: [requested.addressOf('SSL')], ssl: { ca: [scene.authority.cert] } })
    expect(await refusal({ brokers: [address], ssl: { ca: [scene.authority.cert] } })).toMatch(
      /certificate|closed|disconnect/i,
    )
    const stranger = await (await Authority.create(scene.folder, 'stranger')).sign('stranger-client')
    const foreign = { ca: [scene.authority.cert], cert: stranger.cert, key: stranger.key }
    expect(await refusal({ brokers: [address], ssl: foreign })).toMatch(/certificate|closed|unknown ca|disconnect/i)
    expect(required.faults[0]).toMatch(/the TLS handshake with 127\.0\.0\.1 failed: ERR_SSL_PEER_DID_NOT_RETURN/)
    expect(requested.faults).toEqual([])
  })

  test('a client that does not know the authority does not come', async () => {
    const { addressOf } = await scene.start(scene.everyListener())
    expect(await refusal({ brokers: [addressOf('SSL')], ssl: true })).toMatch(
      /self-signed|unable to verify|local issuer/,
    )
  })

  test('plain text on a TLS port, and TLS on a plain one: both sides end, the broker says why', async () => {
    const { addressOf, faults } = await scene.start(scene.everyListener())
    expect(await refusal({ brokers: [addressOf('SSL')] })).not.toBe('')
    expect(await refusal({ brokers: [addressOf('PLAINTEXT')], ssl: { ca: [scene.authority.cert] } })).not.toBe('')
    expect(faults).toEqual([
      expect.stringContaining('the TLS handshake with 127.0.0.1 failed: it speaks plain text'),
      expect.stringContaining("a TLS handshake came to a listener for Kafka's protocol"),
    ])
  })
})
