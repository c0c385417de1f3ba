import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Broker } from '@headrace/broker'
import { expect, test } from 'vitest'
import { fuzzCorpus } from '../../bench/fuzz/corpus.ts'
import { fuzz } from '../../bench/fuzz/fuzz.ts'

/** What a mutated request may lead to, besides an answer: the end of its connection, for a reason that is the client's. */
const EXPECTED = [/^ClientFault: /, /^Error: a record batch sent without acknowledgement was refused: /]

test('mutated requests of real clients end their connections at most: a healthy client is served all along', async () => {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'broker-fuzz-'))
  const errors: string[] = []
  const onError = (error: unknown) => errors.push(error instanceof Error ? (error.stack ?? '') : String(error))
  const broker = await Broker.start({ dataDir, onError })
  try {
    const { host, port } = broker
    const corpus = await fuzzCorpus()
    const summary = await fuzz({ host, port, corpus, seed: 7, maxFrames: 4000, maxMs: 8000, beatMs: 20 })
    expect(errors.filter((error) => !EXPECTED.some((pattern) => pattern.test(error)))).toEqual([])
    expect(summary).toMatchObject({ healthyIntact: true })
    expect(summary.healthyMessages).toBeGreaterThan(3)
    expect(summary.survived).toBeGreaterThan(20)
    expect(summary.healthySlowestMs).toBeLessThan(10_000)
  } finally {
    await broker.close()
    await rm(dataDir, { recursive: true })
  }
})
