import { expect, it } from 'vitest'
import { RegistryAuthError, RegistryUnreachableError } from '../registry/index.ts'
import { patientDecoder } from './patient-decoder.ts'

const DOWN = new RegistryUnreachableError({ url: 'http://registry', reason: 'down' })
const DECODED = { rows: 0, rejected: [] }

it('decodes again as long as waiting may help, and says so', async () => {
  const outcomes: unknown[] = [DOWN, DOWN, DECODED]
  const told: (number | undefined)[] = []
  const decoder = patientDecoder(
    {
      async decode() {
        const next = outcomes.shift()
        if (next instanceof Error) throw next
        return next as typeof DECODED
      },
    },
    { signal: new AbortController().signal, onProblem: (problem) => told.push(problem?.attempts) },
  )
  expect(await decoder.decode({} as never)).toBe(DECODED)
  expect(told).toEqual([1, 2, undefined])
})

it('gives up where waiting does not help, or the run ends', async () => {
  const refused = new RegistryAuthError({ url: 'http://registry', reason: '401' })
  const failing = (error: Error, signal: AbortSignal) =>
    patientDecoder({ decode: () => Promise.reject(error) }, { signal, onProblem() {} }).decode({} as never)
  await expect(failing(refused, new AbortController().signal)).rejects.toBe(refused)
  await expect(failing(DOWN, AbortSignal.abort())).rejects.toBe(DOWN)
})
