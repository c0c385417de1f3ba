import { expect, it } from 'vitest'
import { liveThrough } from './topics/lives.ts'
import { TopicsScene } from './topics/scene.ts'
import { readVerdict } from './topics/verdict.ts'

it('from topic to topic exactly once, while the pipeline and the broker are killed', async () => {
  const scene = await TopicsScene.prepare(11)
  try {
    const { pipelineKills, brokerKills } = await liveThrough(scene, { seed: 11, lives: 9, recordsPerLife: 1000 })
    expect({ pipelineKills: pipelineKills >= 3, brokerKills }).toEqual({ pipelineKills: true, brokerKills: 6 })
    const { wrong, copies, totals } = await readVerdict(scene)
    expect(wrong).toEqual([])
    expect(copies).toBeGreaterThan(8000)
    expect(totals).toBeGreaterThan(1000)
  } finally {
    await scene.close()
  }
}, 240_000)
