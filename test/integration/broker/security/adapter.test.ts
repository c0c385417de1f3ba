import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { SaslMechanism } from '@headrace/broker'
import type { Batch } from '@headrace/core'
import { SourceReader } from '@headrace/core/testing'
import { describe, expect, test } from 'vitest'
import { canMakeCertificates, certificateNeeds } from '../../../support/certificates.ts'
import { KafkaPlaces } from '../../support/kafka-places.ts'
import { MECHANISMS, SecurityScene, type Started, USERS } from './scene.ts'

const scene = SecurityScene.open()

describe.skipIf(!canMakeCertificates)(`the adapter${certificateNeeds}`, () => {
  let started: Started
  let places: KafkaPlaces

  async function begin() {
    started = await scene.start(scene.everyListener())
    places = scene.closing(await KafkaPlaces.open(started.addressOf('PLAINTEXT')))
  }
  const secured = (mechanism: SaslMechanism, password = USERS.alice) => ({
    sasl: { mechanism, username: 'alice', password },
    ssl: { ca: scene.authority.cert },
  })
  type Overrides = { bootstrap: string; ssl?: unknown; sasl?: unknown }

  async function roundTrip(connection: Overrides): Promise<void> {
    const topic = await places.topic(1)
    const sink = places.sink({ topic }, { connection })
    const file = path.join(scene.folder, `${topic}.ndjson`)
    await writeFile(file, '{"a":1}\n{"a":2}\n')
    const id = { pipeline: 'p', incarnation: 'i', sink: 'kafka', sequence: 1 }
    await sink.connect(new AbortController().signal)
    const schema = [{ name: 'a', type: 'BIGINT' }]
    const batch = { id, schema, files: [{ path: file, bytes: 16 }], rowCount: 2 } as unknown as Batch
    await sink.publish(batch, new AbortController().signal)
    await sink.close()
    const reader = await new SourceReader(places.source({ topic }, { connection })).begin()
    await reader.untilRecords(2)
    expect(reader.of(`${topic}/0`).map(({ value }) => value)).toEqual(['{"a":1}', '{"a":2}'])
    await reader.close()
  }

  async function refused(connection: Overrides) {
    const topic = await places.topic(1)
    const reading = new SourceReader(places.source({ topic }, { connection })).begin()
    const writing = places.sink({ topic }, { connection }).connect(new AbortController().signal)
    const outcomes = await Promise.allSettled([reading, writing])
    return outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.reason : 'let in'))
  }

  test('writes and reads with every mechanism, with TLS and without', async () => {
    await begin()
    for (const mechanism of MECHANISMS) {
      await roundTrip({ bootstrap: started.addressOf('SASL_SSL'), ...secured(mechanism) })
      const { sasl: user } = secured(mechanism)
      await roundTrip({ bootstrap: started.addressOf('SASL_PLAINTEXT'), sasl: user })
    }
    await roundTrip({ bootstrap: started.addressOf('SSL'), ssl: { ca: scene.authority.cert } })
    expect(started.faults).toEqual([])
  })

  test.each(MECHANISMS)('says what is wrong with a password: %s', async (mechanism) => {
    await begin()
    const errors = await refused({ bootstrap: started.addressOf('SASL_SSL'), ...secured(mechanism, 'guessed') })
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'KAFKA_AUTH_FAILED' })
      expect(error.message).toMatch(/invalid credentials|Invalid username or password/)
    }
  })

  test('says that TLS is missing, or is where it does not belong, or is of a stranger', async () => {
    await begin()
    const ssl = { ca: scene.authority.cert }
    const [missing] = await refused({ bootstrap: started.addressOf('SSL') })
    expect(missing).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('does it want `ssl`') })
    const [unwanted] = await refused({ bootstrap: started.addressOf('PLAINTEXT'), ssl })
    expect(unwanted).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('does it speak TLS') })
    const [stranger] = await refused({ bootstrap: started.addressOf('SSL'), ssl: true })
    expect(stranger).toMatchObject({ code: 'KAFKA_AUTH_FAILED', message: expect.stringContaining('certificate') })
    const [anonymous] = await refused({ bootstrap: started.addressOf('SASL_SSL'), ssl })
    expect(anonymous).toMatchObject({ code: 'KAFKA_UNREACHABLE', message: expect.stringContaining('want `sasl`') })
    const [unasked] = await refused({ bootstrap: started.addressOf('SSL'), ...secured('SCRAM-SHA-256') })
    expect(unasked).toMatchObject({ code: 'KAFKA_AUTH_FAILED', message: expect.stringContaining('SASL') })
  })
})
