import { afterAll, beforeAll, expect, it } from 'vitest'
import { liveAndDie } from './lives.ts'
import { prepareScene, type Scene } from './scene.ts'
import { differences, readVerdict } from './verdict.ts'

let scene: Scene

beforeAll(async () => {
  scene = await prepareScene(7)
})
afterAll(async () => {
  await scene?.close()
})

it('loses nothing and repeats nothing when killed at every kind of moment', async () => {
  const summary = await liveAndDie(scene, { seed: 7, kills: 22, recordsPerLife: 1500 })
  const verdict = await readVerdict(scene)
  expect(summary.kills).toBe(22)
  expect(verdict.recount.length).toBeGreaterThan(100)
  expect(differences(verdict, summary)).toEqual([])
})
