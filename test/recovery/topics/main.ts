/** `npm run test:topics -- [--lives N] [--seed N]`: from topic to topic exactly once, while pipeline and broker are killed. */
import { parseArgs } from 'node:util'
import { liveThrough } from './lives.ts'
import { TopicsScene } from './scene.ts'
import { readVerdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    lives: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    records: { type: 'string', default: '1500' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('usage: npm run test:topics -- [--lives N] [--seed N] [--records PER_LIFE]')
  process.exit(0)
}

const scene = await TopicsScene.prepare(Number(values.seed))
try {
  const { status, ...summary } = await liveThrough(scene, {
    seed: Number(values.seed),
    lives: Number(values.lives),
    recordsPerLife: Number(values.records),
    onLife: (text) => console.error(text),
  })
  const verdict = await readVerdict(scene)
  console.log(JSON.stringify({ ...summary, records: status.records, ...verdict }, null, 2))
  process.exitCode = verdict.wrong.length === 0 ? 0 : 1
} finally {
  await scene.close()
}
