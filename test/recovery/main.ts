/** `npm run test:recovery -- [--kills N] [--seed N]`: kills the pipeline N times and compares all that it wrote with a recount. */
import { parseArgs } from 'node:util'
import { liveAndDie } from './lives.ts'
import { prepareScene } from './scene.ts'
import { differences, readVerdict } from './verdict.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    records: { type: 'string', default: '1500' },
    quiet: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) {
  console.log('usage: npm run test:recovery -- [--kills N] [--seed N] [--records PER_LIFE] [--quiet]')
  process.exit(0)
}

const seed = Number(values.seed)
const scene = await prepareScene(seed)
try {
  const summary = await liveAndDie(scene, {
    seed,
    kills: Number(values.kills),
    recordsPerLife: Number(values.records),
    ...(values.quiet ? {} : { onLife: (text) => console.error(text) }),
  })
  const verdict = await readVerdict(scene)
  const wrong = differences(verdict, summary)
  const { status, ...rest } = summary
  console.log(
    JSON.stringify(
      {
        ...rest,
        records: status.records,
        windows: status.windows,
        rows: verdict.recount.length,
        deadLetters: verdict.deadLetters,
        wrong,
      },
      null,
      2,
    ),
  )
  process.exitCode = wrong.length === 0 ? 0 : 1
} finally {
  await scene.close()
}
